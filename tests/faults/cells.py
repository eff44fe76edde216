"""What every cell of the fault matrix is, whatever its kind reads or writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from picsync.core.events import CycleOutcome


@dataclass(frozen=True)
class Result:
    """What came of a cell."""

    cycles: int
    """How many it took after the trouble was over."""
    outcome: CycleOutcome | None
    """Of the cycle in trouble; None if the process was killed."""


class Cell(Protocol):
    """One trouble at one point of one scenario. `str` names it."""

    @property
    def kind(self) -> str:
        """The kind of source or frame that is tried, as in picsync.yaml."""

    @property
    def place(self) -> str:
        """Where the trouble strikes: a kind of request, or of call."""

    @property
    def family(self) -> str:
        """Of the troubles of a family one stands for all in the short run."""

    @property
    def long(self) -> bool:
        """Whether it takes so long that the short run leaves it out."""

    def pairs_with(self, other: Cell) -> bool:
        """Whether the trouble of the other one can come on top."""

    async def play(self, folder: Path, *, restart: bool, also: Cell | None = None) -> Result:
        """Run a cycle in trouble, then cycles without; raises AssertionError for whatever must not be.

        With `restart` the trouble's end finds a new process. The trouble of `also` comes on top, if the first
        one lets the cycle get that far.
        """
