"""The credentials file's section for a Dropbox account, written by `picsync dropbox login`."""

from __future__ import annotations

from pydantic import Field

from picsync.config.credentials import EMPTY, Account, Key, Password, SecretKey, Section

KIND = "dropbox"
TITLE = "Dropbox"
LOGIN_COMMAND = "picsync dropbox login"

_APP = "Create an app at https://www.dropbox.com/developers/apps (see doc/setup.md), and write its key there"


class DropboxLogin(Section):
    """Access to a Dropbox, written by `picsync dropbox login`."""

    app_key: Key = Field(
        default="",
        description="The key of your app (App Console of Dropbox, Settings).",
        examples=["<app-key>"],
    )
    app_secret: SecretKey = Field(
        default=EMPTY,
        description="The secret of your app. Needed only for shared links without a login, and for webhooks.",
        examples=['"<app-secret>"'],
    )
    refresh_token: SecretKey = Field(
        default=EMPTY,
        description="The refresh token, used to fetch access tokens. It does not expire by itself.",
        examples=['"<refresh-token>"'],
    )
    link_password: Password = Field(
        default=EMPTY, description="Password of shared links that require one.", examples=['"<password>"']
    )


def require_app(account: Account) -> DropboxLogin:
    """Return a section with an app key, which is sufficient for a login; raises ConfigError."""
    section = account.read(DropboxLogin)
    account.require({"app_key": section.app_key}, f"{_APP}: {account.example('app_key: <key>')}")
    return section


def require_login(account: Account) -> DropboxLogin:
    """Return a section with a login; raises ConfigError."""
    section = require_app(account)
    option = f" --account {account.name}" if account.named else ""
    account.require(
        {"refresh_token": section.refresh_token.get_secret_value()}, f"Run: {LOGIN_COMMAND}{option}"
    )
    return section


def require_app_secret(account: Account) -> DropboxLogin:
    """Return a section with which an app can authenticate itself, without a user; raises ConfigError."""
    section = require_app(account)
    account.require(
        {"app_secret": section.app_secret.get_secret_value()},
        "Copy it from the App Console of Dropbox (Settings, App secret)",
    )
    return section
