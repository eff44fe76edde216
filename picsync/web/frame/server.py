"""The listener for the people at home: aiohttp, with room for many pages that listen for events."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from picsync.core.errors import CacheError, PicsyncError
from picsync.frames.base import Frame
from picsync.frames.web.access import Access
from picsync.frames.web.frame import WebFrame
from picsync.frames.web.lastseen import LastSeen, Seen
from picsync.frames.web.options import WebFrameOptions
from picsync.observe.use import FrameUse
from picsync.serving.server import HttpServer, Limits
from picsync.system.control import Question, Requests
from picsync.system.localtime import rfc3339
from picsync.web.frame import page
from picsync.web.frame.channel import Channel, Sent
from picsync.web.frame.pairing import Pairing, TooManyError
from picsync.web.frame.routes import FrameRoutes, Hide, Pages, Plain
from picsync.web.listening import unavailable
from picsync.web.operator import Paired

LIMITS = Limits(connections=400)
"""A page needs a connection for its events, and another one while it loads a photo. 200 pages fit even
into the usual limit of 1,024 open files, of which this server uses a quarter."""
_READERS_SHARE = 0.8
"""Share of the connections that event streams may take; the rest is for lists and pictures."""
_FIELD = "web.listen"
SAVE_SEEN_EVERY_S = 600.0
"""How often it is written when devices were seen last, besides at the end: memory cards wear out."""

_log = logging.getLogger("picsync.web")


class Household:
    """What outlasts a change of the settings: who may see which frame, and the codes that pages show."""

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self.access = Access(requests.folder)
        self.pairing = Pairing()
        self.seen = LastSeen(requests.folder)
        self.sent: dict[str, Sent] = {}
        """The pictures that were sent, by frame."""

    def pair(self, code: str, address: str) -> Paired:
        """Let the browser in that shows a code."""
        try:
            return Paired.UNKNOWN if self.pairing.enter(code, address) is None else Paired.DONE
        except TooManyError:
            return Paired.TOO_MANY


class FrameServer:
    """Serves the pages of web frames."""

    def __init__(
        self,
        frames: Sequence[tuple[Frame, BaseModel | None]],
        household: Household,
        *,
        embed: tuple[str, ...] | None = None,
        more: Callable[[web.Application], None] | None = None,
        others: Plain | None = None,
        hide: Hide | None = None,
        limits: Limits = LIMITS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`frames` have their options. `embed` has the origins that may embed a page; None for all.

        `more` adds further routes; `others` handles all requests for which there is no route.
        `hide` keeps a photo off all frames, given the name of the frame on whose page somebody said so.
        """
        self._more = more
        pages = Pages(page.frame_page, page.pairing_page, page.assets, page.build, page.error_page)
        self._limits = limits
        self._household = household
        self._opened = ExitStack()
        self._looking: asyncio.Task[None] | None = None
        self._look_again = False
        self._now = now
        self._unsaved = False
        self._saving: asyncio.Task[None] | None = None
        self.channels: dict[str, Channel] = {}
        for frame, options in frames:
            if not isinstance(frame, WebFrame) or not isinstance(options, WebFrameOptions):
                raise TypeError("not a web frame")
            secret = partial(household.access.secret, frame.name)
            self.channels[frame.name] = Channel(
                frame,
                options,
                secret,
                assets=pages.build(),
                seen=household.seen.of(frame.name),
                sent=household.sent.setdefault(frame.name, Sent()),
                noted=self._noted,
                now=now,
            )
        self.routes = FrameRoutes(
            self.channels,
            household.access,
            household.pairing,
            pages,
            policy=page.POLICY,
            embed=embed,
            max_readers=self._max_readers,
            others=others,
            hide=hide,
        )
        self._server = HttpServer("page of the frames", limits=limits)

    def _max_readers(self) -> int:
        open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return int(self._limits.within(open_files) * _READERS_SHARE)

    @property
    def port(self) -> int:
        """The port it listens on, after `start`."""
        return self._server.port

    async def start(self, host: str, port: int) -> None:
        """Listen; no host means all addresses, port 0 a free one. Raises ListenError if it is unavailable."""
        await asyncio.to_thread(self._household.seen.load)
        with suppress(CacheError):
            await self.routes.recheck()
        # Without middlewares, since aiohttp never frees an application that has some.
        app = web.Application(client_max_size=64 * 1024)
        if self._more is not None:
            self._more(app)
        self.routes.add_to(app)
        try:
            await self._server.start(app, host, port, handler_cancellation=True)
        except OSError as error:
            raise unavailable(host, port, error, field=_FIELD, without="") from error
        for channel in self.channels.values():
            self._opened.enter_context(channel.open())

    def uses(self) -> list[FrameUse]:
        """Return how the frames are used."""

        def use(channel: Channel) -> FrameUse:
            last, devices = channel.last_seen(), 0
            with suppress(CacheError):
                devices = len(self._household.access.tokens(channel.name))
            seen_at = last.at if last else None
            sent = channel.sent
            return FrameUse(
                channel.name, len(channel.readers), devices, seen_at, sent.pictures, sent.size_bytes
            )

        return [use(channel) for channel in self.channels.values()]

    def _noted(self) -> None:
        self._unsaved = True
        if self._saving is None or self._saving.done():
            self._saving = asyncio.get_running_loop().create_task(self._save_again())

    async def _save_again(self) -> None:
        while self._unsaved:
            await asyncio.sleep(SAVE_SEEN_EVERY_S)
            await self._save()

    async def _save(self) -> None:
        self._unsaved = False
        seen = self._household.seen
        try:
            await asyncio.to_thread(seen.write, seen.content(self._now()))
        except CacheError as error:
            _log.warning(str(error), extra={"action": "frame_seen_not_saved"})

    def look(self) -> None:
        """Look at what commands have changed: who may see a frame, and what is on it."""
        self._look_again = True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look_until_done())

    async def _look_until_done(self) -> None:
        while self._look_again:
            self._look_again = False
            await self._look()

    async def _look(self) -> None:
        try:
            for question in await asyncio.to_thread(self._household.requests.take_questions):
                answer = await self._answer(question)
                await asyncio.to_thread(self._household.requests.answer, question, answer)
            await self.routes.recheck()
        except CacheError as error:
            _log.error(str(error), extra={"action": "request_failed"})
        for channel in self.channels.values():
            channel.touch()

    async def _answer(self, question: Question) -> Mapping[str, Any]:
        """Answer a question of a command."""
        match question.what:
            case "pair":
                try:
                    return {"frame": self._household.pairing.enter(str(question.content.get("code", "")))}
                except TooManyError:
                    return {"frame": None, "too_many": True}
            case "frames":
                return {"frames": {name: await _state(channel) for name, channel in self.channels.items()}}
        return {}

    async def close(self) -> None:
        """Stop listening and close every connection, even if its client does not read; safe to call twice."""
        self._opened.close()
        if self._looking is not None:
            await asyncio.wait([self._looking])
        await self._server.close()
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.wait([self._saving])
        if self._unsaved:
            await self._save()


async def _state(channel: Channel) -> Mapping[str, Any]:
    """Return what commands show of a frame."""
    with suppress(PicsyncError):
        await channel.snapshot()

    def told(seen: Seen) -> dict[str, Any]:
        return {"seen": rfc3339(seen.at), "photo": channel.filename_of(seen.photo), "paused": seen.paused}

    last = channel.last_seen()
    devices = {token_id: told(seen) for token_id, seen in channel.seen.items()}
    return {**(told(last) if last else {}), "pages": len(channel.readers), "devices": devices}
