"""The emulated Immich server: its calls for one library."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from picsync.emulators.google.content import Content, as_content
from picsync.emulators.google.directory import Directory
from picsync.emulators.immich import media
from picsync.emulators.immich.about import About
from picsync.emulators.immich.access import COOKIE, Access, Visitor
from picsync.emulators.immich.errors import ImmichError, invalid, json_answer
from picsync.emulators.immich.labels import Labels
from picsync.emulators.immich.library import Album, ApiKey, Asset, Library, Person, SharedLink, Tag, User
from picsync.emulators.immich.options import ImmichOptions
from picsync.emulators.immich.resources import (
    album_json,
    asset_json,
    key_json,
    link_asset_json,
    link_json,
    whole_asset_json,
)
from picsync.emulators.immich.search import Search
from picsync.emulators.immich.timeline import Timeline
from picsync.emulators.service import params

HOST = "immich.example"
_COMPRESSED_BYTES = 1024
_PAGE = "<!DOCTYPE html><html><head><title>{}</title></head><body></body></html>"

Call = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Immich:
    """A server with one user, `owner`; a `Service` for the emulator's server."""

    def __init__(
        self, options: ImmichOptions | None = None, *, host: str = HOST, base_path: str = ""
    ) -> None:
        """Serve `host`; `base_path`, such as `/photos`, is the path at which a proxy serves it."""
        self.options = options or ImmichOptions()
        self.library = Library(self.options)
        self.host = host
        self.base_path = base_path
        self.owner = self.add_user("Anna")
        self._access = Access(self.library, self.options)
        self._search = Search(self.library, self.options, self._access)
        self._about = About(self.library, self.options, self._access)
        self._labels = Labels(self.library, self.options, self._access)
        self._timeline = Timeline(self.library, self.options, self._access)
        self._minute = (0, 0)

    # --- Data --------------------------------------------------------------------------------------------

    def add_user(self, name: str) -> User:
        """Add a user with an account."""
        user = User(self.library.new_id(), name, f"{name.lower()}@example.org", self.options.now())
        self.library.users.append(user)
        return user

    def add_key(self, permissions: Iterable[str] = ("all",), user: User | None = None) -> ApiKey:
        """Let a user create an API key with these permissions."""
        key = ApiKey(
            secrets.token_urlsafe(32),
            user or self.owner,
            frozenset(permissions),
            created_at=self.options.now(),
        )
        self.library.keys[key.secret] = key
        return key

    def add_album(self, name: str, *, owner: User | None = None, members: Sequence[User] = ()) -> Album:
        """Add an album."""
        now = self.options.now()
        album = Album(self.library.new_id(), name, owner or self.owner, list(members), [], now, now)
        self.library.albums[album.album_id] = album
        return album

    def directory_album(self, path: Path, name: str) -> Album:
        """Add an album that follows a directory: every request reads its files again."""
        album = self.add_album(name)
        album.directory = Directory(path)
        return album

    def add_asset(
        self, album: Album | None, filename: str, content: bytes | Path | Content, **fields: Any
    ) -> Asset:
        """Add an asset to the library, and to an album; `fields` are those of `Asset`."""
        owner = fields.pop("owner", None) or (album.owner if album else self.owner)
        asset = self.library.add_asset(filename, content, owner, **fields)
        if album is not None:
            self.put(album, asset)
        return asset

    def put(self, album: Album, asset: Asset) -> None:
        """Add an asset to an album."""
        album.assets.append(asset)
        album.updated_at = self.options.now()

    def unmount(self, assets: Iterable[Asset]) -> None:
        """Let the server notice that files of an external library are missing: it trashes their assets."""
        for asset in assets:
            asset.offline = asset.trashed = True
            asset.updated_at = self.options.now()

    def mount(self, assets: Iterable[Asset]) -> None:
        """Let the server find those files again."""
        for asset in assets:
            asset.offline = asset.trashed = False
            asset.updated_at = self.options.now()

    def edit(self, asset: Asset, content: bytes | Path | Content) -> None:
        """Let the owner crop or rotate a picture; the original and its checksum stay."""
        asset.edited = as_content(content)
        asset.previews += 1
        asset.ready_at = self.options.now() + self.options.preview_delay_s
        asset.updated_at = self.options.now()

    def add_person(self, name: str, *, hidden: bool = False) -> Person:
        """Let a face be detected and named."""
        person = Person(self.library.new_id(), name, hidden, self.options.now())
        self.library.people[person.person_id] = person
        return person

    def add_tag(self, value: str) -> Tag:
        """Add a tag, `Parent/Child`."""
        tag = Tag(self.library.new_id(), value, self.options.now())
        self.library.tags[tag.tag_id] = tag
        return tag

    def share(self, shown: Album | Sequence[Asset], **fields: Any) -> SharedLink:
        """Create a shared link of an album, or of single assets; `fields` are those of `SharedLink`."""
        album = shown if isinstance(shown, Album) else None
        assets = [] if isinstance(shown, Album) else list(shown)
        fields.setdefault("created_at", self.options.now())
        link = SharedLink(secrets.token_urlsafe(48), self.owner, album=album, assets=assets, **fields)
        self.library.links.append(link)
        return link

    # --- Requests ----------------------------------------------------------------------------------------

    def routes(self) -> Mapping[str, Sequence[web.RouteDef]]:
        """Return the routes of its host; everything outside `/api` is its web page."""
        api = f"{self.base_path}/api"
        calls: Sequence[tuple[str, str, Call]] = (
            *self._about.calls(),
            *self._labels.calls(),
            *self._timeline.calls(),
            ("GET", "/api-keys/me", self._key),
            ("GET", "/albums", self._albums),
            ("GET", "/albums/statistics", self._album_statistics),
            ("GET", "/albums/{id}", self._album),
            ("POST", "/search/metadata", self._metadata),
            ("POST", "/search/statistics", self._statistics),
            ("POST", "/search/random", self._search_random),
            ("GET", "/search/suggestions", self._suggestions),
            ("GET", "/shared-links", self._links),
            ("GET", "/shared-links/me", self._link),
            ("POST", "/shared-links/login", self._link_login),
            ("GET", "/assets/statistics", self._asset_statistics),
            ("GET", "/assets/{id}", self._asset),
            ("GET", "/assets/{id}/original", self._original),
            ("GET", "/assets/{id}/thumbnail", self._thumbnail),
            ("GET", "/assets/{id}/video/playback", self._playback),
        )
        return {
            self.host: [
                *(web.route(method, f"{api}{path}", self._answer(call)) for method, path, call in calls),
                web.route("*", f"{api}/{{path:.*}}", self._answer(self._unknown)),
                web.get(f"{self.base_path}/.well-known/immich", self._answer(self._well_known)),
                web.route("*", "/{path:.*}", self._answer(self._page)),
            ]
        }

    def _answer(self, call: Call) -> Call:
        async def answer(request: web.Request) -> web.StreamResponse:
            if self.options.proxy_login:
                return web.Response(text=_PAGE.format("Sign in"), content_type="text/html")
            if self._too_many():
                return web.Response(status=429, text="Too Many Requests", headers={"Retry-After": "60"})
            self.library.refresh()
            try:
                response = await call(request)
            except ImmichError as error:
                return error.response(self.options)
            if isinstance(response, web.Response) and response.status == 200:
                response = _unless_cached(request, response)
            if isinstance(response, web.Response) and (response.content_length or 0) > _COMPRESSED_BYTES:
                response.enable_compression()
            return response

        return answer

    def _too_many(self) -> bool:
        limit, minute = self.options.requests_per_minute, int(self.options.now() // 60)
        count = self._minute[1] + 1 if self._minute[0] == minute else 1
        self._minute = (minute, count)
        return limit is not None and count > limit

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        raise ImmichError(404, f"Cannot {request.method} {request.path}")

    async def _well_known(self, _request: web.Request) -> web.StreamResponse:
        return json_answer({"api": {"endpoint": "/api"}})

    async def _page(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text=_PAGE.format("Immich"), content_type="text/html")

    async def _key(self, request: web.Request) -> web.StreamResponse:
        self._access.visitor(request, "all") if "x-api-key" not in request.headers else None
        key = self.library.keys.get(request.headers["x-api-key"])
        if key is None:
            raise ImmichError(401, "Invalid API key")
        return json_answer(key_json(key))

    async def _albums(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "album.read")
        mine = [album for album in self.library.albums.values() if self._access.may_see(visitor, album)]
        if self.options.strict:
            mine = self._filtered(request, visitor, mine)
        elif "assetId" in request.query:
            mine = _with_asset(mine, request.query["assetId"])
        elif (shared := request.query.get("shared")) is None:
            mine = [album for album in mine if album.owner == visitor.user]
        else:
            mine = [album for album in mine if self._is_shared(album) == (shared == "true")]
        return json_answer([album_json(album, self.options, self.library.links) for album in mine])

    def _filtered(self, request: web.Request, visitor: Visitor, albums: list[Album]) -> list[Album]:
        query = request.query
        for name in query:
            if name not in ("isOwned", "isShared", "name", "id", "assetId"):
                raise invalid([name], "Unrecognized key", "unrecognized_keys")
        if "isOwned" in query:
            owned = media.flag(request, "isOwned")
            albums = [album for album in albums if (album.owner == visitor.user) == owned]
        if "isShared" in query:
            shared = media.flag(request, "isShared")
            albums = [album for album in albums if self._is_shared(album) == shared]
        if "name" in query:
            albums = [album for album in albums if album.name == query["name"]]
        if "id" in query:
            albums = [album for album in albums if album.album_id == query["id"]]
        if "assetId" in query:
            albums = _with_asset(albums, query["assetId"])
        return albums

    def _is_shared(self, album: Album) -> bool:
        return bool(album.members) or any(link.album is album for link in self.library.links)

    async def _album_statistics(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "album.statistics")
        seen = [album for album in self.library.albums.values() if self._access.may_see(visitor, album)]
        own = [album for album in seen if album.owner == visitor.user]
        shared = sum(self._is_shared(album) for album in seen)
        return json_answer(
            {
                "owned": len(own),
                "shared": shared,
                "notShared": sum(not self._is_shared(album) for album in own),
            }
        )

    async def _asset_statistics(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "asset.statistics")
        query = request.query
        trashed = media.flag(request, "isTrashed")
        found = [
            asset
            for asset in self.library.visible(visitor.user)
            if asset.trashed == trashed
            and asset.visibility in query.get("visibility", "timeline archive").split()
            and ("isFavorite" not in query or asset.favorite == media.flag(request, "isFavorite"))
        ]
        images = sum(asset.type == "IMAGE" for asset in found)
        videos = sum(asset.type == "VIDEO" for asset in found)
        return json_answer({"images": images, "videos": videos, "total": len(found)})

    async def _links(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "sharedLink.read")
        links = self.library.links
        return json_answer(
            [link_json(link, self.options, links) for link in links if link.owner == visitor.user]
        )

    async def _search_random(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "asset.read")
        return json_answer(self._search.random(visitor, await _body(request)))

    async def _suggestions(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "asset.read")
        return json_answer(self._search.suggestions(visitor, request.query))

    async def _album(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "album.read", shared=True)
        album = self._access.album(visitor, params(request)["id"])
        body = album_json(album, self.options, self.library.links)
        if not self.options.strict and not media.flag(request, "withoutAssets"):
            shown, link = album.shown(), visitor.link
            body["assets"] = [
                link_asset_json(asset, link, self.options) if link else asset_json(asset, self.options)
                for asset in shown
            ]
        return json_answer(body)

    async def _metadata(self, request: web.Request) -> web.StreamResponse:
        # Before 3.0 a link permits no search; the album then contains its assets.
        visitor = self._access.visitor(request, "asset.read", shared=self.options.strict)
        return json_answer(self._search.metadata(visitor, await _body(request)))

    async def _statistics(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "asset.statistics")
        return json_answer(self._search.statistics(visitor, await _body(request)))

    async def _link(self, request: web.Request) -> web.StreamResponse:
        link = self._access.visitor(request, "sharedLink.read", shared=True).link
        if link is None:
            raise ImmichError(403, "Forbidden")
        return json_answer(link_json(link, self.options, self.library.links))

    async def _link_login(self, request: web.Request) -> web.StreamResponse:
        link = self._access.link(request)
        if link is None:
            raise ImmichError(401, "Invalid share key")
        if (await _body(request)).get("password") != link.password:
            raise ImmichError(401, "Invalid password")
        response = json_answer(link_json(link, self.options, self.library.links), status=201)
        response.set_cookie(COOKIE, link.token, httponly=True, samesite="Lax")
        return response

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "asset.read", shared=True)
        asset = self._access.asset(visitor, params(request)["id"], "asset.read")
        if visitor.link is None:
            return json_answer(whole_asset_json(asset, self.options, self.library))
        return json_answer(link_asset_json(asset, visitor.link, self.options, exif=True))

    async def _original(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "asset.download", shared=True)
        asset = self._access.asset(visitor, params(request)["id"], "asset.download")
        file = media.original(visitor, asset, edited=media.flag(request, "edited"))
        return await media.send(request, file)

    async def _thumbnail(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "asset.view", shared=True)
        asset = self._access.asset(visitor, params(request)["id"], "asset.view")
        size, edited = request.query.get("size", "thumbnail"), media.flag(request, "edited")
        found = await media.preview(visitor, asset, size, self.options, edited=edited)
        if isinstance(found, media.File):
            return await media.send(request, found)
        target = "original" if found == "original" else "thumbnail?size=preview"
        return web.Response(status=302, headers={"Location": target})

    async def _playback(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "asset.view", shared=True)
        asset = self._access.asset(visitor, params(request)["id"], "asset.view")
        return await media.send(request, media.playback(asset, self.options))


def _with_asset(albums: Iterable[Album], asset_id: str) -> list[Album]:
    return [album for album in albums if any(asset.asset_id == asset_id for asset in album.assets)]


def _unless_cached(request: web.Request, response: web.Response) -> web.Response:
    """Return the response with its ETag, or 304 if a reading client already has it."""
    body = response.body if isinstance(response.body, bytes) else b""
    tag = hashlib.sha1(body, usedforsecurity=False).hexdigest()
    response.headers["ETag"] = f'W/"{tag}"'
    known = request.if_none_match or ()
    if request.method in ("GET", "HEAD") and any(each.value in ("*", tag) for each in known):
        return web.Response(status=304, headers={"ETag": response.headers["ETag"]})
    return response


async def _body(request: web.Request) -> Mapping[str, Any]:
    """Return a JSON body; without the JSON content type it is ignored, and counts as empty."""
    if request.content_type != "application/json":
        return {}
    try:
        value = json.loads(await request.text() or "{}")
    except ValueError:
        raise ImmichError(400, "Unexpected token in JSON") from None
    if not isinstance(value, dict):
        raise invalid([], "Invalid input: expected object")
    return value
