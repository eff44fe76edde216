"""Photos and their small versions."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from picsync.core.errors import ItemError
from picsync.family.people import People
from picsync.family.photos import Photo, Photos, add_photo, photo_id
from picsync.family.pictures import SIZES, Pictures
from picsync.family.state.database import State
from picsync.rendering.pool import Renderer
from tests.family.test_people import Clock

SHA = "ab" * 32


def painted(path: Path, width: int, height: int, kind: str = "JPEG") -> Path:
    Image.new("RGB", (width, height), (90, 120, 30)).save(path, kind)
    return path


async def test_all_sizes_of_a_picture_are_there_or_none(tmp_path: Path) -> None:
    renderer = Renderer(1)
    pictures = Pictures(tmp_path / "pictures", renderer)
    try:
        photo = photo_id(SHA)
        with painted(tmp_path / "a.jpg", 2000, 1000).open("rb") as original:
            made = await pictures.make(photo, original)
        assert (made.width, made.height) == (2000, 1000)
        for size in SIZES:
            with Image.open(pictures.path(photo, size)) as picture:
                assert picture.format == "JPEG"
                assert max(picture.size) == size
        # A small one is never enlarged; a PNG becomes a JPEG.
        with painted(tmp_path / "b.png", 100, 60, "PNG").open("rb") as original:
            await pictures.make(photo, original)
        for size in SIZES:
            with Image.open(pictures.path(photo, size)) as picture:
                assert (picture.format, picture.size) == ("JPEG", (100, 60))
        other = photo_id("cd" * 32)
        (tmp_path / "c.jpg").write_bytes(b"\xff\xd8 no picture")
        with (tmp_path / "c.jpg").open("rb") as original, pytest.raises(ItemError):
            await pictures.make(other, original)
        assert not pictures.has(other)
        assert not list((tmp_path / "pictures").glob(".new-*"))
    finally:
        await renderer.aclose()


@pytest.mark.parametrize(("photo", "size"), [("../../etc/x", 240), ("aaaaaaaaaa", 241), ("", 240)])
def test_a_path_cannot_lead_elsewhere(tmp_path: Path, photo: str, size: int) -> None:
    with pytest.raises(ValueError, match="not a photo"):
        Pictures(tmp_path, Renderer(1)).path(photo, size)


async def test_photos_are_hidden_and_restored(tmp_path: Path) -> None:
    clock = Clock()
    state = await State.open(str(tmp_path / "cache.db"))
    try:
        photos, anna = Photos(state, clock), (await People(state, clock).invite("Anna")).person.person
        photo = Photo(photo_id(SHA), SHA, "a.jpg", description="At the lake")
        assert await state.write(lambda connection: add_photo(connection, photo, clock()))
        assert not await state.write(lambda connection: add_photo(connection, photo, clock()))
        assert await photos.hide(photo.photo, by=anna)
        assert not await photos.hide(photo.photo, by=anna)
        found = await photos.find(photo.photo)
        assert found is not None
        assert (found.hidden, found.text, found.added_at) == (True, "At the lake", clock())
        assert await photos.restore(photo.photo, by=anna)
        assert not await photos.restore(photo.photo, by=anna)
    finally:
        await state.aclose()
