"""The emulated Google Photos: login, Library API, albums shared by link and bytes of one library."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from picsync.emulators.google import errors
from picsync.emulators.google.account import SCOPE_PREFIX, Account, Client, Grant
from picsync.emulators.google.albums import Albums
from picsync.emulators.google.api import APP_DATA, Api, Method
from picsync.emulators.google.baseurls import BaseUrls
from picsync.emulators.google.content import Content
from picsync.emulators.google.discovery import Discovery
from picsync.emulators.google.library import Album, Item, Library
from picsync.emulators.google.media import Media
from picsync.emulators.google.mediaitems import MediaItems
from picsync.emulators.google.oauth import OAuth
from picsync.emulators.google.options import GoogleOptions
from picsync.emulators.google.pages import not_found
from picsync.emulators.google.paging import Pager
from picsync.emulators.google.picker import API_HOST as PICKER_HOST
from picsync.emulators.google.picker import PAGE_HOST, Picker
from picsync.emulators.google.resources import MEDIA_HOST, Resources
from picsync.emulators.google.schemas import LIBRARY
from picsync.emulators.google.sharing.albums import SharedAlbum
from picsync.emulators.google.sharing.service import Sharing
from picsync.emulators.google.uploads import Uploads
from picsync.emulators.service import Handler

API_HOST = "photoslibrary.googleapis.com"
_AMBIENT_HOST = "photosambient.googleapis.com"
DEFAULT_SCOPES = (APP_DATA, "photoslibrary.appendonly", "photoslibrary.edit.appcreateddata")


class GooglePhotos:
    """Google Photos for one user; a `Service` for the emulator's server.

    Everything that is added as "app-created" belongs to the default OAuth client `client_id`.
    """

    def __init__(self, options: GoogleOptions | None = None) -> None:
        self.options = options or GoogleOptions()
        self.account = Account(self.options)
        self.library = Library(self.options)
        self.client_id = "123456789012-emulatedclient.apps.googleusercontent.com"
        self.add_client(self.client_id, f"GOCSPX-{secrets.token_urlsafe(21)}")
        urls, pager = BaseUrls(), Pager(self.options)
        resources = Resources(self.library, self.options, urls)
        api = Api(self.account, self.options)
        uploads = Uploads(self.library, self.options, resources, api)
        api.add(
            *Albums(self.library, self.options, resources, pager).methods(),
            *MediaItems(self.library, resources, pager).methods(),
            *uploads.methods(),
        )
        self._api, self._uploads = api, uploads
        self._media = Media(self.library, self.options, resources, urls)
        self._oauth = OAuth(self.account, self.options)
        self.sharing = Sharing(self.library, self.options, urls)
        own_api = Api(self.account, self.options)
        self.picker = Picker(self.library, self.options, urls, own_api, self._media)

    def routes(self) -> Mapping[str, Sequence[web.RouteDef]]:
        """Return the routes of all hosts."""
        media, sharing = self._media.routes(), self.sharing.routes()
        discovery = Discovery("photoslibrary", "Photos Library API", API_HOST, LIBRARY, self._api.methods)
        return {
            **self._oauth.routes(),
            **media,
            **sharing,
            MEDIA_HOST: [*self.picker.media_routes(), *media[MEDIA_HOST]],
            PICKER_HOST: self.picker.api_routes(),
            PAGE_HOST: [*self.picker.page_routes(), *sharing[PAGE_HOST]],
            API_HOST: [
                web.get("/$discovery/rest", discovery.handle),
                web.post("/v1/uploads", self._uploads.upload),
                web.put("/v1/uploads", self._uploads.upload),
                web.route("*", "/{path:.*}", self._api.handle),
            ],
            _AMBIENT_HOST: [web.route("*", "/{path:.*}", _not_enabled(_AMBIENT_HOST))],
        }

    def methods(self) -> Mapping[str, Sequence[Method]]:
        """Return the methods of the routes for any path, by API host."""
        return {API_HOST: self._api.methods, PICKER_HOST: self.picker.methods}

    def add_client(
        self, client_id: str, client_secret: str, *, kind: str = "desktop", redirect_uris: Sequence[str] = ()
    ) -> Client:
        """Register an OAuth client of kind `desktop`, `web` or `device`."""
        client = Client(client_id, client_secret, kind, tuple(redirect_uris))
        self.account.clients[client_id] = client
        return client

    def issue_credentials(
        self, scopes: Iterable[str] = DEFAULT_SCOPES, *, expired: bool = False, client_id: str = ""
    ) -> dict[str, Any]:
        """Return what a login stores in a credentials file.

        `scopes` in full or without Google's prefix. Keys: client_id, client_secret, access_token,
        refresh_token, expiry (RFC 3339), scopes (in full), token_uri, token_type.
        """
        client = self.account.clients[client_id or self.client_id]
        full = [scope if "/" in scope or scope == "openid" else SCOPE_PREFIX + scope for scope in scopes]
        grant = self.account.grant(client.client_id, full)
        token = self.account.access_token(grant, expired=expired)
        expires_at = datetime.fromtimestamp(self.account.access_tokens[token][1], UTC)
        return {
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "access_token": token,
            "refresh_token": grant.refresh_token,
            "expiry": expires_at.isoformat().replace("+00:00", "Z"),
            "scopes": full,
            "token_uri": "https://oauth2.googleapis.com/token",
            "token_type": "Bearer",
        }

    def revoke_all(self) -> None:
        """Let the user remove every app from the account."""
        for grant in self._grants():
            grant.revoked = True

    def expire_access_tokens(self) -> None:
        """Expire all access tokens early; refresh tokens stay valid."""
        self.account.access_tokens.clear()

    def answer_device(self, user_code: str, *, agree: bool = True) -> None:
        """Let the user confirm or refuse the login on a device; raises KeyError for an unknown code."""
        for code in self.account.device_codes.values():
            if code.user_code == user_code:
                code.answer = agree
                return
        raise KeyError(user_code)

    def add_album(
        self, title: str, *, app_created: bool = True, client_id: str = "", shared: bool = False
    ) -> Album:
        """Add an album, of the default client or of `client_id`, or the user's own."""
        owner = (client_id or self.client_id) if app_created else None
        return self.library.add_album(title, client_id=owner, shared=shared)

    def directory_album(self, path: Path, title: str, *, app_created: bool = True) -> Album:
        """Add an album that follows a directory: every listing reads its files again."""
        owner = self.client_id if app_created else None
        return self.library.add_album(title, client_id=owner, directory=path)

    def share(self, album: Album) -> SharedAlbum:
        """Let the user share an album by link; `active` of the result switches the link off again."""
        return self.sharing.share(album)

    def add_item(
        self,
        album: Album | None,
        filename: str,
        content: bytes | Path | Content,
        *,
        mime_type: str = "",
        app_created: bool = True,
        **fields: Any,
    ) -> Item:
        """Add an item to the library and to the end of an album; `fields` are those of `Item`."""
        owner = self.client_id if album is None else album.client_id
        settings = {"client_id": owner if app_created else None, **fields}
        item = self.library.add_item(filename, content, mime_type=mime_type, **settings)
        if album is not None:
            album.items.append(item)
        return item

    def put_item(self, album: Album, item: Item) -> None:
        """Add an item of the library to a further album: one picture, one ID."""
        album.items.append(item)

    def remove_item(self, item: Item, album: Album | None = None) -> None:
        """Take an item out of one album, or out of the library."""
        if album is None:
            self.library.remove_item(item)
        else:
            album.items.remove(item)

    def replace_bytes(self, item: Item, content: bytes | Path | Content) -> None:
        """Let the user edit a picture: other bytes, same ID, and no sign of it in the listing."""
        self.library.replace_bytes(item, content)

    def remove_album(self, album: Album) -> None:
        """Delete an album; its items stay in the library."""
        self.library.albums.pop(album.album_id, None)

    def _grants(self) -> Iterable[Grant]:
        return self.account.grants.values()


def _not_enabled(host: str) -> Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        if not request.path.startswith("/v1/"):
            return await not_found(request)
        return errors.service_disabled(host).response()

    return refuse
