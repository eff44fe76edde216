"""The newer backend below `/v3/`: playlists, captions and frames. JSON bodies, errors in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from picsync.emulators.nixplay.options import GonePhoto, Refused
from picsync.emulators.nixplay.parts import Parts, assertion, json_object, number, path_id
from picsync.emulators.nixplay.render import frame_json, frame_status_json, playlist_json, slide_json
from picsync.emulators.nixplay.sessions import AccountHandler
from picsync.emulators.nixplay.state import Account, Foreign, Photo, Playlist


class PlaylistBackend:
    """Handlers of `api.nixplay.com/v3/` for playlists and frames."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes, each with and without trailing slash."""
        playlist = r"/v3/playlists/{playlist_id:\d+}"
        routes: tuple[tuple[str, str, AccountHandler], ...] = (
            ("GET", "/v3/playlists", self._list),
            ("POST", "/v3/playlists", self._create),
            ("DELETE", playlist, self._delete),
            ("GET", f"{playlist}/slides", self._slides),
            ("POST", f"{playlist}/items", self._append),
            ("DELETE", f"{playlist}/items", self._remove),
            ("PATCH", r"/v3/pictures/{picture_id:\d+}/attrs", self._set_attrs),
            ("GET", "/v3/frames", self._frames),
            ("GET", "/v3/frame/online-status", self._online_status),
            ("POST", r"/v3/shared-frames/{frame_pk:\d+}/playlists", self._assign),
        )
        guard = self._parts.sessions.guard
        return tuple(
            web.route(method, path + slash, guard(handler, v3=True))
            for method, path, handler in routes
            for slash in ("", "/")
        )

    async def _list(self, request: web.Request, account: Account) -> web.StreamResponse:
        self._parts.uploads.settle()
        state, url = self._parts.state, self._parts.urls(request)
        playlists = state.playlists_listed(account)
        return web.json_response(
            [
                playlist_json(each, state.picture_count(each), url, self._parts.options.on_frames)
                for each in playlists
            ]
        )

    async def _create(self, request: web.Request, account: Account) -> web.StreamResponse:
        missing = "name (string) is required"
        name = (await json_object(request, missing)).get("name")
        if not isinstance(name, str) or not name:
            raise assertion(missing)
        playlist = self._parts.state.create_playlist(account, name)
        return web.json_response({"playlistId": playlist.playlist_id})

    async def _delete(self, request: web.Request, account: Account) -> web.StreamResponse:
        self._parts.state.delete_playlist(account, self._playlist(request, account))
        return web.json_response({})

    async def _slides(self, request: web.Request, account: Account) -> web.StreamResponse:
        largest = self._parts.options.slides_size
        size = number(request.query.get("size", str(largest)))
        offset = number(request.query.get("offset", "0"))
        if not size or offset is None:
            raise assertion("size and offset (number) are required")
        playlist = self._playlist(request, account)
        self._parts.uploads.settle()
        page = self._parts.state.items_listed(playlist)[
            offset : offset + self._parts.page_size(size, largest)
        ]
        url = self._parts.urls(request)
        slides = [slide_json(item, url) for item in page]
        return web.json_response({"slides": slides, "slideshowItemsVersion": playlist.version})

    async def _append(self, request: web.Request, account: Account) -> web.StreamResponse:
        missing = "items (array) is required"
        items = (await json_object(request, missing)).get("items")
        if not isinstance(items, list):
            raise assertion(missing)
        playlist = self._playlist(request, account)
        contents = [content for item in items if (content := self._content(item, account)) is not None]
        self._parts.state.append_items(playlist, contents)
        return web.json_response({})

    def _content(self, item: object, account: Account) -> Photo | Foreign | None:
        if not isinstance(item, dict):
            raise assertion("items must be objects")
        picture_id = item.get("pictureId")
        if isinstance(picture_id, int) and not isinstance(picture_id, bool):
            photo = account.photos.get(picture_id)
            if photo is None and self._parts.options.gone_photo is GonePhoto.REFUSE_ALL:
                raise Refused(self._parts.options.gone_photo_answer)
            return photo
        return _foreign(item)

    async def _remove(self, request: web.Request, account: Account) -> web.StreamResponse:
        # Observed: without IDs, or with an empty one, this clears the playlist.
        ids = [item_id for item_id in request.query.getall("id", []) if item_id]
        playlist = self._playlist(request, account)
        removed = [item.content for item in playlist.items if not ids or item.item_id in ids]
        self._parts.state.remove_items(playlist, ids)
        if request.query.get("delPhoto"):
            # Never observed with a value; interpreted by its name.
            for photo in removed:
                if isinstance(photo, Photo) and photo.photo_id in account.photos:
                    self._parts.state.delete_photo(account, photo)
        return web.json_response({})

    async def _set_attrs(self, request: web.Request, account: Account) -> web.StreamResponse:
        missing = "caption (string) is required"
        caption = (await json_object(request, missing)).get("caption")
        if not isinstance(caption, str):
            raise assertion(missing)
        if self._parts.options.caption_refusal is not None:
            raise Refused(self._parts.options.caption_refusal)
        photo = account.photos.get(path_id(request, "picture_id"))
        if photo is None:
            raise Refused(self._parts.options.unknown_id_v3)
        self._parts.state.set_caption(photo, caption)
        return web.json_response({})

    async def _frames(self, _: web.Request, account: Account) -> web.StreamResponse:
        return web.json_response(
            [frame_json(frame, self._parts.options.frame_field) for frame in account.frames.values()]
        )

    async def _online_status(self, _: web.Request, account: Account) -> web.StreamResponse:
        now = self._parts.clock()
        frames = [frame_status_json(frame, now) for frame in account.frames.values()]
        return web.json_response({"isInitialize": True, "frames": frames})

    async def _assign(self, request: web.Request, account: Account) -> web.StreamResponse:
        missing = "add (array) is required"
        options, body = self._parts.options, await json_object(request, missing)
        if not {"add", "remove"} & body.keys():
            raise assertion(missing)
        if options.assignment_refusal is not None:
            raise Refused(options.assignment_refusal)
        frame = account.frames.get(path_id(request, "frame_pk"))
        if frame is None:
            raise Refused(options.unknown_id_v3)
        for key, change in (("add", self._parts.state.assign), ("remove", self._parts.state.withdraw)):
            listed = body.get(key, [])
            if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
                raise assertion(missing)
            for playlist in [account.playlists.get(each.get("playlistId")) for each in listed]:
                if playlist is None:
                    raise Refused(options.unknown_id_v3)
                change(frame, playlist)
        return web.json_response({})

    def _playlist(self, request: web.Request, account: Account) -> Playlist:
        playlist = account.playlists.get(path_id(request, "playlist_id"))
        if playlist is None:
            raise Refused(self._parts.options.unknown_id_v3)
        return playlist


def _foreign(item: dict[str, Any]) -> Foreign:
    url = item.get("photoUrl")
    if not isinstance(url, str) or not url:
        raise assertion("pictureId (number) or photoUrl (string) is required")
    orientation = item.get("orientation")
    return Foreign(
        photo_url=url,
        thumbnail_url=str(item.get("thumbnailUrl") or url),
        orientation=orientation if isinstance(orientation, int) else 0,
        caption=str(item.get("caption") or ""),
    )
