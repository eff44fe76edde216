"""The requirements of other clients' suites for the real service, for albums and playlists."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from picsync.emulators.nixplay import Nixplay
from tests.emulators.nixplay_emulator import NixplayEmulator, md5, nixplay_emulator

PATH = re.compile(r"^/\d+/\d+_([A-Fa-f0-9]{32})")
CONTENTS = {f"{number}.jpg": b"photo %d" % number * 100 for number in range(7)}


@dataclass(frozen=True)
class Shown:
    """A photo as a client finds it in an album or a playlist."""

    photo_id: int
    item_id: str
    name: str
    md5: str
    url: str


@dataclass
class Containers:
    """Albums or playlists through one set of calls."""

    emulator: NixplayEmulator
    kind: str

    @property
    def target(self) -> str:
        return f"{self.kind}Id"

    async def create(self, name: str) -> int:
        return await (self.emulator.create_album if self.kind == "album" else self.emulator.create_playlist)(
            name
        )

    async def delete(self, container_id: int) -> None:
        if self.kind == "album":
            await self.emulator.json("POST", f"/album/{container_id}/delete/json/")
        else:
            await self.emulator.json("DELETE", f"/v3/playlists/{container_id}")

    async def named(self, name: str) -> list[int]:
        if self.kind == "album":
            listed = await self.emulator.json("GET", "/v2/albums/web/json/")
            listed += await self.emulator.json("GET", "/v2/albums/email/json/")
            return [each["id"] for each in listed if each["title"] == name]
        listed = await self.emulator.json("GET", "/v3/playlists")
        return [each["id"] for each in listed if each["name"] == name]

    async def upload(self, container_id: int, name: str, content: bytes) -> None:
        answer = await self.emulator.upload({self.target: container_id}, name, content)
        duplicate = (answer.status_code, answer.text) == (400, "Error: image-exists")
        assert answer.status_code == 200 or (duplicate and self.kind == "playlist")

    async def photos(self, container_id: int) -> list[Shown]:
        if self.kind == "album":
            listed = await self.emulator.pictures(container_id)
            return [Shown(e["id"], "", e["filename"], e["md5"], e["url"]) for e in listed]
        found = []
        for slide in await self.emulator.slides(container_id):
            url = slide["originalUrl"]
            digest = PATH.search(httpx.URL(url).path)
            assert digest is not None
            name = (await self.emulator.json("GET", f"/picture/{slide['dbId']}/"))["filename"]
            found.append(Shown(slide["dbId"], slide["playlistItemId"], name, digest[1], url))
        return found

    async def remove(self, container_id: int, photo: Shown) -> None:
        if self.kind == "album":
            answer = await self.emulator.call("POST", f"/picture/{photo.photo_id}/delete/json/")
        else:
            path = f"/v3/playlists/{container_id}/items?id={photo.item_id}"
            answer = await self.emulator.call("DELETE", path)
        assert answer.status_code == 200


@pytest.fixture(params=["album", "playlist"])
async def containers(request: pytest.FixtureRequest) -> AsyncIterator[Containers]:
    async with nixplay_emulator(Nixplay()) as emulator:
        await emulator.login()
        yield Containers(emulator, request.param)


async def test_two_of_one_name_live_side_by_side(containers: Containers) -> None:
    assert await containers.named("same") == []
    one, two = await containers.create("same"), await containers.create("same")
    assert await containers.named("same") == [one, two]
    await containers.delete(two)
    assert await containers.named("same") == [one]
    await containers.delete(one)
    assert await containers.named("same") == []


async def test_photos_are_added_listed_fetched_and_removed(containers: Containers) -> None:
    container_id = await containers.create("photos")
    assert await containers.photos(container_id) == []
    for name, content in CONTENTS.items():
        await containers.upload(container_id, name, content)
    listed = await containers.photos(container_id)
    assert {each.name: each.md5 for each in listed} == {k: md5(v) for k, v in CONTENTS.items()}
    assert len({each.photo_id for each in listed}) == len(CONTENTS)
    assert await containers.photos(container_id) == listed
    for each in listed:
        content = CONTENTS[each.name]
        assert (await containers.emulator.http.get(each.url)).content == content
        first = await containers.emulator.http.get(each.url, headers={"Range": "bytes=0-0"})
        assert first.headers["Content-Range"] == f"bytes 0-0/{len(content)}"
    while listed:
        await containers.remove(container_id, listed[0])
        await containers.remove(container_id, listed.pop(0))
        assert await containers.photos(container_id) == listed


async def test_the_same_photo_lives_in_two_independently(containers: Containers) -> None:
    one, two = await containers.create("1"), await containers.create("2")
    for container_id in (one, two):
        await containers.upload(container_id, "x.jpg", b"same")
    (first,), (second,) = await containers.photos(one), await containers.photos(two)
    for photo in (first, second):
        assert (await containers.emulator.http.get(photo.url)).content == b"same"
    await containers.remove(one, first)
    assert await containers.photos(one) == []
    assert await containers.photos(two) == [second]
    await containers.remove(two, second)
    assert await containers.photos(two) == []


async def test_one_name_for_several_photos(containers: Containers) -> None:
    container_id = await containers.create("names")
    for content in (b"1", b"2", b"3"):
        await containers.upload(container_id, "same.jpg", content)
    listed = await containers.photos(container_id)
    assert [each.name for each in listed] == ["same.jpg"] * 3
    await containers.remove(container_id, listed[0])
    await containers.remove(container_id, listed[1])
    assert await containers.photos(container_id) == listed[2:]


async def test_a_photo_that_was_removed_can_be_uploaded_again(containers: Containers) -> None:
    container_id = await containers.create("again")
    for name in ("1.jpg", "2.jpg"):
        await containers.upload(container_id, name, b"same")
        (photo,) = await containers.photos(container_id)
        await containers.remove(container_id, photo)
    assert await containers.photos(container_id) == []
