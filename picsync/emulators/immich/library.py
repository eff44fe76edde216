"""The emulated server's data: users, assets, albums, people, tags, shared links and API keys."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from picsync.emulators.google.content import Content, as_content, dimensions, sniff
from picsync.emulators.google.directory import Directory
from picsync.emulators.immich.options import ImmichOptions

_TYPES = {"heic": "image/heic", "heif": "image/heif", "avif": "image/avif", "webp": "image/webp"}
"""Not known to the standard library in all versions."""


@dataclass(frozen=True, slots=True)
class User:
    """A user with an account."""

    user_id: str
    name: str
    email: str
    created_at: float = 0.0


@dataclass(slots=True, eq=False)
class ApiKey:
    """A key with the permissions that its owner chose."""

    secret: str
    user: User
    permissions: frozenset[str]
    """`all` grants everything."""
    key_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    name: str = "picsync"
    created_at: float = 0.0


@dataclass(slots=True, eq=False)
class Asset:
    """A picture or video."""

    asset_id: str
    owner: User
    filename: str
    mime_type: str
    content: Content
    checksum: str
    """Base64 of a SHA-1: of the bytes, or in an external library of the path."""
    taken_at: float
    """Seconds since the epoch."""
    modified_at: float
    """The file's modification time."""
    ready_at: float
    """No previews exist before this time."""
    width: int = 0
    height: int = 0
    visibility: str = "timeline"
    trashed: bool = False
    favorite: bool = False
    offline: bool = False
    edited: Content | None = None
    """The result of the owner's crop and rotation; None without edits."""
    motion_id: str | None = None
    """The hidden video of a live photo."""
    library_id: str | None = None
    people: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)
    description: str = ""
    rating: int | None = None
    country: str | None = None
    state: str | None = None
    city: str | None = None
    make: str | None = None
    model: str | None = None
    lens_model: str | None = None
    updated_at: float = 0.0
    previews: int = 0
    """Number of changes of its appearance."""

    @property
    def trashed_at(self) -> float | None:
        """When it was moved to the trash; None if it is not there."""
        return self.updated_at if self.trashed else None

    @property
    def created_at(self) -> float:
        """When it was uploaded."""
        return self.modified_at

    @property
    def size_bytes(self) -> int:
        """Size of the original."""
        return self.content.size

    @property
    def path(self) -> str:
        """Path of the original on the server's disk."""
        if self.library_id:
            return f"/external/{self.filename}"
        return f"/data/library/{self.owner.user_id}/{self.filename}"

    @property
    def is_motion(self) -> bool:
        """Whether it is a live photo."""
        return self.motion_id is not None

    @property
    def is_encoded(self) -> bool:
        """Whether a video exists that browsers can play."""
        return self.type == "VIDEO"

    @property
    def type(self) -> str:
        """`IMAGE` or `VIDEO`."""
        return "VIDEO" if self.mime_type.startswith("video/") else "IMAGE"

    @property
    def thumbhash(self) -> str:
        """A value that changes with the appearance."""
        seed = f"{self.checksum}:{self.previews}".encode()
        return base64.b64encode(hashlib.blake2b(seed, digest_size=19).digest()).decode()


@dataclass(slots=True, eq=False)
class Album:
    """An album; names are not unique."""

    album_id: str
    name: str
    owner: User
    members: list[User] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)
    created_at: float = 0.0
    updated_at: float = 0.0
    directory: Directory | None = None

    def shown(self) -> list[Asset]:
        """Return its assets without those in the trash, hidden or locked."""
        seen = ("timeline", "archive")
        return [asset for asset in self.assets if not asset.trashed and asset.visibility in seen]


@dataclass(slots=True, eq=False)
class Person:
    """A person whose face was found."""

    person_id: str
    name: str
    hidden: bool = False
    created_at: float = 0.0


@dataclass(slots=True, eq=False)
class Tag:
    """A tag; `value` has the names of its parents before its own."""

    tag_id: str
    value: str
    created_at: float = 0.0


@dataclass(slots=True, eq=False)
class SharedLink:
    """A link that shows an album, or single assets, to everyone who has it."""

    key: str
    owner: User
    slug: str | None = None
    album: Album | None = None
    assets: list[Asset] = field(default_factory=list)
    password: str | None = None
    expires_at: float | None = None
    allow_download: bool = True
    show_metadata: bool = True
    created_at: float = 0.0
    link_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """The cookie's value after the password was given."""

    def shows(self) -> list[Asset]:
        """Return everything that it shows."""
        return self.album.assets if self.album is not None else self.assets


class Library:
    """All data of the server."""

    def __init__(self, options: ImmichOptions) -> None:
        self._options = options
        self.users: list[User] = []
        self.keys: dict[str, ApiKey] = {}
        self.assets: dict[str, Asset] = {}
        self.albums: dict[str, Album] = {}
        self.people: dict[str, Person] = {}
        self.tags: dict[str, Tag] = {}
        self.links: list[SharedLink] = []
        self._made = 0

    def new_id(self) -> str:
        """Return a UUID of version 4 that is the same in every run."""
        self._made += 1
        raw = hashlib.sha256(f"immich {self._made}".encode()).digest()[:16]
        return str(uuid.UUID(bytes=raw, version=4))

    def add_asset(self, filename: str, value: bytes | Path | Content, owner: User, **fields: Any) -> Asset:
        """Add an asset; type and dimensions are detected from the bytes unless given."""
        content = as_content(value)
        width, height = dimensions(content)
        now = self._options.now()
        library_id = fields.get("library_id")
        path = f"/external/{filename}"
        settings: dict[str, Any] = {
            "mime_type": named_type(filename) or sniff(content) or "application/octet-stream",
            "checksum": path_checksum(path) if library_id else checksum(content),
            "taken_at": now,
            "modified_at": now,
            "ready_at": now + self._options.preview_delay_s,
            "width": width,
            "height": height,
            "updated_at": now,
            **fields,
        }
        asset_id = settings.pop("asset_id", None) or self.new_id()
        asset = Asset(asset_id, owner, filename, content=content, **settings)
        self.assets[asset_id] = asset
        return asset

    def remove_asset(self, asset: Asset) -> None:
        """Delete an asset permanently."""
        self.assets.pop(asset.asset_id, None)
        for assets in (
            *(album.assets for album in self.albums.values()),
            *(link.assets for link in self.links),
        ):
            if asset in assets:
                assets.remove(asset)

    def shown_tags(self, asset: Asset) -> list[Tag]:
        """Return the tags of an asset."""
        return [tag for tag in self.tags.values() if tag.tag_id in asset.tags]

    def shown_people(self, asset: Asset) -> list[Person]:
        """Return the people in an asset."""
        return [person for person in self.people.values() if person.person_id in asset.people]

    def may_see(self, user: User, album: Album) -> bool:
        """Whether an album belongs to the user or is shared with the user."""
        return user == album.owner or user in album.members

    def visible(self, user: User, albums: Iterable[Album] = ()) -> list[Asset]:
        """Return the assets that belong to the user or are in one of the albums."""
        own = {asset.asset_id: asset for asset in self.assets.values() if asset.owner == user}
        for album in albums:
            own |= {asset.asset_id: asset for asset in album.assets}
        return list(own.values())

    def refresh(self) -> None:
        """Read the directories of albums again."""
        for album in self.albums.values():
            if album.directory is not None:
                self._follow(album, album.directory)

    def _follow(self, album: Album, directory: Directory) -> None:
        known = {asset.asset_id: asset for asset in album.assets}
        present: list[Asset] = []
        for file in directory.scan():
            seed = hashlib.sha256(f"{file.name}:{file.size}:{file.mtime_ns}".encode()).digest()[:16]
            asset_id = str(uuid.UUID(bytes=seed, version=4))
            directory.remember(file, asset_id)
            at = file.mtime_ns / 1e9
            present.append(
                known.get(asset_id)
                or self.add_asset(
                    Path(file.name).name,
                    file.path,
                    album.owner,
                    asset_id=asset_id,
                    mime_type=file.mime_type,
                    taken_at=at,
                    modified_at=at,
                )
            )
        directory.gone()
        for asset in album.assets:
            if asset not in present:
                self.assets.pop(asset.asset_id, None)
        if album.assets != present:
            album.assets = present
            album.updated_at = self._options.now()


def checksum(content: Content) -> str:
    """Return base64 of the SHA-1 of the bytes."""
    sha = hashlib.sha1(usedforsecurity=False)
    for chunk in content.chunks():
        sha.update(chunk)
    return base64.b64encode(sha.digest()).decode()


def path_checksum(path: str) -> str:
    """Return the checksum of an external library's asset, which does not depend on its bytes."""
    digest = hashlib.sha1(f"path:{path}".encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def named_type(filename: str) -> str | None:
    """Return the type for a file name, which is all that the server considers."""
    return _TYPES.get(filename.rpartition(".")[2].lower()) or mimetypes.guess_type(filename)[0]
