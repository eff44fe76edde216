"""The routes of web frames, and their guard.

A frame's photos, their list and everything that changes something need a token of that frame: as a cookie, in
`Authorization: Bearer` or `X-Frame-Token`, or as the parameter `token`. Without one, the page shows a
pairing code. The URLs of pictures are unguessable as well, and never have another content, so that browsers
and service workers keep them.

A request that changes something and has only the cookie must come from the page itself. Browsers say so;
of those that do not, only requests with JSON are accepted, which no other site's page can send.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import time
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import web

from picsync.core.errors import CacheError, PicsyncError
from picsync.core.model import FramePhoto
from picsync.core.rejected import Rejection
from picsync.frames.web.access import Access, Token, Way
from picsync.serving.guesses import GUESSES_S, Guesses
from picsync.system.localtime import rfc3339
from picsync.web.frame.channel import Channel
from picsync.web.frame.pairing import Attempt, Pairing, TooManyError
from picsync.web.frame.pictures import send_picture
from picsync.web.frame.settings import POLL_S, show_settings
from picsync.web.operator import cross_site

COOKIE_FOR_S = 400 * 24 * 3600
"""Browsers keep no cookie for longer. It is renewed whenever the page is opened."""
PAIRING_FOR_S = 3600
BEAT_S = 25.0
"""Interval of comments, so that proxies and browsers do not give up an event stream."""
RETRY_MS = 5000
"""How long a browser waits before it opens a lost event stream again."""
MAX_BODY_BYTES = 4096
"""Of a request: an ID and a word."""
MAX_WRONG_TOKENS = 300
MAX_WRONG_TOKENS_OF_ADDRESS = 30
"""Wrong tokens within a minute. Tokens are random, so guessing is hopeless anyway."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_REFUSED = "This frame needs a token: open its page, or run `picsync frame open NAME`.\n"
_COMMANDS = ("next", "previous", "pause", "resume", "show")

_log = logging.getLogger("picsync.web")

Handler = Callable[[web.Request, Channel, Token], Awaitable[web.StreamResponse]]
Plain = Callable[[web.Request], Awaitable[web.StreamResponse]]
Hide = Callable[[str, FramePhoto], Awaitable[None]]
"""Keeps a photo off all frames, given the name of the frame on whose page somebody said so."""


@dataclass(frozen=True, slots=True)
class Pages:
    """The browser's side: HTML, and static files."""

    frame_page: Callable[[Mapping[str, Any]], str]
    pairing_page: Callable[[Mapping[str, Any]], str]
    assets: Callable[[], Mapping[str, Any]]
    build: Callable[[], str]
    error_page: Callable[[str, str, Mapping[str, Any]], str]


class FrameRoutes:
    """The pages of some frames."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        access: Access,
        pairing: Pairing,
        pages: Pages,
        *,
        policy: str,
        embed: tuple[str, ...] | None = None,
        max_readers: Callable[[], int],
        others: Plain | None = None,
        hide: Hide | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`policy` is that of the HTML pages; `embed` has the origins that may embed them, None for all.

        `others` handles all requests for which there is no route. `hide` is for what somebody does not want;
        None if that concerns only the frame itself.
        """
        self._others = others
        self._hide = hide
        self._channels = channels
        self._access = access
        self._pairing = pairing
        self._pages = pages
        self._max_readers = max_readers
        self._now = now
        ancestors = "*" if embed is None else " ".join(embed) or "'none'"
        self._policy = policy.replace("frame-ancestors *", f"frame-ancestors {ancestors}")
        self._wrong = Guesses(most=MAX_WRONG_TOKENS, most_of_address=MAX_WRONG_TOKENS_OF_ADDRESS)
        self._beating: asyncio.Task[None] | None = None

    def add_to(self, app: web.Application) -> None:
        """Add the routes, and what ends with the application."""
        app.on_response_prepare.append(self._prepare)
        app.on_shutdown.append(self._shut_down)
        frame = "/frame/{frame}"
        app.add_routes(
            [
                web.get(f"{frame}/photo/{{file}}", self._guarded(self._photo)),
                web.get("/frame/assets/{build}/{file}", self._asset),
                web.get(frame, self._page),
                web.get(f"{frame}/pairing", self._pair),
                web.get(f"{frame}/sw.js", self._service_worker),
                web.get(f"{frame}/photos.json", self._guarded(self._photos)),
                web.get(f"{frame}/events", self._guarded(self._events), allow_head=False),
                web.get(f"{frame}/poll", self._guarded(self._poll)),
                web.get(f"{frame}/still", self._guarded(self._still)),
                web.get(f"{frame}/state.json", self._guarded(self._state)),
                web.post(f"{frame}/seen", self._guarded(self._seen, changes=True)),
                web.post(f"{frame}/reject", self._guarded(self._reject, changes=True)),
                *(
                    web.post(f"{frame}/{command}", self._guarded(self._command, changes=True))
                    for command in _COMMANDS
                ),
                web.route("*", "/{path:.*}", self._others)
                if self._others
                else web.get("/{path:.*}", self._nothing),
            ]
        )

    async def recheck(self) -> None:
        """Send the readers away whose tokens were revoked."""
        for channel in self._channels.values():
            valid = {token.token_id for token in await asyncio.to_thread(self._access.tokens, channel.name)}
            for reader in channel.readers:
                if reader.token_id not in valid:
                    reader.closed = True
                    reader.wake()
            for token_id in channel.seen.keys() - valid:
                channel.forget(token_id)

    async def _prepare(self, _request: web.Request, response: web.StreamResponse) -> None:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)

    async def _shut_down(self, _app: web.Application) -> None:
        for channel in self._channels.values():
            channel.close()
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])

    # --- the guard ----------------------------------------------------------------------------------------

    def _channel(self, request: web.Request) -> Channel | None:
        return self._channels.get(unicodedata.normalize("NFC", request.match_info["frame"]))

    async def _token(self, request: web.Request, channel: Channel) -> tuple[Token | None, bool]:
        """Return the token of a request, and whether only its cookie has it. Raises CacheError."""
        texts = _texts(request)
        cookie = request.cookies.get(_cookie_name(channel), "")
        found = await asyncio.to_thread(
            lambda: [self._access.token(channel.name, text) for text in (*texts, cookie)]
        )
        for token in found[:-1]:
            if token is not None:
                return token, False
        return found[-1], True

    def _guarded(
        self, handler: Handler, *, changes: bool = False
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return the handler for requests with a token; `changes`: it changes something."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            channel = self._channel(request)
            if channel is None:
                return await self._nothing(request)
            try:
                token, by_cookie = await self._token(request, channel)
                if token is None:
                    return self._refused(request)
                if changes and by_cookie and (refusal := _cross_site(request)):
                    return web.Response(status=403, text=refusal)
                return await handler(request, channel, token)
            except PicsyncError as error:
                _log.warning("%s: %s", channel.name, error, extra={"action": "frame_request_failed"})
                text = "The frame cannot be read at the moment. The log says why.\n"
                return web.Response(status=503, text=text, headers={"Retry-After": "30"})

        return guarded

    def _refused(self, request: web.Request) -> web.Response:
        """Answer a request without a valid token."""
        address = request.remote or ""
        if self._wrong.blocked(address):
            headers = {"Retry-After": str(int(GUESSES_S))}
            return web.Response(status=429, text="Too many wrong tokens. Wait a minute.\n", headers=headers)
        self._wrong.wrong(address)
        return web.Response(status=401, text=_REFUSED, headers={"WWW-Authenticate": "Bearer"})

    # --- pages --------------------------------------------------------------------------------------------

    async def _nothing(self, _request: web.Request) -> web.Response:
        return web.Response(status=404, text="Not found. The address of a frame is /frame/NAME.\n")

    def _unknown(self) -> web.Response:
        text = "Check the address: the frames are under `frames` in picsync.yaml, with `kind: web`."
        return self._error(404, "There is no frame of this name.", text)

    def _error(self, status: int, title: str, text: str) -> web.Response:
        response = self._html(self._pages.error_page(title, text, {}))
        response.set_status(status)
        return response

    async def _page(self, request: web.Request) -> web.StreamResponse:
        channel = self._channel(request)
        if channel is None:
            return self._unknown()
        try:
            token, by_cookie = await self._token(request, channel)
        except CacheError as error:
            _log.warning(str(error), extra={"action": "frame_request_failed"})
            return self._error(503, "picsync cannot check who you are.", "Its log says why.")
        if token is None:
            return self._show_code(request, channel)
        text = request.query.get("token", "")
        keep = "keep" in request.query and bool(text) and not by_cookie
        if text and not by_cookie and not keep:
            kept = request.url.without_query_params("token")
            response = web.Response(status=303, headers={"Location": kept.raw_path_qs})
            self._set_cookie(request, response, channel, text)
            return response
        shown, ignored = show_settings(channel.options.show, request.query)
        settings = {
            **shown,
            **self._about(channel),
            "token": text if keep else None,
            "poll": POLL_S,
            "ignored": ignored,
        }
        response = self._html(self._pages.frame_page(settings))
        if by_cookie:
            self._set_cookie(request, response, channel, request.cookies[_cookie_name(channel)])
        return response

    def _show_code(self, request: web.Request, channel: Channel) -> web.StreamResponse:
        try:
            attempt = self._pairing.attempt(
                channel.name, request.cookies.get(_pairing_name(channel)), request.remote or ""
            )
        except TooManyError:
            text = "Wait a minute, then reload this page."
            response = self._error(429, "Too many devices ask for a code.", text)
            response.headers.update({"Retry-After": "60", "Refresh": "60"})
            return response
        shown, ignored = show_settings(channel.options.show, request.query)
        pair = {
            "code": attempt.code,
            "poll": f"{channel.base}/pairing?key={attempt.key}",
            "expires": self._pairing.expires_in_s(attempt),
        }
        about = {**self._about(channel), "language": shown["language"], "ignored": ignored}
        response = self._html(self._pages.pairing_page({**about, "pair": pair}))
        _set_cookie(request, response, _pairing_name(channel), attempt.key, channel.base, PAIRING_FOR_S)
        return response

    def _about(self, channel: Channel) -> dict[str, Any]:
        return {
            "name": channel.name,
            "title": channel.options.title or channel.name,
            "base": channel.base,
            "build": channel.build,
        }

    def _html(self, text: str) -> web.Response:
        headers = {"Content-Security-Policy": self._policy}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _pair(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        if channel is None:
            return await self._nothing(request)
        by_cookie = request.cookies.get(_pairing_name(channel), "")
        key = by_cookie or request.query.get("key", "")
        attempt = self._pairing.find(channel.name, key)
        try:
            if attempt is not None and attempt.accepted:
                return await self._let_in(request, channel, attempt, keep=not by_cookie)
            if (await self._token(request, channel))[0] is not None:
                return web.json_response({"paired": True})
            attempt = self._pairing.attempt(channel.name, key or None, request.remote or "")
        except TooManyError:
            return web.json_response({"paired": False}, status=429, headers={"Retry-After": "60"})
        except CacheError as error:
            _log.error(str(error), extra={"action": "frame_request_failed"})
            return web.json_response({"paired": False}, status=503, headers={"Retry-After": "30"})
        answer = {
            "paired": False,
            "code": attempt.code,
            "expires": self._pairing.expires_in_s(attempt),
            "poll": f"{channel.base}/pairing?key={attempt.key}",
        }
        return web.json_response(answer)

    async def _let_in(
        self, request: web.Request, channel: Channel, attempt: Attempt, *, keep: bool
    ) -> web.Response:
        """Give a browser its token; raises CacheError. `keep`: it returns no cookies."""
        if not attempt.token:
            attempt.token = await asyncio.to_thread(self._access.grant, channel.name, Way.CODE)
            _log.info(
                "A device was let in to the frame %s by its pairing code.",
                channel.name,
                extra={"action": "frame_paired"},
            )
        answer: dict[str, Any] = {"paired": True}
        if keep:
            answer["open"] = f"{channel.base}?token={attempt.token}&keep=1"
        response = web.json_response(answer)
        self._set_cookie(request, response, channel, attempt.token)
        return response

    def _set_cookie(
        self, request: web.Request, response: web.StreamResponse, channel: Channel, token: str
    ) -> None:
        _set_cookie(request, response, _cookie_name(channel), token, channel.base, COOKIE_FOR_S)

    # --- static files -------------------------------------------------------------------------------------

    async def _asset(self, request: web.Request) -> web.Response:
        found = self._pages.assets().get(request.match_info["file"])
        if found is None or request.match_info["build"] != self._pages.build():
            return await self._nothing(request)
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return web.Response(body=found.body, content_type=found.type, charset="utf-8", headers=headers)

    async def _service_worker(self, request: web.Request) -> web.Response:
        found = self._pages.assets().get("sw.js")
        channel = self._channel(request)
        if found is None or channel is None:
            return await self._nothing(request)
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": "default-src 'none'; connect-src 'self'; img-src 'self'; script-src"
            " 'self'",
            "Service-Worker-Allowed": channel.base,
        }
        return web.Response(body=found.body, content_type="text/javascript", charset="utf-8", headers=headers)

    # --- photos -------------------------------------------------------------------------------------------

    async def _photo(self, request: web.Request, channel: Channel, _token: Token) -> web.StreamResponse:
        photo = (await channel.snapshot()).by_file.get(request.match_info["file"])
        if photo is None:
            return web.Response(status=404, text="This photo is not on the frame.\n")
        response = await send_picture(request, channel.frame, photo)
        if request.method == "GET" and response.status in (200, 206):
            channel.sent.pictures += 1
            channel.sent.size_bytes += response.content_length or 0
        return response

    async def _still(self, request: web.Request, channel: Channel, _token: Token) -> web.Response:
        """Redirect to the photo that is due now, for browsers that are too old for anything else."""
        photos = list((await channel.snapshot()).listed.values())
        if not photos:
            return web.Response(status=404, text="There are no photos on the frame yet.\n")
        interval_s = show_settings(channel.options.show, request.query)[0]["interval"]
        photo = photos[int(self._now() // interval_s) % len(photos)]
        token = request.query.get("token")
        location = photo["url"] + (f"?token={quote(token, safe='')}" if token else "")
        return web.Response(status=302, headers={"Location": location})

    async def _photos(self, request: web.Request, channel: Channel, _token: Token) -> web.Response:
        found = await channel.snapshot()
        headers = {
            "Cache-Control": "private, no-cache",
            "ETag": f'"{found.revision}-{channel.build}"',
            "Vary": "Accept-Encoding, Cookie",
        }
        if request.headers.get("If-None-Match", "").removeprefix("W/") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        body = found.body
        if "gzip" in request.headers.get("Accept-Encoding", "").lower():
            body, headers["Content-Encoding"] = found.packed, "gzip"
        return web.Response(body=body, content_type="application/json", charset="utf-8", headers=headers)

    async def _events(self, request: web.Request, channel: Channel, token: Token) -> web.StreamResponse:
        readers = sum(len(each.readers) for each in self._channels.values())
        if readers >= self._max_readers():
            # The page polls instead, which needs no connection of its own.
            return web.Response(status=503, text="Too many pages listen.\n", headers={"Retry-After": "60"})
        response = web.StreamResponse(headers={"X-Accel-Buffering": "no"})
        response.content_type, response.charset = "text/event-stream", "utf-8"
        await response.prepare(request)
        if self._beating is None or self._beating.done():
            self._beating = asyncio.get_running_loop().create_task(self._beat())
        with channel.reading(token.token_id) as reader, contextlib.suppress(ConnectionError):
            await response.write(f"retry: {RETRY_MS}\nevent: build\ndata: {channel.build}\n\n".encode())
            while not reader.closed:
                await reader.wait()
                if news := await channel.take(reader):
                    await response.write(news)
        return response

    async def _beat(self) -> None:
        """Keep event streams alive as long as there are some."""
        while True:
            await asyncio.sleep(BEAT_S)
            listening = [channel for channel in self._channels.values() if channel.readers]
            if not listening:
                return
            for channel in listening:
                await channel.beat()

    async def _poll(self, request: web.Request, channel: Channel, token: Token) -> web.Response:
        revision = (await channel.snapshot()).revision
        channel.note_alive(token.token_id)
        commands = channel.commands_for(f"{token.token_id} {request.remote}")
        return web.json_response({"revision": revision, "build": channel.build, "commands": commands})

    # --- what pages and people say ------------------------------------------------------------------------

    async def _seen(self, request: web.Request, channel: Channel, token: Token) -> web.Response:
        said = await _said(request)
        photo = said.get("photo")
        known = (await channel.snapshot()).by_id
        photo_id = photo if isinstance(photo, str) and photo in known else ""
        channel.note_seen(token.token_id, photo_id, paused=said.get("paused") is True)
        return web.Response(status=204)

    async def _reject(self, request: web.Request, channel: Channel, _token: Token) -> web.Response:
        photo = (await channel.snapshot()).by_id.get(str((await _said(request)).get("photo")))
        if photo is None:
            return web.Response(status=404, text="This photo is not on the frame.\n")
        if self._hide is not None:
            # From now on the family's pages know it, for all frames; on this one it disappears at once.
            await self._hide(channel.name, photo.as_frame_photo)
        await channel.frame.reject(photo.as_frame_photo)
        if self._hide is not None:
            await channel.frame.restore([Rejection(photo.digest)])
        # The list is read again now, so that the page's next request does not have the photo.
        await channel.snapshot()
        return web.Response(status=204)

    async def _state(self, _request: web.Request, channel: Channel, _token: Token) -> web.Response:
        return web.json_response(await state_of(channel))

    async def _command(self, request: web.Request, channel: Channel, _token: Token) -> web.Response:
        what = request.path.rpartition("/")[2]
        photo = ""
        if what == "show":
            photo = str((await _said(request)).get("photo", ""))
            if photo not in (await channel.snapshot()).by_id:
                return web.Response(status=404, text="This photo is not on the frame.\n")
        return web.json_response({"pages": channel.command(what, photo)})


async def state_of(channel: Channel) -> dict[str, Any]:
    """Return what is on a frame and what it shows."""
    found = await channel.snapshot()
    seen = channel.last_seen()
    return {
        "format": 1,
        "name": channel.name,
        "title": channel.options.title or channel.name,
        "photos": len(found.by_id),
        "revision": found.revision,
        "pages": len(channel.readers),
        "seen": rfc3339(seen.at) if seen else None,
        "paused": seen.paused if seen else None,
        "photo": found.listed.get(seen.photo) if seen else None,
    }


def _texts(request: web.Request) -> list[str]:
    """Return what a request says to be its token, except for its cookie."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    found = [
        bearer.strip() if scheme.lower() == "bearer" else "",
        request.headers.get("X-Frame-Token", "").strip(),
        request.query.get("token", ""),
    ]
    return [text for text in found if text]


def _cross_site(request: web.Request) -> str:
    """Return why a request is refused that another site's page may have sent; empty if it is fine."""
    headers = request.headers
    if "Origin" in headers or "Sec-Fetch-Site" in headers:
        return cross_site(headers)
    if request.content_type == "application/json":
        return ""
    return "Refused: the request does not say which page sent it. Send JSON, or the token in a header.\n"


async def _said(request: web.Request) -> Mapping[str, Any]:
    """Return the JSON object of a request; raises HTTPException for anything else."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, request.content_length or 0)
    body = b""
    async for chunk in _chunks(request):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, len(body))
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise web.HTTPBadRequest(text='Send a JSON object such as {"photo": "<id>"}.\n')
    return found


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    while chunk := await request.content.read(MAX_BODY_BYTES + 1):
        yield chunk


def _set_cookie(
    request: web.Request, response: web.StreamResponse, name: str, value: str, path: str, max_age_s: int
) -> None:
    """Set a cookie for a frame's page; only over TLS if the browser uses that."""
    proxied = request.headers.get("X-Forwarded-Proto", "").lower() == "https"
    response.set_cookie(
        name,
        value,
        max_age=max_age_s,
        path=path,
        httponly=True,
        samesite="Lax",
        secure=request.secure or proxied,
    )


def _cookie_name(channel: Channel) -> str:
    return f"picsync-frame-{_short(channel.name)}"


def _pairing_name(channel: Channel) -> str:
    return f"picsync-pairing-{_short(channel.name)}"


def _short(name: str) -> str:
    return hashlib.sha256(quote(name).encode()).hexdigest()[:8]
