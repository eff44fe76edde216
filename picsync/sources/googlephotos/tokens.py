"""The access token that every call needs, and its renewal before it expires."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import google.auth.exceptions
import google.auth.transport
import google_auth_httplib2
import httplib2
from google.oauth2.credentials import Credentials

from picsync.errors import LoginNeeded, ProtocolError, TransientError
from picsync.http.client import Hosts
from picsync.http.retry import RETRIED_STATUSES, Answer, Operation, Retrier, WireError, parse_retry_after
from picsync.sources.googlephotos.refusals import LOGIN_AGAIN, token_refusal
from picsync.sources.googlephotos.threads import HttpThreads
from picsync.sources.googlephotos.wire import TokenAnswer, parse

TOKEN_HOST = "oauth2.googleapis.com"  # noqa: S105 - a host name
READ_SCOPE = "https://www.googleapis.com/auth/photoslibrary.readonly.appcreateddata"
"""The only permission to read albums unattended that Google has left since 2025-03-31."""

REFRESH_TOKEN = Operation("Google Photos", "refresh_token")


@dataclass(frozen=True, slots=True)
class GoogleLogin:
    """What a person's consent left behind, from the credentials file."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    """Does not change when an access token is renewed."""
    access_token: str = field(default="", repr=False)
    """Empty if there is none yet."""
    expiry: datetime | None = None
    """Aware; None if it is not known when the access token expires."""


class Tokens:
    """Hands out a valid access token; concurrent callers share one renewal."""

    def __init__(self, login: GoogleLogin, *, hosts: Hosts, threads: HttpThreads, retrier: Retrier) -> None:
        self._threads = threads
        self._retrier = retrier
        self._lock = asyncio.Lock()
        self._answer: TokenAnswer
        self._credentials: Any = Credentials(  # type: ignore[no-untyped-call] # google-auth has few types
            login.access_token or None,
            refresh_token=login.refresh_token or None,
            token_uri=f"{hosts.url(TOKEN_HOST)}/token",
            client_id=login.client_id,
            client_secret=login.client_secret,
            # google-auth computes in naive UTC.
            expiry=login.expiry and login.expiry.astimezone(UTC).replace(tzinfo=None),
        )

    @property
    def expires_at(self) -> datetime | None:
        """When the current access token expires, aware UTC; None if that is not known."""
        expiry: datetime | None = self._credentials.expiry
        return expiry and expiry.replace(tzinfo=UTC)

    async def renew(self) -> TokenAnswer:
        """Renew the access token whether or not it has expired, and return the answer; raises as `get`."""
        await self.get(refused=self._credentials.token)
        return self._answer

    async def get(self, *, refused: str | None = None) -> str:
        """Return an access token other than `refused`, renewed if it has expired or is about to.

        Raises LoginNeeded if Google gives no new one, TransientError, ProtocolError.
        """
        async with self._lock:
            if not self._credentials.valid or self._credentials.token == refused:
                await self._retrier.run(REFRESH_TOKEN, lambda: self._threads.run(self._renew))
            token: str = self._credentials.token
            return token

    def _renew(self, client: httplib2.Http) -> None:
        if not self._credentials.refresh_token:
            raise LoginNeeded("There is no login to Google Photos that can be renewed.", hint=LOGIN_AGAIN)
        try:
            request = _CheckedRequest(client)
            self._credentials.refresh(request)
        except google.auth.exceptions.RefreshError as error:
            answer = error.args[1] if len(error.args) > 1 else None
            reason = str(answer.get("error", "")) if isinstance(answer, Mapping) else ""
            if error.retryable:
                raise TransientError(f"{REFRESH_TOKEN}: Google cannot do it now ({reason}).") from error
            raise token_refusal(reason) from error
        self._answer = request.answer


class _CheckedRequest(google.auth.transport.Request):
    """Sends google-auth's token request and lets only answers through that it can be trusted to read.

    Left to itself google-auth repeats requests on its own clock and takes an HTML page for a final refusal.
    """

    def __init__(self, client: httplib2.Http) -> None:
        self._request = google_auth_httplib2.Request(client)
        self.answer: TokenAnswer

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: Any = None,
        headers: Any = None,
        timeout: Any = None,  # noqa: ARG002 - httplib2 has its own
        **options: Any,
    ) -> Any:
        response = self._request(url, method=method, body=body, headers=headers, **options)
        status: int = response.status
        if status in RETRIED_STATUSES or status >= 500:
            after_s = parse_retry_after(response.headers.get("retry-after"), datetime.now(UTC))
            raise WireError(Answer(status, after_s))
        try:
            # As google-auth decodes it: what only one of the two can read must not pass.
            answer = json.loads(response.data.decode("utf-8"))
        except (ValueError, RecursionError):
            raise ProtocolError(
                f"{REFRESH_TOKEN}: JSON was due, but something else came ({status})."
            ) from None
        if status == 200 or not isinstance(answer, dict):
            self.answer = parse(REFRESH_TOKEN, TokenAnswer, answer)
        return response
