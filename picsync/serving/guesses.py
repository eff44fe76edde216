"""Limits how often clients may be wrong about a secret."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

GUESSES_S = 60.0
"""The time over which wrong attempts are counted, in seconds."""
_MAX_ADDRESSES = 1_000


@dataclass(slots=True)
class Guesses:
    """Limits how often something may be wrong, for each address and in total."""

    now: Callable[[], float] = time.monotonic
    most: int = 10
    most_of_address: int = 5
    _of_all: deque[float] = field(default_factory=deque)
    _of_address: dict[str, deque[float]] = field(default_factory=dict)

    def blocked(self, address: str) -> bool:
        """Whether nothing is accepted from an address at the moment."""
        of_address = self._of_address.get(address, deque())
        return self._full(self._of_all, self.most) or self._full(of_address, self.most_of_address)

    def wrong(self, address: str) -> None:
        """Count a wrong one."""
        now = self.now()
        self._count(self._of_all, self.most)
        if len(self._of_address) >= _MAX_ADDRESSES:
            self._of_address = {
                each: when for each, when in self._of_address.items() if now - when[-1] < GUESSES_S
            }
        self._count(self._of_address.setdefault(address, deque()), self.most_of_address)

    def _count(self, when: deque[float], most: int) -> None:
        when.append(self.now())
        while len(when) > most:
            when.popleft()

    def _full(self, when: deque[float], most: int) -> bool:
        return len(when) >= most and self.now() - when[0] < GUESSES_S
