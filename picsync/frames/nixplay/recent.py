"""A listing of the whole account, asked for once by rules that look at about the same time.

A cycle goes by what the service says now, so no name is looked up twice in one listing: each rule has names
of its own. But what the service has told for another name a moment ago tells as much as an answer to this
one would: everything may change right after either.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

from picsync.core.errors import PicsyncError

T = TypeVar("T")

RECENT_S = 10.0
"""How old a listing may be, from when it was asked for."""


class Recent(Generic[T]):
    """The latest listing of one kind, and what was looked up in it."""

    def __init__(self, fetch: Callable[[], Awaitable[T]], clock: Callable[[], float]) -> None:
        """`fetch` asks the service; `clock` gives seconds."""
        self._fetch = fetch
        self._clock = clock
        self._began = -math.inf
        self._outdated: dict[str, float] = {}
        self._looked_up: set[str] = set()
        self._latest: asyncio.Task[T] | None = None
        self._waiting: Counter[asyncio.Task[T]] = Counter()
        """How many wait for each listing that is under way."""

    async def get(self, name: str) -> tuple[T, float]:
        """Return a listing to look up a name in, and when it was asked for.

        It was not looked up in it before, and nothing of the name was made or deleted since. Raises what
        `fetch` raises.
        """
        latest = self._latest
        if latest is not None and name not in self._looked_up and self._is_recent(name):
            self._looked_up.add(name)
            began = self._began
            # That it fails where another has asked says nothing: there are attempts of its own.
            with suppress(PicsyncError):
                return await self._answer(latest), began
        return await self._ask(name)

    def outdate(self, name: str) -> None:
        """Say that something of the name was or may have been made or deleted."""
        self._outdated[name] = self._clock()

    def now(self) -> float:
        """Return the present time on its clock."""
        return self._clock()

    def _is_recent(self, name: str) -> bool:
        changed = self._outdated.get(name, -math.inf)
        return self._began > changed and self._clock() - self._began < RECENT_S

    async def _ask(self, name: str) -> tuple[T, float]:
        async def ask() -> T:
            return await self._fetch()

        began = self._began = self._clock()
        self._looked_up = {name}
        asking = self._latest = asyncio.create_task(ask())
        return await self._answer(asking), began

    async def _answer(self, asking: asyncio.Task[T]) -> T:
        """Wait for a listing; it is called off with the last one who waits for it."""
        self._waiting[asking] += 1
        try:
            return await asyncio.shield(asking)
        finally:
            self._waiting[asking] -= 1
            if not self._waiting[asking]:
                del self._waiting[asking]
                if not asking.done():
                    asking.cancel()
                    if self._latest is asking:
                        self._latest = None
