"""All emulated services together, with the frame's page: for the demo, the command and the tests."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from picsync.emulators.dropbox import Dropbox, DropboxOptions
from picsync.emulators.droppedphotos import DroppedPhotos
from picsync.emulators.framepage import FramePage, ShownPhoto
from picsync.emulators.google import GoogleOptions, GooglePhotos
from picsync.emulators.immich import Immich, ImmichOptions
from picsync.emulators.nixplay import Nixplay, NixplayOptions
from picsync.emulators.nixplay import Photo as NixplayPhoto
from picsync.emulators.requestlog import RequestLog
from picsync.emulators.server import EmulatorServer
from picsync.emulators.wireprofile import LAN, Wire, WireProfile

NIXPLAY_USER = "grandma"
NIXPLAY_PASSWORD = "emulated-password"  # noqa: S105 - valid for the emulator only

LOGGED_REQUESTS = 20_000
"""Size of the request log: a demo may run for weeks."""

READ_SCOPE = "https://www.googleapis.com/auth/photoslibrary.readonly.appcreateddata"
LEGACY_SCOPE = "https://www.googleapis.com/auth/photoslibrary.readonly"


class World:
    """Google, Dropbox and Nixplay accounts and an Immich server on one port; an async context manager."""

    def __init__(
        self,
        *,
        google: GoogleOptions | None = None,
        nixplay: NixplayOptions | None = None,
        immich: ImmichOptions | None = None,
        dropbox: DropboxOptions | None = None,
        ssl_context: ssl.SSLContext | None = None,
        caption: Callable[[], Sequence[str]] = tuple,
        profile: WireProfile = LAN,
        logged_requests: int | None = LOGGED_REQUESTS,
        help_lines: Sequence[str] = (),
        dropped: DroppedPhotos | None = None,
    ) -> None:
        self.google = GooglePhotos(google)
        self.immich = Immich(immich)
        self.dropbox = Dropbox(dropbox)
        self.nixplay = Nixplay(nixplay)
        self.nixplay.add_user(NIXPLAY_USER, NIXPLAY_PASSWORD)
        self.page = FramePage(
            self._shown, caption, title="The frame on the sideboard", help_lines=help_lines, dropped=dropped
        )
        self.nixplay.observers.append(self._changed)
        self.server = EmulatorServer(
            [self.google, self.immich, self.dropbox, self.nixplay],
            ssl_context=ssl_context,
            pages=self.page.routes(),
            log=RequestLog(limit=logged_requests),
            wire=Wire(profile),
        )

    def _changed(self, nixplay: Nixplay, operation: str) -> None:
        if operation == "create_playlist":
            self._assign(nixplay)
        self.page.changed()

    @staticmethod
    def _assign(nixplay: Nixplay) -> None:
        """Do what a frame's owner does by hand once: assign the playlists that picsync created."""
        for account in nixplay.state.accounts.values():
            for playlist in account.playlists.values():
                if playlist.name.startswith("ss_") and not playlist.frames and account.frames:
                    nixplay.state.assign(next(iter(account.frames.values())), playlist)

    def _shown(self) -> list[ShownPhoto]:
        """Return what a frame shows that has every playlist that picsync created."""
        playlists = self.nixplay.account().playlists.values()
        photos = [
            photo
            for playlist in playlists
            if playlist.name.startswith("ss_")
            for photo in self.nixplay.playlist_photos(playlist)
        ]
        return [ShownPhoto(str(photo.photo_id), _title(photo), photo.path) for photo in photos]

    async def __aenter__(self) -> Self:
        await self.server.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.page.close()
        await self.dropbox.webhooks.aclose()
        await self.server.close()
        self.nixplay.close()


def _title(photo: NixplayPhoto) -> str:
    # picsync appends a key to the names of the photos that it sends.
    return Path(photo.filename).stem.partition(" ps-")[0]
