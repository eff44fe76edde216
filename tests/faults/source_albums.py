"""An album at each kind of source, and the source as picsync opens it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import httpx

from picsync.emulators.dropbox import File
from picsync.emulators.google import Album, Item
from picsync.emulators.google.content import read_all
from picsync.emulators.immich import HOST, Asset
from picsync.emulators.world import READ_SCOPE, World
from picsync.http.client import Hosts
from picsync.http.retry import RetryPolicy
from picsync.sources.base import Source
from picsync.sources.dropbox.options import DropboxEntry
from picsync.sources.dropbox.source import DropboxSource
from picsync.sources.google.library.source import GooglePhotosSource
from picsync.sources.google.links.options import SharedLink
from picsync.sources.google.links.source import SharedLinksSource
from picsync.sources.immich.options import ImmichEntry
from picsync.sources.immich.source import ImmichLogin, ImmichSource
from picsync.vendors.dropbox.tokens import Login
from picsync.vendors.google.tokens import GoogleLogin
from tests.household_services import LINK_PASSWORD

if TYPE_CHECKING:
    from tests.faults.harness import Harness

ALBUM = "Family"
PAGE = 2
"""Entries in a page of any listing."""


class SourceAlbum(Protocol):
    """An album of photos at a service."""

    kind: str
    """The source's name in picsync.yaml."""

    @property
    def written(self) -> Sequence[object]:
        """The album in picsync.yaml, in each form that leads to it."""

    @property
    def entries(self) -> Sequence[str]:
        """The same as the source names it."""

    def add(self, filename: str, content: bytes) -> object:
        """Add a photo to the album and return it."""

    def remove(self, photo: object) -> None:
        """Remove a photo from the album."""

    def contents(self) -> Sequence[bytes]:
        """Return the bytes of the album's photos."""

    def open(self, harness: Harness, *, token_expired: bool) -> Source:
        """Open the source with the harness's time limits."""


class GoogleAlbum:
    """An album at Google Photos."""

    kind = "googlephotos"

    def __init__(self, world: World, *, app_created: bool = True) -> None:
        self._google = world.google
        self._google.options.page_cap = PAGE
        self.album: Album = self._google.add_album(ALBUM, app_created=app_created)
        self.written: Sequence[str] = [self.album.album_id]

    @property
    def entries(self) -> Sequence[str]:
        return self.written

    def add(self, filename: str, content: bytes) -> Item:
        return self._google.add_item(self.album, filename, content)

    def remove(self, photo: object) -> None:
        assert isinstance(photo, Item)
        self._google.remove_item(photo, self.album)

    def contents(self) -> Sequence[bytes]:
        return [read_all(item.content) for item in self.album.items]

    def open(self, harness: Harness, *, token_expired: bool) -> Source:
        left = self._google.issue_credentials([READ_SCOPE], expired=token_expired)
        return GooglePhotosSource(
            GoogleLogin(
                left["client_id"],
                left["client_secret"],
                refresh_token=left["refresh_token"],
                access_token=left["access_token"],
                expiry=datetime.fromisoformat(left["expiry"]),
            ),
            hosts=Hosts(harness.server.url),
            retrier_for=harness.retrier,
            emit=harness.events.append,
            timeout_s=harness.timeout_s,
        )


class SharedAlbum(GoogleAlbum):
    """The same album, by a shared link."""

    kind = "sharedlinks"

    def __init__(self, world: World) -> None:
        super().__init__(world, app_created=False)
        world.google.options.sharing.page_items = PAGE
        self.written = [world.google.share(self.album).short_link]
        self._link = SharedLink.parse(self.written[0])

    @property
    def entries(self) -> Sequence[str]:
        return [str(self._link)]

    def open(self, harness: Harness, *, token_expired: bool) -> Source:
        del token_expired  # There is none.
        return SharedLinksSource(
            {str(self._link): self._link},
            hosts=Hosts(harness.server.url),
            retrier_for=harness.retrier,
            emit=harness.events.append,
            timeout_s=harness.timeout_s,
        )


class ImmichAlbum:
    """An album of an Immich server; all its photos show one person and have one tag."""

    kind = "immich"

    def __init__(self, world: World) -> None:
        self._immich = world.immich
        self._immich.options.page_cap = PAGE
        self._album = self._immich.add_album(ALBUM)
        self._person, self._tag = self._immich.add_person("Anna"), self._immich.add_tag("Trips")
        link = self._immich.share(self._album, password=LINK_PASSWORD)
        ways: list[str] = [ALBUM, self._album.album_id]
        ways += [f"person:{each}" for each in ("Anna", self._person.person_id)]
        ways += [f"tag:{each}" for each in ("Trips", self._tag.tag_id)]
        self.written = [*ways, f"https://{HOST}/share/{link.key}"]
        self._ways = [ImmichEntry.model_validate(way) for way in self.written]

    @property
    def entries(self) -> Sequence[str]:
        return list(map(str, self._ways))

    def add(self, filename: str, content: bytes) -> Asset:
        return self._immich.add_asset(
            self._album,
            filename,
            content,
            mime_type="image/jpeg",
            people={self._person.person_id},
            tags={self._tag.tag_id},
        )

    def remove(self, photo: object) -> None:
        assert isinstance(photo, Asset)
        self._immich.library.remove_asset(photo)

    def contents(self) -> Sequence[bytes]:
        return [read_all(asset.content) for asset in self._album.assets]

    def open(self, harness: Harness, *, token_expired: bool) -> Source:
        del token_expired  # There is none.
        key = self._immich.add_key().secret
        return ImmichSource(
            ImmichLogin(f"http://{HOST}:2283", key, LINK_PASSWORD),
            entries={str(way): way for way in self._ways},
            hosts=Hosts(harness.server.url),
            retrier_for=harness.retrier,
            emit=harness.events.append,
            timeout_s=harness.timeout_s,
        )


class DropboxAlbum:
    """A folder in Dropbox with a subfolder, and a shared link of it."""

    kind = "dropbox"

    def __init__(self, world: World) -> None:
        self._dropbox = world.dropbox
        self._dropbox.options.page_cap = PAGE
        folder = self._dropbox.create_folder(f"/{ALBUM}")
        link = self._dropbox.share(folder, password=LINK_PASSWORD)
        self._ways = [
            DropboxEntry(path=f"/{ALBUM}", recursive=True),
            DropboxEntry(link=link.url, recursive=True),
        ]
        self.written: Sequence[object] = [
            {"path": f"/{ALBUM}", "recursive": True},
            {"link": link.url, "recursive": True},
        ]

    @property
    def entries(self) -> Sequence[str]:
        return list(map(str, self._ways))

    def add(self, filename: str, content: bytes) -> File:
        below = "Below/" if filename.endswith("1.jpg") else ""
        return self._dropbox.put(f"/{ALBUM}/{below}{filename}", content)

    def remove(self, photo: object) -> None:
        assert isinstance(photo, File)
        self._dropbox.delete(photo)

    def contents(self) -> Sequence[bytes]:
        below = self._dropbox.owner.tree.below(f"/{ALBUM}")
        return [read_all(entry.content) for entry in below if isinstance(entry, File)]

    def open(self, harness: Harness, *, token_expired: bool) -> Source:
        del token_expired  # The token is fetched when it is first needed.
        grant = self._dropbox.log_in()
        return DropboxSource(
            Login(grant.app.key, "", grant.refresh_token),
            entries={str(way): way for way in self._ways},
            hosts=Hosts(harness.server.url),
            retrier_for=harness.retrier,
            emit=harness.events.append,
            sleep=harness.retrier(RetryPolicy()).pause,
            link_password=LINK_PASSWORD,
            timeout=httpx.Timeout(harness.timeout_s, pool=None),
        )
