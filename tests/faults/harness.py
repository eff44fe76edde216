"""A cycle over real HTTP with faults at the wire: small photos, short limits, invariants always checked."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from picsync.core.caption import Wording
from picsync.core.events import CycleOutcome, CycleReport, Event
from picsync.core.model import Digest, MediaItem, MediaKind
from picsync.core.model import Mapping as DigestMapping
from picsync.core.plan import Rule
from picsync.emulators.google import Album, generated_jpeg
from picsync.emulators.google.content import read_all
from picsync.emulators.server import EmulatorServer
from picsync.emulators.world import NIXPLAY_PASSWORD, NIXPLAY_USER, World
from picsync.frames.nixplay.assigning import ShowOn
from picsync.frames.nixplay.frame import NixplayFrame
from picsync.frames.nixplay.session import NixplayLogin
from picsync.http.client import Hosts
from picsync.http.retry import Operation, Retrier, RetryPolicy
from picsync.sources.kinds import SOURCES
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from picsync.sync.tempfiles import Spool
from picsync.sync.transfer import Tools, recipe_of
from tests.cache.fresh import open_fresh
from tests.faults.interception import WatchedLog, Wire, Wired
from tests.faults.invariants import InvariantChecker
from tests.faults.operations import DOWNLOADS, WRITES, operation_of
from tests.faults.source_albums import ALBUM, PAGE, GoogleAlbum, SourceAlbum
from tests.household_services import PLAYLIST, Services, md5
from tests.trials import trial_of

SOURCE_ALBUMS: Mapping[str, Callable[[World], SourceAlbum]] = {
    name: album for name, kind in SOURCES.items() if (album := trial_of(kind).album) is not None
}
"""By the kind's name in picsync.yaml."""
PATIENCE_S = 60.0
SHORT_S = 0.2
"""For services that hang; far longer than a response takes."""
ATTEMPTS = RetryPolicy().attempts
SHOWING = "Living Room"
"""Name of the frame that an account has."""
FEW_ATTEMPTS = 2
"""Attempts of a request that takes that long."""


@dataclass
class Harness(Services):
    """The services, the files of picsync, and what it did."""

    photo_bytes = 2_000
    log: WatchedLog
    wire: Wire
    source_album: SourceAlbum
    timeout_s: float = PATIENCE_S
    attempts: int = ATTEMPTS
    """Maximum for any request."""
    events: list[Event] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    reports: list[CycleReport] = field(default_factory=list)
    elsewhere: dict[Operation, bytes] = field(default_factory=dict)
    """Responses that may be sent by mistake."""
    slept_s: float = 0.0
    """Seconds that picsync has waited; Nixplay's clock advances by them."""
    service_ahead_s: float = 0.0
    """Seconds by which Google's clock is ahead of ours."""
    own_ahead: timedelta = timedelta()
    """Time by which the cycle's clock is ahead of the true one."""
    invariants: InvariantChecker = field(init=False)
    asked: bool = False
    """Whether the rule asks for captions as text and for a frame that shows the playlist."""
    _refusing: asyncio.Future[None] | None = None

    def __post_init__(self) -> None:
        self.invariants = InvariantChecker(self.nixplay, self.wanted)
        self.log.observers.append(self.invariants.asked)
        self.google.options.now = lambda: time.time() + self.service_ahead_s
        self.nixplay.clock = lambda: time.time() + self.slept_s
        self.nixplay.options.pictures_limit = PAGE
        self.nixplay.options.slides_size = PAGE
        self.nixplay.options.enforce_token_total = True

    @property
    def album(self) -> Album:
        """The album at Google Photos."""
        assert isinstance(self.source_album, GoogleAlbum)
        return self.source_album.album

    def add(self, count: int) -> list[object]:
        """Add photos to the source's album."""
        photos = []
        for _ in range(count):
            self.made += 1
            content = read_all(generated_jpeg(self.made, self.photo_bytes))
            photos.append(self.source_album.add(f"IMG_{self.made}.jpg", content))
        return photos

    async def bring_to_the_frame(self) -> None:
        """Bring the frame in sync, without a cycle where the items of the source are known."""
        if self.source_album.kind != "googlephotos":
            async with self.picsync() as tools:
                assert (await self.cycle(tools)).outcome is CycleOutcome.DONE, self.failures()
            self.forget()
            return
        cache = await open_fresh(self.folder / "cache.db")
        album = self.nixplay.add_album(ALBUM)
        photos = []
        for item in self.album.items:
            content = read_all(item.content)
            photos.append(self.nixplay.add_photo(album, item.filename, content))
            media = MediaItem("googlephotos", item.item_id, kind=MediaKind.PHOTO)
            digest = Digest.md5(photos[-1].md5)
            now = datetime.now(UTC)
            await cache.record(
                DigestMapping(media.source, media.item_id, media.version, recipe_of(media), digest, None, now)
            )
        await cache.aclose()
        self.nixplay.add_playlist(PLAYLIST, photos)

    @asynccontextmanager
    async def picsync(self, *, token_expired: bool = True) -> AsyncIterator[Tools]:
        """Open the tools of one process, for any number of cycles."""
        hosts = Hosts(self.server.url)
        async with AsyncExitStack() as stack:
            frame = NixplayFrame(
                NixplayLogin(NIXPLAY_USER, NIXPLAY_PASSWORD),
                hosts=hosts,
                retrier=self.retrier(RetryPolicy()),
                emit=self.events.append,
                timeout=httpx.Timeout(self.timeout_s, pool=None),
                monitor_timeout_s=self.timeout_s,
                show_on=ShowOn((SHOWING,), only=True) if self.asked else ShowOn(),
                clock=lambda: time.monotonic() + self.own_ahead.total_seconds(),
            )
            stack.push_async_callback(frame.aclose)
            source = self.source_album.open(self, token_expired=token_expired)
            stack.push_async_callback(source.aclose)
            cache = await open_fresh(self.folder / "cache.db")
            stack.push_async_callback(cache.aclose)
            yield Tools(
                {self.source_album.kind: source},
                {"nixplay": frame},
                cache,
                Spool(),
                self.events.append,
                now=lambda: datetime.now(UTC) + self.own_ahead,
                sleep=self._sleep,
            )

    def retrier(self, policy: RetryPolicy) -> Retrier:
        """Return a Retrier that does not wait."""
        policy = replace(policy, attempts=min(policy.attempts, self.attempts))
        return Retrier(policy, emit=self.events.append, sleep=self._sleep, jitter=lambda: 1.0)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.slept_s += seconds

    async def cycle(self, tools: Tools) -> CycleReport:
        """Run a cycle and return its report."""
        wording = Wording("{album}") if self.asked else None
        rule = AlbumRule(Rule(ALBUM), {self.source_album.kind: self.source_album.entries}, wording=wording)
        report = await run_cycle(rule, tools)
        self.reports.append(report)
        return report

    # --- what is ---------------------------------------------------------------------------------------

    def wanted(self) -> set[str]:
        return set(map(md5, self.source_album.contents()))

    def ask(self) -> None:
        """Ask for captions, and for a frame that shows the playlist instead of another one."""
        self.asked = True
        frame = next(each for each in self.nixplay.account().frames.values() if each.name == SHOWING)
        self.nixplay.state.assign(frame, self.nixplay.playlist_named("Favorites"))

    def answered(self) -> bool:
        """Whether each photo has its caption, and the frame shows the playlist only."""
        photos = self.nixplay.album_photos(self.nixplay.album_named(ALBUM))
        shown = [each.name for each in self.nixplay.account().playlists.values() if each.frames]
        return {photo.caption for photo in photos} == {ALBUM} and shown == [PLAYLIST]

    def synced(self) -> bool:
        """Whether the photos are, and everything that was asked for besides is done."""
        return self.photos_synced() and (not self.asked or self.answered())

    def photos_synced(self) -> bool:
        """Whether there is one album and one playlist of the name, each with exactly the wanted photos."""
        albums = self.nixplay.albums_named(ALBUM)
        playlists = self.nixplay.playlists_named(PLAYLIST)
        if len(albums) != 1 or len(playlists) != 1:
            return False
        return sorted(self.frame_digests()) == sorted(self.playlist_digests()) == sorted(self.wanted())

    def state(self) -> str:
        """Describe the state, for messages of tests."""
        account = self.nixplay.account()
        albums = {f"{each.name} {each.album_id}": len(each.photos) for each in account.albums.values()}
        lists = {f"{each.name} {each.playlist_id}": len(each.items) for each in account.playlists.values()}
        return json.dumps({"wanted": len(self.wanted()), "albums": albums, "playlists": lists})

    def failures(self) -> str:
        return "\n".join(
            f"{report.outcome} hold={report.hold and report.hold.reason}"
            + "".join(f"\n  {failure.subject}: {failure.error}" for failure in report.failures)
            for report in self.reports
        )

    def refuse(self) -> None:
        """Stop listening."""
        self._refusing = asyncio.ensure_future(self.server.refuse())

    def heal(self) -> None:
        """End every fault."""
        self.server.faults.clear()
        self.wire.rewrites.clear()

    async def recover(self) -> None:
        """End every fault; finish delayed work, and listen again."""
        self.heal()
        if self.asked:
            # What was refused is asked for again on another day.
            self.own_ahead += timedelta(days=1)
        self.timeout_s, self.attempts = PATIENCE_S, ATTEMPTS
        await self.server.settle()
        if self._refusing is not None:
            await self._refusing
            self._refusing = None
            await self.server.listen_again()

    def forget(self) -> None:
        """Clear the records of cycles and requests."""
        self.log.records.clear()
        self.events.clear()
        self.waits.clear()
        self.reports.clear()

    async def converge(self, tools: Tools, most: int) -> int:
        """Run cycles until everything is right and return their number; assert that the next one does
        nothing."""
        for number in range(1, most + 1):
            report = await self.cycle(tools)
            if report.outcome is CycleOutcome.DONE and self.synced():
                await self.assert_idle(tools)
                return number
        raise AssertionError(f"not in step after {most} cycles\n{self.failures()}\n{self.state()}")

    async def assert_idle(self, tools: Tools) -> None:
        """Assert that the next cycle transfers no photo and writes nothing."""
        self.log.records.clear()
        changes = self.nixplay.counters.total()
        report = await self.cycle(tools)
        assert report.outcome is CycleOutcome.DONE, self.failures()
        assert self.nixplay.counters.total() == changes
        asked = [operation_of(each.method, each.host, each.path) for each in self.log.records]
        assert [each.name for each in asked if each in WRITES | DOWNLOADS] == []
        assert self.synced(), self.state()
        assert self.invariants.violations == []


async def _at_once(_: float) -> None:
    return


@asynccontextmanager
async def open_harness(folder: Path, kind: str = GoogleAlbum.kind) -> AsyncIterator[Harness]:
    """Open a harness with an album at a source of the given kind."""
    wire, log = Wire(), WatchedLog()
    world = World()
    world.server = EmulatorServer(
        [Wired(each, wire) for each in (world.google, world.immich, world.dropbox, world.nixplay)],
        log=log,
        sleep=_at_once,
    )
    async with world:
        yield Harness(folder, world, log, wire, SOURCE_ALBUMS[kind](world))
