"""The states that a cycle starts from, and the checks of its result.

Each scene is a Google account, an Immich server, a Nixplay account, and a folder with the files of picsync.
If both sides are to be in sync, that is set up here without a transfer, and a cycle that is not measured does
the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import operations
from benchmarks.authority import authority
from benchmarks.photos import md5, photo, video
from picsync.cache.store import Cache
from picsync.core import model
from picsync.emulators.google import Album, GoogleOptions, Item
from picsync.emulators.google.content import Content, GeneratedContent
from picsync.emulators.immich import Asset
from picsync.emulators.nixplay import NixplayOptions
from picsync.emulators.nixplay.spool import Blob
from picsync.emulators.wireprofile import LAN, Wire, WireProfile
from picsync.emulators.world import NIXPLAY_PASSWORD, NIXPLAY_USER, READ_SCOPE, World
from picsync.sources.google.picked.library import FOLDER as LIBRARY
from picsync.sources.google.picked.library import Library, PickedAlbum, Record


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source, as far as the ideal depends on it."""

    name: str
    """Its key in picsync.yaml."""
    host: str = ""
    """Where its pages are; empty for this machine."""
    media_host: str = ""
    """Where its originals are; empty for this machine."""
    page: int = 1
    """Items on a page at most."""


API = SourceKind("googlephotos", operations.GOOGLE_API, operations.MEDIA, 100)
LINK = SourceKind("sharedlinks", operations.ALBUM_PAGE, operations.MEDIA, 300)
IMMICH = SourceKind("immich", operations.IMMICH, operations.IMMICH, 1_000)
FOLDER = SourceKind("folder")
PICKED = SourceKind("picked")
PLAYLIST_LIMIT = 2000
CACHED_AT_ONCE = 2000
NEWS = 5
"""Photos that are added, and photos that are removed, where any are."""


@dataclass
class Scene:
    """The world and picsync's folder; every album of Google's is one rule."""

    folder: Path
    world: World
    photo_bytes: int
    source: SourceKind = API
    """The kind of source by which picsync sees the albums."""
    authority_by_setting: bool = True
    """Whether picsync.yaml names the authority; if not, the environment does."""
    head: Sequence[str] = ()
    """Further lines of picsync.yaml."""
    rule_lines: Sequence[str] = ()
    """Further lines of each rule."""
    albums: dict[str, Album] = field(default_factory=dict)
    made: int = 0
    _assets: dict[str, Asset] = field(default_factory=dict)
    """Item ID -> the same photo in Immich."""

    @property
    def config(self) -> Path:
        """Where picsync.yaml is."""
        return self.folder / "picsync.yaml"

    @property
    def cache(self) -> Path:
        """Where the cache is."""
        return self.folder / "cache.db"

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables by which picsync trusts the services, unless its settings say so."""
        if self.authority_by_setting:
            return {}
        bundle = str(authority().write_bundle(self.folder / "bundle.pem"))
        # Of ssl, httplib2 and requests: versions without the setting let each library decide.
        return dict.fromkeys(("SSL_CERT_FILE", "HTTPLIB2_CA_CERTS", "REQUESTS_CA_BUNDLE"), bundle)

    def add_album(self, name: str) -> Album:
        """Add an album to the source, and the rule for it."""
        self.albums[name] = self.world.google.add_album(name)
        if self.source is PICKED:
            self._picked(self.albums[name]).create()
        return self.albums[name]

    def add(self, album: Album, count: int) -> None:
        """Add that many photos."""
        for _ in range(count):
            self._add(album, photo(self._number(), self.photo_bytes), "jpg")

    def add_video(self, album: Album, size_bytes: int) -> None:
        """Add a video."""
        self._add(album, video(self._number(), size_bytes), "mp4")

    def _number(self) -> int:
        self.made += 1
        return self.made

    def _add(self, album: Album, content: GeneratedContent, suffix: str) -> None:
        """Add a photo to Google's album, which says what is wanted, and to the source if that is another."""
        mime_type = "video/mp4" if suffix == "mp4" else "image/jpeg"
        name = f"IMG_{self.made:06}.{suffix}"
        # A lower number is older, as in a real album.
        at = 1.6e9 + self.made
        item = self.world.google.add_item(album, name, content, mime_type=mime_type, created_at=at)
        if self.source is IMMICH:
            self._add_asset(album, item)
        elif self.source is FOLDER:
            self._write_file(self._photos(album) / name, content)
        elif self.source is PICKED:
            self._keep(self._picked(album), item)

    def _add_asset(self, album: Album, item: Item) -> None:
        immich, at = self.world.immich, item.created_at
        albums = [each for each in immich.library.albums.values() if each.name == album.title]
        into = albums[0] if albums else immich.add_album(album.title)
        self._assets[item.item_id] = immich.add_asset(
            into, item.filename, item.content, taken_at=at, modified_at=at
        )

    def _photos(self, album: Album) -> Path:
        return self.folder / "photos" / album.title

    def _picked(self, album: Album) -> PickedAlbum:
        return Library(self.folder / LIBRARY).album(album.title)

    def _keep(self, album: PickedAlbum, item: Item) -> None:
        """Store a photo as if it had been picked and downloaded."""
        stored_as = hashlib.sha256(item.item_id.encode()).hexdigest()[:32]
        digest = self._write_file(album.folder / f"{stored_as}.jpg", item.content)
        record = Record(
            item_id=item.item_id,
            filename=item.filename,
            mime_type=item.mime_type,
            taken_at=datetime.fromtimestamp(item.created_at, UTC),
            size_bytes=item.content.size,
            sha256=digest,
            stored_as=f"{stored_as}.jpg",
        )
        (album.folder / f"{stored_as}.json").write_text(record.model_dump_json(), "utf-8")

    @staticmethod
    def _write_file(path: Path, content: Content) -> str:
        """Write a file and return its SHA-256."""
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for chunk in content.chunks():
                file.write(chunk)
                digest.update(chunk)
        return digest.hexdigest()

    async def be_in_step(self) -> None:
        """Put every photo on the frame, and into the cache, as earlier cycles would have."""
        mappings: list[model.Mapping] = []
        now = datetime.now(UTC)
        for name, album in self.albums.items():
            on_frame = self.world.nixplay.add_album(name)
            for item in album.items:
                digest = model.Digest("md5", self._put(on_frame.album_id, item))
                item_id, version = self._known_as(album, item)
                mappings.append(
                    model.Mapping(self.source.name, item_id, version, "original", digest, recorded_at=now)
                )
        cache = await Cache.open(self.cache, notify=lambda _: None)
        try:
            for start in range(0, len(mappings), CACHED_AT_ONCE):
                await asyncio.gather(*map(cache.record, mappings[start : start + CACHED_AT_ONCE]))
        finally:
            await cache.aclose()

    def _known_as(self, album: Album, item: Item) -> tuple[str, str]:
        """Return the id and version that the source gives to an item."""
        if self.source is API:
            return item.item_id, ""
        if self.source is IMMICH:
            asset = self._assets[item.item_id]
            return asset.asset_id, f"{asset.checksum}@{round(asset.modified_at * 1000)}"
        if self.source is LINK:
            shares = self.world.google.sharing.shares
            return shares.item_key(shares.share(album), item), shares.dedup_key(item)
        raise NotImplementedError(self.source.name)

    def _put(self, album_id: int, item: Item) -> str:
        nixplay = self.world.nixplay
        blob = Blob(nixplay.spool / item.item_id, _digest(item), item.content.size)
        account = nixplay.account()
        nixplay.state.add_photo(account, account.albums[album_id], blob, item.filename, item.mime_type)
        return blob.md5

    def forget(self) -> None:
        """Delete the cache."""
        for path in self.folder.glob(f"{self.cache.name}*"):
            path.unlink()

    def news(self) -> None:
        """Add some photos and remove others, in every album."""
        for album in self.albums.values():
            for item in album.items[:NEWS]:
                self.world.google.remove_item(item)
            self.add(album, NEWS)

    def write_settings(self) -> None:
        """Write the two settings files."""
        rules = [
            line
            for name, album in self.albums.items()
            for line in (
                f"- name: {name}",
                f"  sources: {{{self.source.name}: [{self._entry(album)}]}}",
                *(f"  {each}" for each in self.rule_lines),
            )
        ]
        head = [f"emulator: {self.world.server.url}", *self.head]
        if self.authority_by_setting:
            head.append(f"caCertificates: {authority().write(self.folder / 'authority.pem')}")
        lines = [*head, "albums:", *rules]
        self.config.write_text("\n".join(lines) + "\n", "utf-8")
        login = self.world.google.issue_credentials([READ_SCOPE])
        key = self.world.immich.add_key()
        path = self.folder / ".picsync-credentials.yaml"
        path.touch(mode=0o600)
        path.write_text(
            f"nixplay: {{username: {NIXPLAY_USER}, password: {NIXPLAY_PASSWORD}}}\n"
            "googlephotos:\n"
            f"  api: {{key: {login['client_id']}, secret: {login['client_secret']}}}\n"
            "  access:\n"
            f"    access_token: {login['access_token']}\n"
            f"    refresh_token: {login['refresh_token']}\n"
            f'    expiry: "{login["expiry"]}"\n'
            f"immich: {{server: 'https://{self.world.immich.host}', api_key: '{key.secret}'}}\n",
            "utf-8",
        )

    def _entry(self, album: Album) -> str:
        if self.source is API:
            return album.album_id
        if self.source is LINK:
            return self.world.google.share(album).short_link
        if self.source is FOLDER:
            # Its files are complete, so there is no need to wait for writes.
            return json.dumps({"path": str(self._photos(album)), "quiet": "0s"})
        return album.title

    def set_wire(self, profile: WireProfile, *, one_at_a_time: bool = False) -> Wire:
        """Set latency and bandwidth of the services."""
        self.world.server.wire = Wire(profile, one_at_a_time=one_at_a_time)
        return self.world.server.wire

    def assert_synced(self) -> None:
        """Raise AssertionError unless album = frame = playlist for every rule; else no figure is valid."""
        for name, album in self.albums.items():
            wanted = {_digest(item) for item in album.items}
            photos = self.world.nixplay.album_photos(self.world.nixplay.album_named(name))
            found = {each.md5 for each in photos}
            if found != wanted or len(photos) != len(album.items):
                raise AssertionError(f"{name}: {len(found)} photos on the frame, {len(wanted)} wanted")
            shown = self.world.nixplay.playlist_named(f"ss_{name}").items
            if len(shown) != min(len(photos), PLAYLIST_LIMIT):
                raise AssertionError(f"{name}: {len(shown)} of {len(photos)} photos in the playlist")


def _digest(item: Item) -> str:
    assert isinstance(item.content, GeneratedContent)  # noqa: S101 - what `_add` adds
    return md5(item.content)


@dataclass(frozen=True, slots=True)
class Moved:
    """The work of a cycle, as far as the ideal depends on it; per rule."""

    listed: int
    on_frame: int
    """Before."""
    downloads: int = 0
    uploads: int = 0
    deletes: int = 0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of cycle."""

    name: str
    title: str
    build: Callable[[Scene, int], Awaitable[None]]
    """Sets up a scene of that size, up to the first cycle."""
    change: Callable[[Scene], None] | None = None
    """Changes between the cycle that is not measured and the measured one; None without the former."""
    moved: Callable[[int], Moved] = lambda size: Moved(size, 0, size, size)
    rules: Callable[[int], int] = lambda _: 1
    """Number of rules for a size; `moved` is given the photos of one."""
    rule_lines: Sequence[str] = ()
    source: SourceKind = API

    @property
    def settled(self) -> bool:
        """Whether a cycle that is not measured comes first."""
        return self.change is not None


SMALL_ALBUM = 20
"""Photos in each of many small albums."""


async def _one_new_album(scene: Scene, size: int) -> None:
    scene.add(scene.add_album("Family"), size)


async def _one_album_in_step(scene: Scene, size: int) -> None:
    await _one_new_album(scene, size)
    await scene.be_in_step()


async def _many_new_albums(scene: Scene, size: int) -> None:
    for number in range(size // SMALL_ALBUM):
        scene.add(scene.add_album(f"Trip {number + 1}"), SMALL_ALBUM)


async def _many_albums_in_step(scene: Scene, size: int) -> None:
    await _many_new_albums(scene, size)
    await scene.be_in_step()


async def _large_files(scene: Scene, size: int) -> None:
    album = scene.add_album("Family")
    scene.add(album, size)
    scene.add_video(album, 500_000_000)


def _nothing(_: Scene) -> None:
    """Change nothing."""


SCENARIOS = {
    each.name: each
    for each in (
        Scenario("first", "first sync", _one_new_album),
        Scenario("link-first", "first sync of an album shared by link", _one_new_album, source=LINK),
        Scenario("immich-first", "first sync of an album in Immich", _one_new_album, source=IMMICH),
        Scenario("folder-first", "first sync of a folder", _one_new_album, source=FOLDER),
        Scenario("picked-first", "first sync of picked photos", _one_new_album, source=PICKED),
        Scenario("steady", "steady state", _one_album_in_step, _nothing, lambda size: Moved(size, size)),
        Scenario(
            "link-steady",
            "steady state of an album shared by link",
            _one_album_in_step,
            _nothing,
            lambda size: Moved(size, size),
            source=LINK,
        ),
        Scenario(
            "immich-steady",
            "steady state of an album in Immich",
            _one_album_in_step,
            _nothing,
            lambda size: Moved(size, size),
            source=IMMICH,
        ),
        Scenario(
            "news",
            "five in, five out",
            _one_album_in_step,
            Scene.news,
            lambda size: Moved(size, size, NEWS, NEWS, NEWS),
        ),
        Scenario(
            "lost-cache", "lost cache", _one_album_in_step, Scene.forget, lambda size: Moved(size, size, size)
        ),
        Scenario(
            "small-albums", "many small albums, new", _many_new_albums, rules=lambda n: n // SMALL_ALBUM
        ),
        Scenario(
            "small-albums-steady",
            "many small albums, steady",
            _many_albums_in_step,
            _nothing,
            lambda size: Moved(size, size),
            rules=lambda n: n // SMALL_ALBUM,
        ),
        Scenario(
            "large",
            "large photos and a video of 500 MB",
            _large_files,
            moved=lambda size: Moved(size + 1, 0, size + 1, size + 1),
            rule_lines=["videos: true"],
        ),
    )
}
"""By name."""


def world(profile: WireProfile = LAN) -> World:
    """Return accounts without quotas and limits, over TLS, with an unlimited request log."""
    google = GoogleOptions(requests_per_day=None, media_requests_per_day=None)
    nixplay = NixplayOptions(storage_limit_bytes=None)
    return World(
        google=google,
        nixplay=nixplay,
        ssl_context=authority().server_context(),
        profile=profile,
        logged_requests=None,
    )
