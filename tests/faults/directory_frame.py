"""Frames that are a directory: a fault at every system call, in every scenario.

The files, the cycle and the cache are real, and so is what other programs do to the directory: they rename
it, replace it by a file, delete, truncate and write. Error codes, quirks of file systems, the end of the
process and the effects of a power failure are injected. `test_real_volumes` has volumes that are really full,
read-only or unmounted.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.plan import Rule
from picsync.frames.base import Rejects
from picsync.frames.folder.frame import FolderFrame
from picsync.frames.folder.options import Level
from picsync.frames.web.frame import WebFrame
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from picsync.sync.tempfiles import Spool
from picsync.sync.transfer import Tools
from tests.cache.fresh import open_fresh
from tests.contract.memory_source import MemorySource
from tests.faults.cells import Cell, Result
from tests.faults.disk import CHANGES, Armed, Call, Disk, is_kill
from tests.faults.sorts_of_files import in_a_frame
from tests.pictures import jpeg
from tests.shared_results import shared

KIND, WEB_KIND = "folder", "web"
ALBUM = "Family"
INNER = ".picsync"
JOURNAL = f"{INNER}/manifest.jsonl"

NAMES = (
    "Größe.jpg",  # Composed,
    "Gro\u0308\u00dfe.jpg",  # and decomposed: the same name on macOS, and to people.
    "北京 🎂.jpg",
    "\u202egpj.exe",
    "IMG_1.JPG",
    "img_1.jpg",
    "con.jpg",
    "../../up.jpg",
    ".hidden.jpg",
    "a/b\\c:d*e?f.jpg",
    "",
    "x" * 300 + ".jpg",
)


class Scenario(StrEnum):
    """The state that a cycle starts from."""

    NEW = "new folder"
    """Only files of other programs; one of them has the name that a photo would get."""
    CHANGED = "changed album"
    """In sync, except that one photo was added, one removed, one truncated and one deleted."""
    LONG_MANIFEST = "long manifest"
    """As CHANGED, with a manifest that has to be rewritten."""
    RENAMED = "other names"
    """As CHANGED, with names of another level, so that all files are renamed."""
    NAMES = "odd names"
    """Photos with unusual names."""


@dataclass
class World:
    """A directory that is a frame, and the picsync that fills it."""

    folder: Path
    disk: Disk
    source: MemorySource = field(default_factory=lambda: MemorySource("boxes"))
    reports: list[CycleReport] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    elsewhere: Path | None = None
    """Location of the directory while it is unmounted."""
    unknowable: bool = False
    """Whether it was unmounted before picsync had ever filled it, so that an empty one in its place is a new
    one."""
    forgotten: bool = False
    """Whether picsync cannot know any more which pictures it wrote."""
    harmed: set[str] = field(default_factory=set)
    """Digests of pictures that another program deleted or truncated."""
    rejected: set[str] = field(default_factory=set)
    """Digests of pictures that were deleted as a request: they must not be written again."""
    doubtful: set[str] = field(default_factory=set)
    """The same of those that may be written again: picsync may not know that they existed."""
    kind: str = KIND
    level: Level = Level.SAFE
    _others: dict[str, bytes] = field(default_factory=dict)
    _shown: set[str] = field(default_factory=set)
    _known: set[str] = field(default_factory=set)
    _made: int = 0

    def __post_init__(self) -> None:
        self.source.put_album("red")
        self.disk.observers.append(self.look)

    @property
    def root(self) -> Path:
        return self.disk.root

    def add(self, *filenames: str) -> list[str]:
        """Add photos to the source's album; returns their IDs."""
        for filename in filenames:
            self._made += 1
            content = jpeg(f"photo {self._made} " * 20)
            self._known.add(_md5(content))
            self.source.put("red", f"id-{self._made}", content, filename=filename)
        return list(self.source.content["red"].items)[-len(filenames) :]

    def put_foreign(self, name: str, content: bytes) -> None:
        """Put a file of another program into the directory."""
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        self._others[name] = content

    def forget_foreign(self, name: str) -> None:
        """Stop checking a file of another program."""
        del self._others[name]

    def frame(self) -> FolderFrame | WebFrame:
        own = self.folder / "own"
        if self.kind == WEB_KIND:
            return WebFrame("stick", self.root, own_folder=own)
        # Some time after every change.
        return FolderFrame(
            str(self.root),
            own_folder=own,
            level=self.level,
            now=lambda: datetime.now(UTC) + timedelta(hours=1),
        )

    @asynccontextmanager
    async def picsync(self) -> AsyncIterator[Tools]:
        """Open the tools of one process."""
        cache = await open_fresh(self.folder / "cache.db")
        try:
            frames = {"stick": self.frame()}
            spool = Spool(self.folder / "spool")
            yield Tools({"boxes": self.source}, frames, cache, spool, lambda _: None, sleep=_at_once)
        finally:
            await cache.aclose()

    async def cycle(self, tools: Tools) -> CycleReport:
        rule = AlbumRule(Rule(ALBUM), {"boxes": ["red"]}, frame="stick")
        report = await run_cycle(rule, tools)
        self.reports.append(report)
        return report

    # --- what is ---------------------------------------------------------------------------------------

    def wanted(self) -> set[str]:
        return {_md5(content) for content in self.source.content["red"].originals.values()} - self.rejected

    def take_away(self, digest: str, *, known: bool) -> None:
        """Expect that a picture whose file another program removed stays away, if picsync knows the file."""
        if known and isinstance(self.frame(), Rejects):
            self.rejected.add(digest)
        else:
            self.doubtful.add(digest)

    def pictures(self) -> dict[str, bytes]:
        """Return what a viewer would show, apart from files of other programs."""
        with self.disk.by_hand():
            if not self.root.is_dir():
                return {}
            paths = [*self.root.iterdir(), *self.root.glob("DCIM/*/*")]
            files = {str(path.relative_to(self.root)): path for path in paths if path.is_file()}
            return {name: path.read_bytes() for name, path in files.items() if name not in self._others}

    def look(self, when: str) -> None:
        """Record violations, after a change."""
        if self.elsewhere is not None:
            if not self.unknowable and self.root.is_dir() and any(self.root.iterdir()):
                self.violations.append(f"something was written where the volume is not, after {when}")
            return
        shown = {_md5(content) for content in self.pictures().values()}
        for digest in shown - self._known - self.harmed:
            self.violations.append(f"a picture was not whole after {when}: {digest}")
        for digest in (self._shown - shown) & self.wanted() - self.harmed:
            self.violations.append(f"a wanted picture was gone after {when}: {digest}")
        self._shown = shown
        with self.disk.by_hand():
            for name, content in self._others.items():
                path = self.root / name
                if not path.is_file() or path.read_bytes() != content:
                    self.violations.append(f"another program's {name} was touched after {when}")

    def synced(self) -> bool:
        digests = Counter(map(_md5, self.pictures().values()))
        due = self.wanted() - self.doubtful
        right = due <= digests.keys() and (
            self.forgotten or digests.keys() <= self.wanted() | self.doubtful & self._known
        )
        return right and set(digests.values()) <= {1} and (self._tidy() or not self._wrote())

    def _wrote(self) -> bool:
        """Whether anything was written, apart from the removal of what a crash left."""
        return any(call.function in CHANGES for call in self.disk.calls)

    def _tidy(self) -> bool:
        return not self._leftovers()

    def _leftovers(self) -> list[str]:
        with self.disk.by_hand():
            inner = self.root / INNER
            return [path.name for path in inner.iterdir() if path.name.endswith(".part")]

    def state(self) -> str:
        digests = {name: _md5(content) in self.wanted() for name, content in self.pictures().items()}
        failures = [
            (
                report.outcome,
                report.hold and report.hold.reason,
                [str(each.error) for each in report.failures],
            )
            for report in self.reports
        ]
        return f"{len(self.wanted())} wanted; there and wanted: {digests}; {self._leftovers()}; {failures}"

    def restart(self) -> None:
        """Expect what is there now; the power failure removed the rest."""
        self._shown = {_md5(content) for content in self.pictures().values()}

    def recover(self) -> None:
        """End every fault."""
        self.disk.armed.clear()
        if self.elsewhere is None:
            return
        with self.disk.by_hand():
            if self.root.is_dir():
                shutil.rmtree(self.root)
            else:
                self.root.unlink(missing_ok=True)
            self.elsewhere.rename(self.root)
            if self.unknowable:
                # As the message about a directory without a manifest says.
                (self.root / INNER).mkdir(exist_ok=True)
        self.elsewhere = None

    async def converge(self, tools: Tools, most: int) -> int:
        """Run cycles until everything is right and return their number; assert that the next one does
        nothing."""
        for number in range(1, most + 1):
            self.disk.calls.clear()
            report = await self.cycle(tools)
            if report.outcome is CycleOutcome.DONE and self.synced():
                await self.assert_idle(tools)
                return number
        raise AssertionError(f"not in step after {most} cycles\n{self.state()}")

    async def assert_idle(self, tools: Tools) -> None:
        """Assert that the next cycle transfers no photo, writes nothing and opens no picture."""
        downloads = len(self.source.downloads)
        self.disk.calls.clear()
        report = await self.cycle(tools)
        assert report.outcome is CycleOutcome.DONE, self.state()
        assert len(self.source.downloads) == downloads, "a photo was downloaded again"
        did = [str(call) for call in self.disk.calls if call.function in CHANGES or call == OPEN_PICTURE]
        assert did == [], did
        assert self.synced(), self.state()
        assert self.violations == []
        assert self.disk.bypassed == []


OPEN_PICTURE = Call("open", "a picture")


async def _at_once(_: float) -> None:
    return


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@asynccontextmanager
async def open_world(folder: Path, kind: str = KIND) -> AsyncIterator[World]:
    for name in ("stick", "own", "spool"):
        (folder / name).mkdir()
    world = World(folder, Disk(folder / "stick", what=in_a_frame), kind=kind)
    with world.disk.watching():
        yield world


async def set_up(world: World, scenario: Scenario) -> None:
    """Set up the scenario, up to the first call of the cycle."""
    with world.disk.by_hand():
        world.put_foreign("holiday.jpg", b"another program's")
        world.put_foreign("others/IMG_1.jpg", b"in a folder of its own")
    match scenario:
        case Scenario.NEW:
            world.add("IMG_1.jpg", "IMG_2.jpg", "IMG_3.jpg")
            digest = _md5(world.source.content["red"].originals["id-2"])
            with world.disk.by_hand():
                world.put_foreign(f"img_2-{digest[:12]}.jpg", b"has the name of another")
        case Scenario.NAMES:
            world.add(*NAMES)
        case Scenario.CHANGED | Scenario.LONG_MANIFEST | Scenario.RENAMED:
            await _fill_and_change(world)
            if scenario is Scenario.RENAMED:
                world.level = Level.DCF
            if scenario is Scenario.LONG_MANIFEST:
                with world.disk.by_hand(), (world.root / JOURNAL).open("ab") as journal:
                    journal.write(b'{"album":"Family"}\n' * 1_100)
    world.reports.clear()
    world.disk.calls.clear()
    world.source.downloads.clear()
    world.disk.flush()


async def _fill_and_change(world: World) -> None:
    gone, *_ = world.add(*(f"IMG_{number}.jpg" for number in range(6)))
    async with world.picsync() as tools:
        assert (await world.cycle(tools)).outcome is CycleOutcome.DONE, world.state()
    world.source.remove("red", gone)
    _take_picture(world, Path.unlink, known=True)
    _take_picture(world, lambda path: os.truncate(path, 30))
    world.add("IMG_9.jpg")


def _take_picture(world: World, action: Callable[[Path], object], *, known: bool = False) -> None:
    """Change one of the wanted, unchanged pictures, as another program."""
    for name, content in sorted(world.pictures().items()):
        digest = _md5(content)
        if digest in world.wanted() and digest not in world.harmed:
            with world.disk.by_hand():
                path = world.root / name
                action(path)
                there = path.is_file()
                world.harmed |= {digest, *([_md5(path.read_bytes())] if there else [])}
            if not there:
                world.take_away(digest, known=known)
            return


# --- fault types ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FaultType:
    """A fault at one kind of call."""

    name: str
    family: str
    concerns: Callable[[Call], bool]
    before: Callable[[World, Disk, str], None] | None = None
    after: Callable[[World, Disk, str], None] | None = None
    may_last: bool = False
    kills: bool = False
    power_lost: bool = False
    names_kept: bool = False

    def arm(self, world: World, call: Call, *, lasting: bool, skip: int = 0) -> Armed:
        before = None if self.before is None else partial(self.before, world)
        after = None if self.after is None else partial(self.after, world)
        return world.disk.arm(Armed(call, None if lasting else 1, before, after, skip))


FULL = (Scenario.NEW, Scenario.CHANGED)
"""Scenarios in which every kind of call is played."""
WRITING = frozenset({"create", "write", "mkdir", "rename", "flush"})
ANY = frozenset({"open", "read", "list", "look at", "free space of", *WRITING, "unlink"})


def _error(number: int, functions: frozenset[str]) -> FaultType:
    def fail(_world: World, _disk: Disk, path: str) -> None:
        raise OSError(number, os.strerror(number), path)

    return FaultType(
        errno.errorcode[number],
        "no room" if number in (errno.ENOSPC, errno.EDQUOT) else "errors",
        lambda call: call.function in functions,
        fail,
        may_last=True,
    )


def _half_written(_world: World, disk: Disk, path: str) -> None:
    with (disk.root / path).open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.truncate(max(size - 20, 0))
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def _unmount(world: World, disk: Disk, _path: str) -> None:
    _take_away(world, disk)
    disk.root.mkdir()


def _take_away(world: World, disk: Disk, _path: str = "") -> None:
    world.elsewhere = world.folder / "elsewhere"
    world.unknowable = not any((world.folder / "own").rglob("*"))
    disk.root.rename(world.elsewhere)


def _become_a_file(world: World, disk: Disk, _path: str) -> None:
    _take_away(world, disk)
    disk.root.write_bytes(b"a file")


def _lose_manifest(world: World, disk: Disk, _path: str) -> None:
    (disk.root / JOURNAL).unlink(missing_ok=True)
    world.forgotten = True
    world.doubtful |= world.rejected
    world.rejected.clear()


def _rename_picture(world: World, _disk: Disk, _path: str) -> None:
    def rename(path: Path) -> None:
        # Whatever it contains, it no longer belongs to picsync.
        world.put_foreign("renamed.jpg", path.read_bytes())
        path.unlink()

    _take_picture(world, rename)


def _by_others(name: str, action: Callable[[World, Disk, str], None]) -> FaultType:
    return FaultType(name, "others", lambda call: call.function != "permission of", action)


def _kill(_world: World, disk: Disk, _path: str) -> None:
    disk.kill()


def _changing(call: Call) -> bool:
    return call.function in CHANGES or call.function == "flush"


FAULT_TYPES: tuple[FaultType, ...] = (
    _error(errno.ENOSPC, WRITING),
    _error(errno.EDQUOT, WRITING),
    FaultType("half written, ENOSPC", "no room", lambda call: call.function == "write", after=_half_written),
    _error(errno.EIO, ANY),
    _error(errno.EROFS, frozenset({"create", "mkdir", "rename", "unlink"})),
    _error(errno.EACCES, frozenset({"open", "create", "mkdir", "rename", "unlink", "list", "look at"})),
    _error(errno.ESTALE, ANY),
    _by_others("unmounted", _unmount),
    _by_others("folder gone", _take_away),
    _by_others("folder replaced by a file", _become_a_file),
    _by_others("a file written", lambda world, _disk, _path: world.put_foreign("new.jpg", b"new")),
    _by_others("a picture deleted", lambda world, *_: _take_picture(world, Path.unlink)),
    _by_others("a picture cut", lambda world, *_: _take_picture(world, lambda path: os.truncate(path, 30))),
    _by_others("a picture renamed", _rename_picture),
    _by_others("the manifest deleted", _lose_manifest),
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


def _quirk(name: str) -> Callable[[World], None]:
    return lambda world: setattr(world.disk, name, name != "flushes_folders")


QUIRKS: Mapping[str, Callable[[World], None]] = {
    "plain": lambda _: None,
    "ignores case": _quirk("ignores_case"),
    "two-second times": _quirk("coarse_times"),
    "cannot flush folders": _quirk("flushes_folders"),
}
"""File systems, and how each is simulated."""


# --- cells ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DirectoryCell:
    """A fault at one kind of call, or a whole cycle on a file system with a quirk."""

    scenario: Scenario
    call: Call | None
    fault_type: FaultType | None
    lasting: bool = False
    last: bool = False
    """Whether it occurs at the last of these calls instead of the first."""
    quirk: str = "plain"
    kind: str = KIND
    long: bool = False

    @property
    def place(self) -> str:
        return str(self.call or "the volume")

    @property
    def family(self) -> str:
        return self.quirk if self.fault_type is None else f"disk: {self.fault_type.family}"

    def __str__(self) -> str:
        if self.fault_type is None:
            return f"{self.kind} frame: {self.scenario}: {self.quirk}"
        how = "lasting" if self.lasting else "at last" if self.last else "once"
        return f"{self.kind} frame: {self.scenario}: {self.call}: {self.fault_type.name} {how}"

    def pairs_with(self, other: Cell) -> bool:
        return (
            isinstance(other, DirectoryCell)
            and (other.scenario, other.kind) == (self.scenario, self.kind)
            and other.call != self.call
            and other.fault_type is not None
            and self.fault_type is not None
            and not other.fault_type.kills
            and not self.fault_type.kills
            and "others" not in (other.fault_type.family, self.fault_type.family)
        )

    async def play(self, folder: Path, *, restart: bool, also: Cell | None = None) -> Result:
        async with open_world(folder, self.kind) as world:
            QUIRKS[self.quirk](world)
            await set_up(world, self.scenario)
            if self.call is None or self.fault_type is None:
                async with world.picsync() as tools:
                    return Result(await world.converge(tools, 2), None)
            if self.fault_type.kills:
                return Result(await self._killed(world, self.call, self.fault_type), None)
            armed = self.fault_type.arm(world, self.call, lasting=self.lasting)
            if isinstance(also, DirectoryCell) and also.call is not None and also.fault_type is not None:
                also.fault_type.arm(world, also.call, lasting=also.lasting)
            async with world.picsync() as tools:
                report = await world.cycle(tools)
                assert armed.hits or also is not None, "the fault never occurred"
                assert world.violations == [], world.state()
                _require_clear(world, report, one=also is None)
                if report.outcome is CycleOutcome.DONE and self.fault_type.family != "others":
                    assert world.synced(), f"said to be done, but is not: {world.state()}"
                world.recover()
                if not restart:
                    return Result(await world.converge(tools, 2), report.outcome)
            async with world.picsync() as tools:
                return Result(await world.converge(tools, 2), report.outcome)

    async def _killed(self, world: World, call: Call, fault_type: FaultType) -> int:
        for _ in range(2 if self.lasting else 1):
            # Uploads are concurrent, so the number of calls may differ: then the fault occurs at the end.
            skip = calls_of(self.scenario, self.kind)[call] - 1 if self.last else 0
            fault_type.arm(world, call, lasting=False, skip=skip)
            async with world.picsync() as tools:
                try:
                    await world.cycle(tools)
                except BaseException as error:
                    if not is_kill(error):
                        raise
            assert world.violations == [], world.state()
            world.disk.restart(power_lost=fault_type.power_lost, names_kept=fault_type.names_kept)
            # A power failure is not a fault of picsync.
            world.restart()
        async with world.picsync() as tools:
            return await world.converge(tools, 2)


def _require_clear(world: World, report: CycleReport, *, one: bool) -> None:
    """Assert that the operator gets one message, with the path and what to do."""
    said = {str(each.error) for each in report.failures}
    assert not one or len(said) <= 1, said
    for each in report.failures:
        assert str(world.root) in each.error.message, each.error
        assert each.error.hint, each.error
    assert (report.outcome is CycleOutcome.FAILED) == bool(said), report


def directory_cells() -> list[DirectoryCell]:
    """Return all cells, in a fixed order. Must not be called from within an event loop."""
    cells = [DirectoryCell(scenario, None, None, quirk=quirk) for scenario in Scenario for quirk in QUIRKS]
    for scenario in Scenario:
        cells += _cells_of(scenario, places_of(scenario))
    return cells


def web_cells() -> list[DirectoryCell]:
    """Return the cells of web frames: where they do more than a folder. Not from within an event loop."""
    own = set(calls_of(Scenario.CHANGED, WEB_KIND)) - set(calls_of(Scenario.CHANGED, KIND))
    return _cells_of(Scenario.CHANGED, sorted(own), WEB_KIND)


def _cells_of(scenario: Scenario, places: Sequence[Call], kind: str = KIND) -> list[DirectoryCell]:
    cells = []
    for call in places:
        for fault_type in FAULT_TYPES:
            if fault_type.concerns(call):
                cell = partial(DirectoryCell, scenario, call, fault_type, kind=kind)
                cells.append(cell())
                if fault_type.may_last or fault_type.kills:
                    cells.append(cell(lasting=True))
                if fault_type.kills:
                    cells.append(cell(last=True))
    return cells


def places_of(scenario: Scenario) -> list[Call]:
    """Return the kinds of calls that are played in a scenario."""
    found = set(calls_of(scenario, KIND))
    if scenario not in FULL:
        found -= set(calls_of(Scenario.CHANGED, KIND))
    # The names of photos do not change which calls a new folder needs.
    return [] if scenario is Scenario.NAMES else sorted(found)


@cache
def calls_of(scenario: Scenario, kind: str) -> Counter[Call]:
    """Return the calls that a cycle makes in a scenario. The first call must not come from an event loop."""

    def calls() -> Counter[Call]:
        with TemporaryDirectory() as folder:
            return asyncio.run(_calls(scenario, Path(folder), kind))

    return shared(f"calls-{scenario.name}-{kind}", calls)


async def _calls(scenario: Scenario, folder: Path, kind: str) -> Counter[Call]:
    async with open_world(folder, kind) as world:
        await set_up(world, scenario)
        async with world.picsync() as tools:
            await world.cycle(tools)
        assert world.synced(), world.state()
        return Counter(world.disk.calls)
