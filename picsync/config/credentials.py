"""The models of .picsync-credentials.yaml; the keys are those of the Go picsync.

Every field may be absent from the file: which ones are needed depends on what is done with them, so the
`require_...` methods say what is missing when it is needed. Secrets are a type that does not print itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from picsync.core.errors import ConfigError, Problem
from picsync.core.text import pasted
from picsync.http.addresses import web_address

FILE_NAME = ".picsync-credentials.yaml"
CREDENTIALS_PATHS = (Path(FILE_NAME), Path("/etc/picsync-credentials") / FILE_NAME)
"""Where the credentials are looked for; the first file that exists is read."""

_EMPTY = SecretStr("")


def _expiry(value: object, read: ValidatorFunctionWrapHandler) -> datetime | None:
    """Read a time, which is in UTC where it has no offset; the year 1 (Go's zero time) is None."""
    try:
        expires_at: datetime | None = read(value.strip() if isinstance(value, str) else value)
        if expires_at is None or expires_at.year == 1:
            return None
        return expires_at.replace(tzinfo=expires_at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError('must be a time such as "2022-09-21T10:11:12.123456789-04:00"') from None


def _server(value: str) -> str:
    if not pasted(value):
        return ""
    url = web_address(value, "http://nas:2283")
    if url.query or url.fragment:
        raise ValueError("must be the server's address alone, without anything after `?` or `#`")
    return str(url)


def _key(value: str) -> str:
    """Return a key without what was copied along with it; it has to fit into a header of HTTP."""
    key = pasted(value)
    wrong = next((at for at, one in enumerate(key, 1) if not "!" <= one <= "~"), None)
    if wrong is not None:
        raise ValueError(
            f"has a character that no key has, such as a space or an accent, at position {wrong};"
            " copy it again"
        )
    return key


def _secret_key(value: SecretStr) -> SecretStr:
    return SecretStr(_key(value.get_secret_value()))


def _password(value: SecretStr) -> SecretStr:
    """Return a password without the line end that a file brings; any other character may be meant."""
    return SecretStr(value.get_secret_value().rstrip("\r\n").removeprefix("\ufeff"))


Key: TypeAlias = Annotated[str, AfterValidator(_key)]
SecretKey: TypeAlias = Annotated[SecretStr, AfterValidator(_secret_key)]
"""A secret that is sent in a header or a form, and has no characters but those that fit into both."""
Password: TypeAlias = Annotated[SecretStr, AfterValidator(_password)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class NixplayLogin(_Section):
    """The Nixplay account."""

    username: Annotated[str, AfterValidator(pasted)] = Field(
        default="", description="User name or e-mail address of the Nixplay account.", examples=["user"]
    )
    password: Password = Field(default=_EMPTY, description="Its password.", examples=['"<password>"'])


class GoogleClient(_Section):
    """The OAuth client of a Google Cloud project, type *Desktop app*."""

    key: Key = Field(default="", description="The client ID.", examples=["<id>.apps.googleusercontent.com"])
    secret: SecretKey = Field(
        default=_EMPTY, description="The client secret.", examples=['"<client-secret>"']
    )


class GoogleAccess(_Section):
    """What Google handed out at the login."""

    token_type: Key = Field(
        default="Bearer", description="How the access token is sent.", examples=["Bearer"]
    )
    access_token: SecretKey = Field(
        default=_EMPTY,
        description="Opens the API until it expires. Optional: a new one is fetched with the refresh token.",
        examples=['"<access-token>"'],
    )
    refresh_token: SecretKey = Field(
        default=_EMPTY, description="Fetches new access tokens.", examples=['"<refresh-token>"']
    )
    expiry: Annotated[datetime | None, WrapValidator(_expiry)] = Field(
        default=None,
        description="When the access token expires, RFC 3339. Absent, or in the year 1, where that is "
        "unknown.",
        examples=['"2022-09-21T10:11:12.123456789-04:00"'],
    )


class GooglePhotosLogin(_Section):
    """Access to Google Photos, written by `picsync googlephotos login`."""

    api: GoogleClient = Field(
        default_factory=GoogleClient, description="The OAuth client of a Google Cloud project."
    )
    access: GoogleAccess = Field(
        default_factory=GoogleAccess, description="What Google handed out at the login."
    )
    picker: GoogleAccess = Field(
        default_factory=GoogleAccess,
        description="The same for `picsync googlephotos pick`, which asks for another permission.",
    )


class ImmichKey(_Section):
    """Access to an Immich server."""

    server: Annotated[str, AfterValidator(_server)] = Field(
        default="",
        description="Address of the Immich server as a browser opens it, with or without `/api`.",
        examples=["http://nas:2283"],
    )
    api_key: SecretKey = Field(
        default=_EMPTY,
        description="An API key, made in Immich under Account Settings > API Keys. doc/sources.md has the "
        "permissions that it needs.",
        examples=['"<API-key>"'],
    )
    link_password: Password = Field(
        default=_EMPTY, description="Password of shared links that want one.", examples=['"<password>"']
    )


class CredentialsFile(_Section):
    """All of the credentials file."""

    nixplay: NixplayLogin | None = Field(default=None, description="The Nixplay account.")
    googlephotos: GooglePhotosLogin | None = Field(
        default=None, description="Access to Google Photos; `picsync googlephotos login` fills in `access`."
    )
    immich: ImmichKey | None = Field(default=None, description="Access to an Immich server.")
    smugmug: Any = Field(default=None, repr=False, description="Ignored; the Go picsync had it.")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the credentials file and the environment say, and where that was looked for."""

    nixplay: NixplayLogin | None = None
    googlephotos: GooglePhotosLogin | None = None
    immich: ImmichKey | None = None
    path: Path | None = None
    """The file that was read; None if there was none."""
    looked_for: tuple[Path, ...] = CREDENTIALS_PATHS
    warnings: tuple[Problem, ...] = ()
    """What the person should mend though picsync can go on, such as a file that everyone can read."""

    def require_nixplay(self) -> NixplayLogin:
        """Return the complete Nixplay account; raises ConfigError saying what is missing."""
        login = self.nixplay or NixplayLogin()
        missing = {
            "nixplay.username": login.username,
            "nixplay.password": login.password.get_secret_value(),
        }
        self._require(
            missing, "Write your Nixplay account there: `nixplay: {username: <name>, password: <password>}`"
        )
        return login

    def require_google_client(self) -> GoogleClient:
        """Return the complete OAuth client, all that a login needs; raises ConfigError."""
        client = (self.googlephotos or GooglePhotosLogin()).api
        self._require(
            {"googlephotos.api.key": client.key, "googlephotos.api.secret": client.secret.get_secret_value()},
            "Write the ID and the secret of your OAuth client (Google Cloud console, type Desktop app) "
            "there: `googlephotos: {api: {key: <client ID>, secret: <client secret>}}`",
        )
        return client

    def require_googlephotos(self) -> GooglePhotosLogin:
        """Return the OAuth client and a login that can be refreshed; raises ConfigError."""
        self.require_google_client()
        login = self.googlephotos or GooglePhotosLogin()
        token = login.access.refresh_token.get_secret_value()
        self._require({"googlephotos.access.refresh_token": token}, "Run: picsync googlephotos login")
        return login

    def require_immich(self) -> ImmichKey:
        """Return address and key of the Immich server; raises ConfigError saying what is missing."""
        key = self.immich or ImmichKey()
        self._require(
            {"immich.server": key.server, "immich.api_key": key.api_key.get_secret_value()},
            "Write the server's address and an API key of it (Immich, Account Settings > API Keys) there: "
            "`immich: {server: <address>, api_key: <key>}`",
        )
        return key

    def _require(self, values: dict[str, str], advice: str) -> None:
        missing = [name for name, value in values.items() if not value]
        if missing:
            raise ConfigError(
                [Problem(self._file(), None, name, "is missing.") for name in missing], hint=f"{advice}."
            )

    def _file(self) -> str:
        return str(self.path) if self.path else f"{_listed(self.looked_for)} (no such file)"


def _listed(paths: Sequence[Path]) -> str:
    return " or ".join(str(path) for path in paths) or FILE_NAME
