"""Nixplay's web API calls that picsync makes, one method each, in the service's own terms.

The API is undocumented; everything stated here was observed. S3 and the upload monitor are called by separate
clients, which send neither the session's cookies nor its headers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter

from picsync.core.errors import ProtocolError
from picsync.frames.base import Rendition
from picsync.frames.nixplay import wire
from picsync.frames.nixplay.session import LOGIN, SERVICE, Session
from picsync.http.client import Hosts, HttpClient
from picsync.http.form import FileForm
from picsync.http.pace import Stage
from picsync.http.retry import Operation, Retrier

T = TypeVar("T")

MONITOR = "upload-monitor.nixplay.com"
S3_HOSTS = (
    "s3.amazonaws.com",
    "*.s3.amazonaws.com",
    "s3.*.amazonaws.com",
    "*.s3.*.amazonaws.com",
    "s3-*.amazonaws.com",
    "*.s3-*.amazonaws.com",
)
"""Host names of S3 buckets, with the bucket in the host name or in the path, in any region; Nixplay's are in
us-west-2 (observed). Other names at amazonaws.com may belong to anyone."""

CONNECT_TIMEOUT_S = 15.0

# The service's limits are not documented. Its web app runs 3 concurrent uploads; 20 and 24 were observed to
# work. Each stage therefore starts at the web app's number, and at most 24 photos are uploaded concurrently.
UPLOADS = Stage("uploads", start=3, cap=16, by_latency=False)
"""Uploads to S3: enough connections to use a home's full upload bandwidth despite latency."""
PROCESSING = Stage("processing", start=3, cap=12)
"""Concurrent waits for the upload monitor."""
PHOTOS = Stage("photos", start=24, floor=24, cap=24)
"""Photos between the request for permission to upload and the last of their bytes."""

LIST_WEB_ALBUMS = Operation(SERVICE, "list_web_albums")
LIST_EMAIL_ALBUMS = Operation(SERVICE, "list_email_albums")
CREATE_ALBUM = Operation(SERVICE, "create_album", repeatable=False)
DELETE_ALBUM = Operation(SERVICE, "delete_album")
LIST_PHOTOS = Operation(SERVICE, "list_photos")
DELETE_PHOTO = Operation(SERVICE, "delete_photo")
OPEN_RECEIVER = Operation(SERVICE, "open_receiver")
PERMIT_UPLOAD = Operation(SERVICE, "permit_upload")
STORE_BYTES = Operation(SERVICE, "store_bytes", stage=UPLOADS)
AWAIT_PROCESSING = Operation(SERVICE, "await_processing", stage=PROCESSING)
LIST_PLAYLISTS = Operation(SERVICE, "list_playlists")
LIST_SLIDES = Operation(SERVICE, "list_slides")
CREATE_PLAYLIST = Operation(SERVICE, "create_playlist", repeatable=False)
DELETE_PLAYLIST = Operation(SERVICE, "delete_playlist")
ADD_ITEMS = Operation(SERVICE, "add_items", repeatable=False)
REMOVE_ITEM = Operation(SERVICE, "remove_item")
SET_CAPTION = Operation(SERVICE, "set_caption")
LIST_FRAMES = Operation(SERVICE, "list_frames")
LIST_FRAME_STATUSES = Operation(SERVICE, "list_frame_statuses")
ASSIGN_PLAYLIST = Operation(SERVICE, "assign_playlist", repeatable=False)

OPERATIONS = (
    LOGIN,
    LIST_WEB_ALBUMS,
    LIST_EMAIL_ALBUMS,
    CREATE_ALBUM,
    DELETE_ALBUM,
    LIST_PHOTOS,
    DELETE_PHOTO,
    OPEN_RECEIVER,
    PERMIT_UPLOAD,
    STORE_BYTES,
    AWAIT_PROCESSING,
    LIST_PLAYLISTS,
    LIST_SLIDES,
    CREATE_PLAYLIST,
    DELETE_PLAYLIST,
    ADD_ITEMS,
    REMOVE_ITEM,
    SET_CAPTION,
    LIST_FRAMES,
    LIST_FRAME_STATUSES,
    ASSIGN_PLAYLIST,
)
"""Every kind of request that is sent to Nixplay."""


class NixplayClient:
    """Nixplay's calls; errors are those of HttpClient.request and Session.request."""

    def __init__(
        self,
        session: Session,
        *,
        hosts: Hosts,
        retrier: Retrier,
        timeout: httpx.Timeout,
        monitor_timeout_s: float,
    ) -> None:
        self._session = session
        self._bucket = HttpClient(retrier, allowed=hosts.allowed(*S3_HOSTS), timeout=timeout)
        self._monitor = HttpClient(retrier, allowed=hosts.allowed(MONITOR), timeout=timeout)
        self._monitor_url = f"{hosts.url(MONITOR)}/status"
        self._monitor_timeout = httpx.Timeout(monitor_timeout_s, connect=CONNECT_TIMEOUT_S)

    def prepare(self) -> None:
        """Start logging in; a failure surfaces on the first call."""
        self._session.prepare()

    async def web_albums(self) -> list[wire.AlbumRecord]:
        """Return the albums that users and programs created.

        `My Uploads` is always one of them, so an empty list is an error.
        """

        def read(response: httpx.Response) -> list[wire.AlbumRecord]:
            albums = wire.parse(LIST_WEB_ALBUMS, response, wire.ALBUMS)
            if not albums:
                raise ProtocolError(
                    f"{LIST_WEB_ALBUMS}: the list is empty, although `My Uploads` always exists."
                )
            if any(album.album_type == "Email" for album in albums):
                raise ProtocolError(f"{LIST_WEB_ALBUMS}: got the listing of the e-mail album instead.")
            return albums

        return await self._session.request(LIST_WEB_ALBUMS, "GET", "/v2/albums/web/json/", read)

    async def email_albums(self) -> list[wire.AlbumRecord]:
        """Return the album that receives photos sent by e-mail."""
        read = _reader(LIST_EMAIL_ALBUMS, wire.ALBUMS)
        return await self._session.request(LIST_EMAIL_ALBUMS, "GET", "/v2/albums/email/json/", read)

    async def create_album(self, name: str) -> wire.AlbumRecord:
        """Create an album, even if the name is taken."""
        read = _reader(CREATE_ALBUM, wire.NEW_ALBUM)
        form = {"name": name}
        [album] = await self._session.request(CREATE_ALBUM, "POST", "/album/create/json/", read, data=form)
        return album

    async def delete_album(self, album_id: str) -> None:
        """Delete an album with its photos."""
        await self._session.request(DELETE_ALBUM, "POST", f"/album/{album_id}/delete/json/", _nothing)

    async def photos(self, album_id: str, page: int, limit: int) -> list[wire.PhotoRecord]:
        """Return page `page` (from 1) of an album's photos, newest first; empty past the end."""

        def read(response: httpx.Response) -> list[wire.PhotoRecord]:
            photos = wire.parse(LIST_PHOTOS, response, wire.PhotosPage).photos
            if any(photo.album_id not in (None, album_id) for photo in photos):
                raise ProtocolError(f"{LIST_PHOTOS}: the response is about another album.")
            return photos

        path, query = f"/album/{album_id}/pictures/json/", {"page": page, "limit": limit}
        return await self._session.request(LIST_PHOTOS, "GET", path, read, params=query)

    async def delete_photo(self, photo_id: str) -> None:
        """Delete a photo; the response is the same if it is already gone."""
        await self._session.request(DELETE_PHOTO, "POST", f"/picture/{photo_id}/delete/json/", _nothing)

    async def open_receiver(self, album_id: str, total: int) -> str:
        """Return a token for `total` uploads to an album."""
        read = _reader(OPEN_RECEIVER, wire.Receiver)
        form = {"albumId": album_id, "total": str(total)}
        path = "/v3/upload/receivers/"
        return (await self._session.request(OPEN_RECEIVER, "POST", path, read, data=form)).token

    async def request_upload(
        self, token: str, album_id: str, *, filename: str, file_type: str, size_bytes: int
    ) -> wire.Ticket:
        """Request permission to store one file."""
        read = _reader(PERMIT_UPLOAD, wire.Permission)
        form = {
            "uploadToken": token,
            "albumId": album_id,
            "fileName": filename,
            "fileType": file_type,
            "fileSize": str(size_bytes),
        }
        return (await self._session.request(PERMIT_UPLOAD, "POST", "/v3/photo/upload/", read, data=form)).data

    async def store_bytes(self, ticket: wire.Ticket, rendition: Rendition, filename: str) -> None:
        """Send a file to S3, read from disk while it is sent, and from its start at each attempt."""
        form = FileForm(
            ticket.form(),
            rendition.file,
            rendition.size_bytes,
            filename=filename,
            mime_type=ticket.file_type,
        )
        # S3 requires a Content-Length, and rejects chunked bodies.
        await self._bucket.request(
            STORE_BYTES, "POST", ticket.url, _nothing, content=form, headers=form.headers
        )

    async def await_processing(self, ticket: wire.Ticket) -> None:
        """Return once the photo is in its album; otherwise RefusedError contains the service's message."""
        query = {"id": ticket.user_upload_ids[0]}
        await self._monitor.request(
            AWAIT_PROCESSING, "GET", self._monitor_url, _nothing, params=query, timeout=self._monitor_timeout
        )

    async def playlists(self) -> list[wire.PlaylistRecord]:
        """Return all playlists.

        Every account has one for its e-mail address, so an empty list is an error.
        """

        def read(response: httpx.Response) -> list[wire.PlaylistRecord]:
            playlists = wire.parse(LIST_PLAYLISTS, response, wire.PLAYLISTS)
            if not playlists:
                raise ProtocolError(
                    f"{LIST_PLAYLISTS}: the list is empty, although every account has a playlist.",
                    hint="If your account has none, create any playlist in the Nixplay app.",
                )
            return playlists

        return await self._session.request(LIST_PLAYLISTS, "GET", "/v3/playlists", read)

    async def slides(self, playlist_id: str, offset: int, size: int) -> list[wire.Slide]:
        """Return at most `size` items of a playlist, after the first `offset` ones."""
        read = _reader(LIST_SLIDES, wire.SlidesPage)
        path, query = f"/v3/playlists/{playlist_id}/slides", {"size": size, "offset": offset}
        return (await self._session.request(LIST_SLIDES, "GET", path, read, params=query)).slides

    async def create_playlist(self, name: str) -> wire.PlaylistRecord:
        """Create a playlist, even if the name is taken; the response contains only its ID."""
        read = _reader(CREATE_PLAYLIST, wire.PlaylistCreated)
        body = {"name": name}
        created = await self._session.request(CREATE_PLAYLIST, "POST", "/v3/playlists", read, json=body)
        return wire.PlaylistRecord(id=created.playlist_id, name=name)

    async def delete_playlist(self, playlist_id: str) -> None:
        """Delete a playlist; its photos stay in their albums."""
        _require(playlist_id)
        await self._session.request(DELETE_PLAYLIST, "DELETE", f"/v3/playlists/{playlist_id}", _nothing)

    async def add_items(self, playlist_id: str, photo_ids: Sequence[int]) -> None:
        """Append photos to a playlist, even if they are already in it."""
        body = {"items": [{"pictureId": photo_id} for photo_id in photo_ids]}
        path = f"/v3/playlists/{playlist_id}/items"
        await self._session.request(ADD_ITEMS, "POST", path, _nothing, json=body)

    async def remove_item(self, playlist_id: str, item_id: str) -> None:
        """Remove one item from a playlist; succeeds if it is already gone."""
        # The same request with an empty or missing ID clears the whole playlist.
        _require(item_id)
        path = f"/v3/playlists/{playlist_id}/items"
        await self._session.request(REMOVE_ITEM, "DELETE", path, _nothing, params={"id": item_id})

    async def set_caption(self, photo_id: str, caption: str) -> None:
        """Replace a photo's caption; an empty one removes it. Known from the code of one client."""
        path = f"/v3/pictures/{photo_id}/attrs"
        await self._session.request(SET_CAPTION, "PATCH", path, _nothing, json={"caption": caption})

    async def frames(self) -> list[Any]:
        """Return the paired frames; what is in an entry is not known completely."""
        return await self._session.request(
            LIST_FRAMES, "GET", "/v3/frames", lambda response: _frames(LIST_FRAMES, response)
        )

    async def frame_statuses(self) -> list[Any]:
        """Return the connection status of each paired frame."""
        return await self._session.request(
            LIST_FRAME_STATUSES,
            "GET",
            "/v3/frame/online-status",
            lambda response: _frames(LIST_FRAME_STATUSES, response),
        )

    async def assign(self, frame: str, playlist_id: str, *, add: bool) -> None:
        """Have a frame show a playlist, or no longer show it.

        The first is known from the code of one client, the second from none.
        """
        body = {"add" if add else "remove": [{"playlistId": int(playlist_id)}]}
        path = f"/v3/shared-frames/{frame}/playlists"
        await self._session.request(ASSIGN_PLAYLIST, "POST", path, _nothing, json=body)

    async def aclose(self) -> None:
        """Close all connections; safe to call twice."""
        await self._session.aclose()
        await self._bucket.aclose()
        await self._monitor.aclose()


def _reader(operation: Operation, shape: type[T] | TypeAdapter[T]) -> Callable[[httpx.Response], T]:
    return lambda response: wire.parse(operation, response, shape)


def _frames(operation: Operation, response: httpx.Response) -> list[Any]:
    """Return a list of frames, which may be inside an object."""
    found = wire.parse(operation, response, wire.FRAMES)
    listed = found if isinstance(found, list) else found.get("frames")
    if not isinstance(listed, list):
        raise ProtocolError(f"{operation}: unexpected response (frames: not a list).")
    return listed


def _nothing(_: httpx.Response) -> None:
    """Ignore the body."""


def _require(identifier: str) -> None:
    if not identifier.strip():
        raise ValueError("an ID is needed: without it, the request would apply to everything")
