"""A source in memory, for tests of everything that uses the port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from picsync.core.errors import ItemError, LimitError, LoginNeeded, PicsyncError, TransientError
from picsync.core.model import NO_FACTS, Facts, Finding, Listing, Mark, MediaItem, MediaKind, SourceAlbum
from picsync.sources.base import Sink, SourceCapabilities

CHUNK_BYTES = 1024


@dataclass
class Album:
    """The content of an album, in order."""

    title: str
    items: dict[str, MediaItem] = field(default_factory=dict)
    originals: dict[str, bytes] = field(default_factory=dict)


class MemorySource:
    """Albums in memory, with scripted failures and request counters."""

    def __init__(self, kind: str = "googlephotos") -> None:
        self._capabilities = SourceCapabilities(kind=kind, title=kind, videos=True)
        self.content: dict[str, Album] = {}
        """Album ID -> album. `put` creates albums; other albums are missing."""
        self.listing_problem: dict[str, str] = {}
        """Album ID -> why its listings are incomplete, until removed."""
        self.listed_until: dict[str, int] = {}
        """Album ID -> how many items an incomplete listing still contains; all by default."""
        self.fail_downloads: dict[str, PicsyncError | int] = {}
        """Item ID -> the error of every download, or the number of downloads that fail first."""
        self.broken_off: dict[str, int] = {}
        """Item ID -> how often the connection breaks halfway and is retried without the caller noticing."""
        self.login_needed: LoginNeeded | None = None
        """While set, everything raises it."""
        self.lists: list[str] = []
        """Album ids in the order in which they were listed."""
        self.downloads: list[str] = []
        """Item ids in the order in which downloads began, failed ones too."""
        self.passing: Callable[[str], object] = _ignore
        """Called at the begin and end of each listing and download, with its method."""
        self.downloads_left: int | None = None
        """How many downloads the service still allows on this day."""
        self.closed = False

    @property
    def capabilities(self) -> SourceCapabilities:
        return self._capabilities

    def put(
        self,
        album_id: str,
        item_id: str,
        data: bytes,
        *,
        filename: str | None = None,
        mime_type: str = "image/jpeg",
        kind: MediaKind = MediaKind.PHOTO,
        version: str = "",
        taken_at: datetime | None = None,
        facts: Facts = NO_FACTS,
    ) -> MediaItem:
        """Append an item to an album, or replace its bytes (and version) in place."""
        item = MediaItem(
            self._capabilities.kind,
            item_id,
            version,
            kind=kind,
            mime_type=mime_type,
            filename=f"{item_id}.jpg" if filename is None else filename,
            taken_at=taken_at,
            facts=facts,
        )
        album = self.put_album(album_id)
        album.items[item_id] = item
        album.originals[item_id] = data
        return item

    def put_album(self, album_id: str, title: str | None = None) -> Album:
        """Create an album unless it exists."""
        return self.content.setdefault(album_id, Album(title or album_id))

    def remove(self, album_id: str, item_id: str) -> None:
        """Remove an item from an album; its bytes are gone unless another album contains it."""
        album = self.content[album_id]
        del album.items[item_id], album.originals[item_id]

    def reorder(self, album_id: str, item_ids: Sequence[str]) -> None:
        """Reorder an album's items."""
        album = self.content[album_id]
        album.items = {item_id: album.items[item_id] for item_id in item_ids}

    async def albums(self) -> AsyncIterator[SourceAlbum]:
        self._check_login()
        for album_id, album in self.content.items():
            yield SourceAlbum(album_id, album.title, len(album.items))

    async def list(self, album_id: str) -> Listing:
        self._check_login()
        self.lists.append(album_id)
        await asyncio.sleep(0)  # Lets other tasks in, as a request would.
        self.passing("list")
        kind = self._capabilities.kind
        if album_id not in self.content:
            return Listing(kind, album_id, problem=f"There is no album {album_id}.")
        items = tuple(self.content[album_id].items.values())
        problem = self.listing_problem.get(album_id)
        if problem is not None:
            items = items[: self.listed_until.get(album_id)]
        self.passing("list")
        return Listing(kind, album_id, items, problem)

    async def download(self, item: MediaItem, sink: Sink) -> None:
        self._check_login()
        self.downloads.append(item.item_id)
        await asyncio.sleep(0)
        self.passing("download")
        if self.downloads_left is not None:
            if self.downloads_left == 0:
                raise LimitError("The downloads of this day are used up.")
            self.downloads_left -= 1
        data = next(
            (a.originals[item.item_id] for a in self.content.values() if item.item_id in a.originals), None
        )
        if data is None:
            raise ItemError(f"{item.filename} is gone from the source.")
        for _ in range(self.broken_off.pop(item.item_id, 0)):
            await sink.begin(len(data), item.mime_type)
            await sink.write(data[: len(data) // 2])
        await sink.begin(len(data), item.mime_type)
        match self.fail_downloads.get(item.item_id):
            case PicsyncError() as error:
                raise error
            case int() as count if count > 0:
                self.fail_downloads[item.item_id] = count - 1
                raise TransientError(f"{item.filename} could not be downloaded.")
        for start in range(0, len(data), CHUNK_BYTES):
            await sink.write(data[start : start + CHUNK_BYTES])
        self.passing("download")

    async def examine(self) -> Sequence[Finding]:
        return [Finding(Mark.OK, self.capabilities.title, "in memory.")]

    async def aclose(self) -> None:
        self.closed = True

    def _check_login(self) -> None:
        if self.login_needed is not None:
            raise self.login_needed


def _ignore(_: str) -> None:
    return
