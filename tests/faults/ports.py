"""Kinds in memory: every call of the port with every error that it allows, once and lasting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from picsync.core.errors import (
    ItemError,
    LoginNeeded,
    PicsyncError,
    ProtocolError,
    QuotaError,
    TransientError,
)
from picsync.core.events import CycleOutcome
from tests.faults.cells import Cell, Result
from tests.sync.harness import Harness, open_harness

MANY = 1_000

ERRORS: dict[str, Callable[[], PicsyncError]] = {
    "out of reach": lambda: TransientError("It cannot be reached."),
    "makes no sense": lambda: ProtocolError("The answer makes no sense."),
    "login needed": lambda: LoginNeeded("Nobody is logged in."),
}
ITEM_ERRORS: dict[str, Callable[[], PicsyncError]] = {
    "refuses the item": lambda: ItemError("It is refused."),
}
WRITES = ("create_album", "upload", "delete", "create_playlist", "add_items", "remove_items")
FRAME_CALLS = ("find_album", "photos", "playlists", "playlist", *WRITES)


@dataclass(frozen=True)
class PortCell:
    """An error of one call of a port; `arm` makes it occur that often."""

    kind: str
    place: str
    fault_type: str
    lasting: bool
    arm: Callable[[Harness, int], None]
    long: bool = False

    @property
    def family(self) -> str:
        return f"port: {self.fault_type}"

    def __str__(self) -> str:
        return f"{self.kind}: {self.place}: {self.fault_type} {'lasting' if self.lasting else 'once'}"

    def pairs_with(self, other: Cell) -> bool:
        return isinstance(other, PortCell) and other.place != self.place

    async def play(self, folder: Path, *, restart: bool, also: Cell | None = None) -> Result:
        del restart  # The process keeps none of it.
        async with open_harness(folder) as harness:
            harness.put(*"abcd")
            assert (await harness.cycle()).outcome is CycleOutcome.DONE
            # One is added, one removed, and the playlist contains one twice.
            harness.remove("a")
            harness.put("e")
            playlist = harness.frame.playlist_list[0]
            playlist.items.append(playlist.items[1])
            if self.place in ("create_album", "create_playlist"):
                harness.frame.album_list.clear()
                harness.frame.playlist_list.clear()
            self.arm(harness, MANY if self.lasting else 1)
            if isinstance(also, PortCell):
                also.arm(harness, MANY if also.lasting else 1)
            report = await harness.cycle()
            assert (report.outcome is CycleOutcome.DONE) == (not report.failures), report
            if report.outcome is CycleOutcome.DONE:
                harness.assert_synced(*"bcde")
            harness.frame.fail.clear()
            harness.frame.fail_after.clear()
            source = harness.source
            source.listing_problem.clear()
            source.fail_downloads.clear()
            source.login_needed = None
            for cycles in (1, 2):
                if (await harness.cycle()).outcome is CycleOutcome.DONE:
                    harness.assert_synced(*"bcde")
                    await harness.assert_idle()
                    return Result(cycles, report.outcome)
            raise AssertionError("not in step after 2 cycles")


def frame_cells(kind: str) -> list[PortCell]:
    """Return the cells of a frame in memory."""

    def armed(call: str, error: Callable[[], PicsyncError], *, lost: bool) -> Callable[[Harness, int], None]:
        def arm(harness: Harness, count: int) -> None:
            script = harness.frame.fail_after if lost else harness.frame.fail
            script[call] = [error() for _ in range(count)]

        return arm

    cells = []
    for call in FRAME_CALLS:
        errors = dict(ERRORS)
        if call == "upload":
            errors |= {**ITEM_ERRORS, "full": lambda: QuotaError("It is full.")}
        for lasting in (False, True):
            for name, error in errors.items():
                cells.append(PortCell(kind, call, name, lasting, armed(call, error, lost=False)))
            if call in WRITES:
                lost = armed(call, ERRORS["out of reach"], lost=True)
                cells.append(PortCell(kind, call, "answer lost", lasting, lost))
    return cells


def source_cells(kind: str) -> list[PortCell]:
    """Return the cells of a source in memory."""

    def incomplete(listed: int) -> Callable[[Harness, int], None]:
        def arm(harness: Harness, _count: int) -> None:
            harness.source.listing_problem["a"] = "A page did not come."
            harness.source.listed_until["a"] = listed

        return arm

    def no_login(harness: Harness, _count: int) -> None:
        harness.source.login_needed = LoginNeeded("Nobody is logged in.")

    def failing(error: Callable[[], PicsyncError]) -> Callable[[Harness, int], None]:
        def arm(harness: Harness, count: int) -> None:
            harness.source.fail_downloads["e"] = error() if count > 1 else 1

        return arm

    def broken(harness: Harness, count: int) -> None:
        harness.source.broken_off["e"] = min(count, 5)

    cells = [PortCell(kind, "list", f"{listed} of 4 listed", True, incomplete(listed)) for listed in range(4)]
    cells.append(PortCell(kind, "list", "login needed", True, no_login))
    for lasting in (False, True):
        for name, error in (ERRORS | ITEM_ERRORS).items():
            if lasting or name == "out of reach":
                cells.append(PortCell(kind, "download", name, lasting, failing(error)))
        cells.append(PortCell(kind, "download", "broken off", lasting, broken))
    return cells
