"""The source port for the library.

An item's ID is its path relative to the library, so that the library may move. The video of a Live Photo,
which has the name of its picture, is no video of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from picsync.core.errors import TransientError
from picsync.core.model import Finding, Listing, Mark, MediaItem, MediaKind, SourceAlbum
from picsync.sources.base import Sink, SourceCapabilities
from picsync.sources.folder.options import FolderEntry
from picsync.sources.folder.source import CAPABILITIES as FOLDERS
from picsync.sources.folder.source import FolderSource
from picsync.system.blocking import STALL_TIMEOUT_S, NoProgress, run_blocking
from picsync.system.files import reason
from picsync.system.library import albums_in, how_to_mount, is_mounted

KIND = "uploads"
CAPABILITIES = replace(FOLDERS, kind=KIND, title="Uploads")
PAUSE_S = 2.0
"""How long a cycle waits after a change, since photos come in groups."""


class UploadsSource:
    """Any number of albums of the library."""

    def __init__(
        self,
        albums: Sequence[str],
        library: Path,
        *,
        own_folder: Path,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        stall_timeout_s: float = STALL_TIMEOUT_S,
        **folder: Any,
    ) -> None:
        """`folder` has further arguments of the folder source, which reads the files."""
        self._library = library
        self._albums = {album: str(library / album) for album in albums}
        self._stall_timeout_s = stall_timeout_s
        self._sleep = sleep
        # Files arrive completely, by a rename.
        entries = {
            path: FolderEntry.model_validate({"path": path, "quiet": "0s", "mayBeEmpty": True})
            for path in self._albums.values()
        }
        self._files = FolderSource(
            entries, own_folder=own_folder, sleep=sleep, stall_timeout_s=stall_timeout_s, **folder
        )

    @property
    def capabilities(self) -> SourceCapabilities:
        """The capabilities of folders."""
        return CAPABILITIES

    async def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield all albums of the library, those of the settings first."""
        if problem := await self._problem():
            raise TransientError(problem)
        look = partial(albums_in, self._library)
        try:
            found = await run_blocking(look, stall_timeout_s=self._stall_timeout_s)
        except NoProgress:
            raise TransientError(self._silent()) from None
        except OSError as error:
            raise TransientError(f"The library {self._library}: {reason(error)}.") from error
        for album in dict.fromkeys([*self._albums, *found]):
            yield SourceAlbum(album, album)

    async def list(self, album_id: str) -> Listing:
        """List an album; a library that is not mounted has no complete listing."""
        if problem := await self._problem():
            return Listing(KIND, album_id, problem=problem)
        found = await self._files.list(self._albums[album_id])
        if problem := await self._problem():
            # It went away meanwhile.
            return Listing(KIND, album_id, problem=problem)
        items = [
            replace(item, source=KIND, item_id=str(PurePosixPath(item.item_id).relative_to(self._library)))
            for item in found.items
        ]
        return replace(found, source=KIND, album_id=album_id, items=without_halves(items))

    async def changed(self, album_id: str) -> None:
        """Return some time after something was put into the album or removed."""
        await self._files.changed(self._albums[album_id])
        await self._sleep(PAUSE_S)

    async def thumbnail(self, item: MediaItem, sink: Sink) -> None:
        """Copy the file itself, which costs little; see the port."""
        await self.download(item, sink)

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Copy a file into `sink`, provided that it is still the listed version and stays unchanged."""
        if problem := await self._problem():
            raise TransientError(problem)
        path = str(self._library / item.item_id)
        await self._files.download(replace(item, source=FOLDERS.kind, item_id=path), sink)

    async def examine(self) -> Sequence[Finding]:
        """Report whether the library is mounted, and the file systems of its albums."""
        if problem := await self._problem():
            return [Finding(Mark.PROBLEM, str(self._library), problem, "")]
        names = {path: album for album, path in self._albums.items()}
        return [
            replace(finding, subject=names.get(finding.subject, finding.subject))
            for finding in await self._files.examine()
        ]

    async def aclose(self) -> None:
        """Release the watches."""
        await self._files.aclose()

    async def _problem(self) -> str:
        """Return why the library cannot be read; empty if it can."""
        try:
            there = await run_blocking(
                partial(is_mounted, self._library), stall_timeout_s=self._stall_timeout_s
            )
        except NoProgress:
            return self._silent()
        if there:
            return ""
        return f"The library {self._library} is not mounted. {how_to_mount(self._library)}"

    def _silent(self) -> str:
        return f"The library {self._library} does not respond. Check its disk or server."


def without_halves(items: Sequence[MediaItem]) -> tuple[MediaItem, ...]:
    """Return the items without the videos of Live Photos."""
    pictures = {_stem(item) for item in items if item.kind is MediaKind.PHOTO}
    return tuple(item for item in items if item.mime_type != "video/quicktime" or _stem(item) not in pictures)


def _stem(item: MediaItem) -> str:
    return str(PurePosixPath(item.item_id).with_suffix("")).casefold()
