"""A household over real HTTP: emulated services, and the real source, frame, cache and cycle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from picsync.core.events import CycleReport, Event
from picsync.emulators.google import Album, GooglePhotos, Item, generated_jpeg
from picsync.emulators.google.content import read_all
from picsync.emulators.nixplay import Nixplay
from picsync.emulators.server import EmulatorServer
from picsync.emulators.world import NIXPLAY_PASSWORD, NIXPLAY_USER, READ_SCOPE, World
from picsync.run.kinds import read_config, read_credentials
from picsync.run.settings import album_rules
from picsync.run.wiring import open_tools
from picsync.sync.cycle import AlbumRule, run_cycle

ALBUM = "Family"
PLAYLIST = "ss_Family"
PHOTO_BYTES = 20_000
MEDIA_HOST = "lh3.googleusercontent.com"


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
        f"immich: {{server: 'http://{world.immich.host}', api_key: '{world.immich.add_key().secret}'}}\n",
        "utf-8",
    )


@dataclass
class Household:
    """A Google album `album`, a Nixplay account, and the files of one picsync."""

    folder: Path
    world: World
    album: Album
    name: str = ALBUM
    """The rule's."""
    rule_lines: list[str] = field(default_factory=list)
    top_lines: list[str] = field(default_factory=list)
    """Of the top level of picsync.yaml."""
    more_albums: list[str] = field(default_factory=list)
    source_lines: list[str] | None = None
    """What stands under `sources:`; None for the Google album and `more_albums`."""
    one_at_a_time: bool = False
    """Whether photos go up one by one, so that their ids follow their order."""
    waits: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    may_empty: bool = False
    made: int = 0

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
    def cache(self) -> Path:
        return self.folder / "cache.db"

    @property
    def credentials(self) -> Path:
        return self.folder / ".picsync-credentials.yaml"

    def add(self, count: int, album: Album | None = None) -> list[Item]:
        """Put new photos into the Google album."""
        items = []
        for _ in range(count):
            self.made += 1
            content = generated_jpeg(self.made, PHOTO_BYTES)
            items.append(self.google.add_item(album or self.album, f"IMG_{self.made}.jpg", content))
        return items

    def write_config(self, *, every: str = "") -> Path:
        path = self.folder / "picsync.yaml"
        lines = [
            f"emulator: {self.server.url}",
            *self.top_lines,
            *([f"every: {every}"] if every else []),
            *(["concurrency: {downloads: 1, photos: 1}"] if self.one_at_a_time else []),
            "albums:",
            f"- name: {json.dumps(self.name, ensure_ascii=False)}",
            "  sources:",
            *(f"    {line}" for line in self.source_lines or [self._google_line()]),
            *(f"  {line}" for line in self.rule_lines),
        ]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    def _google_line(self) -> str:
        return f"googlephotos: [{', '.join([self.album.album_id, *self.more_albums])}]"

    async def cycle(self, *, dry_run: bool = False, allow_deletes: bool = False) -> CycleReport:
        """Run one cycle as a new process would: with nothing but the files and the services."""
        config = read_config(self.write_config(), {})
        credentials = read_credentials({}, [self.credentials])
        async with open_tools(
            config,
            credentials,
            cache=str(self.cache),
            emit=self.events.append,
            notify=lambda _message: None,
            sleep=self._sleep,
        ) as tools:
            rule: AlbumRule
            (rule,) = album_rules(config, dry_run=dry_run, allow_deletes=allow_deletes)
            return await run_cycle(rule, tools)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def wanted(self) -> set[str]:
        """MD5 digests of what the Google album holds."""
        return {
            hashlib.md5(read_all(item.content), usedforsecurity=False).hexdigest()
            for item in self.album.items
        }

    def on_frame(self) -> set[str]:
        return {photo.md5 for photo in self.nixplay.album_photos(self.nixplay.album_named(ALBUM))}

    def in_playlist(self) -> list[str]:
        photos = self.nixplay.playlist_photos(self.nixplay.playlist_named(PLAYLIST))
        return [photo.md5 for photo in photos]

    def assert_synced(self, wanted: set[str] | None = None) -> None:
        """Frame album = playlist = what the sources want: the one assertion that ends every test."""
        wanted = self.wanted() if wanted is None else wanted
        assert self.on_frame() == wanted
        assert set(self.in_playlist()) == wanted
        assert len(self.in_playlist()) == len(wanted)
        assert self.violations == []

    async def assert_idle(self) -> None:
        """The next cycle moves no photo and writes nothing."""
        self.server.log.clear()
        report = await self.cycle()
        assert report.outcome == "done", report
        assert self.media_requests() == 0
        assert self.writes() == []

    def media_requests(self) -> int:
        return self.server.log.count(host=MEDIA_HOST)

    def writes(self) -> list[str]:
        """What was asked of Nixplay that may change something, login apart."""
        return [
            f"{record.method} {record.path}"
            for record in self.server.log.records
            if "nixplay" in record.host and record.method != "GET" and "login" not in record.path
        ]


@asynccontextmanager
async def open_household(folder: Path) -> AsyncIterator[Household]:
    async with World() as world:
        household = Household(folder, world, world.google.add_album("Family"))
        write_credentials(household.credentials, world)
        has_shown: set[int] = set()

        def watch(nixplay: Nixplay, operation: str) -> None:
            """A playlist that has shown something never shows nothing while its album holds photos."""
            for playlist in nixplay.account().playlists.values():
                if playlist.items:
                    has_shown.add(playlist.playlist_id)
                albums = [a for a in nixplay.account().albums.values() if f"ss_{a.name}" == playlist.name]
                holds = any(nixplay.album_photos(album) for album in albums)
                if (
                    holds
                    and playlist.playlist_id in has_shown
                    and not playlist.items
                    and not household.may_empty
                ):
                    household.violations.append(f"{playlist.name} was empty after {operation}")

        world.nixplay.observers.append(watch)
        yield household
