"""Shared by the frames of one rule while their cycles run: listings and originals.

Each frame has its own cycle. Concurrent cycles would list the same albums and download the same originals.
Here, a listing in progress serves every cycle that requests it in the meantime. An original is kept until
every other cycle of its rule has used it, has planned without it, or has ended. That costs space for
temporary files, never time: an original that is only kept is evicted when space is needed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from picsync.aio.observation import ALWAYS, Instants, Observation
from picsync.core.caption import Details, Told
from picsync.core.model import Digest, Listing, MediaItem
from picsync.core.recipe import Recipe
from picsync.rendering.pool import Renderer
from picsync.sources.base import NoticesChanges, Sink, Source
from picsync.sync.about import tell
from picsync.sync.renditions import Made, digest_of, make, view
from picsync.sync.tempfiles import Spool, SpoolFile


class Listings:
    """Listings in progress, by source and album; and which job has seen which content."""

    def __init__(self) -> None:
        self._instants = Instants(time.monotonic)
        self._running: dict[tuple[str, str], Observation[Listing]] = {}
        self._latest: dict[tuple[str, str], int] = {}
        """The content of albums whose source notices changes, as a hash."""
        self._seen: dict[tuple[str, tuple[str, str]], int | None] = {}
        """The same by job: what it has seen last."""
        self._differs = asyncio.Event()
        """Set when the content of an album has changed; replaced by a new one then."""

    async def list(self, source: Source, account: str, album_id: str, *, job: str = "") -> Listing:
        """Like `source.list`; concurrent callers for the same album share one listing.

        A listing starts only after the previous one of the same album has ended, so two consecutive calls of
        one caller return two consecutive listings. `job` is who asks.
        """
        listing = await self._list(source, account, album_id)
        if isinstance(source, NoticesChanges):
            self._note(job, (account, album_id), listing)
        return listing

    def _note(self, job: str, key: tuple[str, str], listing: Listing) -> None:
        if listing.problem is None:
            content = hash(tuple((item.item_id, item.version) for item in listing.items))
            if self._latest.get(key) != content:
                self._latest[key] = content
                differs, self._differs = self._differs, asyncio.Event()
                differs.set()
        # After a problem, the next cycle at the interval looks again.
        self._seen[job, key] = self._latest.get(key)

    async def newer(self, job: str) -> None:
        """Return once another job has listed an album of `job` with other content than `job` has seen.

        A source tells of a change once, and only since the last listing, whoever has asked for it.
        """
        while all(
            self._latest.get(key) == content for (its, key), content in self._seen.items() if its == job
        ):
            await self._differs.wait()

    async def _list(self, source: Source, account: str, album_id: str) -> Listing:
        key = (account, album_id)
        new = Observation(lambda: source.list(album_id), self._instants)
        observation = self._running.setdefault(key, new)
        try:
            return (await observation.after(ALWAYS)).value
        finally:
            if observation.idle and self._running.get(key) is observation:
                del self._running[key]


class Abandoned(Exception):  # noqa: N818 - named for the state
    """A download that is not needed any more."""


def never() -> bool:
    """Return False."""
    return False


class _Abandonable:
    """A sink whose download ends when it is not needed any more."""

    def __init__(self, sink: Sink, abandoned: Callable[[], bool]) -> None:
        self._sink = sink
        self._abandoned = abandoned

    async def begin(self, size_bytes: int | None, mime_type: str) -> None:
        self._check()
        await self._sink.begin(size_bytes, mime_type)

    async def write(self, chunk: bytes) -> None:
        self._check()
        await self._sink.write(chunk)

    def _check(self) -> None:
        if self._abandoned():
            raise Abandoned


@dataclass(eq=False)
class Original:
    """The bytes of a media item, once one cycle has downloaded them."""

    item: MediaItem
    spooled: SpoolFile
    users: int = 0
    _digests: dict[str, Digest] = field(default_factory=dict)
    """By algorithm: each frame knows its photos by one of its own."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _made: dict[tuple[Recipe, str], Made] = field(default_factory=dict)
    _told: Told | None = None

    @property
    def size_bytes(self) -> int:
        """Size of the original, once downloaded."""
        return self.spooled.size_bytes

    @property
    def downloaded(self) -> bool:
        """Whether its bytes are in the spool."""
        return bool(self._digests)

    async def fetch(
        self, source: Source, algorithm: str, *, abandoned: Callable[[], bool] = never
    ) -> tuple[Digest, bool]:
        """Return the digest, and whether this call downloaded the original; raises like `download`.

        Raises Abandoned once `abandoned` returns True while bytes arrive.
        """
        async with self._lock:
            fresh = not self._digests
            if fresh:
                await source.download(self.item, _Abandonable(self.spooled, abandoned))
                digest = await self.spooled.finish()
                self._digests[digest.algorithm] = digest
            if algorithm not in self._digests:
                found = await asyncio.to_thread(digest_of, self.file(), algorithm)
                self._digests[algorithm] = found
            return self._digests[algorithm], fresh

    def examine(self) -> str:
        """Return the MIME type of the bytes; raises ContentError like `SpoolFile.examine`."""
        return self.spooled.examine()

    def file(self) -> BinaryIO:
        """Return the bytes as a file with its own position."""
        return view(self.spooled.file, self.size_bytes)

    async def made(
        self, renderer: Renderer, spool: Spool, recipe: Recipe, algorithm: str, about: Details
    ) -> Made:
        """Return what the recipe makes of it, which happens once for all frames; raises as `make` does.

        `about` is for a caption, and the same for all frames.
        """
        key = (recipe, algorithm)
        async with self._lock:
            if algorithm not in self._digests:
                raise RuntimeError("an original that nobody has fetched")
            if key not in self._made:
                content = self._digests[algorithm]
                self._made[key] = await make(renderer, spool, self.spooled, content, recipe, about)
            return self._made[key]

    async def told(self, renderer: Renderer, *, place: bool) -> Told:
        """Return what its metadata tell, and the place if it is asked for; raises as `tell` does."""
        async with self._lock:
            if self._told is None or (place and self._told.place is None):
                self._told = await tell(renderer, self.spooled.file, place=place)
            return self._told

    def close(self) -> None:
        """Give up what was made of it."""
        for made in self._made.values():
            made.close()


def _content(item: MediaItem) -> object:
    """Return what is equal for items that are known to have the same bytes."""
    return (item.source, item.content_hash) if item.content_hash else item


class Originals:
    """The originals in use, and those that another cycle of the same rule still needs."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self._entries: dict[tuple[str, object], tuple[Original, AsyncExitStack]] = {}
        self._plans: dict[str, dict[str, dict[object, set[MediaItem]] | None]] = {}
        """Group -> cycle -> the items that it transfers, by content; None until it has planned."""
        spool.evict = self._evict

    @asynccontextmanager
    async def cycle(self, group: str, name: str) -> AsyncIterator[None]:
        """Share originals with the other cycles of a group during the context."""
        self._plans.setdefault(group, {})[name] = None
        try:
            yield
        finally:
            del self._plans[group][name]
            if not self._plans[group]:
                del self._plans[group]
            await self._tidy()

    async def planned(self, group: str, name: str, items: Iterable[MediaItem]) -> None:
        """Record the items that a cycle transfers; originals that no cycle needs are discarded."""
        if name in self._plans.get(group, {}):
            plan: dict[object, set[MediaItem]] = {}
            for item in items:
                plan.setdefault(_content(item), set()).add(item)
            self._plans[group][name] = plan
        await self._tidy()

    async def _tidy(self) -> None:
        """Discard the originals that are not in use and that no other cycle needs."""
        for key, (original, stack) in list(self._entries.items()):
            if not original.users and not self._needed(key[0], original.item):
                self._entries.pop(key, None)
                await stack.aclose()

    @asynccontextmanager
    async def borrow(self, group: str, name: str, item: MediaItem, algorithm: str) -> AsyncIterator[Original]:
        """Use the original of an item, which others may use concurrently.

        If it is downloaded now, it is hashed by `algorithm` as it arrives.
        """
        key = (group, _content(item))
        if key not in self._entries:
            stack = AsyncExitStack()
            original = Original(item, await stack.enter_async_context(self.spool.file(algorithm)))
            stack.callback(original.close)
            self._entries[key] = original, stack
        original, stack = self._entries[key]
        original.users += 1
        try:
            yield original
        finally:
            original.users -= 1
            plan = self._plans.get(group, {}).get(name)
            if plan is not None and (copies := plan.get(key[1])) is not None:
                copies.discard(item)
                if not copies:
                    del plan[key[1]]
            if not original.users:
                if original.downloaded and self._needed(group, item, but=name):
                    self.spool.changed()
                elif self._entries.pop(key, None) is not None:
                    await stack.aclose()

    def _needed(self, group: str, item: MediaItem, *, but: str = "") -> bool:
        plans = self._plans.get(group, {})
        content = _content(item)
        # The cycle itself may still need it for a copy.
        return any(name != but if plan is None else content in plan for name, plan in plans.items())

    async def _evict(self) -> bool:
        """Discard one original that is only kept; return whether there was one."""
        for key, (original, stack) in list(self._entries.items()):
            if not original.users:
                self._entries.pop(key, None)
                await stack.aclose()
                return True
        return False
