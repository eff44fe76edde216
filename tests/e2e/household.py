"""A household over real HTTP: emulated services, and the real source, frame, cache and cycle."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from picsync.core.events import CycleReport, Event
from picsync.emulators.nixplay import Nixplay
from picsync.emulators.world import World
from picsync.run.kinds import read_config, read_credentials
from picsync.run.settings import album_rules
from picsync.run.wiring import open_tools
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from tests.household_services import ALBUM, GoogleServices, write_credentials

PHOTO_BYTES = GoogleServices.photo_bytes


@dataclass
class Household(GoogleServices):
    """A Google album, a Nixplay account, and cycles that run in this process."""

    name: str = ALBUM
    """Name of the rule."""
    rule_lines: list[str] = field(default_factory=list)
    top_lines: list[str] = field(default_factory=list)
    """Lines of the top level of picsync.yaml."""
    more_albums: list[str] = field(default_factory=list)
    source_lines: list[str] | None = None
    """Lines under `sources:`; None for the Google album and `more_albums`."""
    one_at_a_time: bool = False
    """Whether photos are uploaded one by one, so that their IDs follow their order."""
    waits: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    may_empty: bool = False

    @property
    def cache(self) -> Path:
        return self.folder / "cache.db"

    def write_config(self, *, every: str = "") -> Path:
        path = self.config
        lines = [
            f"emulator: {self.server.url}",
            *self.top_lines,
            *([f"every: {every}"] if every else []),
            *(["concurrency: {downloads: 1, photos: 1}"] if self.one_at_a_time else []),
            "albums:",
            f"- name: {json.dumps(self.name, ensure_ascii=False)}",
            "  sources:",
            *(f"    {line}" for line in self.source_lines or [self._google_line()]),
            *(f"  {line}" for line in self.rule_lines),
        ]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    def _google_line(self) -> str:
        return f"googlephotos: [{', '.join([self.album.album_id, *self.more_albums])}]"

    async def cycle(self, *, dry_run: bool = False, allow_deletes: bool = False) -> CycleReport:
        """Run one cycle as a new process would: with nothing but the files and the services."""
        config = read_config(self.write_config(), {})
        credentials = read_credentials({}, [self.credentials])
        async with open_tools(
            config,
            credentials,
            cache=str(self.cache),
            emit=self.events.append,
            notify=lambda _message: None,
            sleep=self._sleep,
        ) as tools:
            rule: AlbumRule
            (rule,) = album_rules(config, dry_run=dry_run, allow_deletes=allow_deletes)
            return await run_cycle(rule, tools)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def on_frame(self) -> set[str]:
        return set(self.frame_digests())

    def in_playlist(self) -> list[str]:
        return self.playlist_digests()

    def assert_synced(self, wanted: set[str] | None = None) -> None:
        """Assert that frame album = playlist = wanted photos."""
        wanted = self.wanted() if wanted is None else wanted
        assert self.on_frame() == wanted
        assert set(self.in_playlist()) == wanted
        assert len(self.in_playlist()) == len(wanted)
        assert self.violations == []

    async def assert_idle(self) -> None:
        """Assert that the next cycle transfers no photo and writes nothing."""
        self.server.log.clear()
        report = await self.cycle()
        assert report.outcome == "done", report
        assert self.media_requests() == 0
        assert self.writes() == []


@asynccontextmanager
async def open_household(folder: Path) -> AsyncIterator[Household]:
    async with World() as world:
        household = Household(folder, world, world.google.add_album("Family"))
        write_credentials(household.credentials, world)
        has_shown: set[int] = set()

        def watch(nixplay: Nixplay, operation: str) -> None:
            """Record a violation if a playlist that had photos is empty while its album has photos."""
            for playlist in nixplay.account().playlists.values():
                if playlist.items:
                    has_shown.add(playlist.playlist_id)
                albums = [a for a in nixplay.account().albums.values() if f"ss_{a.name}" == playlist.name]
                holds = any(nixplay.album_photos(album) for album in albums)
                if (
                    holds
                    and playlist.playlist_id in has_shown
                    and not playlist.items
                    and not household.may_empty
                ):
                    household.violations.append(f"{playlist.name} was empty after {operation}")

        world.nixplay.observers.append(watch)
        yield household
