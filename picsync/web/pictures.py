"""Small pictures of what is on the frames, for the operator.

Only frames whose photos can be read on this machine have some: nothing is fetched for the page, by neither
picsync nor the browser. The pictures are made when a signed-in browser asks for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from picsync.core.errors import PicsyncError
from picsync.core.identity import plain_name
from picsync.core.model import FramePhoto
from picsync.core.values import dataclass
from picsync.frames.base import Frame, GivesPictures
from picsync.observe.status import RuleStatus
from picsync.rendering.pool import Renderer
from picsync.rendering.thumbnails import thumbnail

NEWEST = 12
"""Photos of each rule on the page."""
MAX_HELD = 60
_MAX_KNOWN = 2_000
_MAX_STORED = 300
"""Small pictures in memory: a few megabytes."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A small picture on the page."""

    address: str
    """Relative to the page."""
    name: str


@dataclass(frozen=True, slots=True)
class RulePictures:
    """The pictures of a rule."""

    newest: Sequence[Picture] = ()
    held: Sequence[Picture] = ()
    """Photos whose deletion is held."""


class FramePictures:
    """Finds and makes small pictures of the photos on frames."""

    def __init__(self, frames: Callable[[], Mapping[str, Frame]]) -> None:
        """`frames` returns the frames in use, by name."""
        self._frames = frames
        self._known: dict[str, tuple[str, FramePhoto]] = {}
        self._stored: dict[str, bytes] = {}
        self._renderer = Renderer()
        self._making = asyncio.Semaphore(2)

    async def of(self, rules: Iterable[RuleStatus]) -> dict[str, RulePictures]:
        """Return the pictures of each rule whose frame gives some, by the rule's name."""
        found: dict[str, RulePictures] = {}
        for rule in rules:
            frame = self._frames().get(rule.frame)
            if frame is None or not isinstance(frame, GivesPictures):
                continue
            try:
                newest = await frame.newest(rule.album or rule.name, NEWEST)
            except PicsyncError:
                continue  # Its cycle says what is wrong.
            held = rule.last.hold.photos[:MAX_HELD] if rule.last is not None and rule.last.hold else ()
            pictures = RulePictures(self._named(rule.frame, newest), self._named(rule.frame, held))
            if pictures.newest or pictures.held:
                found[rule.name] = pictures
        return found

    async def small(self, key: str) -> bytes | None:
        """Return a small picture by the last part of its address; None if there is none any more."""
        if key in self._stored:
            return self._stored[key]
        name, photo = self._known.get(key, ("", None))
        frame = self._frames().get(name)
        if photo is None or frame is None or not isinstance(frame, GivesPictures):
            return None
        async with self._making:
            try:
                with await asyncio.to_thread(frame.open_photo, photo) as file:
                    made = await thumbnail(self._renderer, file)
            except (PicsyncError, OSError):
                return None
        self._stored[key] = made
        while len(self._stored) > _MAX_STORED:
            del self._stored[next(iter(self._stored))]
        return made

    async def aclose(self) -> None:
        """End the processes that make pictures."""
        await self._renderer.aclose()

    def _named(self, frame: str, photos: Sequence[FramePhoto]) -> list[Picture]:
        pictures = []
        for photo in photos:
            key = photo.digest.hex
            self._known.pop(key, None)
            self._known[key] = (frame, photo)
            pictures.append(Picture(f"pictures/{key}.jpg", plain_name(photo.filename)))
        while len(self._known) > _MAX_KNOWN:
            del self._known[next(iter(self._known))]
        return pictures
