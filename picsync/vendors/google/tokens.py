"""The access token that every call needs, and its renewal before it expires."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

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
"""The only permission to read albums unattended that Google has left since 2025-03-31."""

RENEW_BEFORE = timedelta(minutes=3, seconds=45)
"""Before a token expires: google-auth's own measure."""


@dataclass(frozen=True, slots=True)
class GoogleLogin:
    """What the user's consent left behind, from the credentials file."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    """Does not change when an access token is renewed."""
    access_token: str = field(default="", repr=False)
    """Empty if there is none yet."""
    expiry: datetime | None = None
    """Aware; None if it is not known when the access token expires."""

    @classmethod
    def of(cls, client: GoogleClient, access: GoogleAccess) -> GoogleLogin:
        """Return what the credentials file says of a login."""
        return cls(
            client_id=client.key,
            client_secret=client.secret.get_secret_value(),
            refresh_token=access.refresh_token.get_secret_value(),
            access_token=access.access_token.get_secret_value(),
            expiry=access.expiry,
        )


class Tokens:
    """Hands out a valid access token; concurrent callers share one renewal."""

    def __init__(self, login: GoogleLogin, *, hosts: Hosts, threads: HttpThreads, retrier: Retrier) -> None:
        self._login = login
        self._token_uri = f"{hosts.url(TOKEN_HOST)}/token"
        self._threads = threads
        self._retrier = retrier
        self._lock = asyncio.Lock()
        self._answer: TokenAnswer

    @property
    def expires_at(self) -> datetime | None:
        """When the current access token expires, aware UTC; None if that is not known."""
        return self._login.expiry and self._login.expiry.astimezone(UTC)

    async def renew(self) -> TokenAnswer:
        """Renew the access token whether or not it has expired, and return the answer; raises as `get`."""
        await self.get(refused=self._login.access_token)
        return self._answer

    async def get(self, *, refused: str | None = None) -> str:
        """Return an access token other than `refused`, renewed if it has expired or is about to.

        Raises LoginNeeded if Google gives no new one, TransientError, ProtocolError.
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
