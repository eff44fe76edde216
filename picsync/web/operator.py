"""The status page's buttons, and who may use them.

Everyone who can reach the port may read the page; only the operator may change something, after entering the
token of `picsync operator-token` on the page. The browser then keeps a cookie, which is derived from the
token and expires after `SIGNED_IN_FOR`. A new token invalidates all cookies.

A request changes something only if it is a POST of the page's own form. Browsers say in `Origin` and
`Sec-Fetch-Site` which page sent a form; `Origin` must name the host that was requested. A page that uses DNS
rebinding passes that check, but has no cookie. The response redirects to the page, which shows the result for
`_SAID_S` seconds.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from picsync.core.errors import CacheError
from picsync.core.events import CycleReport, CycleRequested, DeletesAllowed, Emit, PassReport
from picsync.core.values import dataclass
from picsync.observe.status import PassStatus, RuleStatus, Status
from picsync.observe.words import counted
from picsync.system.control import Held, Requests

SIGNED_IN_FOR = timedelta(days=30)
"""How long a browser does not need the token again."""

WRONG_TOKENS = 5
"""Limit of wrong tokens within `WRONG_TOKENS_S` seconds, after which none is accepted. It applies to all
clients together: behind a proxy, they have one address. Tokens are random, so guessing is hopeless anyway."""
WRONG_TOKENS_S = 60.0

MAX_FORM_BYTES = 4096
"""Maximum size of a form: its fields are a token, or keys of 16 characters."""

_SAID_COOKIE = "picsync-said"
_SAID_S = 30
"""How long, in seconds, the page shows the result."""

_SAID = {
    "entered": "Signed in as the operator.",
    "left": "Signed out.",
    "wrong": "This is not the operator's token. `picsync operator-token` prints it.",
    "none": "There is no operator's token yet. `picsync operator-token` creates one and prints it.",
    "many": "Too many wrong tokens. Wait a minute, then try again.",
    "unknown": "Enter the operator's token first.",
    "sync": "A cycle of {} was requested.",
    "allow": "The held deletes of {} are allowed, and a cycle was requested.",
    "changed": "Nothing was allowed: the held deletes of {} have changed. Check them again.",
    "gone": "This rule is no longer in force.",
    "paired": "The device is let in. It shows the frame in a few seconds.",
    "unpaired": "No device shows this code now. Check it: a code is valid for ten minutes.",
    "guessed": "Too many wrong codes. Wait a minute, then try again.",
    "failed": "The permission could not be stored. The log says why.",
}
_log = logging.getLogger("picsync.web")


@dataclass(frozen=True, slots=True)
class Operating:
    """The operator's part of the page."""

    signed_in: bool = False
    entering: bool = False
    """Whether the page shows the form for the token; it then does not refresh itself."""
    said: str = ""
    """The result of the last request."""
    pairs: bool = False
    """Whether devices can be let in by a pairing code."""
    pairing: bool = False
    """Whether the page shows the form for the code; it then does not refresh itself."""


class Paired(StrEnum):
    """The result of entering a pairing code."""

    DONE = "paired"
    UNKNOWN = "unpaired"
    """No page shows this code."""
    TOO_MANY = "guessed"
    """Too many codes were wrong."""


class Operator:
    """Handles the forms of the status page."""

    def __init__(
        self,
        requests: Requests,
        status: Callable[[], Status],
        wake: Callable[[Iterable[str] | None], Iterable[str]],
        emit: Emit,
        *,
        pair: Callable[[], Callable[[str, str], Paired] | None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`wake` starts the next cycle of these rules, or of all, and returns the known ones.

        `pair` returns how a device is let in by its code, which gets the address of who entered it; None if
        there is no frame for it. `now` returns seconds since 1970.
        """
        self._pair = pair
        self._requests = requests
        self._status = status
        self._wake = wake
        self._emit = emit
        self._now = now
        self._wrong: deque[float] = deque(maxlen=WRONG_TOKENS)

    async def look(self, request: web.Request) -> Operating:
        """Return the operator's part of the page for the requesting browser."""
        signed_in = _has_cookie(request) and self._signed_in(
            request, await asyncio.to_thread(self._requests.token)
        )
        return Operating(
            signed_in,
            entering="operator" in request.query and not signed_in,
            said=self._said(request.cookies.get(_SAID_COOKIE, "")),
            pairs=signed_in and self._pair() is not None,
            pairing="pair" in request.query and signed_in and self._pair() is not None,
        )

    async def post(self, request: web.Request) -> web.Response:
        """Execute a form of the page, and redirect to the page."""
        if refusal := cross_site(request.headers):
            return web.Response(status=403, text=refusal)
        if request.content_type != "application/x-www-form-urlencoded":
            return web.Response(status=415, text="Send the form of the status page.\n")
        if (request.content_length or 0) > MAX_FORM_BYTES:
            return web.Response(status=413, text="The form is too large.\n")
        body = await request.content.read(MAX_FORM_BYTES + 1)
        while not request.content.at_eof() and len(body) <= MAX_FORM_BYTES:
            body += await request.content.read(MAX_FORM_BYTES + 1)
        if len(body) > MAX_FORM_BYTES:
            return web.Response(status=413, text="The form is too large.\n")
        try:
            form = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=8))
        except ValueError:
            return web.Response(status=400, text="This is not a form of the status page.\n")
        return await self._answer(request, form)

    async def _answer(self, request: web.Request, form: Mapping[str, str]) -> web.Response:
        token = await asyncio.to_thread(self._requests.token)
        if form.get("do") == "enter":
            return self._enter(request, token, form.get("token", "").strip())
        if not self._signed_in(request, token):
            return _back("unknown", "./?operator")
        match form.get("do"):
            case "leave":
                response = _back("left")
                response.del_cookie(_cookie_name(token or ""), httponly=True, samesite="Strict")
                return response
            case "sync" if form.get("rule"):
                rule = self._rule(form["rule"])
                return self._sync([rule.name]) if rule else _back("gone")
            case "sync":
                return self._sync(None)
            case "pair":
                pair = self._pair()
                result = Paired.UNKNOWN if pair is None else pair(form.get("code", ""), request.remote or "")
                return _back(result, "./" if result is Paired.DONE else "./?pair#operator")
            case "allow":
                return await self._allow(self._rule(form.get("rule", "")), form.get("held", ""))
        return web.Response(status=400, text="This is not a form of the status page.\n")

    # --- authentication ---------------------------------------------------------------------------------

    def _enter(self, request: web.Request, token: str | None, entered: str) -> web.Response:
        now = self._now()
        if len(self._wrong) == WRONG_TOKENS and 0 <= now - self._wrong[0] < WRONG_TOKENS_S:
            return _back("many", "./?operator")
        if token is None:
            return _back("none", "./?operator")
        if not hmac.compare_digest(entered.encode(), token.encode()):
            self._wrong.append(now)
            if len(self._wrong) == WRONG_TOKENS and now - self._wrong[0] < WRONG_TOKENS_S:
                _log.warning(
                    "%d wrong operator's tokens were entered on the status page within a minute. No token"
                    " is accepted for the rest of that minute.",
                    WRONG_TOKENS,
                    extra={"action": "token_refused"},
                )
            return _back("wrong", "./?operator")
        response = _back("entered")
        until = int(now + SIGNED_IN_FOR.total_seconds())
        response.set_cookie(
            _cookie_name(token),
            f"{until}.{_seal(token, str(until))}",
            max_age=int(SIGNED_IN_FOR.total_seconds()),
            httponly=True,
            samesite="Strict",
            # The scheme that the browser uses: picsync itself speaks plain HTTP, perhaps behind a proxy.
            secure=request.headers.get("Origin", "").startswith("https:"),
        )
        return response

    def _signed_in(self, request: web.Request, token: str | None) -> bool:
        if token is None:
            return False
        until, _, seal = request.cookies.get(_cookie_name(token), "").partition(".")
        if not hmac.compare_digest(seal.encode("utf-8", "replace"), _seal(token, until).encode()):
            return False
        # Only a sealed value is certainly a number.
        return int(until) > self._now()

    # --- actions ----------------------------------------------------------------------------------------

    def _rule(self, key: str) -> RuleStatus | PassStatus | None:
        return next((rule for rule in self._status().jobs if rule_key(rule.name) == key), None)

    def _sync(self, names: list[str] | None) -> web.Response:
        woken = list(self._wake(names))
        for name in woken:
            self._emit(CycleRequested(name))
        if not woken:
            return _back("gone")
        return _back("sync", rule=woken[0] if names else "")

    async def _allow(self, rule: RuleStatus | PassStatus | None, shown: str) -> web.Response:
        """Allow the deletes that the operator was shown, and no others."""
        if rule is None:
            return _back("gone")
        try:
            held = await self._held(rule)
            if held is None or held.key != shown:
                return _back("changed", rule=rule.name)
            await asyncio.to_thread(self._requests.allow, held)
        except CacheError as error:
            _log.error(str(error), extra={"action": "request_failed"})
            return _back("failed")
        self._emit(DeletesAllowed(rule.name, len(held.digests)))
        self._wake([rule.name])
        return _back("allow", rule=rule.name)

    async def _held(self, rule: RuleStatus | PassStatus) -> Held | None:
        """Return the deletes of a rule that need permission; raises CacheError."""
        if isinstance(rule, PassStatus):
            # Its report has no digests; the folder of requests has them.
            return (await asyncio.to_thread(self._requests.held)).get(rule.name)
        hold = rule.last.hold if rule.last is not None else None
        if rule.last is None or hold is None or not hold.needs_person:
            return None
        return Held.by(rule.last, hold)

    def _said(self, cookie: str) -> str:
        code, _, key = cookie.partition(".")
        text = _SAID.get(code, "")
        if "{}" not in text:
            return text
        rule = self._rule(key)
        rules = self._status().rules
        return text.format(rule.name if rule else counted(len(rules), "album rule"))


def rule_key(name: str) -> str:
    """Return a rule's key for a form: names may contain characters that the page shows differently."""
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def held_key(report: CycleReport | PassReport) -> str:
    """Return the key of the deletes that a report says are held."""
    if isinstance(report, PassReport):
        return report.held_key
    return "" if report.hold is None else Held.by(report, report.hold).key


def cross_site(headers: Mapping[str, str]) -> str:
    """Return why a form that another site may have sent is refused; empty if it is the page's own."""
    site, origin, host = headers.get("Sec-Fetch-Site"), headers.get("Origin"), headers.get("Host", "")
    if site not in (None, "same-origin"):
        return "Refused: the form was sent by a page of another site.\n"
    if origin is None:
        return "" if site else "Refused: the request does not say which page sent it (no Origin header).\n"
    try:
        url, asked = urlsplit(origin), urlsplit(f"//{host}")
        default = {"http": 80, "https": 443}[url.scheme]
        own = (url.hostname, url.port or default) == (asked.hostname, asked.port or default)
    except (KeyError, ValueError):
        own = False
    if own and host:
        return ""
    return (
        "Refused: the form was sent by a page of another address. If a proxy is in front of picsync, let it"
        " pass on the Host header.\n"
    )


def _has_cookie(request: web.Request) -> bool:
    return any(name.startswith(_COOKIE) for name in request.cookies)


_COOKIE = "picsync-operator-"


def _cookie_name(token: str) -> str:
    """Return the cookie's name, which depends on the token, since all ports of a host share cookies."""
    return _COOKIE + _seal(token, "name")[:8]


def _seal(token: str, text: str) -> str:
    return hmac.digest(token.encode(), f"picsync operator: {text}".encode("utf-8", "replace"), "sha256").hex()


def _back(code: str, where: str = "./", *, rule: str = "") -> web.Response:
    """Redirect to the page, which shows the result for a while."""
    response = web.Response(status=303, headers={"Location": where})
    value = f"{code}.{rule_key(rule)}" if rule else code
    response.set_cookie(_SAID_COOKIE, value, max_age=_SAID_S, httponly=True, samesite="Strict")
    return response
