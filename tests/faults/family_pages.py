"""The family's pages as a frame: a fault at every statement, call to the disk of small versions, and render.

The database is a real SQLite file; errors are raised where SQLAlchemy calls sqlite3, and a process that is
killed loses what it has not committed. The disk is as for `directory_frame`. tests/web/family/test_full_disks
has disks that are really full.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, ClassVar, TypeVar

import sqlalchemy as sa

from picsync.core.caption import NOTHING, Details, Wording
from picsync.core.errors import ItemError
from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.plan import Rule
from picsync.core.recipe import Recipe
from picsync.family.gallery import CAPTION, RECIPE, Gallery
from picsync.family.photos import photo_id
from picsync.family.pictures import SIZES, Pictures
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.rendering.pool import Rendered
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from tests.faults.cells import Cell, Result
from tests.faults.disk import CHANGES, Armed, Call, Disk, Killed, is_kill
from tests.pictures import jpeg
from tests.shared_results import shared
from tests.sync.harness import ALBUM, Harness, open_harness
from tests.sync.household import Painter

T = TypeVar("T")

KIND = "family pages"
RENDER = Call("render", "a version")
DATABASE = frozenset({"begin", "select", "insert", "update", "delete", "commit"})
WRITES = frozenset({"insert", "update", "delete"})
_STATEMENT = re.compile(r"(SELECT|INSERT|UPDATE|DELETE)\b.*?(?:\bFROM|\bINTO|^UPDATE)\s+(\w+)", re.DOTALL)


class Scenario(StrEnum):
    """The state that a cycle starts from."""

    NEW = "new category"
    """Three photos for a category that does not exist."""
    CHANGED = "changed category"
    """In sync, except that one photo was added and one removed, one has lost its small versions, another
    is in the album a second time."""


class Steps:
    """Statements and renders, with the faults before and after them."""

    def __init__(self) -> None:
        self.armed: list[Armed] = []
        self.calls: Counter[Call] = Counter()
        self.dead = False
        self._lock = threading.RLock()

    def run(self, world: World, call: Call, work: Callable[[], T]) -> T:
        with self._lock:
            if self.dead:
                raise Killed
            self.calls[call] += 1
            due = [each for each in self.armed if each.due(call)]
            for each in due:
                each.hits += 1
                if each.before is not None:
                    each.before(world.disk, "")
            result = work()
            for each in due:
                if each.after is not None:
                    each.after(world.disk, "")
            return result


class _Connection(sqlite3.Connection):
    world: ClassVar[World]

    def cursor(self, factory: Any = None) -> Any:
        del factory
        return super().cursor(_Cursor)

    def commit(self) -> None:
        self.world.steps.run(self.world, Call("commit", "a transaction"), super().commit)


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *arguments: Any) -> Any:
        return self._run(sql, lambda: super(_Cursor, self).execute(sql, *arguments))

    def executemany(self, sql: str, *arguments: Any) -> Any:
        return self._run(sql, lambda: super(_Cursor, self).executemany(sql, *arguments))

    def _run(self, sql: str, work: Callable[[], Any]) -> Any:
        assert isinstance(self.connection, _Connection)
        world = self.connection.world
        if sql.startswith("BEGIN"):
            call = Call("begin", "to write" if "IMMEDIATE" in sql else "to read")
        elif found := _STATEMENT.match(sql):
            call = Call(found[1].lower(), found[2])
        else:
            return work()  # The settings of a connection.
        return world.steps.run(world, call, work)


class _Disk(Disk):
    """One that also sees files that are created by `open`."""

    def audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        path = self._relative(arguments[0]) if event == "open" else None
        inside: bool = getattr(self._inside, "depth", 0) > 0
        if path is None or inside or not arguments[2] & os.O_CREAT:
            super().audited(event, arguments)
            return
        # What a hook raises is what `open` raises; the file is created afterwards.
        self._run("create", path, lambda _: None)


class _Painter(Painter):
    world: World

    async def render(
        self, source: BinaryIO, recipe: Recipe, target: BinaryIO, about: Details = NOTHING
    ) -> Rendered:
        if self.world.steps.dead:
            raise Killed
        self.world.target = target
        done = await super().render(source, recipe, target, about)
        return self.world.steps.run(self.world, RENDER, lambda: done)


@dataclass
class World:
    """The family's pages, and the picsync that fills them."""

    folder: Path
    harness: Harness
    disk: Disk
    steps: Steps = field(default_factory=Steps)
    reports: list[CycleReport] = field(default_factory=list)
    harmed: set[str] = field(default_factory=set)
    """Photos whose small versions somebody has removed."""
    target: BinaryIO | None = None
    """What is rendered to."""
    state: State | None = None
    pictures: Pictures | None = None

    async def start(self) -> None:
        """Start a new process."""
        await self.close()
        self.state = await State.open(str(self.folder / "cache.db"))
        # Those that the opening has left are closed; each new one is watched.
        self.state._engine.dispose()
        watched = type("Connection", (_Connection,), {"world": self})

        def connect(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
            options["factory"] = watched

        sa.event.listen(self.state._engine, "do_connect", connect)
        painter = _Painter()
        painter.world = self
        self.pictures = Pictures(self.disk.root, painter)
        with self.disk.by_hand():
            self.pictures.sweep()
        gallery = Gallery(self.state, self.pictures)
        self.harness.tools = replace(self.harness.tools, frames={KIND: gallery}, renderer=Painter())
        self.harness.rule = AlbumRule(
            Rule(ALBUM),
            {"googlephotos": ["a"]},
            KIND,
            recipe=RECIPE,
            wording=Wording(CAPTION),
            judged=False,
            settles=False,
        )

    async def close(self) -> None:
        self.steps.dead = False
        if self.state is not None:
            await self.state.aclose()

    async def cycle(self) -> CycleReport:
        report = await run_cycle(self.harness.rule, self.harness.tools)
        self.reports.append(report)
        return report

    def recover(self) -> None:
        self.steps.armed.clear()
        self.disk.armed.clear()

    def arm(self, call: Call, *, lasting: bool, fault_type: FaultType, skip: int = 0) -> Armed:
        armed = Armed(call, None if lasting else 1, skip=skip)
        for name in ("before", "after"):
            action = getattr(fault_type, name)
            if action is not None:
                setattr(armed, name, lambda _disk, path, act=action: act(self, path))
        if call == RENDER or call.function in DATABASE:
            self.steps.armed.append(armed)
        else:
            self.disk.arm(armed)
        return armed

    def wanted(self) -> set[str]:
        """Return the IDs of the photos that the album has."""
        contents = self.harness.source.content["a"].originals.values()
        return {photo_id(hashlib.sha256(content).hexdigest()) for content in contents}

    async def listed(self) -> set[str]:
        """Return the IDs of the photos of the category, in a connection of its own."""
        entry = tables.entry
        engine = sa.create_engine(f"sqlite:///{self.folder / 'cache-family.db'}")
        try:
            with engine.connect() as connection:
                return set(connection.scalars(sa.select(entry.c.photo).where(entry.c.category == ALBUM)))
        finally:
            engine.dispose()

    def broken(self) -> list[str]:
        """Return the photos that have some small versions, but not all of them."""
        with self.disk.by_hand():
            folders = [path for path in self.disk.root.glob("*/*") if not path.parent.name.startswith(".")]
            return [folder.name for folder in folders if not all(map(_has_content, _versions(folder)))]

    def whole(self) -> set[str]:
        with self.disk.by_hand():
            return {path.name for path in self.disk.root.glob("*/*") if not path.parent.name.startswith(".")}

    async def check(self, before: set[str]) -> None:
        """Assert that nothing wanted was lost, and that what is listed can be shown."""
        listed = await self.listed()
        lost = (before & self.wanted()) - listed
        assert not lost, f"the category lost {lost}: {self.reports}"
        assert self.broken() == []
        blank = listed - self.whole() - self.harmed
        assert not blank, f"without small versions: {blank}"

    async def synced(self) -> bool:
        return await self.listed() == self.wanted() and self.wanted() <= self.whole()

    async def converge(self, most: int) -> int:
        """Run cycles until everything is right, then assert that the next one does nothing."""
        for number in range(1, most + 1):
            report = await self.cycle()
            if report.outcome is CycleOutcome.DONE and await self.synced():
                await self.assert_idle()
                return number
        raise AssertionError(f"not in step after {most} cycles: {self.reports}")

    async def assert_idle(self) -> None:
        downloads = len(self.harness.source.downloads)
        self.steps.calls.clear()
        self.disk.calls.clear()
        report = await self.cycle()
        assert report.outcome is CycleOutcome.DONE, report
        assert len(self.harness.source.downloads) == downloads, "a photo was downloaded again"
        did = [str(call) for call in self.steps.calls if call.function in WRITES or call == RENDER]
        did += [str(call) for call in self.disk.calls if call.function in CHANGES]
        assert did == [], did
        assert await self.synced(), report
        with self.disk.by_hand():
            assert not list(self.disk.root.glob(".new-*")), "something was left"
        assert self.disk.bypassed == []


def _versions(folder: Path) -> list[Path]:
    return [folder / f"{size}.jpg" for size in SIZES]


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _sort(path: str) -> str:
    parts = Path(path).parts
    if not parts:
        return "the folder"
    if parts[0].startswith(".new-"):
        return "a new folder" if len(parts) == 1 else "a new version"
    return ("a group", "a photo", "a version")[len(parts) - 1]


@asynccontextmanager
async def open_world(folder: Path, scenario: Scenario) -> AsyncIterator[World]:
    (folder / "pictures").mkdir()
    async with open_harness(folder) as harness:
        world = World(folder, harness, _Disk(folder / "pictures", what=_sort))
        try:
            await world.start()
            if scenario is Scenario.NEW:
                harness.put("a", "b", "c")
            else:
                harness.put("a", "b", "c", "d", "e")
                assert (await world.cycle()).outcome is CycleOutcome.DONE, world.reports
                harness.remove("a")
                harness.put("f")
                harness.source.put("a", "again", jpeg("c"), filename="again.jpg")
                _lose(world, "b")
            with world.disk.watching():
                world.steps.calls.clear()
                world.disk.calls.clear()
                world.disk.flush()
                yield world
        finally:
            world.recover()
            await world.close()


def _lose(world: World, name: str) -> None:
    photo = photo_id(hashlib.sha256(jpeg(name)).hexdigest())
    with world.disk.by_hand():
        shutil.rmtree(world.disk.root / photo[:2] / photo, ignore_errors=True)
    world.harmed.add(photo)


@dataclass(frozen=True)
class FaultType:
    """A fault at one kind of call."""

    name: str
    family: str
    concerns: Callable[[Call], bool]
    before: Callable[[World, str], None] | None = None
    after: Callable[[World, str], None] | None = None
    may_last: bool = False
    kills: bool = False
    power_lost: bool = False
    names_kept: bool = False


def _disk_error(number: int, *functions: str) -> FaultType:
    def fail(_world: World, path: str) -> None:
        raise OSError(number, os.strerror(number), path)

    name = errno.errorcode[number]
    return FaultType(name, "disk", lambda call: call.function in functions, fail, may_last=True)


def _sqlite_error(text: str, kind: type[sqlite3.Error], functions: frozenset[str]) -> FaultType:
    def fail(_world: World, _path: str) -> None:
        raise kind(text)

    return FaultType(text, "database", lambda call: call.function in functions, fail, may_last=True)


def _no_worker(_world: World, _path: str) -> None:
    raise ItemError("no process could be started to render it: no memory.")


def _half_rendered(world: World, path: str) -> None:
    assert world.target is not None
    world.target.truncate(3)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def _kill(world: World, _path: str) -> None:
    world.steps.dead = True
    world.disk.kill()


def _changing(call: Call) -> bool:
    return call.function in CHANGES | WRITES | {"flush", "commit", "render"}


_LOCKED = DATABASE - {"commit"}
_WRITING = WRITES | {"commit"}
FAULT_TYPES: tuple[FaultType, ...] = (
    _disk_error(errno.ENOSPC, "create", "mkdir", "flush", "rename", "render"),
    _disk_error(errno.EIO, "create", "mkdir", "flush", "rename", "list", "look at", "unlink", "render"),
    _disk_error(errno.EROFS, "create", "mkdir", "rename", "unlink"),
    _disk_error(errno.EACCES, "create", "mkdir", "rename", "unlink", "list", "look at", "open"),
    _disk_error(errno.ESTALE, "create", "mkdir", "flush", "rename", "list", "look at", "open", "unlink"),
    _sqlite_error("database is locked", sqlite3.OperationalError, _LOCKED),
    _sqlite_error("database or disk is full", sqlite3.OperationalError, _WRITING),
    _sqlite_error("disk I/O error", sqlite3.OperationalError, DATABASE),
    _sqlite_error("attempt to write a readonly database", sqlite3.OperationalError, _WRITING),
    _sqlite_error("database disk image is malformed", sqlite3.DatabaseError, DATABASE),
    FaultType("no worker", "renderer", lambda call: call == RENDER, _no_worker, may_last=True),
    FaultType("half written, ENOSPC", "renderer", lambda call: call == RENDER, _half_rendered),
    FaultType("small versions lost", "others", lambda _: True, lambda world, _: _lose(world, "d")),
    FaultType("killed before", "killed", _changing, _kill, kills=True),
    FaultType("killed after", "killed", _changing, after=_kill, kills=True),
    FaultType("power lost", "killed", _changing, after=_kill, kills=True, power_lost=True),
    FaultType(
        "power lost, names kept",
        "killed",
        _changing,
        after=_kill,
        kills=True,
        power_lost=True,
        names_kept=True,
    ),
)


@dataclass(frozen=True)
class GalleryCell:
    """A fault at one kind of call of a cycle that fills the pages."""

    scenario: Scenario
    call: Call
    fault_type: FaultType
    lasting: bool = False
    last: bool = False
    """Whether it occurs at the last of these calls instead of the first."""
    kind: str = KIND
    long: bool = False

    @property
    def place(self) -> str:
        return f"{KIND}: {self.call}"

    @property
    def family(self) -> str:
        return f"pages: {self.fault_type.family}"

    def __str__(self) -> str:
        how = "lasting" if self.lasting else "at last" if self.last else "once"
        return f"{KIND}: {self.scenario}: {self.call}: {self.fault_type.name} {how}"

    def pairs_with(self, other: Cell) -> bool:
        return (
            isinstance(other, GalleryCell)
            and other.scenario == self.scenario
            and other.call != self.call
            and not (self.fault_type.kills or other.fault_type.kills)
        )

    async def play(self, folder: Path, *, restart: bool, also: Cell | None = None) -> Result:
        async with open_world(folder, self.scenario) as world:
            before = await world.listed()
            if self.fault_type.kills:
                await self._killed(world)
                await world.check(before)
                return Result(await world.converge(2), None)
            armed = world.arm(self.call, lasting=self.lasting, fault_type=self.fault_type)
            if isinstance(also, GalleryCell):
                world.arm(also.call, lasting=also.lasting, fault_type=also.fault_type)
            report = await world.cycle()
            assert armed.hits or also is not None, "the fault never occurred"
            await world.check(before)
            assert (report.outcome is CycleOutcome.DONE) == (not report.failures), report
            assert all(each.error.message for each in report.failures), report
            if report.outcome is CycleOutcome.DONE and self.fault_type.family != "others":
                assert await world.synced(), f"said to be done, but is not: {report}"
            world.recover()
            if restart:
                await world.start()
            return Result(await world.converge(2), report.outcome)

    async def _killed(self, world: World) -> None:
        # Uploads are concurrent, so the number of calls may differ: then the fault occurs at the end.
        skip = calls_of(self.scenario)[self.call] - 1 if self.last else 0
        world.arm(self.call, lasting=False, fault_type=self.fault_type, skip=skip)
        try:
            await world.cycle()
        except BaseException as error:
            if not is_kill(error):
                raise
        world.recover()
        kind = self.fault_type
        world.disk.restart(power_lost=kind.power_lost, names_kept=kind.names_kept)
        await world.start()


def gallery_cells() -> list[GalleryCell]:
    """Return all cells, in a fixed order. Not to be called from an event loop."""
    cells = []
    for scenario in Scenario:
        for call in _places_of(scenario):
            for fault_type in FAULT_TYPES:
                if not fault_type.concerns(call):
                    continue
                cells.append(GalleryCell(scenario, call, fault_type))
                if fault_type.may_last:
                    cells.append(GalleryCell(scenario, call, fault_type, lasting=True))
                if fault_type.kills:
                    cells.append(GalleryCell(scenario, call, fault_type, last=True))
    return cells


def _places_of(scenario: Scenario) -> Sequence[Call]:
    found = set(calls_of(scenario))
    if scenario is Scenario.NEW:
        found -= set(calls_of(Scenario.CHANGED))
    return sorted(found)


@cache
def calls_of(scenario: Scenario) -> Counter[Call]:
    """Return the calls of a cycle in a scenario. The first call must not come from an event loop."""

    async def calls(folder: Path) -> Counter[Call]:
        async with open_world(folder, scenario) as world:
            await world.cycle()
            assert await world.synced(), world.reports
            return world.steps.calls + world.disk.calls

    def run() -> Counter[Call]:
        with TemporaryDirectory() as folder:
            return asyncio.run(calls(Path(folder)))

    return shared(f"family-pages-{scenario.name}", run)
