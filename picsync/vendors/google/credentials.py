"""The credentials file's section for a Google account, written by `picsync googlephotos login`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from picsync.config.credentials import EMPTY, Account, Key, SecretKey, Section

LOGIN_COMMAND = "picsync googlephotos login"


def _expiry(value: object, read: ValidatorFunctionWrapHandler) -> datetime | None:
    """Parse a time, in UTC if it has no offset; the year 1 (Go's zero time) is None."""
    try:
        expires_at: datetime | None = read(value.strip() if isinstance(value, str) else value)
        if expires_at is None or expires_at.year == 1:
            return None
        return expires_at.replace(tzinfo=expires_at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError('must be a time such as "2022-09-21T10:11:12.123456789-04:00"') from None


class GoogleClient(Section):
    """The OAuth client of a Google Cloud project, type *Desktop app*."""

    key: Key = Field(default="", description="The client ID.", examples=["<id>.apps.googleusercontent.com"])
    secret: SecretKey = Field(default=EMPTY, description="The client secret.", examples=['"<client-secret>"'])


class GoogleAccess(Section):
    """The tokens that Google issued at the login."""

    token_type: Key = Field(
        default="Bearer", description="How the access token is sent.", examples=["Bearer"]
    )
    access_token: SecretKey = Field(
        default=EMPTY,
        description="The access token. Optional: a new one is fetched with the refresh token.",
        examples=['"<access-token>"'],
    )
    refresh_token: SecretKey = Field(
        default=EMPTY,
        description="The refresh token, used to fetch new access tokens.",
        examples=['"<refresh-token>"'],
    )
    expiry: Annotated[datetime | None, WrapValidator(_expiry)] = Field(
        default=None,
        description="When the access token expires, RFC 3339. Absent, or in the year 1, if that is unknown.",
        examples=['"2022-09-21T10:11:12.123456789-04:00"'],
    )


class GooglePhotosLogin(Section):
    """Access to Google Photos, written by `picsync googlephotos login`."""

    api: GoogleClient = Field(
        default_factory=GoogleClient, description="The OAuth client of a Google Cloud project."
    )
    access: GoogleAccess = Field(
        default_factory=GoogleAccess, description="The tokens that Google issued at the login."
    )
    picker: GoogleAccess = Field(
        default_factory=GoogleAccess,
        description="The tokens for `picsync googlephotos pick`, which needs another permission.",
    )


KIND = "googlephotos"


def require_client(account: Account) -> GoogleClient:
    """Return the complete OAuth client, which is sufficient for a login; raises ConfigError."""
    client = account.read(GooglePhotosLogin).api
    account.require(
        {"api.key": client.key, "api.secret": client.secret.get_secret_value()},
        "Write the ID and the secret of your OAuth client (Google Cloud console, type Desktop app) "
        f"there: {account.example('api: {key: <client ID>, secret: <client secret>}')}",
    )
    return client


def require_login(account: Account) -> GooglePhotosLogin:
    """Return the OAuth client and a login that can be renewed; raises ConfigError."""
    require_client(account)
    login = account.read(GooglePhotosLogin)
    option = f" --account {account.name}" if account.named else ""
    account.require(
        {"access.refresh_token": login.access.refresh_token.get_secret_value()},
        f"Run: {LOGIN_COMMAND}{option}",
    )
    return login


def login_fields(section: GooglePhotosLogin) -> dict[str, dict[str, str]]:
    """Return the fields for the credentials file after a login; empty values are unknown."""
    return {
        "api": {"key": section.api.key, "secret": section.api.secret.get_secret_value()},
        "access": _access_fields(section.access),
        "picker": _access_fields(section.picker),
    }


def _access_fields(access: GoogleAccess) -> dict[str, str]:
    if not access.refresh_token.get_secret_value():
        return {}
    expiry = access.expiry.astimezone(UTC).isoformat().replace("+00:00", "Z") if access.expiry else ""
    return {
        "token_type": access.token_type,
        "access_token": access.access_token.get_secret_value(),
        "refresh_token": access.refresh_token.get_secret_value(),
        "expiry": expiry,
    }
