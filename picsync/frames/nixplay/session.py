"""A session at api.nixplay.com: logs in when first needed, and again when the session has ended.

A session's lifetime, and the responses after its end, are not known. A 401, a 403, a redirect (to the login
page) and an HTML page instead of JSON all count as an ended session: picsync logs in and repeats the request
once. The second response is taken as it is.

Unlike a refusal, a page or a redirect may also be the garbled response to a request that was carried out. A
request that must not be carried out twice is therefore not repeated after them. The caller first looks up
whether it took effect, and that request renews the session if necessary.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import field
from functools import partial
from typing import Any, TypeVar

import httpx

from picsync.aio.tasks import cancel_and_wait
from picsync.core.errors import LoginNeeded, ProtocolError, RefusedError
from picsync.core.events import Emit, LoggedIn, LoginRefused
from picsync.core.values import dataclass
from picsync.frames.nixplay import wire
from picsync.http.client import Hosts, HttpClient
from picsync.http.retry import Operation, Retrier

T = TypeVar("T")

API = "api.nixplay.com"
APP = "https://app.nixplay.com"
"""The web app's origin; without it, writes are refused (observed)."""

SERVICE = "Nixplay"
LOGIN = Operation(SERVICE, "login")

REFUSED_FOR_S = 1.0
"""How long the error of a refused early login is reported to the requests that need it."""

RENEWALS = 3
"""Maximum number of logins per request; more than one only if the previous session has served other requests.
"""


@dataclass(frozen=True, slots=True)
class NixplayLogin:
    """The Nixplay account and its password."""

    username: str
    """The part before `@mynixplay.com`."""
    password: str = field(repr=False)
    section: str = "nixplay"
    """Its section in the credentials file, for messages."""

    @property
    def hint(self) -> str:
        """What to do if it is refused."""
        return f"Check `{self.section}:` in .picsync-credentials.yaml."


class _SessionEnded(Exception):  # noqa: N818 - a signal between two methods
    """The response looks like one for an ended session."""


class Session:
    """Sends requests to the API with the required cookies and headers; safe for concurrent use."""

    def __init__(
        self, login: NixplayLogin, *, hosts: Hosts, retrier: Retrier, emit: Emit, timeout: httpx.Timeout
    ) -> None:
        self._login = login
        self._base = hosts.url(API)
        self._emit = emit
        self._http = HttpClient(
            retrier,
            allowed=hosts.allowed(API),
            headers={"Origin": APP, "Referer": f"{APP}/"},
            timeout=timeout,
        )
        self._lock = asyncio.Lock()
        self._generation = 0
        """Number of logins; a request that failed under an older one only needs repeating."""
        self._answered = 0
        """The latest login whose session has served a request."""
        self._refusals = 0
        self._refusal: LoginNeeded | None = None
        self._prepared: asyncio.Task[int] | None = None
        """The first login, if it was started before a request needed it."""
        self._forgetting: asyncio.TimerHandle | None = None

    def prepare(self) -> None:
        """Start logging in; a failure surfaces on the first request."""
        self._prepared = asyncio.create_task(self._logged_in(after=0))

    async def request(
        self,
        operation: Operation,
        method: str,
        path: str,
        read: Callable[[httpx.Response], T],
        **options: Any,
    ) -> T:
        """Send a request like HttpClient.request, within a session.

        Raises LoginNeeded if the password is refused, or if the request is refused right after a login;
        ProtocolError if it is unclear whether a request that is not repeatable was carried out.
        """
        generation = await self._first_login()
        try:
            return await self._send(operation, method, path, _unless_html(read), options)
        except RefusedError as error:
            if not _is_end(error):
                raise
            doubtful = error.status not in (401, 403)
        except _SessionEnded:
            doubtful = True
        if doubtful and not operation.repeatable:
            raise ProtocolError(f"{operation}: expected JSON, but got an HTML page or a redirect.")
        for left in reversed(range(RENEWALS)):
            generation = await self._logged_in(after=generation)
            again = partial(self._may_have_ended, generation) if left and operation.repeatable else _never
            try:
                return await self._send(operation, method, path, _no_html(operation, read, again), options)
            except _SessionEnded:
                continue
            except RefusedError as error:
                # A session that has served other requests was valid, and may have ended again.
                if not _is_end(error):
                    raise
                if not left or not self._may_have_ended(generation):
                    raise _refused_after_login(operation, error, self._login.hint) from error
        raise AssertionError("unreachable")

    async def aclose(self) -> None:
        """Close all connections; safe to call twice."""
        if self._forgetting is not None:
            self._forgetting.cancel()
        if self._prepared is not None:
            await cancel_and_wait(self._prepared)
        await self._http.aclose()

    async def _send(
        self,
        operation: Operation,
        method: str,
        path: str,
        read: Callable[[httpx.Response], T],
        options: dict[str, Any],
    ) -> T:
        token = next(
            (cookie.value for cookie in self._http.cookies.jar if cookie.name == "prod.csrftoken"), None
        )
        headers = {**options.get("headers", {}), "X-CSRFToken": token or ""}
        generation = self._generation
        answer = await self._http.request(
            operation, method, self._base + path, read, **{**options, "headers": headers}
        )
        self._answered = max(self._answered, generation)
        return answer

    def _may_have_ended(self, generation: int) -> bool:
        """Whether a login's session has served other requests, and so was valid."""
        return self._answered >= generation

    async def _first_login(self) -> int:
        if self._prepared is None:
            return await self._logged_in(after=0)
        try:
            return await asyncio.shield(self._prepared)
        finally:
            # Requests come concurrently: none may retry the login that the others were just refused.
            if self._forgetting is None:
                loop = asyncio.get_running_loop()
                self._forgetting = loop.call_later(REFUSED_FOR_S, self._forget_prepared)

    def _forget_prepared(self) -> None:
        if self._prepared is not None and self._prepared.done():
            self._prepared = None

    async def _logged_in(self, *, after: int) -> int:
        """Return the number of the current login, which is later than `after`; waits for one in progress.

        Callers that waited for a refused login get its error: one attempt is enough.
        """
        refusals = self._refusals
        async with self._lock:
            if self._generation > after:
                return self._generation
            if self._refusal is not None and self._refusals > refusals:
                raise LoginNeeded(self._refusal.message, hint=self._refusal.hint)
            try:
                await self._log_in()
            except LoginNeeded as error:
                self._refusals += 1
                self._refusal = error
                self._emit(LoginRefused(SERVICE, error.message, error.hint))
                raise
            self._generation += 1
            return self._generation

    async def _log_in(self) -> None:
        def read(response: httpx.Response) -> wire.LoginAnswer:
            return wire.parse(LOGIN, response, wire.LoginAnswer)

        # The cookies of an ended session must not be sent with the login.
        self._http.cookies.clear()
        form = {"email": self._login.username, "password": self._login.password}
        try:
            answer = await self._http.request(LOGIN, "POST", f"{self._base}/www-login/", read, data=form)
        except RefusedError as error:
            if error.status not in (400, 401, 403):
                raise
            raise self._refused(f"status {error.status}") from error
        if not answer.success:
            raise self._refused(wire.words(answer.errors) or "no reason given")
        self._emit(LoggedIn(SERVICE))

    def _refused(self, reason: str) -> LoginNeeded:
        who = self._login.username
        return LoginNeeded(f"Nixplay refused the password for {who}: {reason}.", hint=self._login.hint)


def _refused_after_login(operation: Operation, error: RefusedError, hint: str) -> LoginNeeded | ProtocolError:
    """Return the error for a request that is refused right after the login."""
    if error.status in (401, 403):
        message = f"{operation}: the service refused ({error.status}) although the login succeeded."
        return LoginNeeded(message, hint=hint)
    return ProtocolError(f"{operation}: the service redirects although the login succeeded.")


def _is_end(error: RefusedError) -> bool:
    """Return whether a refusal looks like one for an ended session."""
    return (error.status in (401, 403) and not wire.is_full(error.excerpt)) or 300 <= error.status < 400


def _never() -> bool:
    return False


def _unless_html(read: Callable[[httpx.Response], T]) -> Callable[[httpx.Response], T]:
    def checked(response: httpx.Response) -> T:
        if wire.is_html(response):
            raise _SessionEnded
        return read(response)

    return checked


def _no_html(
    operation: Operation, read: Callable[[httpx.Response], T], has_ended: Callable[[], bool]
) -> Callable[[httpx.Response], T]:
    def checked(response: httpx.Response) -> T:
        if wire.is_html(response):
            if has_ended():
                raise _SessionEnded
            raise ProtocolError(f"{operation}: expected JSON, but got an HTML page.")
        return read(response)

    return checked
