"""What recipes make of an original in the spool."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO

from picsync.core.caption import NOTHING, Details
from picsync.core.model import Digest
from picsync.core.recipe import Recipe
from picsync.core.values import dataclass
from picsync.rendering.pool import Rendered, Renderer
from picsync.sync.tempfiles import Spool, SpoolFile

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Made:
    """Bytes that are ready to be sent."""

    digest: Digest
    size_bytes: int
    mime_type: str
    content: BinaryIO
    """A file without a name; use `file`."""
    unchanged: bool = False
    """Whether these are the original's bytes."""
    notes: tuple[str, ...] = ()
    """Sentences for the operator."""
    width: int = 0
    height: int = 0
    """In pixels, as shown; 0 if unknown."""
    original: tuple[int, int] | None = None
    """Width and height of the original in pixels, as it is shown; None if unknown."""

    def file(self) -> BinaryIO:
        """Return the bytes as a file with its own position."""
        return view(self.content, self.size_bytes)

    def close(self) -> None:
        """Give up the file, unless it is the original's."""
        if not self.unchanged:
            self.content.close()


def load_treatment() -> None:
    """Load what decides how a picture is converted, ahead of the first one."""
    import picsync.media.jpeg
    import picsync.media.treatment  # noqa: F401


async def make(
    renderer: Renderer,
    spool: Spool,
    original: SpoolFile,
    content: Digest,
    recipe: Recipe,
    about: Details = NOTHING,
) -> Made:
    """Do what the recipe says of an original whose digest is `content`; `about` is for a caption.

    A file that is fine as it is starts no worker. A rendition is not counted in the spool's budget: there are
    only as many as workers and uploads, and most have a tenth of their original's size.

    Raises ItemError, unusable, for a picture that cannot be rendered, and SpoolError if the disk cannot take
    the rendition.
    """
    if (fine := await asyncio.to_thread(_fine, original.file, recipe)) is not None:
        size, notes = fine
        return Made(
            content,
            original.size_bytes,
            "image/jpeg",
            original.file,
            unchanged=True,
            notes=notes,
            width=size[0],
            height=size[1],
            original=size,
        )

    async def work(target: BinaryIO) -> Rendered:
        return await renderer.render(original.file, recipe, target, about)

    return await _made(work, spool, original, content)


async def make_half(
    renderer: Renderer, spool: Spool, original: SpoolFile, content: Digest, recipe: Recipe, about: Details
) -> Made:
    """Make the left half of a pair; of an original that is no portrait, `unchanged`. Raises as `make`."""

    async def work(target: BinaryIO) -> Rendered:
        return await renderer.render_half(original.file, recipe, target, about)

    return await _made(work, spool, original, content)


async def make_pair(
    renderer: Renderer,
    spool: Spool,
    original: SpoolFile,
    content: Digest,
    recipe: Recipe,
    about: Details,
    left: Made,
) -> Made:
    """Make a pair with the `left` half; of an original that is no portrait, `unchanged`. Raises as `make`."""

    async def work(target: BinaryIO) -> Rendered:
        return await renderer.render_pair(original.file, recipe, target, about, left.content)

    return await _made(work, spool, original, content)


async def _made(
    work: Callable[[BinaryIO], Awaitable[Rendered]], spool: Spool, original: SpoolFile, content: Digest
) -> Made:
    from picsync.media.treatment import Treatment

    target = await asyncio.to_thread(_new_file, spool.folder)
    try:
        done = await work(target)
        if done.treatment is Treatment.AS_IS:
            target.close()
            return Made(
                content,
                original.size_bytes,
                done.mime_type,
                original.file,
                unchanged=True,
                notes=done.notes,
                width=done.width,
                height=done.height,
                original=done.original,
            )
        digest = await asyncio.to_thread(digest_of, target, content.algorithm)
        size_bytes = os.fstat(target.fileno()).st_size
    except OSError as error:
        target.close()
        raise spool.error(error, original.size_bytes) from error
    except BaseException:
        target.close()
        raise
    return Made(
        digest,
        size_bytes,
        done.mime_type,
        target,
        notes=done.notes,
        width=done.width,
        height=done.height,
        original=done.original,
    )


def _fine(file: BinaryIO, recipe: Recipe) -> tuple[tuple[int, int], tuple[str, ...]] | None:
    """Return size and remarks of a picture that the recipe leaves as it is; None for any other."""
    from picsync.media import jpeg
    from picsync.media.treatment import Treatment, remarks, treatment

    picture = jpeg.read(file)
    if picture is None or treatment(picture, recipe) is not Treatment.AS_IS:
        return None
    return (picture.width, picture.height), remarks(picture.exif, picture.profile)  # It is upright.


def _new_file(folder: Path) -> BinaryIO:
    return tempfile.TemporaryFile(dir=folder, prefix="picsync-", buffering=0)


def digest_of(file: BinaryIO, algorithm: str) -> Digest:
    """Return the digest of a whole file; blocks."""
    content = hashlib.new(algorithm, usedforsecurity=False)
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        content.update(block)
    return Digest(algorithm, content.hexdigest())


def view(file: BinaryIO, size_bytes: int) -> BinaryIO:
    """Return a file that reads another one and has its own position."""
    return io.BufferedReader(_View(file, size_bytes))


class _View(io.RawIOBase):
    """Reads a file without moving its position, since others read it too."""

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # any buffer
        data = os.pread(self._file.fileno(), len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
