"""The emulated Nixplay as a whole: its hosts, and what tests and the demo need to prepare its data."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from picsync.emulators.nixplay import hosts
from picsync.emulators.nixplay.albums import OldBackend, web_app_routes
from picsync.emulators.nixplay.options import Answer, NixplayOptions
from picsync.emulators.nixplay.originals import Originals
from picsync.emulators.nixplay.parts import Parts
from picsync.emulators.nixplay.playlists import PlaylistBackend
from picsync.emulators.nixplay.sessions import Sessions
from picsync.emulators.nixplay.signing import Signer
from picsync.emulators.nixplay.spool import spooled
from picsync.emulators.nixplay.state import Account, Album, Frame, Photo, Playlist, State
from picsync.emulators.nixplay.uploading import UploadBackend
from picsync.emulators.nixplay.uploads import Sleep, Uploads

_T = TypeVar("_T")
Observer = Callable[["Nixplay", str], None]


class Nixplay:
    """An emulated Nixplay without users; photos are stored in `spool`, by default a temporary directory.

    `clock` returns Unix time; the upload monitor waits with `sleep`. Both may be replaced at any time.
    """

    def __init__(
        self,
        options: NixplayOptions | None = None,
        *,
        spool: Path | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.clock = clock
        self.sleep = sleep
        self.options = options or NixplayOptions()
        """Set its fields at any time; the object itself is shared and must not be replaced."""
        self.observers: list[Observer] = []
        """Called after every change with the change's name; an exception becomes a 500 response."""
        self.counters: Counter[str] = Counter()
        """Number of changes, by the names that observers receive."""
        self.spool = Path(tempfile.mkdtemp(prefix="nixplay-")) if spool is None else spool
        self._cleanup = (
            None if spool else weakref.finalize(self, shutil.rmtree, self.spool, ignore_errors=True)
        )
        self.state = State(self.options, self._now, self._changed)
        self._sessions = Sessions(self.options, self._now)
        uploads = Uploads(self.state, self._now, lambda seconds: self.sleep(seconds))
        self._parts = Parts(self.options, self._now, self.state, self._sessions, uploads, Signer(self._now))

    def close(self) -> None:
        """Remove the temporary directory; a given spool is kept."""
        if self._cleanup is not None:
            self._cleanup()

    def routes(self) -> Mapping[str, Sequence[web.RouteDef]]:
        """Return the routes of all hosts."""
        uploading = UploadBackend(self._parts, self.spool)
        return {
            hosts.API: (
                *OldBackend(self._parts).routes(),
                *PlaylistBackend(self._parts).routes(),
                *uploading.api_routes(),
                web.route("*", "/{path:.*}", _not_found),
            ),
            hosts.APP: web_app_routes(),
            hosts.MONITOR: uploading.monitor_routes(),
            hosts.UPLOADS: uploading.bucket_routes(),
            hosts.ORIGINALS: Originals(self._parts).routes(),
        }

    def add_user(self, name: str, password: str) -> Account:
        """Create an account with the content of a new one; `name` is the part before `@mynixplay.com`."""
        return self.state.add_account(name, password)

    def account(self, user: str | None = None) -> Account:
        """Return a user's account, by default the first; raises LookupError if there is none."""
        if user is not None:
            return self.state.accounts[user]
        account = next(iter(self.state.accounts.values()), None)
        if account is None:
            raise LookupError("There is no user yet; add_user first.")
        return account

    def add_album(self, name: str, *, user: str | None = None) -> Album:
        """Create an album, like a user of the web app."""
        return self.state.create_album(self.account(user), name)

    def add_photo(
        self,
        album: Album,
        filename: str,
        content: bytes,
        *,
        file_type: str = "image/jpeg",
    ) -> Photo:
        """Add a processed photo; raises ValueError if the album contains these bytes."""
        blob = spooled(self.spool, content)
        if blob.md5 in album.by_md5:
            blob.discard()
            raise ValueError(f"The album {album.name!r} already contains these bytes.")
        return self.state.add_photo(self._owner(album), album, blob, filename, file_type)

    def delete_photo(self, photo: Photo) -> None:
        """Delete a photo, like a user of the web app."""
        account = next(each for each in self.state.accounts.values() if photo.photo_id in each.photos)
        self.state.delete_photo(account, photo)

    def add_playlist(self, name: str, photos: Sequence[Photo] = (), *, user: str | None = None) -> Playlist:
        """Create a playlist with these photos, like a user of the web app."""
        playlist = self.state.create_playlist(self.account(user), name)
        if photos:
            self.state.append_items(playlist, photos)
        return playlist

    def add_frame(self, name: str, *, user: str | None = None) -> Frame:
        """Pair another frame."""
        return self.state.add_frame(self.account(user), name)

    def albums_named(self, name: str, *, user: str | None = None) -> list[Album]:
        """Return the albums with this name, oldest first."""
        return [album for album in self.account(user).albums.values() if album.name == name]

    def album_named(self, name: str, *, user: str | None = None) -> Album:
        """Return the only album with this name; raises LookupError if there are none or several."""
        return _only(self.albums_named(name, user=user), name)

    def playlists_named(self, name: str, *, user: str | None = None) -> list[Playlist]:
        """Return the playlists with this name, oldest first."""
        return [each for each in self.account(user).playlists.values() if each.name == name]

    def playlist_named(self, name: str, *, user: str | None = None) -> Playlist:
        """Return the only playlist with this name; raises LookupError if there are none or several."""
        return _only(self.playlists_named(name, user=user), name)

    def album_photos(self, album: Album) -> list[Photo]:
        """Return an album's photos, newest first; each with the path of its bytes."""
        return album.newest_first()

    def playlist_photos(self, playlist: Playlist) -> list[Photo]:
        """Return a playlist's photos in order; each with the path of its bytes."""
        return playlist.photos()

    def expire_sessions(self) -> None:
        """End every session, as if time had passed."""
        self._sessions.expire_all()

    def _now(self) -> float:
        return self.clock()

    def _owner(self, album: Album) -> Account:
        return next(each for each in self.state.accounts.values() if album.album_id in each.albums)

    def _changed(self, operation: str) -> None:
        self.counters[operation] += 1
        for observer in self.observers:
            observer(self, operation)


async def _not_found(request: web.Request) -> web.StreamResponse:
    if request.path.startswith("/v3/"):
        return Answer.json(404, "Not Found", "NotFoundError").response()
    return Answer.html(404, "Not Found").response()


def _only(found: list[_T], name: str) -> _T:
    if len(found) != 1:
        raise LookupError(f"{len(found)} are named {name!r}.")
    return found[0]
