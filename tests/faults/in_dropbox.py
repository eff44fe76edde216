"""What works in a Dropbox: a fault at every kind of request of organizing, mirrors, spools and shared links.

Each has a world: an emulated Dropbox, and what is to be done there. Passes run in this process; a new process
is a new store with nothing in memory.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import pytest

from picsync.core.events import CycleOutcome
from picsync.core.model import Digest
from picsync.core.organize import OrganizeRule
from picsync.core.places import StorePlace
from picsync.core.plan import DeleteLimit, Rule
from picsync.emulators.dropbox import File
from picsync.emulators.google.content import read_all
from picsync.jobs.organize import OrganizeContext, OrganizeJob, Organizing
from picsync.sources.base import Source
from picsync.sources.dropbox.options import DropboxEntry
from picsync.sources.inbox.options import InboxEntry
from picsync.sources.inbox.source import InboxSource
from picsync.stores.dropbox import uploads
from picsync.stores.dropbox.store import DropboxStore
from picsync.sync.rule import AlbumRule
from tests.faults.cells import Cell, Result
from tests.faults.dropbox_faults import FAULTS, writes
from tests.jobs.camera import NOW
from tests.jobs.mirrored import Mirrored, tree
from tests.media.test_taken import heic, movie, mvhd, picture
from tests.pictures import jpeg
from tests.shared_results import shared
from tests.sources.dropbox.dropbox_server import dropbox_server
from tests.sync.harness import Harness, digest, open_harness
from tests.vendors.dropbox.dropbox_account import DropboxAccount, dropbox_account


class World(Protocol):
    """Something to do in a Dropbox."""

    account: DropboxAccount

    async def start(self) -> None:
        """Start a new process."""

    async def run(self) -> CycleOutcome:
        """Do what is to be done, as far as possible."""

    def check(self) -> None:
        """Raise AssertionError if anything is lost, or in two places."""

    def complete(self) -> bool:
        """Whether everything is as it should be."""

    async def close(self) -> None:
        """End the process."""


def files_of(account: DropboxAccount, below: str = "") -> dict[str, bytes]:
    """Return the files of the account, by path below a folder."""
    entries = account.dropbox.owner.tree.entries.values()
    return {
        each.path.removeprefix(f"{below}/" if below else ""): read_all(each.content)
        for each in entries
        if isinstance(each, File) and each.path.startswith(below)
    }


# --- organizing -------------------------------------------------------------------------------------------

LOG = "/My Logs/picsync.txt"
CAMERA = "/Camera Uploads"
TAKEN = "/Archive/2016/2016-05/2016-05-02.jpg"
TARGET = "/Archive/{year}/{year}-{month}"
RULE = OrganizeRule(
    "camera",
    CAMERA,
    TARGET,
    TARGET,
    unsorted="/Unsorted",
    photo_types=frozenset({"jpg", "heic"}),
    video_types=frozenset({"mov"}),
)


@dataclass
class Organized:
    """Camera uploads: with a date, without one, with a taken name, and no pictures at all."""

    account: DropboxAccount
    folder: Path
    uploads: dict[str, bytes]
    contents: Counter[bytes]
    job: OrganizeJob | None = None
    store: DropboxStore | None = None

    async def start(self) -> None:
        await self.close()
        account = self.account
        self.store = DropboxStore(account.api(), sleep=account.sleep)
        ignored: list[object] = []
        context = OrganizeContext(
            {"dropbox": self.store},
            self.folder / "own",
            ignored.append,
            lambda: False,
            lambda: NOW,
            account.sleep,
        )
        settings = Organizing(RULE, "dropbox", log=StorePlace("dropbox", LOG))
        self.job = OrganizeJob(settings, None, context)

    async def run(self) -> CycleOutcome:
        assert self.job is not None
        return (await self.job.run()).outcome

    def check(self) -> None:
        files = files_of(self.account)
        files.pop(LOG, None)
        assert Counter(files.values()) == self.contents, sorted(files)

    def complete(self) -> bool:
        files = files_of(self.account)
        lines = files.get(LOG, b"").decode().splitlines()
        named = Counter(line.split("Moving ", 1)[1].split(" to /", 1)[0] for line in lines)
        assert not [name for name, count in named.items() if count > 1], lines
        for line in lines:
            assert f"/{line.split(' to /', 1)[1]}" in files, line
        left = [path for path in files if path.startswith(CAMERA)]
        return not left and set(named) == set(self.uploads)

    async def close(self) -> None:
        if self.store is not None:
            await self.store.aclose()


@asynccontextmanager
async def organized(folder: Path) -> AsyncIterator[Organized]:
    async with dropbox_account() as account:
        uploads = {
            "2016-05-01.jpg": b"one",
            "2016-05-02.jpg": b"two",
            "IMG_1.HEIC": heic(),
            "IMG_1.MOV": movie(mvhd()),
            "plain.jpg": picture("jpeg"),
            "notes.txt": b"three",
        }
        account.dropbox.put(TAKEN, b"somebody else's")
        for name, content in uploads.items():
            account.dropbox.put(f"{CAMERA}/{name}", content)
        account.clock.now += 3600  # By now, Dropbox has examined the media.
        world = Organized(account, folder, uploads, Counter(files_of(account).values()))
        await world.start()
        yield world
        await world.close()


# --- mirrors ----------------------------------------------------------------------------------------------

LARGE = random.Random(3).randbytes(3500)


@dataclass
class Mirror:
    """A mirror, after every sort of change."""

    account: DropboxAccount
    mirrored: Mirrored
    before: dict[str, bytes]
    store: DropboxStore | None = None

    async def start(self) -> None:
        await self.close()
        account = self.account
        self.store = DropboxStore(account.api(), sleep=account.sleep)
        self.mirrored.other = ("dropbox", self.store)

    async def run(self) -> CycleOutcome:
        skipped = len(self.mirrored.skipped())
        outcome = (await self.mirrored.run()).outcome
        # A file that Dropbox refuses is skipped, and reported once.
        return outcome if len(self.mirrored.skipped()) == skipped else CycleOutcome.FAILED

    def _wanted(self) -> dict[str, bytes]:
        return {name: data for name, data in tree(self.mirrored.source).items() if data is not None}

    def check(self) -> None:
        wanted, stored = self._wanted(), files_of(self.account, "/Backup")
        for name, data in stored.items():
            assert data in (wanted.get(name), self.before.get(name)), name
        for name in wanted.keys() & self.before.keys():
            assert name in stored, f"{name} is gone"

    def complete(self) -> bool:
        return files_of(self.account, "/Backup") == self._wanted()

    async def close(self) -> None:
        if self.store is not None:
            await self.store.aclose()


@asynccontextmanager
async def mirror(folder: Path) -> AsyncIterator[Mirror]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uploads, "PIECE_BYTES", 1000)
        async with dropbox_account() as account:
            mirrored = Mirrored(folder, to=StorePlace("dropbox", "/Backup"))
            mirrored.settings["limit"] = DeleteLimit(share=1.0)
            for name in ("kept.jpg", "changed.jpg", "renamed/a.jpg", "gone/1", "gone/2"):
                mirrored.add(name, name.encode())
            world = Mirror(account, mirrored, {})
            await world.start()
            assert await world.run() is CycleOutcome.DONE
            world.before = files_of(account, "/Backup")
            mirrored.add("changed.jpg", b"changed", at=1_500_000_000)
            (mirrored.source / "renamed/a.jpg").rename(mirrored.source / "b.jpg")
            shutil.rmtree(mirrored.source / "gone")
            mirrored.add("new/c.jpg", b"new")
            mirrored.add("large.mov", LARGE)
            (mirrored.source / "empty").mkdir()
            await world.start()
            yield world
            await world.close()
            await mirrored.store.aclose()


# --- sources ----------------------------------------------------------------------------------------------

ALBUM = "Family"
SPOOL = {name: f"dropbox:/Spool/{name}" for name in ("incoming", "work", "done")}


@dataclass
class Listed:
    """An album rule with a source in a Dropbox, and a frame in memory."""

    account: DropboxAccount
    harness: Harness
    open: Callable[[], Source]
    kind: str
    entry: str
    wanted: set[bytes] = field(default_factory=set)
    settled: Callable[[], bool] = lambda: True
    """Whether files are where they should be in the end."""
    contents: frozenset[bytes] = frozenset()
    """Of which each must be in exactly one place."""
    source: Source | None = None
    shown: set[Digest] = field(default_factory=set)
    """What the frame showed when the last process started."""

    async def start(self) -> None:
        await self.close()
        self.source = self.open()
        if self.harness.frame.album_list:
            self.shown = self.harness.frame.digests(ALBUM)
        tools = self.harness.tools
        self.harness.rule = AlbumRule(Rule(ALBUM), sources={self.kind: [self.entry]})
        self.harness.tools = replace(tools, sources={self.kind: self.source})

    async def run(self) -> CycleOutcome:
        report = await self.harness.cycle()
        told = any("could not be taken in" in str(notice.said) for notice in report.notices)
        if told or any(failure.subject != "broken.jpg" for failure in report.failures):
            return CycleOutcome.FAILED
        return CycleOutcome.DONE

    def check(self) -> None:
        stored = Counter(files_of(self.account).values())
        assert {stored[content] for content in self.contents} <= {1}, "an item is lost, or in two places"
        uploaded = [call[-1] for call in self.harness.frame.calls if call[0] == "upload"]
        assert len(uploaded) == len(set(uploaded)), "an item was sent twice"
        still = self.shown & set(map(digest, self.wanted))
        assert still <= self.harness.frame.digests(ALBUM), "the frame lost what is still wanted"

    def complete(self) -> bool:
        return self.harness.frame.digests(ALBUM) == set(map(digest, self.wanted)) and self.settled()

    async def close(self) -> None:
        if self.source is not None:
            await self.source.aclose()


@asynccontextmanager
async def spool(folder: Path) -> AsyncIterator[Listed]:
    """Open a spool with a file at every stage: to be taken in, in work, done; and one that is broken."""
    entry = InboxEntry.model_validate(SPOOL)
    for name in ("own", "cache"):
        (folder / name).mkdir()
    async with dropbox_account() as account, open_harness(folder / "cache") as harness:

        def source() -> Source:
            stores = {"dropbox": DropboxStore(account.api(), sleep=account.sleep)}
            return InboxSource({str(entry): entry}, stores, own_folder=folder / "own", sleep=account.sleep)

        def put(path: str, content: bytes) -> bytes:
            account.dropbox.put(f"/Spool/{path}", content)
            return content

        def names(below: str) -> set[str]:
            return {name for name in files_of(account, f"/Spool/{below}") if not name.startswith(".")}

        for name in SPOOL:
            account.dropbox.create_folder(f"/Spool/{name}")
        world = Listed(account, harness, source, "inbox", str(entry))
        world.wanted.add(put("done/old.jpg", jpeg("old")))
        await world.start()
        assert await world.run() is CycleOutcome.DONE
        world.wanted |= {put("work/b.jpg", jpeg("b")), put("incoming/c.jpg", jpeg("c"))}
        world.wanted.add(put("incoming/old.jpg", jpeg("another")))
        broken = put("incoming/broken.jpg", jpeg("d")[:-40])
        world.contents = frozenset({*world.wanted, broken})
        world.settled = lambda: (
            not names("incoming")
            and names("work") == {"broken.jpg", "broken.jpg.reason.txt"}
            and len(names("done")) == 4
        )
        await world.start()
        yield world
        await world.close()


@asynccontextmanager
async def link(folder: Path) -> AsyncIterator[Listed]:
    """Open somebody else's folder by its link; since it was in sync, one file came and another one went."""
    async with dropbox_server() as account, open_harness(folder) as harness:
        for name in "ab":
            account.dropbox.put(f"/Shared/{name}.jpg", jpeg(name))
        entry = DropboxEntry(link=account.share("/Shared").url)
        # A stranger's login sees the folder only by its link.
        stranger = account.login(user=account.dropbox.add_user("stranger@example.org"))
        world = Listed(account, harness, lambda: account.source(entry, login=stranger), "dropbox", str(entry))
        await world.start()
        assert await world.run() is CycleOutcome.DONE
        account.dropbox.put("/Shared/c.jpg", jpeg("c"))
        gone = account.dropbox.find("/Shared/a.jpg")
        assert gone is not None
        account.dropbox.owner.tree.delete(gone)
        world.wanted |= {jpeg("b"), jpeg("c")}
        await world.start()
        yield world
        await world.close()


# --- cells ------------------------------------------------------------------------------------------------

WORLDS: dict[str, Callable[[Path], AbstractAsyncContextManager[World]]] = {
    "organize": organized,
    "mirror": mirror,
    "inbox": spool,
    "link": link,
}


@dataclass(frozen=True)
class InDropboxCell:
    """A fault at one kind of request to a Dropbox."""

    kind: str
    path: str
    fault: str
    lasting: bool
    long: bool = False

    @property
    def place(self) -> str:
        return f"in Dropbox: {self.path}"

    @property
    def family(self) -> str:
        return f"in Dropbox: {self.fault}"

    def __str__(self) -> str:
        how = "lasting" if self.lasting else "once"
        return f"{self.kind} in Dropbox: {self.path}: {self.fault} {how}"

    def pairs_with(self, other: Cell) -> bool:
        return isinstance(other, InDropboxCell) and other.kind == self.kind and other.path != self.path

    async def play(self, folder: Path, *, restart: bool, also: Cell | None = None) -> Result:
        async with WORLDS[self.kind](folder) as world:
            account = world.account
            account.server.log.records.clear()
            faults = []
            for each in (self, also):
                if isinstance(each, InDropboxCell):
                    count = None if each.lasting else 1
                    faults.append(replace(FAULTS[each.fault], path=f"^{each.path}$", count=count))
            account.fail(*faults)
            outcome = await world.run()
            assert account.server.faults.hits(faults[0]) or also is not None, "the fault never occurred"
            world.check()
            assert outcome is not CycleOutcome.DONE or world.complete(), "said to be done, but is not"
            account.server.faults.clear()
            if restart:
                await world.start()
            cycles = 1
            while await world.run() is not CycleOutcome.DONE or not world.complete():
                world.check()
                cycles += 1
                assert cycles <= 2, "does not converge"
            world.check()
            sent = len(writes(account))
            assert await world.run() is CycleOutcome.DONE
            assert len(writes(account)) == sent, "a steady pass writes something"
            return Result(cycles, outcome)


def paths(kind: str) -> Sequence[str]:
    """Return the paths of all requests of a pass without a fault. Not to be called from an event loop."""

    async def sent(folder: Path) -> set[str]:
        async with WORLDS[kind](folder) as world:
            world.account.server.log.records.clear()
            assert await world.run() is CycleOutcome.DONE
            world.check()
            assert world.complete()
            return {each.path for each in world.account.server.log.records}

    def found() -> Sequence[str]:
        with TemporaryDirectory() as folder:
            return sorted(asyncio.run(sent(Path(folder))))

    return shared(f"paths-in-dropbox-{kind}", found)


@cache
def in_dropbox_cells() -> Sequence[InDropboxCell]:
    """Return the cells, in a fixed order. Not to be called from an event loop."""
    return [
        InDropboxCell(kind, path, fault, lasting)
        for kind in WORLDS
        for path in paths(kind)
        for fault in FAULTS
        for lasting in (False, True)
    ]
