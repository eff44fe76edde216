"""The interface of a cell of the fault matrix, for requests and for calls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from picsync.core.events import CycleOutcome


@dataclass(frozen=True)
class Result:
    """The result of a cell."""

    cycles: int
    """Number of cycles that were needed after the fault had ended."""
    outcome: CycleOutcome | None
    """Outcome of the cycle with the fault; None if the process was killed."""


class Cell(Protocol):
    """One fault at one point of one scenario. `str` names it."""

    @property
    def kind(self) -> str:
        """The kind of source or frame, as in picsync.yaml."""

    @property
    def place(self) -> str:
        """Where the fault occurs: a kind of request, or of call."""

    @property
    def family(self) -> str:
        """The short run plays one fault of each family."""

    @property
    def long(self) -> bool:
        """Whether the short run omits it because it takes long."""

    def pairs_with(self, other: Cell) -> bool:
        """Whether the fault of the other cell can occur in addition."""

    async def play(self, folder: Path, *, restart: bool, also: Cell | None = None) -> Result:
        """Run a cycle with the fault, then cycles without; raises AssertionError if anything is wrong.

        With `restart`, a new process runs once the fault has ended. The fault of `also` occurs in addition,
        if the cycle gets that far.
        """
