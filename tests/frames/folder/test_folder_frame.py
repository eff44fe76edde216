"""A directory as a frame: each file belongs to picsync or to others, and no picture is ever incomplete."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from picsync.core.errors import InaccessibleError, ItemError, Scope
from picsync.core.model import FramePhoto, Mark
from picsync.frames.folder.frame import FolderFrame
from picsync.frames.folder.naming import file_name
from tests.contract.frame_contract import JPEG, rendition


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "stick"
    path.mkdir()
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own"
    path.mkdir()
    return path


def opened(folder: Path, own: Path) -> FolderFrame:
    """Return the frame as a new process would have it."""
    return FolderFrame(str(folder), own_folder=own)


def pictures(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


async def filled(folder: Path, own: Path, *contents: bytes) -> list[FramePhoto]:
    frame = opened(folder, own)
    album = await frame.create_album("Trip")
    for content in contents:
        await frame.upload(album, rendition(content))
    return list((await frame.photos(album)).items)


async def test_a_new_process_finds_what_was_written(folder: Path, own: Path) -> None:
    before = await filled(folder, own, JPEG + b"1", JPEG + b"2")
    frame = opened(folder, own)
    album = await frame.find_album("Trip")
    assert album is not None
    assert album.photo_count == 2
    assert list((await frame.photos(album)).items) == before
    assert pictures(folder) == {photo.photo_id for photo in before}


async def test_looking_at_a_new_directory_writes_nothing(folder: Path, own: Path) -> None:
    frame = opened(folder, own)
    assert await frame.find_album("Trip") is None
    assert await frame.albums() == []
    await frame.examine()
    assert list(folder.iterdir()) == list(own.iterdir()) == []


async def test_the_files_of_others_are_never_touched(folder: Path, own: Path) -> None:
    name = file_name(rendition(JPEG))
    (folder / name).write_bytes(b"somebody else's")
    [photo] = await filled(folder, own, JPEG)
    assert photo.photo_id != name
    frame = opened(folder, own)
    album = await frame.create_album("Trip")
    await frame.delete(album, photo)
    await frame.delete(album, FramePhoto(name, photo.digest))
    assert (folder / name).read_bytes() == b"somebody else's"
    assert pictures(folder) == {name}


async def test_an_unmounted_volume_is_unavailable_not_empty(folder: Path, own: Path) -> None:
    await filled(folder, own, JPEG)
    folder.rename(folder.with_name("elsewhere"))
    frame = opened(folder, own)
    with pytest.raises(InaccessibleError, match="no such directory"):
        await frame.find_album("Trip")
    folder.mkdir()
    for call in (frame.find_album("Trip"), frame.create_album("Trip"), frame.albums(), frame.examine()):
        with pytest.raises(InaccessibleError, match="has no manifest of picsync any more"):
            await call
    assert list(folder.iterdir()) == []


async def test_a_new_volume_is_filled_once_it_is_marked(folder: Path, own: Path) -> None:
    await filled(folder, own, JPEG)
    folder.rename(folder.with_name("elsewhere"))
    (folder / ".picsync").mkdir(parents=True)
    assert len(await filled(folder, own, JPEG)) == 1


async def test_a_volume_that_comes_back_is_as_it_was(folder: Path, own: Path) -> None:
    before = await filled(folder, own, JPEG)
    frame = opened(folder, own)
    album = await frame.create_album("Trip")
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(InaccessibleError):
        await frame.photos(album)
    folder.with_name("elsewhere").rename(folder)
    assert list((await frame.photos(album)).items) == before


async def test_a_deleted_file_is_written_again(folder: Path, own: Path) -> None:
    [photo] = await filled(folder, own, JPEG)
    (folder / photo.photo_id).unlink()
    frame = opened(folder, own)
    album = await frame.create_album("Trip")
    assert (await frame.photos(album)).items == ()
    await frame.upload(album, rendition(JPEG))
    assert (folder / photo.photo_id).read_bytes() == JPEG


async def test_a_damaged_file_counts_as_another_photo(folder: Path, own: Path) -> None:
    [photo] = await filled(folder, own, JPEG)
    (folder / photo.photo_id).write_bytes(JPEG[:5])
    frame = opened(folder, own)
    album = await frame.create_album("Trip")
    [damaged] = (await frame.photos(album)).items
    assert damaged.digest != photo.digest
    await frame.upload(album, rendition(JPEG))
    await frame.delete(album, damaged)
    [whole] = (await frame.photos(album)).items
    assert whole.digest == photo.digest
    assert {(folder / name).read_bytes() for name in pictures(folder)} == {JPEG}


async def test_a_lost_manifest_never_doubles_a_photo(folder: Path, own: Path) -> None:
    taken = folder / file_name(rendition(JPEG))
    taken.write_bytes(b"somebody else's")
    [photo] = await filled(folder, own, JPEG)
    assert photo.photo_id != taken.name
    taken.unlink()
    (folder / ".picsync" / "manifest.jsonl").unlink()
    assert [each.photo_id for each in await filled(folder, own, JPEG)] == [photo.photo_id]
    assert pictures(folder) == {photo.photo_id}


async def test_a_journal_cut_off_by_a_crash_is_continued(folder: Path, own: Path) -> None:
    await filled(folder, own, JPEG + b"1")
    path = folder / ".picsync" / "manifest.jsonl"
    with path.open("ab") as file:
        file.write(b'{"file":"half')
    assert len(await filled(folder, own, JPEG + b"2")) == 2
    assert len(await filled(folder, own)) == 2


@pytest.mark.parametrize(
    "line", ["nonsense", "[]", '{"file":"../../etc/passwd","md5":"x"}', '{"file":1}', '{"album":{}}', "{}"]
)
async def test_lines_that_make_no_sense_are_ignored(folder: Path, own: Path, line: str) -> None:
    before = await filled(folder, own, JPEG)
    path = folder / ".picsync" / "manifest.jsonl"
    path.write_text(f"{line}\n{path.read_text()}")
    assert await filled(folder, own) == before


async def test_a_name_that_leads_elsewhere_is_never_deleted(folder: Path, own: Path) -> None:
    [photo] = await filled(folder, own, JPEG)
    outside = folder.parent / "outside.jpg"
    outside.write_bytes(JPEG)
    frame = opened(folder, own)
    album = await frame.create_album("Trip")
    await frame.delete(album, FramePhoto("../outside.jpg", photo.digest))
    assert outside.exists()


async def test_the_journal_does_not_grow_without_end(folder: Path, own: Path) -> None:
    frame = opened(folder, own)
    album = await frame.create_album("Trip")
    path = folder / ".picsync" / "manifest.jsonl"
    for _ in range(700):
        await frame.upload(album, rendition(JPEG))
        [photo] = (await frame.photos(album)).items
        await frame.delete(album, photo)
    assert len(path.read_text().splitlines()) < 1_100


async def test_one_file_serves_two_albums(folder: Path, own: Path) -> None:
    frame = opened(folder, own)
    one, two = await frame.create_album("One"), await frame.create_album("Two")
    await frame.upload(one, rendition(JPEG))
    await frame.upload(two, rendition(JPEG))
    [photo] = (await frame.photos(one)).items
    assert (await frame.photos(two)).items == (photo,)
    await frame.delete(one, photo)
    assert (await frame.photos(one)).items == ()
    assert pictures(folder) == {photo.photo_id}
    await frame.delete(two, photo)
    assert pictures(folder) == set()


async def test_bytes_that_changed_on_the_way_are_not_shown(folder: Path, own: Path) -> None:
    frame = opened(folder, own)
    album = await frame.create_album("Trip")
    sent = rendition(JPEG)
    sent.file.seek(0)
    sent.file.write(b"\0")
    with pytest.raises(ItemError, match="changed on the way"):
        await frame.upload(album, sent)
    assert pictures(folder) == set()
    assert [path.name for path in (folder / ".picsync").iterdir()] == ["manifest.jsonl"]


async def test_a_file_in_its_place_is_refused(own: Path) -> None:
    frame = FolderFrame("/dev/full", own_folder=own)
    with pytest.raises(InaccessibleError, match="/dev/full is not a folder; name a folder instead"):
        await frame.find_album("Trip")


async def test_a_folder_of_another_user_is_unavailable_as_a_whole(
    folder: Path, own: Path, nobody: None
) -> None:
    if os.geteuid() == folder.stat().st_uid:
        folder.chmod(0o555)
    frame = opened(folder, own)
    for attempt in (frame.examine, partial(frame.create_album, "Trip")):
        with pytest.raises(InaccessibleError, match=r"Permission denied.* run: chown") as caught:
            await attempt()
        assert caught.value.scope is Scope.SERVICE


@pytest.fixture
def small_files() -> Iterator[None]:
    """Have the system refuse files beyond 2,000 bytes, as FAT does beyond 4 GiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_file_too_large_for_the_file_system_fails_alone(
    folder: Path, own: Path, small_files: None
) -> None:
    frame = opened(folder, own)
    album = await frame.create_album("Trip")
    large = rendition(JPEG + bytes(3_000))
    with pytest.raises(ItemError, match="larger than the file system") as caught:
        await frame.upload(album, large)
    assert caught.value.unusable
    await frame.upload(album, rendition(JPEG))
    assert len(pictures(folder)) == 1


async def test_a_full_disk_is_noted_before_it_matters(
    folder: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [finding] = await opened(folder, own).examine()
    assert finding.mark is Mark.OK
    monkeypatch.setattr("picsync.frames.folder.frame.LEAST_FREE_BYTES", 1 << 60)
    [finding] = await opened(folder, own).examine()
    assert (finding.mark, "new photos may not fit" in finding.message) == (Mark.NOTE, True)


def test_names_suit_every_file_system() -> None:
    for name in ("Größe 北京.JPG", "", "..", "a" * 300, "-x-", "CON.jpg", "x\n\x1b.png"):
        made = file_name(rendition(JPEG, name))
        stem, _, extension = made.rpartition(".")
        assert extension == "jpg"
        assert 0 < len(stem) <= 64
        assert stem.isascii()
        assert stem == stem.lower()


async def test_the_manifest_says_what_is_whose(folder: Path, own: Path) -> None:
    [photo] = await filled(folder, own, JPEG)
    lines = [json.loads(line) for line in (folder / ".picsync" / "manifest.jsonl").read_text().splitlines()]
    assert lines[0]["picsync"] == 1
    assert lines[1:] == [
        {"album": "Trip"},
        {
            "file": photo.photo_id,
            "md5": photo.digest.hex,
            "size": len(JPEG),
            "name": "IMG_1.jpg",
            "albums": ["Trip"],
        },
        {"seen": [photo.photo_id]},
    ]
