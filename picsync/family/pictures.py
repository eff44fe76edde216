"""Small versions of photos, and of videos' covers, for the family's pages: JPEG files, made by the workers.

All sizes of a photo are there, or none: they are made in a folder of another name that is renamed then.
They can be made again from the originals, so losing them costs time only.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from picsync.core.errors import StateError
from picsync.core.model import MediaKind
from picsync.core.recipe import Panel, Recipe
from picsync.core.values import dataclass
from picsync.media.treatment import Treatment
from picsync.rendering.pool import Renderer
from picsync.system.files import flush_folder, reason, remedy

SIZES = (960, 480, 240)
"""Longest side of each version, in pixels. Each is made of the one before."""
QUALITY = {960: 82, 480: 78, 240: 74}
_PHOTO = re.compile(r"[a-z2-7]{10}")
_NEW = ".new-"
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Made:
    """What is known of an original once its small versions exist."""

    width: int | None
    height: int | None
    """Of the original, in pixels as it is shown; None if unknown."""


class Pictures:
    """The folder of the small versions."""

    def __init__(self, folder: Path, renderer: Renderer) -> None:
        self._folder = folder
        self._renderer = renderer

    @property
    def folder(self) -> Path:
        """Where the small versions are."""
        return self._folder

    def path(self, photo: str, size: int) -> Path:
        """Return where a version is, or would be. Raises ValueError for an unknown ID or size."""
        if not _PHOTO.fullmatch(photo) or size not in SIZES:
            raise ValueError("not a photo or size")
        return self._of(photo) / f"{size}.jpg"

    def has(self, photo: str) -> bool:
        """Whether a photo's versions exist; blocks. Raises StateError if the folder cannot be read."""
        try:
            return self._of(photo).is_dir()
        except OSError as error:
            raise self._failed(error) from error

    def all_of(self, photos: Iterable[str]) -> set[str]:
        """Return those of the photos whose versions exist; blocks. Raises StateError."""
        return {photo for photo in photos if self.has(photo)}

    async def make(self, photo: str, original: BinaryIO, kind: MediaKind = MediaKind.PHOTO) -> Made:
        """Make all versions of a photo, or of a video's cover, replacing what is there.

        `original` is an open file with a descriptor. Raises ItemError if it cannot be rendered, and
        StateError if the folder cannot be written.
        """
        try:
            folder = await asyncio.to_thread(self._begin)
            try:
                made = await self._render(folder, original, kind)
                await asyncio.to_thread(self._finish, folder, self._of(photo))
            except BaseException:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                raise
        except OSError as error:
            raise self._failed(error) from error
        return made

    async def remove(self, photo: str) -> None:
        """Remove the versions of a photo; succeeds if there are none."""
        await asyncio.to_thread(shutil.rmtree, self._of(photo), ignore_errors=True)

    def sweep(self) -> None:
        """Remove what an interrupted `make` has left; to be called before the first one. Blocks."""
        for left in self._folder.glob(f"{_NEW}*"):
            shutil.rmtree(left, ignore_errors=True)

    async def _render(self, folder: Path, original: BinaryIO, kind: MediaKind) -> Made:
        size = None
        work = self._renderer.render if kind is MediaKind.PHOTO else self._renderer.cover
        with ExitStack() as stack:
            source = original
            for side in SIZES:
                recipe = Recipe(panel=Panel(side, side), quality=QUALITY[side])
                # Without a thread, which would open it although this was cancelled.
                target = stack.enter_context((folder / f"{side}.jpg").open("w+b", 0))
                done = await work(source, recipe, target)
                work = self._renderer.render
                if done.treatment is Treatment.AS_IS:
                    await asyncio.to_thread(copy_all, source, target)
                size = size or done.original
                await asyncio.to_thread(os.fsync, target.fileno())
                source = target
        return Made(*(size or (None, None)))

    def _failed(self, error: OSError) -> StateError:
        return StateError(f"{self._folder}: {reason(error)}.", hint=remedy(error, self._folder))

    def _begin(self) -> Path:
        if not self._folder.is_dir():
            self._folder.mkdir(parents=True, exist_ok=True)
            flush_folder(self._folder.parent)
        return Path(tempfile.mkdtemp(prefix=_NEW, dir=self._folder))

    def _finish(self, made: Path, place: Path) -> None:
        flush_folder(made)
        with suppress(FileExistsError):
            place.parent.mkdir()
            flush_folder(self._folder)
        if place.exists():
            old = self._folder / f"{_NEW}{secrets.token_hex(4)}"
            place.rename(old)
            made.rename(place)
            shutil.rmtree(old, ignore_errors=True)
        else:
            made.rename(place)
        flush_folder(place.parent)

    def _of(self, photo: str) -> Path:
        return self._folder / photo[:2] / photo


def copy_all(source: BinaryIO, target: BinaryIO) -> None:
    """Replace what is in a file by what is in another one; blocks. Raises OSError."""
    source.seek(0)
    target.seek(0)
    target.truncate()
    while block := source.read(_BLOCK_BYTES):
        rest = memoryview(block)
        while rest:  # A disk that is nearly full writes a part, and refuses only the next write.
            rest = rest[target.write(rest) :]
