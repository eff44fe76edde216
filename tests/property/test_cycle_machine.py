"""Any sequence of changes, hands, faults and interrupted cycles: never wrong, and right in the end."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from picsync.cache.store import Cache
from picsync.cycle import AlbumRule, run_cycle
from picsync.errors import (
    ItemError,
    LimitError,
    LoginNeeded,
    NotFoundError,
    PicsyncError,
    ProtocolError,
    QuotaError,
    RefusedError,
    TransientError,
)
from picsync.events import CycleOutcome, CycleReport
from picsync.model import Digest, FramePhoto, PlaylistItem
from picsync.plan import HoldReason, Overflow, Rule
from tests.cycle.stage import ALBUM, PLAYLIST, Stage, digest, jpeg, staged
from tests.ports.memory_frame import CAPABILITIES

MEMORY = Path("/dev/shm")  # noqa: S108 - files that are gone in a moment need no disk

P = ParamSpec("P")
T = TypeVar("T")

ITEMS = [f"i{n}" for n in range(9)]
CONTENTS = 7
"""Fewer than items: some have equal content under another id."""
UNUSABLE = "i3"
"""Says it is a JPEG, but is of a type that the frame does not take."""
WRITES = {"create_album", "upload", "delete", "create_playlist", "add_items", "remove_items"}
METHODS = sorted({"find_album", "photos", "playlists"} | WRITES)
ERRORS: list[Callable[[], PicsyncError]] = [
    lambda: TransientError("The wire broke."),
    lambda: ProtocolError("It answered in Latin."),
    lambda: RefusedError("It said no.", status=400),
    lambda: NotFoundError("It is not there.", status=404),
    lambda: LoginNeeded("Somebody must log in."),
]
TRANSFER_ERRORS = [*ERRORS, lambda: ItemError("This one cannot be had."), lambda: QuotaError("It is full.")]
MANY_CYCLES = 8

items = st.sampled_from(ITEMS)
albums = st.sampled_from(["a", "b"])
picks = st.integers(0, 30)


class Inline(ThreadPoolExecutor):
    """Does at once what it is given, so that every run of an example takes the same turns."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)
        return future


class Cycles(RuleBasedStateMachine):
    """Two source albums, one frame album, and everything that may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(Inline())
        self.stack = AsyncExitStack()
        self.folder = Path(
            self.stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None))
        )
        self.stage: Stage = self.run(self.stack.enter_async_context(staged(self.folder)))
        self.stage.may_empty = True  # The machine watches by itself, since hands may empty a playlist.
        self.stage.source.put_album("b")
        self.stage.rule = AlbumRule(Rule(ALBUM), sources={"googlephotos": ["a", "b"]})
        self.frame = self.stage.frame
        self.frame.observers.append(self.watch)
        self.versions = dict.fromkeys(ITEMS, 0)
        self.before: tuple[set[Digest], dict[str, int]] | None = None
        """What the album held and how much the playlists showed, before the latest change in a cycle."""
        self.playlists_by_hand = 0
        self.full = False
        """Whether the frame has said that it has no room."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    # --- what must hold at every instant --------------------------------------------------------------

    def wanted(self) -> set[Digest]:
        found = {
            item_id: data
            for album in self.stage.source.content.values()
            for item_id, data in album.originals.items()
        }
        return {digest(data) for item_id, data in found.items() if item_id != UNUSABLE}

    def photos(self) -> list[FramePhoto]:
        return [photo for album in self.frame.album_list for photo in album.photos.values()]

    def look(self) -> tuple[set[Digest], dict[str, int]]:
        shown = {playlist.playlist_id: len(playlist.items) for playlist in self.frame.playlist_list}
        return {photo.digest for photo in self.photos()}, shown

    def watch(self) -> None:
        if self.before is None:
            return
        (held, showed), (holds, shows) = self.before, self.look()
        self.before = (holds, shows)
        wanted = self.wanted()
        assert not (held - holds) & wanted, "a wanted photo was deleted"
        assert held <= holds or wanted <= holds or self.full, "deleted before all that is wanted was there"
        assert len(holds) == len(self.photos()), "there is a second photo of equal content"
        assert len(self.frame.album_list) <= 1, "there is a second album"
        first = [playlist for playlist in self.frame.playlist_list if playlist.name == PLAYLIST]
        further = {playlist.name for playlist in self.frame.playlist_list} - {PLAYLIST}
        assert not further or self.stage.rule.rule.overflow is Overflow.SPLIT
        made = len(self.frame.playlist_list) - self.playlists_by_hand
        assert made <= len(further) + (not self.playlists_by_hand), "there is a further playlist"
        for playlist in first:
            went_empty = showed.get(playlist.playlist_id, 0) > 0 and not playlist.items
            assert not (went_empty and holds & wanted), "the playlist went empty"
        limit = self.frame.capabilities.playlist_limit
        assert limit is None or all(count <= max(limit, showed.get(key, 0)) for key, count in shows.items())

    # --- the world goes on ----------------------------------------------------------------------------

    @initialize(
        first=st.lists(st.tuples(albums, items), min_size=2, max_size=16),
        limit=st.sampled_from([None, None, 2, 5]),
        force_publish=st.booleans(),
        overflow=st.sampled_from(Overflow),
        synced=st.sampled_from([True, True, True, False]),
    )
    def start(
        self,
        *,
        first: list[tuple[str, str]],
        limit: int | None,
        force_publish: bool,
        overflow: Overflow,
        synced: bool,
    ) -> None:
        self.frame.capabilities = replace(CAPABILITIES, playlist_limit=limit)
        self.stage.with_rule(force_publish=force_publish, overflow=overflow)
        for album, item in first:
            self.add(album, item)
        if synced:
            self.run_one()

    @rule(album=albums, item=items)
    def add(self, album: str, item: str) -> None:
        version = self.versions[item]
        content = jpeg(f"c{(ITEMS.index(item) + version) % CONTENTS}")
        data = b"RIFF1234WEBP" + content if item == UNUSABLE else content
        self.stage.source.put(album, item, data, version=str(version))

    @rule(album=albums, item=items)
    def remove(self, album: str, item: str) -> None:
        if item in self.stage.source.content[album].items:
            self.stage.source.remove(album, item)

    @rule(item=items)
    def edit(self, item: str) -> None:
        self.versions[item] += 1
        for album_id, album in self.stage.source.content.items():
            if item in album.items:
                self.add(album_id, item)

    @rule()
    def tidy_up(self) -> None:
        for album in self.stage.source.content.values():
            album.items.clear()
            album.originals.clear()

    # --- hands on the frame ---------------------------------------------------------------------------

    @rule(pick=picks)
    def delete_photo_by_hand(self, pick: int) -> None:
        if photos := self.photos():
            self.frame.remove(photos[pick % len(photos)].photo_id)

    @rule(name=st.sampled_from(["c1", "c5", "x1", "x2"]))
    def add_photo_by_hand(self, name: str) -> None:
        self.frame.put(ALBUM, jpeg(name), f"{name} by hand.jpg")

    @rule(pick=picks)
    def empty_playlist_by_hand(self, pick: int) -> None:
        if playlists := self.frame.playlist_list:
            del playlists[pick % len(playlists)].items[: pick // 3]

    @rule(pick=picks, photo_id=st.sampled_from(["", "stranger"]))
    def add_entry_by_hand(self, pick: int, photo_id: str) -> None:
        limit = self.frame.capabilities.playlist_limit
        photos = self.photos()
        for playlist in self.frame.playlist_list:
            if limit is not None and len(playlist.items) >= limit:
                continue
            if photo_id or photos:
                shown = photo_id or photos[pick % len(photos)].photo_id
                playlist.items.insert(0, PlaylistItem(f"hand{next(COUNTER)}", shown))

    @rule(pick=picks)
    def delete_playlist_by_hand(self, pick: int) -> None:
        if playlists := self.frame.playlist_list:
            # A part beyond one that is missing is not looked for.
            last = max(playlist.name for playlist in playlists)
            if playlists[pick % len(playlists)].name in (PLAYLIST, last):
                del playlists[pick % len(playlists)]

    @precondition(lambda self: sum(each.name == PLAYLIST for each in self.frame.playlist_list) < 2)
    @rule()
    def add_playlist_by_hand(self) -> None:
        self.frame.add_playlist(PLAYLIST)
        self.playlists_by_hand = len(self.frame.playlist_list)

    @rule()
    def delete_album_by_hand(self) -> None:
        for photo in self.photos():
            self.frame.remove(photo.photo_id)
        self.frame.album_list.clear()

    # --- faults ---------------------------------------------------------------------------------------

    @rule(album=albums, seen=picks)
    def listing_breaks_off(self, album: str, seen: int) -> None:
        self.stage.source.listing_problem[album] = "Page 2 never came."
        self.stage.source.listed_until[album] = seen

    @rule(failing=st.sets(items, min_size=1), error=st.sampled_from(TRANSFER_ERRORS))
    def downloads_fail(self, failing: set[str], error: Callable[[], PicsyncError]) -> None:
        for item in failing:
            self.stage.source.fail_downloads[item] = error()

    @rule(item=items, times=st.integers(1, 2))
    def download_breaks_off(self, item: str, times: int) -> None:
        self.stage.source.broken_off[item] = times

    @rule(
        method=st.sampled_from(METHODS),
        after=st.booleans(),
        error=st.sampled_from(ERRORS),
        times=st.integers(1, 4),
    )
    def frame_fails(self, method: str, *, after: bool, error: Callable[[], PicsyncError], times: int) -> None:
        script = self.frame.fail_after if after else self.frame.fail
        script[method] = [error() for _ in range(times)]

    @rule(error=st.sampled_from(TRANSFER_ERRORS), count=st.integers(1, 4))
    def uploads_fail(self, error: Callable[[], PicsyncError], count: int) -> None:
        errors = [error() for _ in range(count)]
        self.frame.fail["upload"] = errors
        self.full = any(isinstance(error, QuotaError) for error in errors)

    @rule()
    def frame_lists_too_few(self) -> None:
        self.frame.photos_problem = "It lists fewer than it counts."

    @rule()
    def all_is_well_again(self) -> None:
        self.frame.fail.clear()
        self.frame.fail_after.clear()
        self.frame.photos_problem = None
        self.full = False
        self.stage.source.fail_downloads.clear()
        self.stage.source.listing_problem.clear()

    @rule()
    def lose_the_cache(self) -> None:
        async def lose() -> Cache:
            await self.stage.tools.cache.aclose()
            for path in self.folder.glob("cache.db*"):
                path.unlink()
            return await Cache.open(self.folder / "cache.db", notify=lambda _message: None)

        cache = self.run(lose())
        self.stack.push_async_callback(cache.aclose)
        self.stage.tools = replace(self.stage.tools, cache=cache)

    # --- cycles ---------------------------------------------------------------------------------------

    def watched(self, work: Callable[[], T]) -> T:
        self.playlists_by_hand = len(self.frame.playlist_list)
        self.before = self.look()
        try:
            return work()
        finally:
            self.before = None

    def run_one(self, *, allow_deletes: bool = False) -> CycleReport:
        self.stage.with_rule(allow_deletes=allow_deletes)
        return self.watched(lambda: self.run(self.stage.cycle()))

    @rule(allow_deletes=st.booleans())
    def cycle(self, *, allow_deletes: bool) -> None:
        self.run_one(allow_deletes=allow_deletes)

    @rule(
        changes=st.sets(st.tuples(albums, items), min_size=1, max_size=6),
        failing=st.sets(items),
        download_error=st.sampled_from([None, None, *TRANSFER_ERRORS]),
        upload_error=st.sampled_from([None, None, *TRANSFER_ERRORS]),
        forgotten=st.booleans(),
        allow_deletes=st.booleans(),
    )
    def cycle_of_changes_under_faults(
        self,
        *,
        changes: set[tuple[str, str]],
        failing: set[str],
        download_error: Callable[[], PicsyncError] | None,
        upload_error: Callable[[], PicsyncError] | None,
        forgotten: bool,
        allow_deletes: bool,
    ) -> None:
        """Go the way that sequences of single rules find too seldom."""
        for album, item in sorted(changes):
            change = self.remove if item in self.stage.source.content[album].items else self.add
            change(album, item)
        if failing and download_error:
            self.downloads_fail(failing, download_error)
        if upload_error:
            self.uploads_fail(upload_error, 4)
        if forgotten:
            self.lose_the_cache()
        self.run_one(allow_deletes=allow_deletes)

    @rule(turns=st.integers(0, 150))
    def cycle_that_is_cancelled(self, turns: int) -> None:
        self.watched(lambda: self.cancel_after(turns))

    def cancel_after(self, turns: int) -> None:
        self.stage.with_rule(allow_deletes=False)
        task = self.loop.create_task(self.stage.cycle())
        for _ in range(turns):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
        task.cancel()
        self.run(_ended(task))

    @rule(asked=st.integers(0, 20))
    def cycle_that_is_stopped(self, asked: int) -> None:
        questions = itertools.count()
        self.stage.with_rule(allow_deletes=False)
        stopped = run_cycle(self.stage.rule, self.stage.tools, stopping=lambda: next(questions) >= asked)
        self.watched(lambda: self.run(stopped))

    @rule()
    def dry_run(self) -> None:
        calls = len(self.frame.calls)
        self.run(run_cycle(replace(self.stage.rule, dry_run=True), self.stage.tools))
        assert not self.written_since(calls)

    # --- the end --------------------------------------------------------------------------------------

    def written_since(self, calls: int) -> list[tuple[str, ...]]:
        return [call for call in self.frame.calls[calls:] if call[0] in WRITES]

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.run(self.stack.aclose())
            self.loop.close()

    def settle(self) -> None:
        self.all_is_well_again()
        self.stage.with_rule(force_publish=False)
        for _ in range(MANY_CYCLES):
            calls = len(self.frame.calls)
            report = self.run_one()
            writes = self.written_since(calls)
            too_many = [failure for failure in report.failures if isinstance(failure.error, LimitError)]
            if not writes and (report.outcome is not CycleOutcome.FAILED or too_many):
                break
        assert not writes, "it does not come to rest"
        if report.overflow and self.stage.rule.rule.overflow is Overflow.ERROR:
            assert report.outcome is CycleOutcome.FAILED
            self.stage.with_rule(overflow=Overflow.NEWEST)
            report = self.run_one()
        # What is found to be unusable is a failure once.
        if report.outcome is CycleOutcome.HELD:
            assert report.hold is not None
            assert report.hold.reason is HoldReason.BRAKE
            report = self.run_one(allow_deletes=True)
        assert report.outcome is CycleOutcome.DONE, report
        self.assert_synced()
        self.run(self.stage.assert_idle())

    def assert_synced(self) -> None:
        wanted = self.wanted()
        by_id = {photo.photo_id: photo.digest for photo in self.photos()}
        assert sorted(by_id.values()) == sorted(wanted)
        limit = self.frame.capabilities.playlist_limit
        room = len(wanted) if limit is None else min(limit, len(wanted))
        assert bool(self.frame.playlist_list) or not wanted
        everywhere: dict[str, set[Digest]] = {}
        for playlist in self.frame.playlist_list:
            shown = [by_id[entry.photo_id] for entry in playlist.items]
            assert len(shown) == len(set(shown))
            assert everywhere.setdefault(playlist.name, set(shown)) == set(shown)
        if self.stage.rule.rule.overflow is Overflow.SPLIT:
            room = len(wanted)
            assert len(set().union(*everywhere.values())) == room
        assert sum(map(len, everywhere.values())) == room


COUNTER = itertools.count(1)


async def _ended(task: asyncio.Task[CycleReport]) -> None:
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


Cycles.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestCycles = Cycles.TestCase
