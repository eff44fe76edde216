"""What a cycle has to tell besides numbers."""

from __future__ import annotations

from dataclasses import field

from picsync.core.events import Failure, Notice
from picsync.core.values import dataclass


@dataclass(slots=True)
class Findings:
    """Failures and notices of a cycle, in the order in which they were found."""

    failures: list[Failure] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
