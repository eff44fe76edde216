"""What was last seen of an account, how long it is valid, and which of our own writes invalidate it.

Each cycle uses the service's current state. Earlier results save requests in four cases:

- A listing of all albums (or playlists) that another rule requested may be up to 10 seconds old, or in
  progress.
  Each name is looked up in it once, and not after `changed` for that name.
- The service has to deny a name twice before it is created. A denial counts once, for a minute, and not
  after `changed`.
- The listing that contains an album also has its photo count. The count is used for one reading of the
  photos,
  and not after `filled`.
- An album that was just created and is listed as empty need not be read: once, and not after `filled`.
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
"""Maximum age of a listing, from the time of its request."""
DENIED_FOR_S = 60.0
"""How long a response without a name counts among the two that are needed before creating it."""


R = TypeVar("R", bound=AlbumRecord | PlaylistRecord)


@dataclass(frozen=True, slots=True)
class Found(Generic[R]):
    """The matches for a name in a listing."""

    exact: Sequence[R] = ()
    plain: Sequence[R] = ()
    """The match for the plain name that replaces it."""

    @property
    def all(self) -> Sequence[R]:
        """All matches, the exact name first."""
        return [*self.exact, *self.plain]


def find(name: str, records: Sequence[R]) -> Found[R]:
    """Return the matches for a name, or for the plain name that replaces it."""
    plain = names.plain(name)
    return Found(
        names.matching(name, records, lambda record: record.name),
        [] if plain is None else names.matching(plain, records, lambda record: record.name),
    )


@dataclass(frozen=True, slots=True)
class Content:
    """What is known about an album's photos, or a playlist's items, before they are read."""

    count: int | None = None
    made: bool = False
    """It was just created, and nothing has been added to it."""


class Listed(Generic[R]):
    """The albums, or the playlists, of an account; safe for concurrent use."""

    def __init__(self, ask: Callable[[], Awaitable[Sequence[R]]], clock: Callable[[], float]) -> None:
        """`ask` lists all of them; `clock` is in seconds."""
        self._ask = ask
        self._clock = clock
        self._ids: set[str] = set()
        """IDs of everything that was ever listed."""
        self._latest: asyncio.Task[Sequence[R]] | None = None
        """The shared listing."""
        self._began = -math.inf
        self._looked_up: set[str] = set()
        """Names that were looked up in it."""
        self._waiting: Counter[asyncio.Task[Sequence[R]]] = Counter()
        """Number of callers that wait for each listing in progress."""
        self._denied: dict[str, list[float]] = {}
        """Name -> start times of the look-ups that did not find it."""
        self._changed_at: dict[str, float] = {}
        self._contents: dict[str, Content] = {}
        """By ID."""

    async def fetch(self) -> Sequence[R]:
        """Request all of them from the service now."""
        records = await self._ask()
        self._ids.update(record.id for record in records)
        return records

    async def look_up(self, name: str) -> Found[R]:
        """Return the matches for a name, from a listing that another look-up may have just requested."""
        latest, began = self._latest, self._began
        usable_since = max(self._changed_at.get(name, -math.inf), self._clock() - RECENT_S)
        if latest is not None and name not in self._looked_up and began > usable_since:
            self._looked_up.add(name)
            # If another look-up's request fails, this one sends its own.
            with suppress(PicsyncError):
                return self._noted(name, await self._answer(latest), began)
        began = self._began = self._clock()
        self._looked_up = {name}
        asking = self._latest = asyncio.create_task(self.fetch())
        return self._noted(name, await self._answer(asking), began)

    async def look_again(self, name: str) -> Found[R]:
        """Return the matches for a name, from a new listing."""
        began = self._clock()
        return self._noted(name, await self.fetch(), began)

    def take_denials(self, name: str) -> int:
        """Return how many valid look-ups have not found a name; each counts once."""
        since = max(self._changed_at.get(name, -math.inf), self._clock() - DENIED_FOR_S)
        return sum(began > since for began in self._denied.pop(name, ()))

    def is_new(self, identifier: str) -> bool:
        """Return whether it was in no listing so far."""
        return identifier not in self._ids

    def keep_content(self, record: R, *, made: bool = False) -> None:
        """Keep what a listing says about the content, for `take_content`."""
        self._contents[record.id] = Content(record.count, made and record.count == 0)

    def take_content(self, identifier: str) -> Content:
        """Return what is known about the content; it is returned once."""
        return self._contents.pop(identifier, Content())

    def changed(self, name: str) -> None:
        """Record that something with this name was, or may have been, created or deleted."""
        self._changed_at[name] = self._clock()

    def filled(self, identifier: str) -> None:
        """Record that its content changes."""
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
    """The last known state of an account."""

    def __init__(self, client: NixplayClient, clock: Callable[[], float]) -> None:
        """`clock` is in seconds."""
        self.albums: Listed[AlbumRecord] = Listed(client.web_albums, clock)
        self.playlists: Listed[PlaylistRecord] = Listed(client.playlists, clock)
