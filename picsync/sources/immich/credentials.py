"""The credentials file's section for an Immich server."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from picsync.config.credentials import EMPTY, Account, Password, SecretKey, Section
from picsync.core.text import pasted
from picsync.http.addresses import base_address


def _server(value: str) -> str:
    if not pasted(value):
        return ""
    return str(base_address(value, "http://nas:2283", "only the server's address"))


class ImmichKey(Section):
    """Access to an Immich server."""

    server: Annotated[str, AfterValidator(_server)] = Field(
        default="",
        description="Address of the Immich server as opened in a browser, with or without `/api`.",
        examples=["http://nas:2283"],
    )
    api_key: SecretKey = Field(
        default=EMPTY,
        description="An API key, created in Immich under Account Settings > API Keys. doc/sources.md lists "
        "the permissions that it needs.",
        examples=['"<API-key>"'],
    )
    link_password: Password = Field(
        default=EMPTY, description="Password of shared links that require one.", examples=['"<password>"']
    )


def require_key(account: Account) -> ImmichKey:
    """Return the Immich server's address and key; raises ConfigError, which says what is missing."""
    key = account.read(ImmichKey)
    account.require(
        {"server": key.server, "api_key": key.api_key.get_secret_value()},
        "Write the server's address and an API key (Immich, Account Settings > API Keys) there:"
        f" {account.example('server: <address>, api_key: <key>')}",
    )
    return key
