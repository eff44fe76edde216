"""The folder of picked photos: truncated, removed, changed and missing files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.errors import DiskError, ItemError, ProtocolError
from picsync.core.model import Certainty
from picsync.sources.google.picked.library import FOLDER, Library, PickedAlbum, folder_name
from picsync.sources.google.picked.source import PickedSource
from tests.contract.source_contract import JPEG, MemorySink
from tests.sources.google.picked.picked_library import item, library, put


@pytest.fixture
async def album(tmp_path: Path) -> PickedAlbum:
    """Return an album of two photos."""
    album = library(tmp_path).album("Grandma")
    for number in range(2):
        await put(album, item(number), JPEG + bytes([number]))
    return album


def source(album: PickedAlbum) -> PickedSource:
    return PickedSource(Library(album.folder.parent))


async def test_bytes_that_are_cut_off_are_not_kept(album: PickedAlbum) -> None:
    before = sorted(album.folder.iterdir())
    with pytest.raises(ProtocolError, match="ended before its announced length"):
        await put(album, item(7), JPEG, announced=100)
    assert not album.has("id-7")
    assert sorted(album.folder.iterdir()) == before


@pytest.mark.parametrize("data", [b"", b"<html>Sorry</html>"])
async def test_what_is_no_picture_is_not_kept(album: PickedAlbum, data: bytes) -> None:
    with pytest.raises(ItemError, match="its content is n") as caught:
        await put(album, item(7), data)
    assert caught.value.unusable == bool(data)
    assert not album.has("id-7")


async def test_what_a_killed_download_left_is_cleared_away(album: PickedAlbum) -> None:
    (album.folder / "0123.part").write_bytes(b"half")
    album.create()
    assert not list(album.folder.glob("*.part"))
    assert len(album.read()[0]) == 2


async def test_bytes_without_their_record_are_nothing(album: PickedAlbum) -> None:
    (album.folder / f"{'0' * 32}.jpg").write_bytes(JPEG)
    assert (await source(album).list("Grandma")).certainty is Certainty.COMPLETE


async def test_a_file_that_is_missing_makes_the_listing_partial(album: PickedAlbum) -> None:
    records, _ = album.read()
    (album.folder / records[0].stored_as).unlink()
    listing = await source(album).list("Grandma")
    assert listing.certainty is Certainty.PARTIAL
    assert len(listing.items) == 2
    assert f"In {album.folder} IMG_0.jpg is missing. Check that the volume is mounted." in (
        listing.problem or ""
    )


async def test_a_damaged_record_makes_the_listing_partial(album: PickedAlbum) -> None:
    record = next(path for path in album.folder.glob("*.json") if path.name != "album.json")
    record.write_text("{", "utf-8")
    listing = await source(album).list("Grandma")
    assert listing.certainty is Certainty.PARTIAL
    assert f"{record.name} is not a record of a picked photo" in (listing.problem or "")


async def test_a_volume_that_is_not_mounted_is_no_empty_album(album: PickedAlbum) -> None:
    shutil.rmtree(album.folder)
    album.folder.mkdir()
    listing = await source(album).list("Grandma")
    assert listing.certainty is Certainty.PARTIAL
    assert "There is no album of picked photos 'Grandma'" in (listing.problem or "")


async def test_a_folder_that_cannot_be_read(album: PickedAlbum) -> None:
    shutil.rmtree(album.folder)
    album.folder.symlink_to(album.folder)
    listing = await source(album).list("Grandma")
    assert listing.certainty is Certainty.PARTIAL
    with pytest.raises(DiskError, match="cannot be used"):
        album.create()


async def test_an_album_whose_photos_were_removed_is_empty_indeed(album: PickedAlbum) -> None:
    assert album.remove({"id-0", "id-1", "id-9"}) == 2
    listing = await source(album).list("Grandma")
    assert (listing.certainty, listing.items) == (Certainty.COMPLETE, ())


async def test_an_album_that_was_removed_is_no_empty_one(album: PickedAlbum) -> None:
    assert album.remove() == 2
    assert not album.folder.exists()
    assert (await source(album).list("Grandma")).certainty is Certainty.PARTIAL


async def test_a_file_that_was_changed_is_not_sent(album: PickedAlbum) -> None:
    opened = source(album)
    listing = await opened.list("Grandma")
    (album.folder / listing.items[0].url).write_bytes(JPEG + b"!")
    with pytest.raises(ItemError, match="was changed"):
        await opened.download(listing.items[0], MemorySink())


async def test_an_unfinished_session_is_remembered(album: PickedAlbum) -> None:
    assert album.session is None
    album.session = "abc"
    assert Library(album.folder.parent).album("Grandma").session == "abc"
    album.session = None
    assert album.session is None


@given(st.text(min_size=1, max_size=40))
def test_any_name_is_one_folder_of_its_own(name: str) -> None:
    try:
        folder = folder_name(name)
    except ValueError:
        assert not name.strip() or len(name.encode("utf-8", "surrogatepass")) * 3 > 255
        return
    assert "/" not in folder
    assert "\0" not in folder
    assert folder not in (".", "..")
    assert len(folder.encode()) <= 255
    assert Library(Path(FOLDER)).album(name).folder == Path(FOLDER) / folder


async def test_albums_of_odd_names_are_found_again(tmp_path: Path) -> None:
    albums = library(tmp_path)
    names = ["..", "a/b", "Ömas Bilder 👵", "50%"]
    for name in names:
        albums.album(name).create()
    assert sorted(album.name for album in albums.albums()) == sorted(names)


def modes(album: PickedAlbum) -> set[int]:
    return {
        path.stat().st_mode & 0o077 for path in (album.folder.parent, album.folder, *album.folder.iterdir())
    }


async def test_only_the_owner_may_look_at_picked_photos(album: PickedAlbum) -> None:
    assert modes(album) == {0}


async def test_photos_of_earlier_versions_become_private(album: PickedAlbum) -> None:
    for path in (album.folder.parent, album.folder, *album.folder.iterdir()):
        path.chmod(0o755)
    assert [each.name for each in Library(album.folder.parent).albums()] == ["Grandma"]
    assert (await source(album).list("Grandma")).certainty is Certainty.COMPLETE
    assert modes(album) == {0}


async def test_symlink_named_like_a_partial_file_is_replaced(album: PickedAlbum, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("precious")
    with album.receive(item(7)):
        (part,) = album.folder.glob("*.part")
    part.symlink_to(kept)
    await put(album, item(7), JPEG + b"7")
    assert album.has("id-7")
    assert kept.read_text() == "precious"
