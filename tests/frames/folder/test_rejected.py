"""A file that someone deletes from the directory is a request; a folder that is damaged is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from picsync.core.model import FramePhoto
from picsync.core.rejected import Rejected
from picsync.frames.folder.frame import FolderFrame
from tests.contract.frame_contract import JPEG, rendition


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    path = tmp_path / "stick"
    path.mkdir()
    return path


def opened(folder: Path, *, later: timedelta = timedelta(hours=1)) -> FolderFrame:
    """Return the frame as a new process would have it, some time after all changes."""
    return FolderFrame(str(folder), own_folder=folder.with_name("own"), now=lambda: datetime.now(UTC) + later)


async def filled(folder: Path, count: int) -> list[FramePhoto]:
    frame = opened(folder)
    album = await frame.create_album("Trip")
    for number in range(count):
        await frame.upload(album, rendition(JPEG + str(number).encode()), upcoming=count - number)
    return list((await frame.photos(album)).items)


def delete(folder: Path, photos: Sequence[FramePhoto]) -> None:
    for photo in photos:
        (folder / photo.photo_id).unlink()


async def looked(folder: Path) -> Rejected:
    return await opened(folder).rejected()


@pytest.mark.parametrize(
    ("count", "gone", "request_"),
    [
        (1, 1, False),
        (2, 1, True),
        (3, 2, False),
        (6, 3, True),
        (6, 4, False),
        (39, 4, False),
        (40, 4, True),
        (40, 5, False),
        (40, 40, False),
    ],
)
async def test_few_missing_files_are_a_request_and_many_are_damage(
    folder: Path, count: int, gone: int, request_: bool
) -> None:
    photos = await filled(folder, count)
    delete(folder, photos[:gone])
    found = await looked(folder)
    expected = {photo.digest for photo in photos[:gone]} if request_ else set()
    assert {each.digest for each in found.items} == {each.digest for each in found.new} == expected
    assert (found.lost, found.total) == (0 if request_ else gone, count)
    again = await looked(folder)
    assert {each.digest for each in again.items} == expected
    assert (again.new, again.lost) == ((), 0), "it is decided once"


async def test_a_file_that_never_appeared_is_no_request(folder: Path) -> None:
    """A crash after the journal's line and before the file."""
    photos = await filled(folder, 10)
    journal = folder / ".picsync" / "manifest.jsonl"
    lines = [line for line in journal.read_text().splitlines() if not line.startswith('{"seen"')]
    journal.write_text("\n".join(lines) + "\n")
    delete(folder, photos[:1])
    found = await looked(folder)
    assert (found.items, found.lost) == ((), 0)
    delete(folder, photos[1:2])
    [rejection] = (await looked(folder)).items
    assert rejection.digest == photos[1].digest, "a look has seen the other files"


async def test_a_photo_that_was_written_again_under_another_name_is_no_request(folder: Path) -> None:
    await filled(folder, 6)
    frame = opened(folder)
    album = await frame.create_album("Trip")
    await frame.arrange(album, (await frame.photos(album)).items[::-1])
    first = (await frame.photos(album)).items[-1]
    content = (folder / first.photo_id).read_bytes()
    delete(folder, [first])
    # The cycle that has not decided yet what that means sends it again, without its number.
    await frame.upload(album, rendition(content), upcoming=1)
    [new] = [each for each in (await frame.photos(album)).items if each.digest == first.digest]
    assert new.photo_id != first.photo_id
    found = await looked(folder)
    assert (found.items, found.new, found.lost) == ((), (), 0)
    assert await looked(folder) == found
    assert len((await opened(folder).photos(album)).items) == 6
    # A photo that is nowhere is still one.
    delete(folder, [new])
    assert [each.digest for each in (await looked(folder)).new] == [first.digest]


async def test_nothing_is_decided_while_files_are_being_deleted(folder: Path) -> None:
    photos = await filled(folder, 10)
    delete(folder, photos[:2])
    during = await opened(folder, later=timedelta(0)).rejected()
    assert len(during.items) == 2, "they are not written again meanwhile"
    assert during.new == ()
    delete(folder, photos[2:])
    found = await looked(folder)
    assert (found.items, found.lost) == ((), 10)


async def test_looking_without_recording_writes_nothing(folder: Path) -> None:
    photos = await filled(folder, 10)
    delete(folder, photos[:1])
    journal = folder / ".picsync" / "manifest.jsonl"
    before = journal.read_bytes()
    for _ in range(2):
        found = await opened(folder).rejected(record=False)
        assert len(found.new) == 1
    assert journal.read_bytes() == before


async def test_a_rejection_survives_everything_but_the_folder(folder: Path) -> None:
    photos = await filled(folder, 10)
    delete(folder, photos[:1])
    before = await looked(folder)
    frame = opened(folder)
    album = await frame.create_album("Trip")
    for _ in range(700):  # Until the journal is rewritten.
        await frame.upload(album, rendition(JPEG))
        [photo] = [each for each in (await frame.photos(album)).items if each not in photos]
        await frame.delete(album, photo)
    assert len((folder / ".picsync" / "manifest.jsonl").read_text().splitlines()) < 2_200
    assert (await looked(folder)).items == before.items


async def test_what_picsync_deletes_is_no_request(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the process ends after the file is gone, and before the journal says so."""
    photos = await filled(folder, 10)
    frame = opened(folder)
    album = await frame.create_album("Trip")

    def killed(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("picsync.frames.folder.tree.flush_folder", killed)
    with pytest.raises(RuntimeError):
        await frame.delete(album, photos[0])
    monkeypatch.undo()
    assert not (folder / photos[0].photo_id).exists()
    assert (await looked(folder)).items == ()


async def test_a_file_that_is_put_back_is_restored(folder: Path) -> None:
    photos = await filled(folder, 10)
    away = folder.with_name("deleted_pictures")
    (folder / photos[0].photo_id).rename(away)
    assert len((await looked(folder)).items) == 1
    away.rename(folder / photos[0].photo_id)
    assert (await looked(folder)).items == ()
    frame = opened(folder)
    album = await frame.create_album("Trip")
    assert set((await frame.photos(album)).items) == set(photos)


async def test_another_file_of_that_name_restores_nothing(folder: Path) -> None:
    photos = await filled(folder, 10)
    delete(folder, photos[:1])
    await looked(folder)
    (folder / photos[0].photo_id).write_bytes(bytes(len(JPEG) + 1))
    assert len((await looked(folder)).items) == 1


async def test_another_process_may_restore(folder: Path) -> None:
    photos = await filled(folder, 10)
    running = opened(folder)
    delete(folder, photos[:2])
    first, second = (await running.rejected()).items
    await opened(folder).restore([first])
    assert (await opened(folder).rejected(record=False)).items == (second,)
    assert (await running.rejected()).items == (second,)
    assert not list((folder / ".picsync").glob("restore-*"))
    assert (await looked(folder)).items == (second,)


async def test_a_file_replaced_by_a_folder_is_no_request(folder: Path) -> None:
    photos = await filled(folder, 10)
    delete(folder, photos[:1])
    (folder / photos[0].photo_id).mkdir()
    assert (await looked(folder)).items == ()


async def test_restored_before_it_is_decided(folder: Path) -> None:
    photos = await filled(folder, 6)
    delete(folder, photos[:1])
    soon = opened(folder, later=timedelta())
    pending = await soon.rejected()
    assert [each.digest for each in pending.items] == [photos[0].digest]
    await opened(folder, later=timedelta()).restore(pending.items)
    assert (await soon.rejected()).items == ()
    assert (await looked(folder)).items == (), "it is not decided against the restore later"
    album = await soon.find_album("Trip")
    assert album is not None
    assert len((await soon.photos(album)).items) == 5, "the next cycle writes it again"
