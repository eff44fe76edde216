"""What the matrix must know of a service's requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from picsync.http.retry import Operation


@dataclass(frozen=True)
class Place:
    """How requests of one kind are recognised."""

    method: str
    host: str
    path: str
    """Regular expression for the whole path."""

    def matches(self, method: str, host: str, path: str) -> bool:
        same = self.method == method and self.host == host
        return same and re.fullmatch(self.path, path) is not None


@dataclass(frozen=True)
class Table:
    """The kinds of requests to one service."""

    places: Mapping[Operation, Place]
    writes: frozenset[Operation] = frozenset()
    """Those that may change something."""
    downloads: frozenset[Operation] = frozenset()
    """Those that bring the bytes of originals."""
    unread: frozenset[Operation] = frozenset()
    """Those whose answer says nothing but its status, or is no JSON."""
    unplayed: frozenset[Operation] = frozenset()
    """Those that only commands send, or entries of a rule that the matrix has none of."""
    swaps: Mapping[Operation, tuple[Operation, ...]] = field(default_factory=dict)
    """Answers to other requests that may come by mistake, of those whose answer is read."""
