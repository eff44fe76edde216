"""Which albums are shared by link, and the keys of these albums and their items."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from picsync.emulators.google.content import digest
from picsync.emulators.google.library import Album, Item, Library, opaque_id
from picsync.emulators.google.options import GoogleOptions

SHORT_HOST = "photos.app.goo.gl"
PAGE_HOST = "photos.google.com"


@dataclass(slots=True, eq=False)
class SharedAlbum:
    """An album that has a link."""

    album: Album
    album_key: str
    """Not the album's ID in the API."""
    auth_key: str
    """The secret part of the link."""
    code: str
    """The last part of the short link."""
    active: bool = True
    """Whether the link is switched on."""

    @property
    def short_link(self) -> str:
        """The link as the app shows it."""
        return f"https://{SHORT_HOST}/{self.code}"

    @property
    def link(self) -> str:
        """The page's URL."""
        return f"https://{PAGE_HOST}/share/{self.album_key}?key={self.auth_key}"


class Shares:
    """All shared albums."""

    def __init__(self, library: Library, options: GoogleOptions) -> None:
        self._library = library
        self._options = options
        self._by_key: dict[str, SharedAlbum] = {}
        self._by_code: dict[str, SharedAlbum] = {}
        self._dedup_keys: dict[tuple[int, int], str] = {}

    def share(self, album: Album) -> SharedAlbum:
        """Switch an album's link on, or on again."""
        key = "AF1Qip" + opaque_id("share", album.album_id)[:58]
        shared = self._by_key.get(key) or SharedAlbum(
            album,
            key,
            auth_key=opaque_id("share key", album.album_id)[:40],
            code=opaque_id("short link", album.album_id).replace("-", "x").replace("_", "y")[:17],
        )
        shared.active = True
        self._by_key[shared.album_key] = self._by_code[shared.code] = shared
        return shared

    def all(self) -> Sequence[SharedAlbum]:
        """Return every album that ever had a link."""
        return list(self._by_key.values())

    def by_code(self, code: str) -> SharedAlbum | None:
        """Return the album of a short link, even if the link is switched off."""
        return self._by_code.get(code)

    def find(self, album_key: object, auth_key: object) -> SharedAlbum | None:
        """Return the album that both keys open; first reads its directory again, if it follows one."""
        shared = self._by_key.get(album_key) if isinstance(album_key, str) else None
        if shared is None or not shared.active or shared.auth_key != auth_key:
            return None
        if self._library.albums.get(shared.album.album_id) is not shared.album:
            return None
        self._library.refresh()
        return shared

    def item_key(self, shared: SharedAlbum, item: Item) -> str:
        """Return an item's key on the page, which does not change when the picture is edited."""
        place = shared.album_key if self._options.sharing.item_keys_per_album else ""
        return "AF1Qip" + opaque_id("shared item", f"{place}:{item.item_id}")[:38]

    def item(self, shared: SharedAlbum, key: str) -> Item | None:
        """Return the item of a key; for tests."""
        items = {self.item_key(shared, item): item for item in shared.album.items}
        return items.get(key)

    def dedup_key(self, item: Item) -> str:
        """Return a key that equal pictures share, and that an edit changes."""
        state = (item.number, item.revision)
        if state not in self._dedup_keys:
            sha = hashlib.sha1(digest(item.content).encode(), usedforsecurity=False).digest()
            self._dedup_keys[state] = base64.urlsafe_b64encode(sha).decode().rstrip("=")
        return self._dedup_keys[state]

    def owner(self) -> Mapping[str, str]:
        """Return the key and name of the only user."""
        return {"key": "AF1Qip" + opaque_id("actor", "owner")[:38], "name": "Emma Lator"}
