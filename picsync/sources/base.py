"""The port that every source implements."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from typing import Annotated, Protocol, TypeAlias, runtime_checkable

from pydantic import AfterValidator

from picsync.core.errors import PicsyncError
from picsync.core.model import Finding, Listing, ListingUpdate, MediaItem, SourceAlbum, StoredListing
from picsync.core.values import dataclass


def _named(value: str) -> str:
    if not value.strip():
        raise ValueError("must be the name of an album, not empty")
    return value


AlbumName: TypeAlias = Annotated[str, AfterValidator(_named)]
"""An entry of picsync.yaml that is the name or ID of an album, without options."""


@dataclass(frozen=True, slots=True)
class SourceCapabilities:
    """What the engine needs to know about a source; it never asks for the source's name."""

    kind: str
    """The kind under which it was opened."""
    title: str
    """Its name in messages."""
    videos: bool
    """Whether `download` can deliver videos as such."""
    dated: bool = True
    """Whether `taken_at` tells more than the picture itself; otherwise it may be the age of a file."""


class Sink(Protocol):
    """Receives the bytes of an original, and hashes and counts them."""

    async def begin(self, size_bytes: int | None, mime_type: str) -> None:
        """Discard everything received and expect an original of this size (None if not announced)."""

    async def write(self, chunk: bytes) -> None:
        """Append bytes. Raises ProtocolError if they cannot be part of a picture or video."""


class Source(Protocol):
    """A place that photos come from. All methods may run concurrently.

    Every method raises LoginNeeded if the user has to act, TransientError if all retries failed, and
    ProtocolError for a response that cannot be understood.
    """

    @property
    def capabilities(self) -> SourceCapabilities:
        """What this source can do; never changes."""

    def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield all visible albums, each once, in the service's order."""

    async def list(self, album_id: str) -> Listing:
        """List one album. A failure on the way makes the listing incomplete; it is not raised.

        Only LoginNeeded is raised, since it concerns every album. Items come in the album's order, each ID
        once. Repeating is always safe.
        """

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Write the complete original of a listed item to `sink`.

        Requests a new URL if the old one has expired, and starts over, calling `begin` again, if the
        connection breaks. Raises ItemError if the item has no bytes (`unusable` if that is permanent), and
        QuotaError if the daily quota is used up. After any exception, `sink` holds no complete original.
        """

    async def examine(self) -> Sequence[Finding]:
        """Check what only this source can know about itself.

        That is: whether it can be reached, what its login or key permits, and when that expires. Lists no
        album and changes nothing. Raises like every other method if a check cannot be finished.
        """

    async def aclose(self) -> None:
        """Release connections; safe to call twice."""


@runtime_checkable
class NoticesChanges(Protocol):
    """Implemented in addition by a source that can notice changes of an album."""

    async def changed(self, album_id: str) -> None:
        """Return once the album may differ from its last `list` and has settled.

        May wait forever. Missing a change is acceptable, since albums are also listed at regular intervals.
        Raises nothing.
        """


@runtime_checkable
class Thumbnails(Protocol):
    """Implemented in addition by a source that can deliver small versions of pictures cheaply."""

    async def thumbnail(self, item: MediaItem, sink: Sink) -> None:
        """Write a small version of a listed picture to `sink`; raises as `download` does.

        From a disk, the original may come instead.
        """


@runtime_checkable
class Rates(Protocol):
    """Implemented in addition by a source whose listings contain ratings only if they are needed."""

    def list_ratings(self, album_id: str) -> None:
        """Have listings of an album contain ratings from now on; they become larger."""


class ListingMemory(Protocol):
    """Stores listings that continue by cursors, in the cache; for one account."""

    async def load(self, album: str) -> StoredListing | None:
        """Return what is stored of a listing; None if nothing is, or it cannot be read."""

    async def save(self, album: str, change: ListingUpdate) -> None:
        """Store a cursor and the entries that have changed, in one transaction; raises CacheError."""


@runtime_checkable
class Remembers(Protocol):
    """Implemented in addition by a source whose listings continue by cursors."""

    def remember_in(self, memory: ListingMemory) -> None:
        """Keep listings in `memory` from now on; until then, they are kept for the run only."""


@runtime_checkable
class Spools(Protocol):
    """Implemented in addition by a source that puts its items away once all frames show them.

    An item that fails in a job is listed as `Listing.failed` says, until the user wants it tried again.
    """

    def take_in(self, album_id: str) -> None:
        """Take in what has arrived with each listing from now on; until then, it is only listed."""

    async def shown(self, album_id: str, items: Collection[MediaItem]) -> None:
        """Note that every frame shows these items, or will not show them because of what the user wants.

        Repeating is safe, also for items that were put away before. Raises as `Source` does.
        """

    async def failed(self, album_id: str, job: str, errors: Mapping[MediaItem, PicsyncError]) -> None:
        """Note that the frame of a job cannot show these items, and why. Other frames go on showing them.

        Repeating is safe; raises as `Source` does.
        """


async def sources_changed(
    albums: Mapping[str, Sequence[str]], sources: Mapping[str, Source], *more: Awaitable[None]
) -> None:
    """Return once one of the albums (by kind) has changed, or one of `more` is done; otherwise never."""
    noticing = [
        (source, album_id)
        for kind, album_ids in albums.items()
        if isinstance(source := sources[kind], NoticesChanges)
        for album_id in album_ids
    ]
    never = asyncio.get_running_loop().create_future()
    tasks: set[asyncio.Future[None]] = {never}
    tasks |= {asyncio.ensure_future(source.changed(album_id)) for source, album_id in noticing}
    tasks |= {asyncio.ensure_future(each) for each in more}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
