"""Logins, cookies, and the requirements for every request to the API."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from picsync.emulators.nixplay.hosts import APP
from picsync.emulators.nixplay.options import Answer, ExpiredSession, NixplayOptions, Refused
from picsync.emulators.nixplay.state import Account
from picsync.emulators.service import Handler, by_name, origin

AccountHandler = Callable[[web.Request, Account], Awaitable[web.StreamResponse]]
UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Nixplay</title></head><body>Log in</body></html>"
SESSION_COOKIE = "prod.session.id"
CSRF_COOKIE = "prod.csrftoken"
TOKEN_COOKIE = "prod.token.id"  # noqa: S105 - a cookie's name


@dataclass(slots=True, eq=False)
class Session:
    """One login."""

    session_id: str
    csrf: str
    token: str
    account: Account
    opened_at: float
    requests: int = 0


class Sessions:
    """All valid sessions."""

    def __init__(self, options: NixplayOptions, clock: Callable[[], float]) -> None:
        self._options = options
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._recent: deque[float] = deque()

    def open(self, account: Account) -> Session:
        """Log a user in."""
        session = Session(
            secrets.token_hex(16), secrets.token_hex(16), secrets.token_hex(20), account, self._clock()
        )
        self._sessions[session.session_id] = session
        return session

    def with_token(self, token: str) -> Session | None:
        """Return the session whose login returned `token`."""
        return next((each for each in self._sessions.values() if each.token == token), None)

    def end(self, session_id: str) -> None:
        """Log out; succeeds if there is no such session."""
        self._sessions.pop(session_id, None)

    def expire_all(self) -> None:
        """End every session, as if time had passed."""
        self._sessions.clear()

    def guard(self, handler: AccountHandler, *, v3: bool = False) -> Handler:
        """Return a handler that first requires a session, and the CSRF headers where necessary."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._check_rate()
                session = self._session(request)
                if request.method in UNSAFE_METHODS:
                    _check_csrf(request, session, v3=v3)
                if session is None:
                    return self._without_session(request)
                return await handler(request, session.account)
            except Refused as refused:
                return refused.answer.response()

        return guarded

    def _session(self, request: web.Request) -> Session | None:
        session = self._sessions.get(request.cookies.get(SESSION_COOKIE, ""))
        if session is None:
            return None
        session.requests += 1
        most, seconds = self._options.session_requests, self._options.session_seconds
        too_many = most is not None and session.requests > most
        too_old = seconds is not None and self._clock() - session.opened_at > seconds
        if too_many or too_old:
            del self._sessions[session.session_id]
            return None
        return session

    def _check_rate(self) -> None:
        limit = self._options.rate_limit
        if limit is None:
            return
        now = self._clock()
        while self._recent and self._recent[0] <= now - limit.seconds:
            self._recent.popleft()
        if len(self._recent) >= limit.requests:
            headers = {} if limit.retry_after_s is None else {"Retry-After": str(limit.retry_after_s)}
            body = Answer.json(429, "Too Many Requests", "RateLimitError").body
            raise Refused(Answer(429, body, "application/json", headers))
        self._recent.append(now)

    def _without_session(self, request: web.Request) -> web.StreamResponse:
        match self._options.expired_session:
            case ExpiredSession.JSON_401:
                return Answer.json(401, "Unauthorized", "UnauthorizedError").response()
            case ExpiredSession.HTML_401:
                return Answer.html(401, "Unauthorized").response()
            case ExpiredSession.JSON_403:
                return Answer.json(403, "Forbidden", "ForbiddenError").response()
            case ExpiredSession.HTML_403:
                return Answer.html(403, "Forbidden").response()
            case ExpiredSession.PAGE:
                return web.Response(text=LOGIN_PAGE, content_type="text/html")
            case ExpiredSession.REDIRECT:
                return redirect(f"{origin(request, APP)}/login")


def redirect(location: str) -> web.Response:
    """Return a 302."""
    return web.Response(status=302, headers={"Location": location})


def set_cookies(request: web.Request, response: web.Response, session: Session, *, token: bool) -> None:
    """Set the session's cookies.

    Observed: the domain with a leading dot, and `Secure`. Both are omitted for clients that use the
    emulator's own address, where they would make the cookies useless.
    """
    scope = "; Domain=.nixplay.com; Path=/; Secure" if by_name(request) else "; Path=/"
    cookies = [
        f"{CSRF_COOKIE}={session.csrf}{scope}",
        f"{SESSION_COOKIE}={session.session_id}{scope}; HttpOnly",
    ]
    if token:
        cookies.append(f"{TOKEN_COOKIE}={session.token}{scope}")
    cookies.append(f"AWSELB={secrets.token_hex(24).upper()};PATH=/")
    for cookie in cookies:
        response.headers.add("Set-Cookie", cookie)


def login_errors(email: str, password: str) -> dict[str, object]:
    """Return the `errors` of a failed login: lists of lists of strings, by field."""
    errors: dict[str, object] = {"__all__": {"messages": [["Please check your username and password"]]}}
    if not email:
        errors["email"] = {"messages": [["Please enter your email address"]]}
    if not password:
        errors["password"] = {"messages": [["Please enter password"]]}
    return errors


def _check_csrf(request: web.Request, session: Session | None, *, v3: bool) -> None:
    header = request.headers.get("X-CSRFToken", "")
    problem = ""
    if not header or header != request.cookies.get(CSRF_COOKIE) or (session and header != session.csrf):
        problem = "CSRF token missing or incorrect"
    elif request.headers.get("Origin") != f"https://{APP}":
        problem = "Origin checking failed"
    elif urlsplit(request.headers.get("Referer", "")).netloc != APP:
        problem = "Referer checking failed"
    if problem:
        raise Refused(
            Answer.json(403, problem, "ForbiddenError") if v3 else Answer.html(403, f"Forbidden ({problem})")
        )
