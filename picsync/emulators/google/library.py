"""A user's library: albums and media items, filled by a program or from a directory."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from picsync.emulators.google.content import Content, as_content, digest, dimensions, fingerprint, sniff
from picsync.emulators.google.directory import Directory
from picsync.emulators.google.options import GoogleOptions


@dataclass(slots=True, eq=False)
class Item:
    """A photo or video."""

    item_id: str
    number: int
    """Internal number for base URLs, which must not contain the ID."""
    filename: str
    mime_type: str
    content: Content
    created_at: float
    """When it was taken, seconds since the epoch."""
    width: int
    height: int
    client_id: str | None = None
    """The OAuth client that created it; None for the user's own."""
    description: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of `mediaMetadata.photo` or `.video`."""
    ready_at: float = 0.0
    """A video is PROCESSING until then."""
    failed: bool = False
    archived: bool = False
    favorite: bool = False
    categories: frozenset[str] = frozenset()
    revision: int = 0
    """Number of times its bytes were replaced."""

    @property
    def is_video(self) -> bool:
        """Whether it is a video."""
        return self.mime_type.startswith("video/")


@dataclass(slots=True, eq=False)
class Enrichment:
    """A text, a place or a map between the items of an album."""

    enrichment_id: str
    content: Mapping[str, Any]
    """The `newEnrichmentItem` that it was created from."""
    after: Item | None = None
    """The item before it; None at the beginning of the album."""


@dataclass(slots=True, eq=False)
class Album:
    """An album."""

    album_id: str
    title: str
    client_id: str | None = None
    """The OAuth client that created it; None for the user's own."""
    items: list[Item] = field(default_factory=list)
    """In the user's order."""
    enrichments: list[Enrichment] = field(default_factory=list)
    """In the album's order."""
    cover: Item | None = None
    """The item that was chosen as the cover, as long as it is in the album."""
    shared: bool = False
    directory: Directory | None = None


class Library:
    """All albums and items of the only user."""

    def __init__(self, options: GoogleOptions) -> None:
        self._options = options
        self.albums: dict[str, Album] = {}
        self.items: dict[str, Item] = {}
        self.by_number: dict[int, Item] = {}
        self._counter = 0

    def add_album(
        self, title: str, *, client_id: str | None, shared: bool = False, directory: Path | None = None
    ) -> Album:
        """Add an album; with a directory, its items follow that directory's files."""
        self._counter += 1
        seed = f"{self._counter}:{title}" if directory is None else f"{directory.resolve()}:{title}"
        follows = None if directory is None else Directory(directory)
        album = Album(opaque_id("album", seed), title, client_id, shared=shared, directory=follows)
        self.albums[album.album_id] = album
        return album

    def add_item(
        self,
        filename: str,
        value: bytes | Path | Content,
        *,
        mime_type: str = "",
        item_id: str = "",
        **fields: Any,
    ) -> Item:
        """Add an item; type and dimensions are detected from the bytes unless given."""
        content = as_content(value)
        self._counter += 1
        width, height = dimensions(content)
        settings = {"width": width, "height": height, "created_at": self._options.now(), **fields}
        item = Item(
            item_id=item_id or opaque_id("item", f"{self._counter}:{filename}:{fingerprint(content)}"),
            number=self._counter,
            filename=filename,
            mime_type=mime_type or sniff(content) or "application/octet-stream",
            content=content,
            **settings,
        )
        self.items[item.item_id] = self.by_number[item.number] = item
        return item

    def remove_item(self, item: Item) -> None:
        """Remove an item from the library and all albums."""
        self.items.pop(item.item_id, None)
        self.by_number.pop(item.number, None)
        for album in self.albums.values():
            if item in album.items:
                album.items.remove(item)

    def replace_bytes(self, item: Item, value: bytes | Path | Content) -> None:
        """Let the user edit the picture: other bytes with the same ID."""
        item.content = as_content(value)
        item.width, item.height = dimensions(item.content)
        item.revision += 1

    def find_equal(self, content: Content, client_id: str) -> Item | None:
        """Return the client's item with the same bytes, if there is one."""
        wanted = digest(content)
        for item in self.items.values():
            same = item.client_id == client_id and item.content.size == content.size
            if same and digest(item.content) == wanted:
                return item
        return None

    def refresh(self) -> None:
        """Read the directories of albums again."""
        directories: list[Directory] = []
        for album in self.albums.values():
            if album.directory is not None:
                album.items = list(self._scan(album, album.directory))
                directories.append(album.directory)
        if not directories:
            return
        listed = {item.item_id for album in self.albums.values() for item in album.items}
        for directory in directories:
            for item_id in directory.gone():
                if item_id not in listed and item_id in self.items:
                    self.remove_item(self.items[item_id])

    def _scan(self, album: Album, directory: Directory) -> Iterator[Item]:
        for file in directory.scan():
            seed = f"{album.album_id}:{file.name}:{file.size}:{file.mtime_ns}"
            item_id = opaque_id("item", seed)
            directory.remember(file, item_id)
            yield self.items.get(item_id) or self.add_item(
                Path(file.name).name,
                file.path,
                mime_type=file.mime_type,
                item_id=item_id,
                created_at=file.mtime_ns / 1e9,
                client_id=album.client_id,
            )


def opaque_id(kind: str, seed: str) -> str:
    """Return an ID that looks like a real one: 86 characters without meaning."""
    raw = hashlib.sha512(f"{kind}:{seed}".encode()).digest()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
