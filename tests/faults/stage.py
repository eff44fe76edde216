"""A road with hands on its wire: small photos, short limits, watched at every instant."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from picsync.apply import Tools, recipe_of
from picsync.cache.store import Cache
from picsync.cycle import AlbumRule, run_cycle
from picsync.emulators.google import Album, GooglePhotos, Item, generated_jpeg
from picsync.emulators.google.content import read_all
from picsync.emulators.nixplay import Nixplay
from picsync.emulators.requestlog import Record
from picsync.emulators.server import EmulatorServer
from picsync.emulators.world import NIXPLAY_PASSWORD, NIXPLAY_USER, READ_SCOPE, World
from picsync.events import CycleOutcome, CycleReport, Event
from picsync.frames.nixplay import NixplayFrame, NixplayLogin
from picsync.http.client import Hosts
from picsync.http.retry import Operation, Retrier, RetryPolicy
from picsync.model import Digest, Mapping, MediaItem, MediaKind
from picsync.plan import Rule
from picsync.sources.googlephotos.source import DOWNLOAD, GooglePhotosSource
from picsync.sources.googlephotos.tokens import GoogleLogin
from picsync.spool import Spool
from tests.faults.operations import PLACES, WRITES, Place, operation_of
from tests.faults.watch import Watch
from tests.faults.wire import WatchedLog, Wire, Wired

ALBUM = "Family"
PLAYLIST = "ss_Family"
PHOTO_BYTES = 2_000
PAGE = 2
"""Entries in a page of any listing."""
PATIENCE_S = 60.0
SHORT_S = 0.2
"""For services that hang; far more than an answer takes."""


@dataclass
class Stage:
    """The services, what picsync has of them, and what it did."""

    folder: Path
    world: World
    server: EmulatorServer
    log: WatchedLog
    wire: Wire
    album: Album
    timeout_s: float = PATIENCE_S
    events: list[Event] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    reports: list[CycleReport] = field(default_factory=list)
    elsewhere: dict[Operation, bytes] = field(default_factory=dict)
    """Answers that may come by mistake."""
    made: int = 0
    service_ahead_s: float = 0.0
    """By how much Google's clock is before ours."""
    own_ahead: timedelta = timedelta()
    """By how much the cycle's clock is before the true one."""
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(self.nixplay, self.wanted)
        self.log.observers.append(self.watch.asked)
        self.google.options.now = lambda: time.time() + self.service_ahead_s
        self.google.options.page_cap = PAGE
        self.nixplay.options.pictures_limit = PAGE
        self.nixplay.options.slides_size = PAGE

    @property
    def google(self) -> GooglePhotos:
        return self.world.google

    @property
    def nixplay(self) -> Nixplay:
        return self.world.nixplay

    def add(self, count: int) -> list[Item]:
        """Put new photos into the Google album."""
        items = []
        for _ in range(count):
            self.made += 1
            content = generated_jpeg(self.made, PHOTO_BYTES)
            items.append(self.google.add_item(self.album, f"IMG_{self.made}.jpg", content))
        return items

    async def bring_to_the_frame(self) -> None:
        """Be where a good cycle ends, without one."""
        cache = await Cache.open(self.folder / "cache.db", notify=_ignore)
        album = self.nixplay.add_album(ALBUM)
        photos = []
        for item in self.album.items:
            content = read_all(item.content)
            photos.append(self.nixplay.add_photo(album, item.filename, content))
            media = MediaItem("googlephotos", item.item_id, kind=MediaKind.PHOTO)
            digest = Digest.md5(photos[-1].md5)
            now = datetime.now(UTC)
            await cache.record(
                Mapping(media.source, media.item_id, media.version, recipe_of(media), digest, None, now)
            )
        await cache.aclose()
        self.nixplay.add_playlist(PLAYLIST, photos)

    @asynccontextmanager
    async def picsync(self, *, token_expired: bool = True) -> AsyncIterator[Tools]:
        """Open what a process works with, for as many cycles as it lives."""
        hosts = Hosts(self.server.url)
        left = self.google.issue_credentials([READ_SCOPE], expired=token_expired)
        async with AsyncExitStack() as stack:
            frame = NixplayFrame(
                NixplayLogin(NIXPLAY_USER, NIXPLAY_PASSWORD),
                hosts=hosts,
                retrier=self._retrier(RetryPolicy()),
                emit=self.events.append,
                timeout=httpx.Timeout(self.timeout_s, pool=None),
                monitor_timeout_s=self.timeout_s,
            )
            stack.push_async_callback(frame.aclose)
            source = GooglePhotosSource(
                GoogleLogin(
                    left["client_id"],
                    left["client_secret"],
                    refresh_token=left["refresh_token"],
                    access_token=left["access_token"],
                    expiry=datetime.fromisoformat(left["expiry"]),
                ),
                hosts=hosts,
                retrier_for=self._retrier,
                emit=self.events.append,
                timeout_s=self.timeout_s,
            )
            stack.push_async_callback(source.aclose)
            cache = await Cache.open(self.folder / "cache.db", notify=_ignore)
            stack.push_async_callback(cache.aclose)
            yield Tools(
                {"googlephotos": source},
                frame,
                cache,
                Spool(),
                self.events.append,
                now=lambda: datetime.now(UTC) + self.own_ahead,
                sleep=self._sleep,
            )

    def _retrier(self, policy: RetryPolicy) -> Retrier:
        return Retrier(policy, emit=self.events.append, sleep=self._sleep, jitter=lambda: 1.0)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def cycle(self, tools: Tools) -> CycleReport:
        """Run a cycle; one that says that all is done has to be right."""
        rule = AlbumRule(Rule(ALBUM), {"googlephotos": [self.album.album_id]})
        report = await run_cycle(rule, tools)
        self.reports.append(report)
        return report

    # --- what is ---------------------------------------------------------------------------------------

    def wanted(self) -> set[str]:
        return {
            hashlib.md5(read_all(item.content), usedforsecurity=False).hexdigest()
            for item in self.album.items
        }

    def synced(self) -> bool:
        """Whether there is one album and one playlist of the name, and both hold what is wanted, once."""
        albums = self.nixplay.albums_named(ALBUM)
        playlists = self.nixplay.playlists_named(PLAYLIST)
        if len(albums) != 1 or len(playlists) != 1:
            return False
        on_frame = sorted(photo.md5 for photo in self.nixplay.album_photos(albums[0]))
        shown = sorted(photo.md5 for photo in self.nixplay.playlist_photos(playlists[0]))
        return on_frame == shown == sorted(self.wanted())

    def state(self) -> str:
        """Say what there is, for messages of tests."""
        account = self.nixplay.account()
        albums = {f"{each.name} {each.album_id}": len(each.photos) for each in account.albums.values()}
        lists = {f"{each.name} {each.playlist_id}": len(each.items) for each in account.playlists.values()}
        return json.dumps({"wanted": len(self.wanted()), "albums": albums, "playlists": lists})

    def failures(self) -> str:
        return "\n".join(
            f"{report.outcome} hold={report.hold and report.hold.message}"
            + "".join(f"\n  {failure.subject}: {failure.error}" for failure in report.failures)
            for report in self.reports
        )

    def heal(self) -> None:
        """End every fault."""
        self.server.faults.clear()
        self.wire.rewrites.clear()

    async def converge(self, tools: Tools, most: int) -> int:
        """Run cycles until everything is right, and return how many it took; then prove that all is quiet."""
        for number in range(1, most + 1):
            report = await self.cycle(tools)
            if report.outcome is CycleOutcome.DONE and self.synced():
                await self.assert_idle(tools)
                return number
        raise AssertionError(f"not in step after {most} cycles\n{self.failures()}\n{self.state()}")

    async def assert_idle(self, tools: Tools) -> None:
        """The next cycle moves no photo and writes nothing."""
        self.log.records.clear()
        changes = self.nixplay.counters.total()
        report = await self.cycle(tools)
        assert report.outcome is CycleOutcome.DONE, self.failures()
        assert self.log.asked(DOWNLOAD) == 0
        assert self.nixplay.counters.total() == changes
        writes = {PLACES[operation] for operation in WRITES}
        asked = [each.path for each in self.log.records if writes & _places(each)]
        assert asked == []
        assert self.synced(), self.state()
        assert self.watch.violations == []


def _places(record: Record) -> set[Place]:
    return {PLACES[operation_of(record.method, record.host, record.path)]}


def _ignore(_: str) -> None:
    return


async def _at_once(_: float) -> None:
    return


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    wire, log = Wire(), WatchedLog()
    world = World()
    world.server = EmulatorServer(
        [Wired(world.google, wire), Wired(world.nixplay, wire)], log=log, sleep=_at_once
    )
    async with world:
        yield Stage(folder, world, world.server, log, wire, world.google.add_album(ALBUM))
