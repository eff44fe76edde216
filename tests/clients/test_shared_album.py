"""An npm library that has listed shared albums since 2019, with the links that users have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.byname import ByName, by_name
from picsync.emulators.google import GoogleOptions, GooglePhotos, SharingOptions
from picsync.emulators.google.sharingoptions import VARIANTS
from tests.clients import HERE, need_npm, run
from tests.emulators.google_emulator import jpeg

PACKAGE = "google-photos-album-image-url-fetch"
NOON = 1_700_000_000


async def listed(reached: ByName, *links: str) -> list[Any]:
    """Return what the library finds behind each link."""
    need_npm(PACKAGE)
    variables = {**reached.environment, "NODE_EXTRA_CA_CERTS": str(reached.authority)}
    found: list[Any] = json.loads(await run("node", HERE / "sharedalbum.mjs", *links, variables=variables))
    return found


async def test_it_lists_an_album_by_both_forms_of_its_link(tmp_path: Path) -> None:
    google = GooglePhotos(GoogleOptions(now=lambda: NOON))
    album = google.add_album('Ten < "twelve" & more', app_created=False)
    files = {f"{width}.jpg": jpeg(width, 48) for width in range(60, 72)}
    for name, data in files.items():
        google.add_item(album, name, data, created_at=NOON - 3600)
    shared = google.share(album)
    async with by_name(google, tmp_path) as reached:
        copied = shared.link.replace("/share/", "/u/0/share/")
        short, long, of_user, wrong = await listed(
            reached, shared.short_link, shared.link, copied, f"{shared.link}x"
        )
        assert [set(image) for image in short] == [
            {"uid", "url", "width", "height", "imageUpdateDate", "albumAddDate"}
        ] * len(files)
        assert wrong == 404
        uids = [[image["uid"] for image in found] for found in (short, long, of_user)]
        assert uids == [uids[0]] * 3
        assert [(image["width"], image["height"]) for image in short] == [(w, 48) for w in range(60, 72)]
        assert {image["imageUpdateDate"] for image in short} == {(NOON - 3600) * 1000}
        first = httpx.URL(f"{short[0]['url']}=d")
        host = {"Host": first.host}
        async with httpx.AsyncClient(base_url=reached.server.url, verify=False) as http:  # noqa: S501
            assert (await http.get(first.raw_path.decode(), headers=host)).content == files["60.jpg"]


@pytest.mark.parametrize("variant", VARIANTS)
async def test_it_finds_no_album_in_what_may_come_in_its_place(variant: str, tmp_path: Path) -> None:
    google = GooglePhotos(GoogleOptions(sharing=SharingOptions.of([variant])))
    album = google.add_album("Trip", app_created=False)
    google.add_item(album, "one.jpg", jpeg())
    async with by_name(google, tmp_path) as reached:
        assert await listed(reached, google.share(album).short_link) == [None]
