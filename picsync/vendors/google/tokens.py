"""The access token for API calls, and its renewal before it expires."""

from __future__ import annotations

import asyncio
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from picsync.core.values import dataclass
from picsync.http.client import Hosts
from picsync.http.retry import Retrier
from picsync.vendors.google.refusals import REFRESH_TOKEN
from picsync.vendors.google.threads import HttpThreads

if TYPE_CHECKING:
    import httplib2

    from picsync.vendors.google.credentials import GoogleAccess, GoogleClient
    from picsync.vendors.google.wire import TokenAnswer

TOKEN_HOST = "oauth2.googleapis.com"  # noqa: S105 - a host name
READ_SCOPE = "https://www.googleapis.com/auth/photoslibrary.readonly.appcreateddata"
"""The only permission to read albums unattended that remains since 2025-03-31."""

RENEW_BEFORE = timedelta(minutes=3, seconds=45)
"""How long before its expiry a token is renewed; google-auth's own value."""


@dataclass(frozen=True, slots=True)
class GoogleLogin:
    """The user's login, from the credentials file."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    """Does not change when the access token is renewed."""
    access_token: str = field(default="", repr=False)
    """Empty if there is none yet."""
    expiry: datetime | None = None
    """Aware; None if the access token's expiry is unknown."""

    @classmethod
    def of(cls, client: GoogleClient, access: GoogleAccess) -> GoogleLogin:
        """Return the login in the credentials file."""
        return cls(
            client_id=client.key,
            client_secret=client.secret.get_secret_value(),
            refresh_token=access.refresh_token.get_secret_value(),
            access_token=access.access_token.get_secret_value(),
            expiry=access.expiry,
        )


class Tokens:
    """Provides a valid access token; concurrent callers share one renewal."""

    def __init__(self, login: GoogleLogin, *, hosts: Hosts, threads: HttpThreads, retrier: Retrier) -> None:
        self._login = login
        self._token_uri = f"{hosts.url(TOKEN_HOST)}/token"
        self._threads = threads
        self._retrier = retrier
        self._lock = asyncio.Lock()
        self._answer: TokenAnswer

    @property
    def expires_at(self) -> datetime | None:
        """When the current access token expires, aware UTC; None if unknown."""
        return self._login.expiry and self._login.expiry.astimezone(UTC)

    async def renew(self) -> TokenAnswer:
        """Renew the access token even if it has not expired, and return the response; raises like `get`."""
        await self.get(refused=self._login.access_token)
        return self._answer

    async def get(self, *, refused: str | None = None) -> str:
        """Return an access token other than `refused`, renewed if it has expired or is about to.

        Raises LoginNeeded if Google issues no new one, TransientError, ProtocolError.
        """
        async with self._lock:
            if not self._is_valid() or self._login.access_token == refused:
                await self._retrier.run(REFRESH_TOKEN, lambda: self._threads.run(self._renew))
            return self._login.access_token

    def _is_valid(self) -> bool:
        expiry = self._login.expiry
        return bool(self._login.access_token) and (
            expiry is None or datetime.now(UTC) < expiry - RENEW_BEFORE
        )

    def _renew(self, client: httplib2.Http) -> None:
        from picsync.vendors.google.renewal import renew

        renewed = renew(
            client,
            client_id=self._login.client_id,
            client_secret=self._login.client_secret,
            refresh_token=self._login.refresh_token,
            token_uri=self._token_uri,
        )
        self._answer = renewed.answer
        self._login = replace(
            self._login,
            access_token=renewed.token,
            expiry=renewed.expiry,
            refresh_token=renewed.refresh_token,
        )
