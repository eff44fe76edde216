"""The library in a bucket: an object for each file, at `album/name`.

Files that picsync receives itself wait in a folder of this machine. Browsers send straight to the bucket, in
parts, to an object below `.picsync-incoming/`, which is copied within the bucket once it has been checked.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from pathlib import Path
from typing import BinaryIO, cast

from picsync.core.skipping import skipped_folder
from picsync.core.values import dataclass
from picsync.family.library import MAX_ALBUMS, LibraryUnavailable, is_album, no_progress
from picsync.media.formats import promised
from picsync.system.files import flush_folder
from picsync.system.library import CHANGES, INCOMING, MARKER, ring
from picsync.vendors.s3.bucket import PART_BYTES, Bucket, BucketError, Part

SEEN_FOR_S = 15.0
"""How long a library that was there counts as there; whatever uses it says otherwise."""
OFFERED = 12
"""Parts that are offered to be sent at once."""
_OWNER = "picsync-upload"
"""The metadata of an object that has the ID of its upload."""


@dataclass(frozen=True, slots=True)
class PartToSend:
    """A part of a file that is missing, and where to send it."""

    number: int
    """From 1."""
    start: int
    size_bytes: int
    url: str = field(repr=False)
    """Whoever has it can send the part."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What has arrived of a file in parts."""

    received_bytes: int
    missing: Sequence[PartToSend]
    """The first of the missing parts; empty if all are there."""


class BucketLibrary:
    """The bucket; see `family.library.Library`, whose port it has."""

    def __init__(self, bucket: Bucket, incoming: Path, albums: Sequence[str] = ()) -> None:
        """`incoming` is a folder of this machine in which files are received."""
        self.incoming = incoming
        self.origin = bucket.origin
        self._bucket = bucket
        self._albums = tuple(albums)
        self._seen_s = -SEEN_FOR_S

    def __str__(self) -> str:
        return str(self._bucket.place)

    def open(self, *, known: bool) -> None:
        """Mark the bucket as a library unless it is `known` as one, and create what this machine needs."""
        with _explained():
            if not known:
                with suppress(FileExistsError):
                    self._bucket.put(MARKER, b"", 0)
        self._seen_s = -SEEN_FOR_S
        self.require()
        with _explained():
            for album in self._albums:
                with suppress(FileExistsError):
                    self._bucket.put(f"{album}/", b"", 0)
        self.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        flush_folder(self.incoming.parent)
        (self.incoming / CHANGES).mkdir(exist_ok=True)

    def require(self) -> None:
        """Raise LibraryUnavailable unless the library is there."""
        if time.monotonic() - self._seen_s < SEEN_FOR_S:
            return
        with _explained():
            if self._bucket.metadata(MARKER) is None:
                raise LibraryUnavailable(
                    f"The library {self} is missing. Correct `family.library` in picsync.yaml; if it is to be"
                    f" a library that starts empty, create the object {self._bucket.place.prefix}{MARKER}."
                )
        self._seen_s = time.monotonic()

    def albums(self) -> list[str]:
        """Return the names of all albums, those of the settings first."""
        with _explained():
            found = sorted(self._bucket.folders(), key=str.casefold)
        others = [
            name for name in found if name not in self._albums and is_album(name) and not skipped_folder(name)
        ]
        return [*self._albums, *others[:MAX_ALBUMS]]

    def free_bytes(self) -> int:
        """Return how many bytes may still be received on this machine."""
        return shutil.disk_usage(self.incoming).free

    def stems(self, album: str) -> dict[str, set[str]]:
        """Return the extensions of the files in an album, by stem; both without regard to case."""
        stems: dict[str, set[str]] = {}
        with _explained():
            names = [found.key.removeprefix(f"{album}/") for found in self._bucket.find(f"{album}/")]
            for name in filter(None, names):
                stem, dot, extension = name.rpartition(".")
                stems.setdefault((stem if dot else extension).casefold(), set()).add(
                    f".{extension}".casefold()
                )
        return stems

    def has(self, stored: str) -> bool:
        """Whether there is a stored file (`album/name`)."""
        with _explained():
            return self._bucket.metadata(stored) is not None

    def read(self, stored: str, progress: Callable[[], None] = no_progress) -> BinaryIO:
        """Return a copy of a stored file, which has no name here; raises FileNotFoundError."""
        file = cast("BinaryIO", tempfile.TemporaryFile(dir=self.incoming))  # noqa: SIM115 - the caller's
        try:
            self._fetch(stored, file, progress)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def path(self, stored: str) -> None:
        """Return None: files of the bucket have no path."""

    def url(self, stored: str) -> str:
        """Return where a browser can download a stored file for a while."""
        with _explained():
            return self._bucket.sign_read(stored, stored.partition("/")[2])

    def place(self, part: Path, stored: str, upload: str, progress: Callable[[], None] = no_progress) -> bool:
        """Put a received file into its album; return whether that is done, or False if the name is taken.

        It is there completely or not at all, and replaces nothing. Safe to repeat.
        """
        with _explained():
            size = part.stat().st_size
            there = self._bucket.metadata(stored)
            if there is None:
                about = {_OWNER: upload}
                mime_type = promised(stored) or ""
                sent = self._bucket.metadata(_incoming(upload))
                try:
                    if sent is not None and sent[0] == size:
                        self._bucket.copy(
                            _incoming(upload),
                            stored,
                            size,
                            mime_type=mime_type,
                            metadata=about,
                            progress=progress,
                        )
                    else:
                        with part.open("rb") as file:
                            self._bucket.put(
                                stored, file, size, mime_type=mime_type, metadata=about, progress=progress
                            )
                except FileExistsError:
                    return False
            elif there[1].get(_OWNER) != upload:
                return False
            self._bucket.delete(_incoming(upload))
        part.unlink(missing_ok=True)
        ring(self.incoming)
        return True

    # Files that browsers send straight to the bucket.

    def begin(self, upload: str, size_bytes: int) -> Progress:
        """Return what has arrived of a file, and where to send what is missing. Safe to repeat."""
        key = _incoming(upload)
        with _explained():
            if self._bucket.metadata(key) is not None:
                return Progress(size_bytes, ())
            number = self._bucket.begin(key)
            there = {part.number: part.size_bytes for part in self._bucket.parts(key, number)}
            missing = [each for each in _parts(size_bytes) if there.get(each.number) != each.size_bytes]
            return Progress(
                size_bytes - sum(each.size_bytes for each in missing),
                [
                    PartToSend(
                        each.number,
                        (each.number - 1) * PART_BYTES,
                        each.size_bytes,
                        self._bucket.sign_part(key, number, each.number, each.size_bytes),
                    )
                    for each in missing[:OFFERED]
                ],
            )

    def complete(self, upload: str, size_bytes: int) -> bool:
        """Make one file of the parts; return whether all of them are there. Safe to repeat."""
        key = _incoming(upload)
        with _explained():
            if self._bucket.metadata(key) is not None:
                return True
            number = self._bucket.begun(key)
            if not number:
                return False
            try:
                there = {part.number: part for part in self._bucket.parts(key, number)}
                wanted = _parts(size_bytes)
                parts = [there[each.number] for each in wanted if each.number in there]
                if [each.size_bytes for each in parts] != [each.size_bytes for each in wanted]:
                    return False
                self._bucket.complete(key, number, parts)
            except FileNotFoundError:
                # Another request has completed or ended it.
                return self._bucket.metadata(key) is not None
        return True

    def fetch(self, upload: str, part: Path, progress: Callable[[], None] = no_progress) -> None:
        """Copy a file that a browser has sent to `part`, which appears completely.

        Raises FileNotFoundError if there is none.
        """
        new = part.with_suffix(".fetched")
        try:
            with new.open("wb") as file:
                self._fetch(_incoming(upload), file, progress)
            new.replace(part)
        finally:
            new.unlink(missing_ok=True)

    def discard(self, upload: str) -> None:
        """Remove what a browser has sent of a file; succeeds if there is nothing."""
        with _explained():
            self._bucket.abort(_incoming(upload))
            self._bucket.delete(_incoming(upload))

    def sweep(self, wanted: Collection[str]) -> None:
        """Remove what was received of all files but the wanted ones."""
        prefix = f"{INCOMING}/"
        with _explained():
            for key in self._bucket.unfinished(prefix):
                if key.removeprefix(prefix) not in wanted:
                    self._bucket.abort(key)
            for found in list(self._bucket.find(prefix)):
                if found.key.removeprefix(prefix) not in wanted:
                    self._bucket.delete(found.key)

    def _fetch(self, key: str, file: BinaryIO, progress: Callable[[], None]) -> None:
        with _explained():
            for block in self._bucket.read(key):
                rest = memoryview(block)
                while rest:
                    rest = rest[file.write(rest) :]
                progress()
        file.flush()


def _incoming(upload: str) -> str:
    return f"{INCOMING}/{upload}"


def _parts(size_bytes: int) -> list[Part]:
    """Return the parts of a file of this size."""
    count = max(-(-size_bytes // PART_BYTES), 1)
    last = size_bytes - (count - 1) * PART_BYTES
    return [Part(number, PART_BYTES if number < count else last, "") for number in range(1, count + 1)]


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except BucketError as error:
        raise LibraryUnavailable(str(error)) from error
