"""Sources that read a directory: a fault at every system call of a listing or download.

Files and the changes to them are real, error codes are injected; the frame is in memory.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.plan import Rule
from picsync.sources.base import Source
from picsync.sync.rule import AlbumRule
from tests.faults.cells import Cell, Result
from tests.faults.disk import Armed, Call, Disk
from tests.faults.sorts_of_files import in_a_source
from tests.sync.harness import Harness, digest, open_harness

ALBUM = "Family"


class Directory(Protocol):
    """An album of a source that reads a directory."""

    kind: str
    root: Path
    """Everything that the source reads."""
    entry: str
    """The album as the source names it."""

    @property
    def written(self) -> object:
        """The same in picsync.yaml; files are read immediately after a change."""

    async def put(self, name: str) -> bytes:
        """Add a picture to the album and return its bytes."""

    def remove(self, name: str) -> None:
        """Remove a picture from the album, as its owner would."""

    def open(self) -> Source:
        """Open the source as a new process would."""


MakeDirectory = Callable[[Path], Directory]
"""Makes one in an empty folder."""


@dataclass
class World:
    """A directory that a source reads, and a frame that shows its pictures."""

    folder: Path
    directory: Directory
    disk: Disk
    harness: Harness
    wanted: dict[str, bytes] = field(default_factory=dict)
    reports: list[CycleReport] = field(default_factory=list)
    elsewhere: Path | None = None
    _sources: list[Source] = field(default_factory=list)

    async def put(self, *names: str) -> None:
        for name in names:
            with self.disk.by_hand():
                self.wanted[name] = await self.directory.put(name)

    def remove(self, name: str) -> None:
        with self.disk.by_hand():
            self.directory.remove(name)
        del self.wanted[name]

    async def start(self) -> None:
        """Start a new process."""
        await self.close()
        source = self.directory.open()
        self._sources.append(source)
        tools = self.harness.tools
        # The capabilities of the harness's own source go with its name.
        self.harness.rule = AlbumRule(Rule(ALBUM), sources={self.directory.kind: [self.directory.entry]})
        tools.sources.clear()  # type: ignore[attr-defined]  # a dict, of the harness
        tools.sources[self.directory.kind] = source  # type: ignore[index]

    async def close(self) -> None:
        for source in self._sources:
            await source.aclose()
        self._sources.clear()

    async def cycle(self) -> CycleReport:
        report = await self.harness.cycle()
        self.reports.append(report)
        return report

    def synced(self) -> bool:
        wanted = {digest(content) for content in self.wanted.values()}
        shown = self.harness.frame.playlist_digests(f"ss_{ALBUM}")
        return self.harness.frame.digests(ALBUM) == wanted == set(shown) and len(shown) == len(wanted)

    def take_away(self) -> None:
        self.elsewhere = self.folder / "elsewhere"
        self.directory.root.rename(self.elsewhere)

    def recover(self) -> None:
        self.disk.armed.clear()
        if self.elsewhere is None:
            return
        root = self.directory.root
        with self.disk.by_hand():
            if root.is_dir():
                shutil.rmtree(root)
            else:
                root.unlink(missing_ok=True)
            self.elsewhere.rename(root)
        self.elsewhere = None

    async def converge(self, most: int) -> int:
        """Run cycles until everything is right, then assert that the next one does nothing."""
        for number in range(1, most + 1):
            if (await self.cycle()).outcome is CycleOutcome.DONE and self.synced():
                await self.harness.assert_idle()
                return number
        raise AssertionError(f"not in step after {most} cycles: {self.reports}")


@asynccontextmanager
async def open_world(folder: Path, make: MakeDirectory) -> AsyncIterator[World]:
    """Open a world that was in sync, after which one picture was added and one removed."""
    for name in ("read", "own"):
        (folder / name).mkdir()
    directory = make(folder / "read")
    disk = Disk(directory.root, what=in_a_source)
    async with open_harness(folder / "own") as harness:
        world = World(folder, directory, disk, harness)
        await world.put(*(f"IMG_{number}.jpg" for number in range(5)))
        await world.start()
        assert (await world.cycle()).outcome is CycleOutcome.DONE, world.reports
        await world.put("IMG_9.jpg")
        world.remove("IMG_0.jpg")
        with disk.watching():
            await world.start()
            try:
                yield world
            finally:
                await world.close()


@dataclass(frozen=True)
class FaultType:
    name: str
    family: str
    before: Callable[[World, Disk, str], None]
    concerns: Callable[[Call], bool] = lambda _: True
    may_last: bool = False


READING = frozenset({"open", "read", "list", "look at"})


def _error(number: int, functions: frozenset[str] = READING) -> FaultType:
    def fail(_world: World, _disk: Disk, path: str) -> None:
        raise OSError(number, os.strerror(number), path)

    return FaultType(
        errno.errorcode[number], "errors", fail, lambda call: call.function in functions, may_last=True
    )


def _unmount(world: World, disk: Disk, _path: str) -> None:
    world.take_away()
    disk.root.mkdir()


def _become_a_file(world: World, disk: Disk, _path: str) -> None:
    world.take_away()
    disk.root.write_bytes(b"a file")


def _delete(world: World, _disk: Disk, _path: str) -> None:
    if "IMG_1.jpg" in world.wanted:
        world.remove("IMG_1.jpg")


FAULT_TYPES = (
    _error(errno.EIO),
    _error(errno.ESTALE),
    _error(errno.EACCES, frozenset({"open", "list", "look at"})),
    FaultType("unmounted", "others", _unmount),
    FaultType("folder gone", "others", lambda world, _disk, _path: world.take_away()),
    FaultType("folder replaced by a file", "others", _become_a_file),
    FaultType("a picture deleted", "others", _delete),
)


@dataclass(frozen=True)
class SourceCell:
    """A fault at one kind of call while a source reads its directory."""

    kind: str
    make: MakeDirectory
    call: Call
    fault_type: FaultType
    lasting: bool
    long: bool = False

    @property
    def place(self) -> str:
        return f"{self.kind}: {self.call}"

    @property
    def family(self) -> str:
        return f"disk: {self.fault_type.family}"

    def __str__(self) -> str:
        how = "lasting" if self.lasting else "once"
        return f"{self.kind} source: {self.call}: {self.fault_type.name} {how}"

    def pairs_with(self, other: Cell) -> bool:
        return (
            isinstance(other, SourceCell)
            and (other.kind, other.fault_type.family) == (self.kind, "errors")
            and other.call != self.call
        )

    async def play(self, folder: Path, *, restart: bool, also: Cell | None = None) -> Result:
        async with open_world(folder, self.make) as world:
            before = world.harness.frame.digests(ALBUM)
            armed = self._arm(world)
            if isinstance(also, SourceCell):
                also._arm(world)
            report = await world.cycle()
            assert armed.hits or also is not None, "the fault never occurred"
            wanted = set(map(digest, world.wanted.values()))
            lost = (before & wanted) - world.harness.frame.digests(ALBUM)
            assert not lost, f"the frame lost what is still wanted: {report}"
            assert (report.outcome is CycleOutcome.DONE) == (not report.failures), report
            for each in report.failures:
                assert each.error.message, report
            if report.outcome is CycleOutcome.DONE and self.fault_type.family == "errors":
                assert world.synced(), report
            assert world.disk.bypassed == []
            world.recover()
            if restart:
                await world.start()
            return Result(await world.converge(2), report.outcome)

    def _arm(self, world: World) -> Armed:
        def before(disk: Disk, path: str) -> None:
            self.fault_type.before(world, disk, path)

        return world.disk.arm(Armed(self.call, None if self.lasting else 1, before))


def source_cells(kind: str, make: MakeDirectory) -> list[SourceCell]:
    """Return the cells of a kind of source, in a fixed order. Not to be called from an event loop."""
    return list(_cells(kind, make))


def _cells(kind: str, make: MakeDirectory) -> Iterator[SourceCell]:
    for call in _calls_of(make):
        for fault_type in FAULT_TYPES:
            if fault_type.concerns(call):
                for lasting in (False, True) if fault_type.may_last else (False,):
                    yield SourceCell(kind, make, call, fault_type, lasting)


@cache
def _calls_of(make: MakeDirectory) -> list[Call]:
    async def calls(folder: Path) -> set[Call]:
        async with open_world(folder, make) as world:
            await world.cycle()
            assert world.synced(), world.reports
            return set(world.disk.calls)

    with TemporaryDirectory() as folder:
        return sorted(asyncio.run(calls(Path(folder))))
