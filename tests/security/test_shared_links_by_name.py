"""Albums shared by link at the services' own names, over TLS: no `emulator` in the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import GooglePhotos
from picsync.emulators.server import EmulatorServer
from picsync.http.client import Hosts
from picsync.sources.google.links.options import SharedLink
from picsync.sources.google.links.source import SharedLinksSource
from tests.contract.source_contract import downloaded
from tests.security.servers import named
from tests.security.stacks import certified, retrier, trusting

SHORT, PAGE, BYTES = "photos.app.goo.gl", "photos.google.com", "lh3.googleusercontent.com"
NAMES = (SHORT, PAGE, BYTES, "video-downloads.googleusercontent.com", "consent.google.com", "evil.example")
FILM = b"\x00\x00\x00\x18ftypmp42 film"


Opened = tuple[SharedLinksSource, EmulatorServer]


@asynccontextmanager
async def opened(google: GooglePhotos, link: str, folder: Path) -> AsyncIterator[Opened]:
    async with EmulatorServer([google], ssl_context=certified(*NAMES)) as server:
        with trusting(folder), named(dict.fromkeys(NAMES, server.port)):
            entry = SharedLink.parse(link)
            source = SharedLinksSource(
                {str(entry): entry},
                hosts=Hosts(),
                retrier_for=retrier,
                emit=lambda _event: None,
                timeout_s=10,
            )
            try:
                yield source, server
            finally:
                await source.aclose()


@pytest.mark.parametrize("short", [True, False])
async def test_an_album_is_listed_and_downloaded(tmp_path: Path, *, short: bool) -> None:
    google = GooglePhotos()
    google.options.sharing.page_items = 2
    album = google.add_album("Trip", app_created=False)
    for number in range(4):
        google.add_item(album, f"{number}.jpg", b"\xff\xd8\xff photo %d" % number)
    google.add_item(album, "film.mp4", FILM, mime_type="video/mp4")
    shared = google.share(album)
    link = shared.short_link if short else shared.link
    async with opened(google, link, tmp_path) as (source, server):
        listing = await source.list(str(SharedLink.parse(link)))
        assert listing.complete, listing.problem
        assert [item.url.partition("/pw/")[0] for item in listing.items] == [f"https://{BYTES}"] * 5
        assert await downloaded(source, listing.items[0]) == b"\xff\xd8\xff photo 0"
        assert await downloaded(source, listing.items[4]) == FILM
        asked = [record.host for record in server.log.records]
        assert asked == [*[SHORT] * short, PAGE, PAGE, PAGE, BYTES, BYTES, NAMES[3]]
        assert {record.host for record in server.log.records if "Cookie" in record.headers} == {PAGE}


@pytest.mark.parametrize("host", [SHORT, PAGE])
async def test_it_is_not_led_elsewhere(tmp_path: Path, host: str) -> None:
    google = GooglePhotos()
    shared = google.share(google.add_album("Trip"))
    async with opened(google, shared.short_link, tmp_path) as (source, server):
        for location in (
            f"https://evil.example/share/{shared.album_key}?key={shared.auth_key}",
            f"https://consent.google.com/ml?continue={shared.link}",
            f"http://photos.google.com/share/{shared.album_key}?key={shared.auth_key}",
        ):
            server.faults.add(Fault(kind=FaultKind.REDIRECT, host=host, location=location))
            listing = await source.list(str(SharedLink.parse(shared.short_link)))
            assert not listing.complete
            assert shared.auth_key not in str(listing.problem)
        assert {record.host for record in server.log.records} <= {SHORT, PAGE}
        assert (await source.list(str(SharedLink.parse(shared.short_link)))).complete
