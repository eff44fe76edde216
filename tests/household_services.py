"""A household with emulated services: an album of a source, a Nixplay account, and the files of one picsync.

The fixtures of tests/e2e (cycles in this process), tests/cli (commands) and tests/faults (faults at every
request) are based on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from picsync.emulators.google import Album, GooglePhotos, Item, generated_jpeg
from picsync.emulators.google.content import read_all
from picsync.emulators.nixplay import Nixplay
from picsync.emulators.server import EmulatorServer
from picsync.emulators.world import NIXPLAY_PASSWORD, NIXPLAY_USER, READ_SCOPE, World

ALBUM = "Family"
PLAYLIST = "ss_Family"
MEDIA_HOST = "lh3.googleusercontent.com"
LINK_PASSWORD = "sesame"
"""Password of shared links of the Immich server."""


def write_credentials(path: Path, world: World, **login: str) -> None:
    """Write a credentials file that opens the emulated services; `login` replaces parts of Google's."""
    google = world.google.issue_credentials([READ_SCOPE]) | login
    path.touch(mode=0o600)
    path.write_text(
        f"nixplay: {{username: {NIXPLAY_USER}, password: {NIXPLAY_PASSWORD}}}\n"
        "googlephotos:\n"
        f"  api: {{key: {google['client_id']}, secret: {google['client_secret']}}}\n"
        "  access:\n"
        f"    access_token: {google['access_token']}\n"
        f"    refresh_token: {google['refresh_token']}\n"
        f'    expiry: "{google["expiry"]}"\n'
        f"immich: {{server: 'http://{world.immich.host}', api_key: '{world.immich.add_key().secret}',"
        f" link_password: {LINK_PASSWORD}}}\n"
        f"dropbox: {{app_key: {world.dropbox.app.key}, app_secret: {world.dropbox.app.secret},"
        f" refresh_token: {world.dropbox.log_in().refresh_token}, link_password: {LINK_PASSWORD}}}\n",
        "utf-8",
    )


def md5(content: bytes) -> str:
    """Return the digest by which Nixplay knows a photo."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@dataclass
class Services:
    """The emulated services, and the folder of picsync's files."""

    photo_bytes: ClassVar[int] = 20_000
    folder: Path
    world: World
    made: int = field(default=0, kw_only=True)
    """Number of photos made so far."""

    @property
    def google(self) -> GooglePhotos:
        return self.world.google

    @property
    def nixplay(self) -> Nixplay:
        return self.world.nixplay

    @property
    def server(self) -> EmulatorServer:
        return self.world.server

    @property
    def config(self) -> Path:
        return self.folder / "picsync.yaml"

    @property
    def credentials(self) -> Path:
        return self.folder / ".picsync-credentials.yaml"

    def frame_digests(self) -> list[str]:
        """Return the digests in the frame's albums of the rule's name."""
        albums = self.nixplay.albums_named(ALBUM)
        return [photo.md5 for album in albums for photo in self.nixplay.album_photos(album)]

    def playlist_digests(self) -> list[str]:
        """Return the digests in the playlist, in order; raises KeyError if there is none."""
        photos = self.nixplay.playlist_photos(self.nixplay.playlist_named(PLAYLIST))
        return [photo.md5 for photo in photos]

    def media_requests(self) -> int:
        """Return how often the bytes of an original were requested."""
        return self.server.log.count(host=MEDIA_HOST)

    def writes(self) -> list[str]:
        """Return the requests to Nixplay that may change something, except logins."""
        return [
            f"{record.method} {record.path}"
            for record in self.server.log.records
            if "nixplay" in record.host and record.method != "GET" and "login" not in record.path
        ]


@dataclass
class GoogleServices(Services):
    """The services, with an album at Google Photos."""

    album: Album

    def add(self, count: int, album: Album | None = None) -> list[Item]:
        """Add photos to the Google album."""
        items = []
        for _ in range(count):
            self.made += 1
            content = generated_jpeg(self.made, self.photo_bytes)
            items.append(self.google.add_item(album or self.album, f"IMG_{self.made}.jpg", content))
        return items

    def contents(self) -> Sequence[bytes]:
        """Return the bytes of the photos in the Google album."""
        return [read_all(item.content) for item in self.album.items]

    def wanted(self) -> set[str]:
        """Return the digests of the photos in the Google album."""
        return set(map(md5, self.contents()))
