"""What was seen of an account, for how long that counts, and which of our own writes ends it.

Each cycle goes by what the service says now. What was seen before saves requests in four cases:

- A listing of all albums (or playlists) that another rule has asked for may be 10 seconds old, or under way.
  Each name is looked up in it once, and not after `changed` of that name.
- The service has to deny a name twice before it is created. A denial counts once, for a minute, and not
  after `changed`.
- The listing that has an album also has the number of its photos. It counts for one reading of them, and not
  after `filled`.
- What was just created and is listed as empty need not be read: once, and not after `filled`.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from picsync.core.errors import PicsyncError
from picsync.frames.nixplay import names
from picsync.frames.nixplay.client import NixplayClient
from picsync.frames.nixplay.wire import AlbumRecord, PlaylistRecord

RECENT_S = 10.0
"""How old a listing may be, from when it was asked for."""
DENIED_FOR_S = 60.0
"""How long an answer without a name counts among the two that it takes to create one."""


R = TypeVar("R", bound=AlbumRecord | PlaylistRecord)


@dataclass(frozen=True, slots=True)
class Found(Generic[R]):
    """What a listing has under a name."""

    exact: Sequence[R] = ()
    plain: Sequence[R] = ()
    """What has the plain name that stands for it."""

    @property
    def all(self) -> Sequence[R]:
        """Everything, the exact name first."""
        return [*self.exact, *self.plain]


def find(name: str, records: Sequence[R]) -> Found[R]:
    """Return what has a name, or the plain one that stands for it."""
    plain = names.plain(name)
    return Found(
        names.matching(name, records, lambda record: record.name),
        [] if plain is None else names.matching(plain, records, lambda record: record.name),
    )


@dataclass(frozen=True, slots=True)
class Content:
    """What is known of the photos in an album, or of the items of a playlist, before they are read."""

    count: int | None = None
    made: bool = False
    """It was made just now, and nothing has been put into it."""


class Listed(Generic[R]):
    """The albums, or the playlists, of an account; safe for concurrent use."""

    def __init__(self, ask: Callable[[], Awaitable[Sequence[R]]], clock: Callable[[], float]) -> None:
        """`ask` lists all of them; `clock` gives seconds."""
        self._ask = ask
        self._clock = clock
        self._ids: set[str] = set()
        """Everything that was ever listed."""
        self._latest: asyncio.Task[Sequence[R]] | None = None
        """The listing that is shared."""
        self._began = -math.inf
        self._looked_up: set[str] = set()
        """Names that were looked up in it."""
        self._waiting: Counter[asyncio.Task[Sequence[R]]] = Counter()
        """How many callers wait for each listing that is under way."""
        self._denied: dict[str, list[float]] = {}
        """Name -> when the looks began that have not found it."""
        self._changed_at: dict[str, float] = {}
        self._contents: dict[str, Content] = {}
        """By id."""

    async def fetch(self) -> Sequence[R]:
        """Ask the service for all of them now."""
        records = await self._ask()
        self._ids.update(record.id for record in records)
        return records

    async def look_up(self, name: str) -> Found[R]:
        """Return what has a name, by a listing that another look-up may have asked for a moment ago."""
        latest, began = self._latest, self._began
        usable_since = max(self._changed_at.get(name, -math.inf), self._clock() - RECENT_S)
        if latest is not None and name not in self._looked_up and began > usable_since:
            self._looked_up.add(name)
            # A failure of the request that another look-up has made says nothing: this one makes its own.
            with suppress(PicsyncError):
                return self._noted(name, await self._answer(latest), began)
        began = self._began = self._clock()
        self._looked_up = {name}
        asking = self._latest = asyncio.create_task(self.fetch())
        return self._noted(name, await self._answer(asking), began)

    async def look_again(self, name: str) -> Found[R]:
        """Return what has a name, by a listing of its own."""
        began = self._clock()
        return self._noted(name, await self.fetch(), began)

    def take_denials(self, name: str) -> int:
        """Return how many looks that still count have not found a name; they count once."""
        since = max(self._changed_at.get(name, -math.inf), self._clock() - DENIED_FOR_S)
        return sum(began > since for began in self._denied.pop(name, ()))

    def is_new(self, identifier: str) -> bool:
        """Return whether it was in no listing so far."""
        return identifier not in self._ids

    def keep_content(self, record: R, *, made: bool = False) -> None:
        """Keep what a listing says of the content, for `take_content`."""
        self._contents[record.id] = Content(record.count, made and record.count == 0)

    def take_content(self, identifier: str) -> Content:
        """Return what is known of the content; it counts once."""
        return self._contents.pop(identifier, Content())

    def changed(self, name: str) -> None:
        """Say that something of the name was, or may have been, created or deleted."""
        self._changed_at[name] = self._clock()

    def filled(self, identifier: str) -> None:
        """Say that its content changes."""
        self._contents.pop(identifier, None)

    def _noted(self, name: str, records: Sequence[R], began: float) -> Found[R]:
        found = find(name, records)
        if found.all:
            self._denied.pop(name, None)
        else:
            self._denied.setdefault(name, []).append(began)
        return found

    async def _answer(self, asking: asyncio.Task[Sequence[R]]) -> Sequence[R]:
        """Wait for a listing; it is cancelled with the last caller that waits for it."""
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


class AccountView:
    """What was seen of an account."""

    def __init__(self, client: NixplayClient, clock: Callable[[], float]) -> None:
        """`clock` gives seconds."""
        self.albums: Listed[AlbumRecord] = Listed(client.web_albums, clock)
        self.playlists: Listed[PlaylistRecord] = Listed(client.playlists, clock)
