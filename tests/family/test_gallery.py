"""The gallery against the contract of frames, and what only it does."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa

from picsync.core.caption import AboutPhoto
from picsync.core.errors import ItemError
from picsync.core.identity import PhotoKey, content_key, keyed_name, shown_by
from picsync.core.model import Digest
from picsync.family.gallery import Gallery
from picsync.family.judging import FamilyJudges
from picsync.family.photos import Photos, photo_id
from picsync.family.pictures import SIZES, Pictures
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.frames.base import AlreadyThere, Frame, Rendition, Uploaded
from picsync.rendering.pool import Renderer
from tests.cache.test_cache_postgresql import server, url  # noqa: F401 - fixtures
from tests.contract.frame_contract import CaptionsContract, FrameContract, ensure_album
from tests.family.test_people import Clock
from tests.sync.household import Painter


@dataclass
class Home:
    """A gallery and what it writes to."""

    state: State
    pictures: Pictures
    gallery: Gallery
    photos: Photos
    clock: Clock

    async def rows(self, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
        return await self.state.read(lambda connection: list(connection.execute(sa.select(table))))


@asynccontextmanager
async def home_in(folder: Path, renderer: Renderer, cache: str = "") -> AsyncIterator[Home]:
    clock = Clock()
    state = await State.open(cache or str(folder / "cache.db"))
    try:
        pictures = Pictures(folder / "pictures", renderer)
        yield Home(state, pictures, Gallery(state, pictures, clock), Photos(state, clock), clock)
    finally:
        await state.aclose()


@pytest_asyncio.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with home_in(tmp_path, Painter()) as home:
        yield home


@pytest.fixture
def frame(home: Home) -> Frame:
    return home.gallery


class TestGallery(FrameContract):
    """The port."""


class TestCaptions(CaptionsContract):
    """What pictures say of themselves."""


def sent(name: str, *, source: str = "a", item: str = "", description: str = "") -> Rendition:
    """Return a rendition of an original with this content, as a cycle sends it."""
    original = Digest("sha256", hashlib.sha256(name.encode()).hexdigest())
    made = f"made of {name}".encode()
    digest = Digest("sha256", hashlib.sha256(made).hexdigest())
    key = PhotoKey(item or key_of(source), content_key(original), "abcd", len(made))
    return Rendition(
        io.BytesIO(made),
        len(made),
        digest,
        "image/jpeg",
        keyed_name(f"{name}.jpg", key),
        AboutPhoto(description=description, place="Rome"),
        original,
        (4000, 3000),
    )


def key_of(source: str) -> str:
    return content_key(Digest("sha256", hashlib.sha256(source.encode()).hexdigest()))


async def test_a_photo_is_known_by_its_original(home: Home) -> None:
    gallery = home.gallery
    album, other = await ensure_album(gallery, "Family"), await ensure_album(gallery, "Garden")
    photo = photo_id(hashlib.sha256(b"rose").hexdigest())
    assert await gallery.upload(album, sent("rose", description="A rose")) == Uploaded()
    assert await gallery.upload(other, sent("rose", source="b")) == Uploaded()
    found = await home.photos.find(photo)
    assert found is not None
    assert (found.filename, found.width, found.height, found.place, found.text) == (
        "rose.jpg",
        4000,
        3000,
        "Rome",
        "A rose",
    )
    assert [each.photo for each in await home.photos.in_category("Garden")] == [photo]
    mapped = {(row.item, row.photo) for row in await home.rows(tables.item)}
    assert mapped == {(key_of("a"), photo), (key_of("b"), photo)}
    assert all(home.pictures.path(photo, size).exists() for size in SIZES)
    [listed] = await gallery.newest("Family", 3)
    with gallery.open_photo(listed) as file:
        assert file.read()
    await home.photos.hide(photo, by=None)
    assert not await gallery.newest("Family", 3)
    assert len((await gallery.photos(album)).items) == 1, "hidden photos stay in the gallery"


async def test_a_file_name_need_not_be_text(home: Home) -> None:
    album = await ensure_album(home.gallery, "Family")
    odd = sent("rose", item="a" * 10)
    odd = replace(odd, filename=odd.filename.replace("rose", "r\udcff\0\n"))
    await home.gallery.upload(album, odd)
    [photo] = (await home.gallery.photos(album)).items
    assert shown_by(photo) == (("a" * 10, photo.photo_id),)


async def test_what_leaves_a_category_keeps_what_people_did(home: Home) -> None:
    album = await ensure_album(home.gallery, "Family")
    await home.gallery.upload(album, sent("rose"))
    [photo] = (await home.gallery.photos(album)).items
    await home.photos.hide(photo.photo_id, by=None)
    await home.gallery.delete(album, photo)
    assert (await home.gallery.photos(album)).items == ()
    found = await home.photos.find(photo.photo_id)
    assert found is not None
    assert found.hidden
    assert await home.gallery.upload(album, sent("rose")) == Uploaded()


async def test_another_rendition_replaces_the_entry(home: Home) -> None:
    album = await ensure_album(home.gallery, "Family")
    first = sent("rose")
    await home.gallery.upload(album, first)
    other = replace(first, digest=Digest("sha256", "ef" * 32))
    assert await home.gallery.upload(album, other) == Uploaded()
    assert [each.digest for each in (await home.gallery.photos(album)).items] == [other.digest]


async def test_a_photo_without_its_small_versions_is_missing(home: Home) -> None:
    album = await ensure_album(home.gallery, "Family")
    await home.gallery.upload(album, sent("rose"))
    [photo] = (await home.gallery.photos(album)).items
    await home.pictures.remove(photo.photo_id)
    assert (await home.gallery.photos(album)).items == ()
    assert await home.gallery.upload(album, sent("rose")) == AlreadyThere()
    assert (await home.gallery.photos(album)).items == (photo,)


async def test_what_cannot_be_rendered_leaves_nothing(home: Home) -> None:
    album = await ensure_album(home.gallery, "Family")
    with pytest.raises(ItemError):
        await home.gallery.upload(album, sent("broken"))
    assert not await home.rows(tables.photo)
    assert not list(home.pictures.path("a" * 10, 240).parents[2].glob(".new-*"))


async def test_all_items_of_a_photo_are_known(home: Home) -> None:
    album = await ensure_album(home.gallery, "Family")
    rose = sent("rose", item="a" * 10)
    await home.gallery.upload(album, rose)
    for _ in range(2):
        await home.gallery.record_items(album, {"b" * 10: rose.digest, "c" * 10: Digest("sha256", "00" * 32)})
    photo = photo_id(hashlib.sha256(b"rose").hexdigest())
    assert {row.item: row.photo for row in await home.rows(tables.item)} == {"a" * 10: photo, "b" * 10: photo}


@pytest.mark.parametrize("both", [False, True])
async def test_what_was_hidden_as_an_item_is_hidden_as_a_photo(home: Home, both: bool) -> None:
    album, rose = await ensure_album(home.gallery, "Family"), sent("rose", item="a" * 10)
    photo = photo_id(hashlib.sha256(b"rose").hexdigest())
    await home.photos.hide("a" * 10, by=None, frame="hall")
    if both:
        await home.photos.hide(photo, by=None)
    await home.gallery.upload(album, rose)
    hidden = [(row.photo, row.frame) for row in await home.rows(tables.hidden)]
    assert hidden == [(photo, "" if both else "hall")]


async def test_it_is_the_same_on_postgresql(url: str, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    async with home_in(tmp_path, Painter(), url) as home:
        gallery = home.gallery
        album = await ensure_album(gallery, "100 % Family_")
        assert await gallery.albums() == [album]
        await home.photos.hide("a" * 10, by=None, frame="hall")
        odd = sent("rose", item="a" * 10, description="A rose")
        odd = replace(odd, filename=odd.filename.replace("rose", "r\udcff\0\n"))
        assert await gallery.upload(album, odd) == Uploaded()
        assert await gallery.upload(album, odd) == AlreadyThere()
        await gallery.record_items(album, {"b" * 10: odd.digest})
        [photo] = (await gallery.photos(album)).items
        await gallery.describe(album, photo, AboutPhoto(caption="Another rose"))
        assert [each.caption for each in (await gallery.photos(album)).items] == ["Another rose"]
        assert not await gallery.newest(album.name, 3), "it was hidden before"
        found = await FamilyJudges(home.state).judgements(ratings=True, captions=True)
        assert found.hidden == {photo.photo_id, "a" * 10, "b" * 10}
        assert [each.photo for each in await home.photos.hidden_at("hall")] == [photo.photo_id]
        await gallery.delete(album, photo)
        assert not (await gallery.photos(album)).items


async def test_a_kill_between_pictures_and_rows_costs_nothing(home: Home) -> None:
    album, rose = await ensure_album(home.gallery, "Family"), sent("rose")
    photo = photo_id(hashlib.sha256(b"rose").hexdigest())
    with tempfile.TemporaryFile() as original:
        original.write(b"made of rose")
        await home.pictures.make(photo, original)
    assert (await home.gallery.photos(album)).items == ()
    assert await home.gallery.upload(album, rose) == Uploaded()
    assert len((await home.gallery.photos(album)).items) == 1


async def test_a_cancelled_upload_leaves_all_or_nothing(home: Home) -> None:
    album, rose = await ensure_album(home.gallery, "Family"), sent("rose")
    for turns in range(60):
        task = asyncio.create_task(home.gallery.upload(album, rose))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for listed in (await home.gallery.photos(album)).items:
            assert home.pictures.has(listed.photo_id)
    assert await home.gallery.upload(album, rose) in (Uploaded(), AlreadyThere())
    assert len((await home.gallery.photos(album)).items) == 1


async def test_who_has_to_know_is_told_of_hidden_photos(home: Home) -> None:
    told: list[list[str]] = []
    home.photos.tell_of_changes(lambda categories: told.append(list(categories)))
    for category in ("Family", "Garden"):
        await home.gallery.upload(await ensure_album(home.gallery, category), sent("rose"))
    photo = photo_id(hashlib.sha256(b"rose").hexdigest())
    await home.photos.hide(photo, by=None)
    await home.photos.hide(photo, by=None)
    assert told == [["Family", "Garden"]], "nothing changes the second time"
    await home.photos.restore(photo, by=None)
    await home.photos.hide("a" * 10, by=None)
    assert told[1:] == [["Family", "Garden"], []]
