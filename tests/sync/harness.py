"""Runs cycles with an in-memory source and frame, a real cache and spool, and no waits."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from picsync.core.events import CycleReport, Event
from picsync.core.identity import plain_name
from picsync.core.model import Digest
from picsync.core.plan import Rule
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from picsync.sync.tempfiles import Spool
from picsync.sync.transfer import Tools
from tests.cache.fresh import open_fresh
from tests.contract.memory_frame import MemoryFrame
from tests.contract.memory_source import MemorySource
from tests.pictures import jpeg

ALBUM = "Family"
PLAYLIST = "ss_Family"


def digest(data: bytes) -> Digest:
    return Digest("md5", hashlib.md5(data, usedforsecurity=False).hexdigest())


@dataclass
class Harness:
    source: MemorySource
    frame: MemoryFrame
    tools: Tools
    events: list[Event]
    may_empty: bool = False
    """Set where the playlist may become empty."""
    rule: AlbumRule = field(default_factory=lambda: AlbumRule(Rule(ALBUM), sources={"googlephotos": ["a"]}))

    def put(self, *names: str, album: str = "a") -> None:
        for name in names:
            self.source.put(album, name, jpeg(name), filename=f"{name}.jpg")

    def remove(self, *names: str, album: str = "a") -> None:
        for name in names:
            self.source.remove(album, name)

    def with_rule(self, **changes: object) -> None:
        self.rule = replace(self.rule, rule=replace(self.rule.rule, **changes))  # type: ignore[arg-type]  # any of its fields

    async def cycle(self) -> CycleReport:
        return await run_cycle(self.rule, self.tools)

    def names_on_frame(self) -> set[str]:
        return {plain_name(photo.filename) for photo in self.frame.album_named(ALBUM).photos.values()}

    def assert_synced(self, *names: str) -> None:
        """Assert that frame album = playlist = wanted photos."""
        wanted = {digest(jpeg(name)) for name in names}
        assert self.frame.digests(ALBUM) == wanted
        shown = self.frame.playlist_digests(PLAYLIST)
        assert set(shown) == wanted
        assert len(shown) == len(wanted)

    async def assert_idle(self) -> None:
        """Assert that the next cycle downloads nothing and writes nothing."""
        downloads, calls = len(self.source.downloads), len(self.frame.calls)
        report = await self.cycle()
        assert report.outcome == "done", report
        assert len(self.source.downloads) == downloads
        writes = {"create_album", "upload", "delete", "create_playlist", "add_items", "remove_items"}
        assert not [call for call in self.frame.calls[calls:] if call[0] in writes]


async def _no_wait(_seconds: float) -> None:
    return None


@asynccontextmanager
async def open_harness(folder: Path, frame: MemoryFrame | None = None) -> AsyncIterator[Harness]:
    frame = frame or MemoryFrame()
    source, events = MemorySource(), list[Event]()
    source.put_album("a")
    cache = await open_fresh(folder / "cache.db")
    tools = Tools(
        {"googlephotos": source},
        {"nixplay": frame},
        cache,
        Spool(folder),
        events.append,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        sleep=_no_wait,
    )
    harness = Harness(source, frame, tools, events)
    has_shown: set[str] = set()

    def never_empty() -> None:
        for playlist in frame.playlist_list:
            if playlist.items:
                has_shown.add(playlist.playlist_id)
            holds = any(a.photos for a in frame.album_list if f"ss_{a.album.name}" == playlist.name)
            if holds and not harness.may_empty and playlist.playlist_id in has_shown:
                assert playlist.items, "the playlist was empty for a moment"

    frame.observers.append(never_empty)
    try:
        yield harness
    finally:
        await tools.renderer.aclose()
        await cache.aclose()
        assert not [path for path in folder.iterdir() if path.name.startswith("picsync-")]
