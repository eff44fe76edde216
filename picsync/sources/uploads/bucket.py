"""The source port for a library in a bucket.

An item's ID is its key, `album/path`. Formats are those that the names promise: picsync names what it stores
by its content. A bucket reports no changes; what this picsync stores itself is noticed at once.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from picsync.core.errors import ItemError, TransientError
from picsync.core.model import Finding, Listing, Mark, MediaItem, SourceAlbum
from picsync.core.skipping import skipped_file, skipped_folder
from picsync.http.pace import DOWNLOADS, Pace
from picsync.media.formats import HEAD_BYTES, media_kind, promised, sniff
from picsync.sources.base import Sink, SourceCapabilities
from picsync.sources.reading import read_again
from picsync.sources.uploads.source import CAPABILITIES, KIND, PAUSE_S, without_halves
from picsync.system.blocking import NoProgress, run_blocking
from picsync.system.files import reason
from picsync.system.library import CHANGES, MARKER
from picsync.system.watch import Watcher
from picsync.vendors.s3.bucket import Bucket, BucketError, Found

T = TypeVar("T")


class BucketSource:
    """Any number of albums of the bucket."""

    def __init__(
        self,
        albums: Sequence[str],
        bucket: Bucket,
        incoming: Path,
        *,
        pace: Pace,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`incoming` is the folder in which this picsync receives files for the bucket."""
        self._bucket = bucket
        self._albums = tuple(albums)
        self._changes = incoming / CHANGES
        self._reads = pace.limit(KIND, DOWNLOADS)
        self._sleep = sleep
        self._touched: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._watcher: Watcher | None = None

    @property
    def capabilities(self) -> SourceCapabilities:
        """Those of a library in a folder."""
        return CAPABILITIES

    async def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield all albums of the library, those of the settings first."""
        await self._run(self._require)
        found = sorted(await self._run(self._bucket.folders), key=str.casefold)
        for album in dict.fromkeys([*self._albums, *(name for name in found if not skipped_folder(name))]):
            yield SourceAlbum(album, album)

    async def list(self, album_id: str) -> Listing:
        """List an album; a bucket that is unavailable, or has lost its marker, has no complete listing."""
        self._watch()
        self._touched[album_id].clear()
        try:
            await self._run(self._require)
            found = await self._run(lambda: list(self._bucket.find(f"{album_id}/")))
        except TransientError as error:
            return Listing(KIND, album_id, problem=error.message)
        if not found:
            # An album of the library has at least the object that stands for its folder.
            problem = f"There is no album {album_id} in the library {self._bucket.place}."
            return Listing(KIND, album_id, problem=problem)
        named = [each for each in found if not _is_skipped(each.key) and each.size_bytes]
        items = [item for each in named if (item := _item(each)) is not None]
        return Listing(KIND, album_id, items=without_halves(items), unrecognised=len(named) - len(items))

    async def changed(self, album_id: str) -> None:
        """Return some time after this picsync has stored something in the library."""
        await self._touched[album_id].wait()
        await self._sleep(PAUSE_S)

    async def thumbnail(self, item: MediaItem, sink: Sink) -> None:
        """Copy the file itself; see the port."""
        await self.download(item, sink)

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Copy a file into `sink`, provided that it is still the listed version."""
        try:
            await read_again(lambda: self._copy(item, sink), self._reads, pause=lambda: self._sleep(PAUSE_S))
        except (FileNotFoundError, FileExistsError):
            raise ItemError("It was changed or removed since it was listed.") from None

    async def _copy(self, item: MediaItem, sink: Sink) -> None:
        blocks = self._bucket.read(item.item_id, etag=item.version)
        block = await self._run(partial(_next, blocks))
        mime_type = sniff(block[:HEAD_BYTES])
        if mime_type is None:
            raise ItemError("This is neither a picture nor a video.", unusable=True)
        await sink.begin(item.size_bytes, mime_type)
        count = 0
        while block:
            await sink.write(block)
            count += len(block)
            block = await self._run(partial(_next, blocks))
        if count != item.size_bytes:
            raise TransientError(f"The bucket {self._bucket.place} sent {count:,} bytes of a file.")

    async def examine(self) -> Sequence[Finding]:
        """Report whether the bucket can be used."""
        try:
            await self._run(self._require)
        except TransientError as error:
            return [Finding(Mark.PROBLEM, str(self._bucket.place), error.message, "")]
        return [Finding(Mark.OK, str(self._bucket.place), "can be read", "")]

    async def aclose(self) -> None:
        """Release the watch."""
        if self._watcher is not None:
            self._watcher.close()

    def _watch(self) -> None:
        if self._watcher is None:
            self._watcher = Watcher(self._touch)
        # The folder exists once the family's pages have opened the library.
        self._watcher.enter(KIND, str(self._changes))

    def _touch(self, _: str) -> None:
        for event in self._touched.values():
            event.set()

    def _require(self) -> None:
        """Raise BucketError unless the bucket has the library's marker."""
        if self._bucket.metadata(MARKER) is None:
            prefix = self._bucket.place.prefix
            raise BucketError(
                f"The library {self._bucket.place} is missing: it has no object {prefix}{MARKER}. Correct"
                " `family.library` in picsync.yaml; a new library is made when the family's pages start."
            )

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await run_blocking(work)
        except (FileNotFoundError, FileExistsError):
            raise
        except BucketError as error:
            raise TransientError(str(error)) from error
        except OSError as error:
            raise TransientError(f"The bucket {self._bucket.place}: {reason(error)}.") from error
        except NoProgress:
            raise TransientError(f"The bucket {self._bucket.place} does not respond.") from None


def _next(blocks: Iterator[bytes]) -> bytes:
    return next(blocks, b"")


def _is_skipped(key: str) -> bool:
    *folders, name = key.split("/")[1:]
    return not name or skipped_file(name) or any(map(skipped_folder, folders))


def _item(found: Found) -> MediaItem | None:
    name = found.key.rpartition("/")[2]
    mime_type = promised(name)
    if mime_type is None:
        return None
    return MediaItem(
        KIND,
        found.key,
        found.etag,
        kind=media_kind(mime_type),
        mime_type=mime_type,
        filename=name,
        taken_at=found.modified_at,
        size_bytes=found.size_bytes,
    )
