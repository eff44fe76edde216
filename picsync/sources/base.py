"""The port through which picsync sees any place that photos come from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeAlias, runtime_checkable

from pydantic import AfterValidator

from picsync.core.model import Finding, Listing, MediaItem, SourceAlbum


def _named(value: str) -> str:
    if not value.strip():
        raise ValueError("must name an album, not be empty")
    return value


AlbumName: TypeAlias = Annotated[str, AfterValidator(_named)]
"""An entry of picsync.yaml that is the name or ID of an album, without options."""


@dataclass(frozen=True, slots=True)
class SourceCapabilities:
    """What the engine must know of a source; it asks for these, never for the source's name."""

    kind: str
    """The kind that it is opened as."""
    title: str
    """Its name in messages to people."""
    videos: bool
    """Whether `download` can deliver videos as such."""


class Sink(Protocol):
    """Where a source puts the bytes of an original; it hashes and counts them on the way."""

    async def begin(self, size_bytes: int | None, mime_type: str) -> None:
        """Forget what came so far and expect an original of that announced size (None if not said)."""

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises ProtocolError if they cannot be part of a picture or video."""


class Source(Protocol):
    """A place that photos come from. All methods may run concurrently.

    Every method raises LoginNeeded where the user has to act, TransientError when retries have failed,
    and ProtocolError for an answer that makes no sense.
    """

    @property
    def capabilities(self) -> SourceCapabilities:
        """What this source can do; constant."""

    def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield all albums that can be seen, in the service's order, each once."""

    async def list(self, album_id: str) -> Listing:
        """List one album completely; what fails on the way makes the listing incomplete, not the call.

        Only LoginNeeded is raised, since it concerns all albums alike. Items come in the album's order,
        each id once. Repeating is always safe.
        """

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Bring the original's bytes of a listed item into `sink`, whole.

        Asks the service again where a URL has expired; repeats, calling `begin` again, where the wire broke
        off. Raises ItemError if the item has no bytes (`unusable` if that is not going to change), and
        QuotaError when the day's quota is used up. Whatever is raised, `sink` holds no whole original.
        """

    async def examine(self) -> Sequence[Finding]:
        """Look at what only this source knows of itself.

        That is whether it can be reached, what this login or key may do and how long it lives. Lists no
        album and changes nothing. Raises as every method does where a look is cut short.
        """

    async def aclose(self) -> None:
        """Release connections; safe to call twice."""


@runtime_checkable
class TellsChanges(Protocol):
    """What a source has besides, if it notices by itself that an album has changed."""

    async def changed(self, album_id: str) -> None:
        """Return once the album may differ from what its last `list` saw, and has settled.

        Waits until then, for ever if need be. Not noticing a change is no fault: albums are listed from time
        to time all the same. Raises nothing.
        """


async def sources_changed(albums: Mapping[str, Sequence[str]], sources: Mapping[str, Source]) -> None:
    """Return once a source says that one of the albums (by kind) has changed; never if none tells changes."""
    telling = [
        (source, album_id)
        for kind, album_ids in albums.items()
        if isinstance(source := sources[kind], TellsChanges)
        for album_id in album_ids
    ]
    never = asyncio.get_running_loop().create_future()
    tasks: set[asyncio.Future[None]] = {never}
    tasks |= {asyncio.ensure_future(source.changed(album_id)) for source, album_id in telling}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
