"""Identifies callers and checks permissions: API keys, and the keys of shared links."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from picsync.emulators.immich.errors import ImmichError, no_access
from picsync.emulators.immich.library import Album, Asset, Library, SharedLink, User
from picsync.emulators.immich.options import ImmichOptions

COOKIE = "immich_shared_link_token"


@dataclass(frozen=True, slots=True)
class Visitor:
    """A caller: a user with an API key, or a visitor with a shared link."""

    user: User
    permissions: frozenset[str]
    link: SharedLink | None = None

    def require(self, permission: str) -> None:
        """Raise ImmichError unless the key has the permission."""
        if not self.permissions & {"all", permission}:
            raise ImmichError(403, f"Missing required permission: {permission}")


_LINK_PERMISSIONS = frozenset({"asset.read", "asset.view", "asset.download", "album.read"})


class Access:
    """Checks access."""

    def __init__(self, library: Library, options: ImmichOptions) -> None:
        self._library = library
        self._options = options

    def visitor(self, request: web.Request, permission: str, *, shared: bool = False) -> Visitor:
        """Return the caller; raises ImmichError if the permission is missing.

        `shared`: whether shared links give access, too.
        """
        link = self.link(request)
        if link is not None:
            if not shared:
                raise ImmichError(403, "Forbidden")
            if link.password is not None and request.cookies.get(COOKIE) != link.token:
                raise ImmichError(401, "Password required")
            return Visitor(link.owner, _LINK_PERMISSIONS, link)
        key = self._library.keys.get(request.headers.get("x-api-key", ""))
        if key is None:
            given = "x-api-key" in request.headers
            raise ImmichError(401, "Invalid API key" if given else "Authentication required")
        visitor = Visitor(key.user, key.permissions)
        visitor.require(permission)
        return visitor

    def link(self, request: web.Request) -> SharedLink | None:
        """Return the link that the request names, if any; raises ImmichError for an invalid one."""
        key, slug = request.query.get("key"), request.query.get("slug")
        if key is None and slug is None:
            return None
        for link in self._library.links:
            if (key is not None and link.key == key) or (slug is not None and link.slug == slug):
                if link.expires_at is not None and link.expires_at <= self._options.now():
                    break
                return link
        raise ImmichError(401, "Invalid share key" if key is not None else "Invalid share slug")

    def album(self, visitor: Visitor, album_id: str) -> Album:
        """Return an album that the visitor may see; raises ImmichError."""
        album = self._library.albums.get(album_id)
        if album is None or not self.may_see(visitor, album):
            raise no_access("album.read")
        return album

    def may_see(self, visitor: Visitor, album: Album) -> bool:
        """Whether the visitor may see the album."""
        if visitor.link is not None:
            return visitor.link.album is album
        return self._library.may_see(visitor.user, album)

    def asset(self, visitor: Visitor, asset_id: str, permission: str) -> Asset:
        """Return an asset that the visitor may have; raises ImmichError."""
        asset = self._library.assets.get(asset_id)
        if asset is None or not self._may_have(visitor, asset):
            raise no_access(permission)
        return asset

    def _may_have(self, visitor: Visitor, asset: Asset) -> bool:
        """Whether the visitor may access the asset: only its owner sees the trash."""
        if asset.visibility == "locked":
            return False
        if visitor.link is not None:
            return not asset.trashed and asset in visitor.link.shows()
        if asset.owner == visitor.user:
            return True
        albums = (album for album in self._library.albums.values() if self.may_see(visitor, album))
        return not asset.trashed and any(asset in album.assets for album in albums)


class Calls:
    """Some of the server's calls, with what they need."""

    def __init__(self, library: Library, options: ImmichOptions, access: Access) -> None:
        self._library = library
        self._options = options
        self._access = access
