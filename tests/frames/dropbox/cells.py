"""A folder in Dropbox that is a frame: a fault at every kind of request that a cycle sends to it.

The source is in memory; the frame sends real requests to the emulated service.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from picsync.core.choice import Choice, Order
from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.model import Digest
from picsync.core.places import StorePlace
from picsync.core.plan import Rule
from picsync.emulators.dropbox import File
from picsync.emulators.google.content import read_all
from picsync.frames.dropbox.frame import DropboxFrame
from picsync.stores.dropbox.store import DropboxStore
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from tests.faults.cells import Cell, Result
from tests.faults.dropbox_faults import FAULTS, writes
from tests.household_services import md5
from tests.pictures import jpeg
from tests.shared_results import shared
from tests.sync.harness import Harness, open_harness
from tests.vendors.dropbox.dropbox_account import DropboxAccount, dropbox_account

PLACE = StorePlace("dropbox", "/Frames/Kitchen")
ALBUM = "Family"
BEFORE, AFTER = ("a", "c", "b", "f"), ("c", "b", "d", "e")
REJECTED = "f"
"""Still in the album, but a person has deleted its file."""
START = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass
class World:
    """An album in memory, and the folder."""

    harness: Harness
    account: DropboxAccount
    frame: DropboxFrame | None = None
    ordered: bool = False
    """Whether the rule asks for an order, which is not that of the names."""
    together: bool = True
    """Whether the first photo of the next cycle waits until all others are there."""
    reports: list[CycleReport] = field(default_factory=list)

    async def start(self) -> None:
        """Start a new process."""
        await self.close()
        account = self.account
        self.frame = DropboxFrame(
            DropboxStore(account.api(), sleep=account.sleep),
            PLACE,
            sleep=self._linger,
            now=lambda: START + len(self.reports) * timedelta(minutes=5),
        )

    async def _linger(self, _: float) -> None:
        """Have photos wait for the others, once: they are one batch however busy the machine is."""
        if self.together:
            self.together = False
            await asyncio.Event().wait()

    async def close(self) -> None:
        if self.frame is not None:
            await self.frame.aclose()

    async def cycle(self) -> CycleOutcome:
        assert self.frame is not None
        choice = Choice(order=Order.ALBUM, ordered=self.ordered)
        rule = AlbumRule(Rule(ALBUM), sources={"googlephotos": ["a"]}, choice=choice)
        tools = replace(self.harness.tools, frames={"nixplay": self.frame})
        report = await run_cycle(rule, tools)
        self.together = False
        self.reports.append(report)
        return report.outcome

    async def rejected(self) -> list[str]:
        """Return the names of the photos that are taken to be unwanted."""
        assert self.frame is not None
        found = await self.frame.rejected(record=False)
        names = {Digest.md5(md5(jpeg(name))): name for name in {*BEFORE, *AFTER}}
        return [names[each.digest] for each in found.items]

    def files(self) -> dict[str, bytes]:
        below = self.account.dropbox.owner.tree.below(PLACE.path)
        return {each.name: read_all(each.content) for each in below if isinstance(each, File)}

    def photos(self) -> list[bytes]:
        return sorted(self.shown())

    def shown(self) -> list[bytes]:
        """Return the photos in the order of their names."""
        return [content for name, content in sorted(self.files().items()) if name.endswith(".jpg")]


@asynccontextmanager
async def open_world(folder: Path) -> AsyncIterator[World]:
    """Open a folder that was in sync, after which photos were added and removed, and an order set."""
    async with dropbox_account() as account, open_harness(folder) as harness:
        world = World(harness, account)
        account.dropbox.put(f"{PLACE.path}/others.jpg.txt", b"somebody else's")
        harness.put(*BEFORE)
        await world.start()
        assert await world.cycle() is CycleOutcome.DONE
        harness.put("d", "e")
        harness.remove("a")
        for each in account.dropbox.owner.tree.below(PLACE.path):
            if isinstance(each, File) and read_all(each.content) == jpeg(REJECTED):
                account.dropbox.delete(each)
        world.ordered = world.together = True
        await world.start()
        account.server.log.records.clear()
        yield world
        await world.close()


@dataclass(frozen=True)
class FrameCell:
    """A fault at one kind of request to a folder that is a frame."""

    place: str
    fault: str
    lasting: bool
    kind: str = "dropbox"
    long: bool = False

    @property
    def family(self) -> str:
        return f"frame: {self.fault}"

    def __str__(self) -> str:
        return f"dropbox frame: {self.place}: {self.fault} {'lasting' if self.lasting else 'once'}"

    def pairs_with(self, other: Cell) -> bool:
        return isinstance(other, FrameCell) and other.place != self.place

    async def play(self, folder: Path, *, restart: bool, also: Cell | None = None) -> Result:
        async with open_world(folder) as world:
            for each in (self, also):
                if isinstance(each, FrameCell):
                    count = None if each.lasting else 1
                    world.account.fail(replace(FAULTS[each.fault], path=f"^{each.place}$", count=count))
            before = set(world.photos())
            outcome = await world.cycle()
            wanted = sorted(map(jpeg, AFTER))
            still = before & set(wanted)
            assert still <= set(world.photos()), "the frame lost what is still wanted"
            assert jpeg(REJECTED) not in world.photos(), "what a person has deleted was sent again"
            assert outcome is not CycleOutcome.DONE or world.photos() == wanted, "said to be done, but is not"
            world.account.server.faults.clear()
            if restart:
                await world.start()
            cycles = 1
            while await world.cycle() is not CycleOutcome.DONE or world.shown() != list(map(jpeg, AFTER)):
                cycles += 1
                assert cycles <= 2, f"does not converge: {world.reports}"
            assert world.files()["others.jpg.txt"] == b"somebody else's"
            assert await world.cycle() is CycleOutcome.DONE  # It decides what the missing file means.
            assert await world.rejected() == [REJECTED]
            sent = len(writes(world.account))
            assert await world.cycle() is CycleOutcome.DONE
            assert len(writes(world.account)) == sent, "a steady cycle writes something"
            return Result(cycles, outcome)


@cache
def _paths() -> Sequence[str]:
    """Return the paths of all requests of the cycle without a fault. Not to be called from an event loop."""

    async def paths(folder: Path) -> set[str]:
        async with open_world(folder) as world:
            assert await world.cycle() is CycleOutcome.DONE
            return {each.path for each in world.account.server.log.records}

    def found() -> Sequence[str]:
        with TemporaryDirectory() as folder:
            return sorted(asyncio.run(paths(Path(folder))))

    return shared("paths-dropbox-frame", found)


def frame_cells() -> Sequence[Cell]:
    """Return the cells, in a fixed order."""
    return [
        FrameCell(path, fault, lasting) for path in _paths() for fault in FAULTS for lasting in (False, True)
    ]
