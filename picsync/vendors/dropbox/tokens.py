"""Access tokens: renewed five minutes before they expire, by one request for all who wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import partial

from picsync.core.errors import LoginNeeded, PicsyncError
from picsync.core.values import dataclass
from picsync.http.client import HttpClient
from picsync.http.retry import Answer, Operation, WireError
from picsync.vendors.dropbox import wire
from picsync.vendors.dropbox.credentials import LOGIN_COMMAND, TITLE
from picsync.vendors.dropbox.refusals import LOGIN_AGAIN

RENEW_TOKEN = Operation(TITLE, "renew_token")
RENEW_BEFORE_S = 300.0
"""Dropbox's own SDK renews this long before the end, too."""

_REFUSALS = {
    "invalid_grant": ("Dropbox no longer accepts this login: it was revoked.", LOGIN_AGAIN),
    "invalid_client": (
        "Dropbox rejects the app's key or secret.",
        f"Compare `app_key` with the App Console of Dropbox, then log in with `{LOGIN_COMMAND}`.",
    ),
    "unauthorized_client": ("This login belongs to another app.", LOGIN_AGAIN),
}


@dataclass(frozen=True, slots=True)
class Login:
    """What the credentials file says of an account."""

    app_key: str
    app_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    """Empty for an app without a user, which can follow shared links only."""


class Tokens:
    """Provides a valid access token."""

    def __init__(
        self,
        login: Login,
        *,
        url: str,
        http: HttpClient,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`url` is the token endpoint; `http` belongs to the caller."""
        self._login = login
        self._url = url
        self._http = http
        self._clocks = (clock, wall_clock)
        self._lock = asyncio.Lock()
        self._token = ""
        self._renew_at: tuple[float, ...] = ()
        """By each clock: the monotonic one may stand still while the machine sleeps."""

    async def get(self, *, refused: str = "") -> str:
        """Return an access token other than `refused`.

        Raises LoginNeeded if Dropbox issues none, TransientError, ProtocolError.
        """
        async with self._lock:
            if not self._token or self._token == refused or self._is_due():
                await self._renew()
            return self._token

    def _is_due(self) -> bool:
        return any(clock() >= at for clock, at in zip(self._clocks, self._renew_at, strict=True))

    async def _renew(self) -> None:
        login = self._login
        if not login.refresh_token:
            raise LoginNeeded("There is no login to Dropbox.", hint=LOGIN_AGAIN)
        form = {
            "grant_type": "refresh_token",
            "refresh_token": login.refresh_token,
            "client_id": login.app_key,
        }
        if login.app_secret:
            form["client_secret"] = login.app_secret
        asked_at = [clock() for clock in self._clocks]
        answer = await self._http.request(
            RENEW_TOKEN, "POST", self._url, partial(wire.parse, RENEW_TOKEN, wire.TOKEN), data=form
        )
        left_s = max(0.0, answer.expires_in - RENEW_BEFORE_S)
        self._token = answer.access_token
        self._renew_at = tuple(at + left_s for at in asked_at)


def token_refusal(
    answer: Answer, content: bytes, said: Mapping[str, tuple[str, str]] = _REFUSALS
) -> WireError | PicsyncError:
    """Return what is raised for a refusal of the token endpoint; `said` has messages and hints by error."""
    if answer.status not in (400, 401):
        return WireError(answer)
    try:
        error = wire.TOKEN_REFUSAL.validate_json(content).error
    except ValueError:  # pydantic's
        return WireError(answer)
    message, hint = said.get(error, (f"Dropbox refused the login ({error[:80]}).", LOGIN_AGAIN))
    return LoginNeeded(message, hint=hint)
