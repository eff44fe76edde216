"""What was last seen of an account, how long it is valid, and which of our own writes invalidate it.

A listing contains all albums, or all playlists, so one listing serves every rule that may use it (see
`aio.observation`). How recent it has to be depends on what it is used for:

- Finding a name: it may be up to 10 seconds old. Each name is looked up in it once, and it must have begun
  after our last creation or deletion under that name (`changing`).
- Creating a name: the last two listings must not contain it. Both must have begun within the last minute and
  after `changing`.
- Everything else, such as whether a creation is listed, or the number of photos: it must begin now or later.

The listing that contains an album also has its photo count. It is used for one reading of the photos, unless
the listing began before the end of our last change to the photos (`filling`). An album that was just created
and is listed as empty need not be read: once, and not after `filling`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import takewhile
from typing import Generic, TypeVar

from picsync.aio.observation import ALWAYS, Instants, Observation, Observed
from picsync.core.values import dataclass
from picsync.frames.nixplay import names
from picsync.frames.nixplay.client import NixplayClient
from picsync.frames.nixplay.wire import AlbumRecord, PlaylistRecord

RECENT_S = 10.0
"""Maximum age of a listing in which a name is looked up, from the time of its request."""
DENIED_FOR_S = 60.0
"""How long a listing without a name counts among the two that are needed before creating it."""
DENIALS = 2
"""How many listings have to be without a name before it is created."""


R = TypeVar("R", bound=AlbumRecord | PlaylistRecord)


@dataclass(frozen=True, slots=True)
class Content:
    """What is known about an album's photos, or a playlist's items, before they are read."""

    count: int | None = None
    made: bool = False
    """It was just created, and nothing has been added to it."""


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


def denials(
    name: str, listings: Sequence[Observed[Sequence[R]]], since: float
) -> Sequence[Observed[Sequence[R]]]:
    """Return the latest of the listings, up to one with the name or one that did not begin after `since`.

    The listings are ordered, the latest first.
    """
    return list(takewhile(lambda each: each.began > since and not find(name, each.value).all, listings))


class Listed(Generic[R]):
    """The albums, or the playlists, of an account; safe for concurrent use."""

    def __init__(self, ask: Callable[[], Awaitable[Sequence[R]]], clock: Callable[[], float]) -> None:
        """`ask` lists all of them; `clock` is in seconds."""
        self._ask = ask
        self._clock = clock
        self._instants = Instants(clock)
        self._listings = Observation(self._list, self._instants, keep=DENIALS)
        self._ids: set[str] = set()
        """IDs of everything that was ever listed."""
        self._looked_up: dict[str, float] = {}
        """Name -> beginning of the listing in which it was last looked up."""
        self._changed: dict[str, float] = {}
        """Name -> end of our last creation or deletion."""
        self._filled: dict[str, float] = {}
        """ID -> end of our last change to the content."""
        self._contents: dict[str, Observed[Content]] = {}
        """By ID."""

    async def fetch(self, name: str) -> Observed[Sequence[R]]:
        """Return a listing that begins now or later, in which a name counts as looked up."""
        listing = await self._listings.after(self._instants.now())
        self._note(name, listing)
        return listing

    async def look_up(self, name: str) -> Observed[Sequence[R]]:
        """Return a recent listing in which the name was not looked up before."""
        since = max(self.usable_since(name, RECENT_S), self._looked_up.get(name, ALWAYS))
        listing = await self._listings.after(since)
        self._note(name, listing)
        return listing

    async def look_again(self, name: str) -> Observed[Sequence[R]]:
        """Return a recent listing that is none of `denials`."""
        latest = self.denials(name, ALWAYS)[:1]
        since = max([self.usable_since(name, RECENT_S), *(listing.began for listing in latest)])
        listing = await self._listings.after(since)
        self._note(name, listing)
        return listing

    def denials(self, name: str, since: float) -> Sequence[Observed[Sequence[R]]]:
        """Return the latest listings, at most two, that began after `since` and are without the name."""
        since = max(since, self._changed.get(name, ALWAYS))
        return denials(name, self._listings.kept, since)

    def usable_since(self, name: str, within_s: float) -> float:
        """Return the instant after which a listing must have begun to be used for a name now."""
        return max(self._changed.get(name, ALWAYS), self._clock() - within_s)

    async def latest(self) -> Sequence[R]:
        """Return the last listing, whatever its age; requests one if there is none."""
        kept = self._listings.kept
        return (kept[0] if kept else await self._listings.after(ALWAYS)).value

    def is_new(self, identifier: str) -> bool:
        """Return whether it was in no listing so far."""
        return identifier not in self._ids

    def keep_content(self, record: R, listing: Observed[Sequence[R]], *, made: bool = False) -> None:
        """Keep what a listing says about the content, for `take_content`."""
        self._contents[record.id] = Observed(listing.began, Content(record.count, made and record.count == 0))

    def take_content(self, identifier: str) -> Content:
        """Return what is known about the content; it is returned once."""
        known = self._contents.pop(identifier, None)
        if known is None or known.began <= self._filled.get(identifier, ALWAYS):
            return Content()
        return known.value

    def changing(self, name: str) -> AbstractContextManager[None]:
        """Create or delete something with this name in the context.

        Listings that began before its end are not used for this name.
        """
        return self._writing(self._changed, name)

    def filling(self, identifier: str) -> AbstractContextManager[None]:
        """Change the content in the context; listings that began before its end do not tell it."""
        return self._writing(self._filled, identifier)

    def _note(self, name: str, listing: Observed[Sequence[R]]) -> None:
        self._looked_up[name] = max(listing.began, self._looked_up.get(name, ALWAYS))

    @contextmanager
    def _writing(self, ends: dict[str, float], key: str) -> Iterator[None]:
        ends[key] = self._instants.now()
        try:
            yield
        finally:
            ends[key] = self._instants.now()

    async def _list(self) -> Sequence[R]:
        records = await self._ask()
        self._ids.update(record.id for record in records)
        return records


class AccountView:
    """The last known state of an account."""

    def __init__(self, client: NixplayClient, clock: Callable[[], float]) -> None:
        """`clock` is in seconds."""
        self.albums: Listed[AlbumRecord] = Listed(client.web_albums, clock)
        self.playlists: Listed[PlaylistRecord] = Listed(client.playlists, clock)
