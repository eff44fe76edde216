"""The folder of picked photos: a subfolder for each album, two files for each item.

The bytes are stored first, under a name derived from the item's ID; then the record, a JSON file whose
presence shows that the bytes are complete. Both are written to a temporary name and renamed. `album.json`
exists from the start, so that an empty album can be distinguished from an unmounted volume. Files may be
viewed and copied by hand. Removing a file by hand makes the album incomplete, since that may not have been
intended.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from picsync.core.errors import DiskError, ItemError, ProtocolError
from picsync.core.model import MediaItem
from picsync.media.formats import HEAD_BYTES, media_kind, sniff
from picsync.system.files import (
    PART,
    PRIVATE_FOLDER,
    create_anew,
    make_private,
    open_regular,
    reason,
    remedy,
    replace_file,
)

FOLDER = "picsync-library"
MAX_NAME_BYTES = 255
_ALBUM = "album.json"
_RECORD = ".json"
_HASH_CHARACTERS = 32
_EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/heic": ".heic",
    "image/tiff": ".tif",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
}


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Record(_Stored):
    """Metadata of an item."""

    item_id: str = Field(min_length=1)
    filename: str = ""
    mime_type: str
    """As detected from the bytes."""
    taken_at: datetime | None = None
    size_bytes: int = Field(ge=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    stored_as: str = Field(pattern=r"^[0-9a-f]{32}\.[a-z0-9]{1,5}$")
    """Name of the file with the bytes, next to the record."""


class AlbumRecord(_Stored):
    """Metadata of an album."""

    format: Literal[1] = 1
    name: str
    session: str | None = None
    """A picking session whose items have not all been downloaded."""


class Library:
    """All albums of picked photos. Raises DiskError, which names the path, if the local disk fails."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which need not exist yet."""
        self.folder = folder

    def albums(self) -> list[PickedAlbum]:
        """Return the albums, by name."""
        with _explained(self.folder):
            if not self.folder.is_dir():
                return []
            # Earlier versions allowed every user of the machine to read the pictures.
            make_private(self.folder)
            names = sorted(unquote(path.name) for path in self.folder.iterdir() if path.is_dir())
        return [album for album in map(self.album, names) if album.exists]

    def album(self, name: str) -> PickedAlbum:
        """Return an album, which need not exist yet."""
        return PickedAlbum(self.folder / folder_name(name), name)


def folder_name(name: str) -> str:
    """Return the name of an album's folder; raises ValueError if the album's name is unsuitable."""
    quoted = quote(name, safe=" ()',+@!", errors="surrogatepass")
    quoted = quoted.replace(".", "%2E") if not quoted.strip(".") else quoted
    if not name.strip() or len(quoted) > MAX_NAME_BYTES:
        raise ValueError(f"{name[:60]!r} cannot be the name of an album: it is empty or too long")
    return quoted


class PickedAlbum:
    """One album."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name

    @property
    def exists(self) -> bool:
        """Whether it exists."""
        with _explained(self.folder):
            return (self.folder / _ALBUM).is_file()

    def create(self) -> None:
        """Create it unless it exists, and remove what an interrupted download left."""
        with _explained(self.folder):
            self.folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
            for path in (self.folder.parent, self.folder, *self.folder.iterdir()):
                make_private(path)
            for part in self.folder.glob(f"*{PART}"):
                part.unlink(missing_ok=True)
        if not self.exists:
            self._write(AlbumRecord(name=self.name))

    @property
    def session(self) -> str | None:
        """The picking session whose items have not all been downloaded; None if there is none."""
        with _explained(self.folder):
            text = _content(self.folder / _ALBUM)
        try:
            return AlbumRecord.model_validate_json(text).session
        except ValidationError:
            return None

    @session.setter
    def session(self, session_id: str | None) -> None:
        self._write(AlbumRecord(name=self.name, session=session_id))

    def read(self) -> tuple[list[Record], str | None]:
        """Return the items, by time and ID, and why some may be missing; None if none is."""
        if not self.exists:
            return [], f"There is no album of picked photos {self.name!r} in {self.folder.parent}."
        records, problems = [], []
        with _explained(self.folder):
            make_private(self.folder)
            paths = list(self.folder.iterdir())
            names = {path.name for path in paths}
            for path in paths:
                make_private(path)
            for name in sorted(names - {_ALBUM}):
                if not name.endswith(_RECORD):
                    continue
                try:
                    record = Record.model_validate_json(_content(self.folder / name))
                except ValidationError:
                    problems.append(f"{name} is not a record of a picked photo")
                    continue
                records.append(record)
                if record.stored_as not in names:
                    problems.append(f"{record.filename or record.item_id} is missing")
        records.sort(key=lambda each: (each.taken_at or datetime.min.replace(tzinfo=UTC), each.item_id))
        if not problems:
            return records, None
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        return records, f"In {self.folder} {problems[0]}{more}."

    def has(self, item_id: str) -> bool:
        """Whether an item was downloaded completely."""
        with _explained(self.folder):
            return (self.folder / f"{_key(item_id)}{_RECORD}").is_file()

    @contextmanager
    def receive(self, item: MediaItem) -> Iterator[LibraryFile]:
        """Yield a sink for an item's bytes; unless `keep` is called, they are removed at the end."""
        part = self.folder / f"{_key(item.item_id)}{PART}"
        with _explained(self.folder):
            file = os.fdopen(create_anew(part), "wb")
        try:
            with file:
                yield LibraryFile(file, part, lambda received: self._keep(item, part, received))
        finally:
            part.unlink(missing_ok=True)

    def remove(self, item_ids: set[str] | None = None) -> int:
        """Remove items, or the whole album; return how many items were removed."""
        records, _ = self.read()
        gone = [each for each in records if item_ids is None or each.item_id in item_ids]
        with _explained(self.folder):
            for each in gone:
                # The record goes first: bytes without a record do not count.
                (self.folder / f"{_key(each.item_id)}{_RECORD}").unlink(missing_ok=True)
                (self.folder / each.stored_as).unlink(missing_ok=True)
            if item_ids is None:
                for path in self.folder.iterdir():
                    path.unlink()
                self.folder.rmdir()
        return len(gone)

    def _keep(self, item: MediaItem, part: Path, received: LibraryFile) -> None:
        mime_type = received.mime_type
        stored_as = f"{_key(item.item_id)}{_EXTENSIONS.get(mime_type, '.bin')}"
        record = Record(
            item_id=item.item_id,
            filename=item.filename,
            mime_type=mime_type,
            taken_at=item.taken_at,
            size_bytes=received.size_bytes,
            sha256=received.sha256,
            stored_as=stored_as,
        )
        with _explained(self.folder):
            part.replace(self.folder / stored_as)
        self._replace(f"{_key(item.item_id)}{_RECORD}", record.model_dump_json(indent=1))

    def _write(self, record: AlbumRecord) -> None:
        self._replace(_ALBUM, record.model_dump_json(indent=1))

    def _replace(self, name: str, text: str) -> None:
        with _explained(self.folder):
            replace_file(self.folder / name, [text.encode()])


class LibraryFile:
    """The bytes of one item while it is downloaded; a Sink."""

    def __init__(self, file: BinaryIO, place: Path, keep: Callable[[LibraryFile], None]) -> None:
        self._file = file
        self._place = place
        self._keep = keep
        self._hash = hashlib.sha256()
        self._head = b""
        self._expected: int | None = None
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """Of the received bytes, lower-case hexadecimal."""
        return self._hash.hexdigest()

    @property
    def mime_type(self) -> str:
        """As detected from the bytes; raises ItemError if they are neither a picture nor a video."""
        found = sniff(self._head)
        if found is None:
            what = "nothing" if self.size_bytes == 0 else "neither a picture nor a video"
            raise ItemError(f"its content is {what}.", unusable=self.size_bytes > 0)
        return found

    async def begin(self, size_bytes: int | None, mime_type: str) -> None:  # noqa: ARG002 - the bytes are checked instead
        """Discard the bytes received so far."""
        self._file.seek(0)
        self._file.truncate()
        self._hash, self._head, self.size_bytes = hashlib.sha256(), b"", 0
        self._expected = size_bytes

    async def write(self, chunk: bytes) -> None:
        """Append bytes; raises DiskError if the disk is full."""
        if len(self._head) < HEAD_BYTES:
            self._head += chunk[: HEAD_BYTES - len(self._head)]
        try:
            self._file.write(chunk)
        except OSError as error:
            raise _error(error, self._place) from error
        self._hash.update(chunk)
        self.size_bytes += len(chunk)

    def keep(self) -> None:
        """Add it to the album; raises ItemError if it is unsuitable, ProtocolError if it is truncated."""
        if self._expected not in (None, self.size_bytes):
            raise ProtocolError("The response ended before its announced length.")
        _ = self.mime_type
        with _explained(self._place):
            self._file.flush()
            os.fsync(self._file.fileno())
        self._keep(self)


def media_item(kind: str, record: Record) -> MediaItem:
    """Return a record as a media item; its version is the checksum."""
    return MediaItem(
        kind,
        record.item_id,
        version=record.sha256,
        kind=media_kind(record.mime_type),
        mime_type=record.mime_type,
        filename=record.filename,
        taken_at=record.taken_at,
        size_bytes=record.size_bytes,
        url=record.stored_as,
    )


def _key(item_id: str) -> str:
    return hashlib.sha256(item_id.encode(errors="surrogatepass")).hexdigest()[:_HASH_CHARACTERS]


def _content(path: Path) -> bytes:
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        return file.read()


@contextmanager
def _explained(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _error(error, place) from error


def _error(error: OSError, place: Path) -> DiskError:
    return DiskError(
        f"The library of picked photos at {place} cannot be used: {reason(error)}.",
        hint=remedy(error, place) or "Check that the volume is mounted and has free space.",
    )
