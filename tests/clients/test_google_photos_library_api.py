"""The library of Home Assistant's Google Photos integration, with its own types for the answers."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from benchmarks.byname import by_name
from picsync.emulators.google import GooglePhotos
from picsync.emulators.google.content import read_all
from tests.clients import need_python
from tests.emulators.google_emulator import API, MP4, GoogleEmulator, google_emulator, jpeg

if TYPE_CHECKING:
    from google_photos_library_api.api import GooglePhotosLibraryApi


def client(session: aiohttp.ClientSession, token: str, host: str | None = None) -> GooglePhotosLibraryApi:
    """Return the library's client; it leaves the login to those who use it."""
    need_python("google_photos_library_api")
    from google_photos_library_api.api import GooglePhotosLibraryApi
    from google_photos_library_api.auth import AbstractAuth

    class Auth(AbstractAuth):  # type: ignore[misc]
        async def async_get_access_token(self) -> str:
            return token

    return GooglePhotosLibraryApi(Auth(session, host))


@asynccontextmanager
async def library(emulator: GoogleEmulator) -> AsyncIterator[GooglePhotosLibraryApi]:
    async with aiohttp.ClientSession() as session:
        token = emulator.headers["Authorization"].removeprefix("Bearer ")
        yield client(session, token, f"{emulator.server.url}/{API}")


async def test_uploads_albums_and_listings() -> None:
    async with google_emulator() as emulator, library(emulator) as api:
        from google_photos_library_api.model import NewAlbum, NewMediaItem, SimpleMediaItem

        album = await api.create_album(NewAlbum(title="Trip"))
        files = {"a.jpg": ("image/jpeg", jpeg(80, 60)), "b.mp4": ("video/mp4", MP4)}
        new = []
        for name, (mime_type, data) in files.items():
            token = (await api.upload_content(data, mime_type)).upload_token
            new.append(NewMediaItem(SimpleMediaItem(token, file_name=name)))
        new.append(NewMediaItem(SimpleMediaItem("never issued"), description="Lost"))
        made = (await api.create_media_items(new, album_id=album.id)).new_media_item_results
        assert [each.media_item.filename if each.media_item else None for each in made] == [
            "a.jpg", "b.mp4", None,
        ]  # fmt: skip
        assert made[2].status
        assert made[2].status.code == 3

        pages = await api.list_media_items(album_id=album.id)
        listed = [item async for page in pages for item in page.media_items]
        assert [item.filename for item in listed] == ["a.jpg", "b.mp4"]
        photo, film = (item.media_metadata for item in listed)
        assert photo
        assert (photo.width, photo.height, photo.video) == (80, 60, None)
        assert film
        assert film.video
        assert film.video.status == "READY"
        assert (await api.get_media_item(listed[0].id)).mime_type == "image/jpeg"
        assert (await api.get_album(album.id, fields="id,title,mediaItemsCount")).media_items_count == 2
        async with aiohttp.ClientSession() as session, session.get(f"{listed[0].base_url}=d") as answer:
            assert await answer.read() == files["a.jpg"][1]
        assert {read_all(item.content) for item in emulator.google.library.items.values()} == {
            data for _, data in files.values()
        }


async def test_pages_go_on_by_their_tokens() -> None:
    async with google_emulator() as emulator, library(emulator) as api:
        for number in range(3):
            emulator.google.add_album(f"Album {number}")
        emulator.google.add_album("Family", app_created=False)
        albums = [page.albums async for page in await api.list_albums(page_size=2)]
        assert [[album.title for album in page] for page in albums] == [["Album 0", "Album 1"], ["Album 2"]]


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        ("scopes", "ApiForbiddenException", "insufficient authentication scopes"),
        ("token", "AuthException", "UNAUTHENTICATED"),
        ("quota", "ApiException", "RESOURCE_EXHAUSTED.*Quota exceeded"),
        ("id", "ApiException", "INVALID_ARGUMENT"),
    ],
)
async def test_refusals_are_those_that_the_library_tells_apart(spoil: str, error: str, said: str) -> None:
    async with google_emulator() as emulator:
        if spoil == "scopes":
            emulator.login("photoslibrary.appendonly")
        if spoil == "token":
            emulator.google.expire_access_tokens()
        if spoil == "quota":
            emulator.google.options.requests_per_day = 0
        async with library(emulator) as api:
            from google_photos_library_api import exceptions

            kind: type[Exception] = getattr(exceptions, error)
            with pytest.raises(kind, match=said):
                await api.get_album("not an id" if spoil == "id" else "A" * 60)


async def test_who_has_logged_in_at_the_address_that_is_built_in(tmp_path: Path) -> None:
    google = GooglePhotos()
    issued = google.issue_credentials(["userinfo.profile"])
    async with by_name(google, tmp_path) as reached:
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=reached.authority))
        proxy = reached.environment["HTTPS_PROXY"]
        async with aiohttp.ClientSession(connector=connector, proxy=proxy) as session:
            user = await client(session, issued["access_token"]).get_user_info()
    assert (user.id, user.name) == ("100000000000000000001", "Example User")
