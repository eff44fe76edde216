"""Webhooks: other services call in when something has changed, and cycles start at once.

A call only says that something may have changed; a cycle finds out what. So a forged call is refused, a
replayed one starts a cycle that finds nothing, and a lost one is made up for by the next cycle at the
interval. Calls that come while a rule's cycle runs lead to one more cycle, however many they are.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field

from aiohttp import web

from picsync.config.kinds import Hook
from picsync.core.values import dataclass
from picsync.serving.server import HttpServer
from picsync.web.listening import unavailable

PATH = "/hooks/"
MAX_BODY_BYTES = 256 * 1024
"""Dropbox sends about 40 bytes for each user of an app, and an app in development has 500 at most."""
MAX_CHALLENGE = 500
"""Characters."""
REFUSALS_SAID_EVERY_S = 60.0
CALLS_SAID_EVERY_S = 10.0
"""Services call in bursts."""

_FIELD = "webhooks.listen"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_log = logging.getLogger("picsync.web")


@dataclass(frozen=True, slots=True)
class Caller:
    """An account whose changes a service reports."""

    hook: Hook
    secret: str = field(repr=False)
    rules: Sequence[str]
    """Names of the jobs that use the account."""


class Hooks:
    """The routes of `/hooks/`."""

    def __init__(
        self,
        callers: Iterable[Caller],
        touch: Callable[[Iterable[str] | None], Iterable[str]],
        *,
        token: str = "",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`touch` reports a change to these jobs, or to all, and returns the known ones.

        With a `token`, a POST to `/hooks/<token>` reports a change to all of them.
        """
        self._callers: dict[str, list[Caller]] = {}
        for caller in callers:
            self._callers.setdefault(caller.hook.name, []).append(caller)
        self._touch = touch
        self._token = token
        self._now = now
        self._said_at: dict[str, float] = {}

    def add_to(self, app: web.Application) -> None:
        """Add the routes; to be called before those for all other paths are added."""
        app.add_routes(
            [
                web.get(f"{PATH}{{hook}}", self._challenge, allow_head=False),
                web.post(f"{PATH}{{hook}}", self._call),
            ]
        )

    async def _challenge(self, request: web.Request) -> web.Response:
        """Return the challenge by which a service checks the address."""
        callers = self._callers.get(request.match_info["hook"])
        if callers is None:
            return _response(404, "Not found.\n")
        challenge = request.query.get(callers[0].hook.challenge, "")
        if not 0 < len(challenge) <= MAX_CHALLENGE:
            return _response(400, "This address is for calls of a service.\n")
        return _response(200, challenge)

    async def _call(self, request: web.Request) -> web.Response:
        """Take a call. Its body is read only up to a limit, and only if somebody may have signed it."""
        name = request.match_info["hook"]
        callers = self._callers.get(name)
        if callers is None:
            if not self._token or not hmac.compare_digest(name.encode(), self._token.encode()):
                return _response(404, "Not found.\n")
            self._changed("a call with the token", None)
            return _response(200, "ok\n")
        body = await _body(request)
        if body is None:
            return _response(413, "The body is too large.\n")
        headers: Mapping[str, str] = request.headers
        genuine = [caller for caller in callers if caller.hook.is_genuine(caller.secret, body, headers)]
        if not genuine:
            self._refused(name)
            return _response(403, "The signature is wrong.\n")
        self._changed(f"a call from {name}", {rule for caller in genuine for rule in caller.rules})
        return _response(200, "")

    def _changed(self, what: str, rules: Iterable[str] | None) -> None:
        line = f"{what}: checking {', '.join(self._touch(rules))}"
        level = logging.INFO if self._due(line, CALLS_SAID_EVERY_S) else logging.DEBUG
        _log.log(level, "Webhook: %s", line, extra={"action": "webhook_called"})

    def _due(self, line: str, every_s: float) -> bool:
        """Whether the log has not had this line for a while; there are few different ones."""
        now = self._now()
        due = line not in self._said_at or now - self._said_at[line] >= every_s
        if due:
            self._said_at[line] = now
        return due

    def _refused(self, name: str) -> None:
        if self._due(f"refused {name}", REFUSALS_SAID_EVERY_S):
            _log.warning(
                "Webhook: a call to %s%s was refused, since its signature is wrong. If changes are not"
                " noticed, check the app secret in the credentials file.",
                PATH,
                name,
                extra={"action": "webhook_refused"},
            )


class HookServer:
    """Serves the webhooks on a port of their own."""

    def __init__(self, hooks: Hooks, *, field: str = _FIELD) -> None:
        """`field` is the setting of the port, for messages."""
        self._hooks = hooks
        self._field = field
        self._server = HttpServer("webhooks")

    @property
    def port(self) -> int:
        """The port it listens on, after `start`."""
        return self._server.port

    async def start(self, host: str, port: int) -> None:
        """Listen; no host means all addresses, port 0 a free one. Raises ListenError if it is unavailable."""
        app = web.Application()
        self._hooks.add_to(app)
        try:
            await self._server.start(app, host, port)
        except OSError as error:
            without = ", or remove `webhooks:`; changes are then noticed at the interval"
            raise unavailable(host, port, error, field=self._field, without=without) from error

    async def close(self) -> None:
        """Stop listening and close every connection; safe to call twice."""
        await self._server.close()


async def _body(request: web.Request) -> bytes | None:
    """Return the body of a request; None if it is too large."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        return None
    body = bytearray()
    async for chunk in request.content.iter_chunked(MAX_BODY_BYTES):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _response(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, headers=_HEADERS)
