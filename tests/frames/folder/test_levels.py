"""Levels of names and the order of files: nothing is sent again for them, and the folder is never empty."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from picsync.core.errors import InaccessibleError, ItemError, QuotaError
from picsync.core.identity import PhotoKey, keyed_name
from picsync.core.model import FrameAlbum
from picsync.frames.base import AlreadyThere, Uploaded
from picsync.frames.folder.frame import FolderFrame
from picsync.frames.folder.names import level_of, number_of
from picsync.frames.folder.options import Level
from picsync.frames.folder.tree import Seen, Tree
from picsync.system import mounts
from tests.contract.frame_contract import JPEG, rendition

CONTENTS = [JPEG + bytes([number]) for number in range(12)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    path = tmp_path / "stick"
    path.mkdir()
    return path


def opened(folder: Path, level: Level = Level.SAFE) -> FolderFrame:
    return FolderFrame(
        str(folder),
        own_folder=folder.with_name("own"),
        level=level,
        now=lambda: datetime.now(UTC) + timedelta(hours=1),
    )


async def filled(folder: Path, level: Level = Level.SAFE, contents: Sequence[bytes] = CONTENTS) -> FrameAlbum:
    frame = opened(folder, level)
    album = await frame.create_album("Trip")
    for number, content in enumerate(contents):
        await frame.upload(album, rendition(content), upcoming=len(contents) - number)
    return album


def files(folder: Path) -> dict[str, bytes]:
    """Return the names that a viewer lists, in its order."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and ".picsync" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize(("old", "new"), list(itertools.permutations(Level, 2)))
async def test_a_change_of_level_renames_every_file(folder: Path, old: Level, new: Level) -> None:
    await filled(folder, old)
    assert {level_of(name) for name in files(folder)} == {old}
    frame = opened(folder, new)
    await frame.rejected()
    found = files(folder)
    assert {level_of(name) for name in found} == {new}
    assert sorted(found.values()) == CONTENTS
    album = await frame.create_album("Trip")
    assert {photo.photo_id for photo in (await frame.photos(album)).items} == set(found)
    assert await frame.upload(album, rendition(CONTENTS[0])) == AlreadyThere()
    assert (folder / "DCIM").exists() is (new is Level.DCF)
    assert not (await opened(folder, new).rejected()).items
    assert files(folder) == found


@pytest.mark.parametrize("level", Level)
async def test_an_order_is_in_names_and_times_and_moves_few_files(folder: Path, level: Level) -> None:
    album = await filled(folder, level)
    frame = opened(folder, level)
    rotated = [*CONTENTS[6:], *CONTENTS[:6]]
    for wanted in (CONTENTS[::-1], rotated, [rotated[7], *rotated[:7], *rotated[8:]]):
        before = files(folder)
        photos = {(folder / p.photo_id).read_bytes(): p for p in (await frame.photos(album)).items}
        await frame.arrange(album, [photos[content] for content in wanted])
        found = files(folder)
        assert list(found.values()) == list(wanted)
        times = [(folder / name).stat().st_mtime for name in found]
        assert all(later - earlier >= 2 for earlier, later in itertools.pairwise(times))
        assert (await frame.photos(album)).complete
        assert [photo.photo_id for photo in (await frame.photos(album)).items] == list(found)
    assert len(before.keys() - found.keys()) == 1, "only what changed its place is renamed"
    assert not (await opened(folder, level).rejected()).items
    assert files(folder) == found


@pytest.mark.parametrize("level", Level)
async def test_contradicting_orders_of_shared_photos_come_to_rest(folder: Path, level: Level) -> None:
    wanted = {"Newest": CONTENTS[::-1], "Oldest": [CONTENTS[0], *CONTENTS[3:]]}

    async def cycles() -> int:
        frame, count = opened(folder, level), 0
        for name, contents in wanted.items():
            album = await frame.create_album(name)
            for content in contents:
                await frame.upload(album, rendition(content))
            photos = {p.digest: p for p in (await frame.photos(album)).items}
            order = [photos[rendition(content).digest] for content in contents]
            if order != list(photos.values()):
                await frame.arrange(album, order)
                count += 1
            assert not (await frame.rejected()).items
        return count

    moved = [await cycles() for _ in range(4)]
    assert moved[2:] == [0, 0], moved
    assert list(files(folder).values()) == wanted["Newest"]
    # One more photo in the first album: its order is applied once more, and then there is rest again.
    wanted["Newest"] = [JPEG + b"new", *wanted["Newest"]]
    assert [await cycles() for _ in range(3)] == [1, 0, 0]
    assert list(files(folder).values()) == wanted["Newest"]


@pytest.mark.parametrize("level", [Level.DCF, Level.SHORT])
async def test_old_frames_get_only_formats_with_short_extensions(folder: Path, level: Level) -> None:
    accepts = opened(folder, level).capabilities.accepts
    assert accepts("image/jpeg")
    assert accepts("image/png")
    assert not accepts("image/heic")
    await filled(folder, Level.SAFE, [])
    frame = opened(folder)
    album = await frame.create_album("Trip")
    await frame.upload(album, rendition(JPEG, "a.heic", "image/heic"))
    await opened(folder, level).rejected()
    [name] = files(folder)
    assert name.endswith(".heic"), "it keeps its name, since the level has none for it"


async def test_names_of_others_are_avoided_whatever_their_case(folder: Path) -> None:
    (folder / "pic00001.jpg").write_bytes(b"somebody else's")
    (folder / "PIC00002.PNG").write_bytes(b"somebody else's")
    await filled(folder, Level.SHORT, CONTENTS[:1])
    assert set(files(folder)) == {"pic00001.jpg", "PIC00002.PNG", "PIC00003.JPG"}


@pytest.mark.parametrize("level", Level)
async def test_a_lost_manifest_doubles_no_photo_at_any_level(folder: Path, level: Level) -> None:
    album = await filled(folder, level)
    frame = opened(folder, level)
    await frame.arrange(album, (await frame.photos(album)).items[::-1])
    before = files(folder)
    (folder / ".picsync" / "manifest.jsonl").unlink()
    await filled(folder, level)
    assert files(folder) == before


async def test_another_rendition_keeps_the_time_at_which_a_photo_was_added(folder: Path) -> None:
    frame = opened(folder)
    album = await frame.create_album("Trip")

    def named(recipe: str, item: str = "a" * 10) -> str:
        return keyed_name("a.jpg", PhotoKey(item, "b" * 10, recipe, 1_000))

    await frame.upload(album, rendition(CONTENTS[0], named("abcd")))
    [first] = (await frame.photos(album)).items
    os.utime(folder / first.photo_id, (1_600_000_000,) * 2)
    await frame.upload(album, rendition(CONTENTS[1], named("efgh")))
    await frame.upload(album, rendition(CONTENTS[2], named("efgh", "c" * 10)))
    times = {(folder / name).read_bytes(): (folder / name).stat().st_mtime for name in files(folder)}
    assert times[CONTENTS[1]] == 1_600_000_000
    assert times[CONTENTS[2]] > 1_700_000_000


async def test_what_does_not_fit_is_not_begun(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    album = await filled(folder, contents=CONTENTS[:2])
    monkeypatch.setattr(Tree, "free_bytes", lambda _: 3)
    written: list[str] = []
    sys.addaudithook(lambda event, args: _note(event, args, folder, written))
    with pytest.raises(QuotaError, match="no room left"):
        await opened(folder).upload(album, rendition(CONTENTS[2]))
    assert written == []
    assert len(files(folder)) == 2


def _note(event: str, arguments: tuple[Any, ...], folder: Path, written: list[str]) -> None:
    if event == "open" and str(arguments[0]).startswith(str(folder)) and arguments[2] & os.O_CREAT:
        written.append(str(arguments[0]))


async def test_a_file_system_that_does_not_tell_its_space_is_tried(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tree, "free_bytes", lambda _: None)
    album = await filled(folder, contents=CONTENTS[:2])
    assert await opened(folder).upload(album, rendition(CONTENTS[2])) == Uploaded()


async def test_a_full_number_space_is_said(folder: Path) -> None:
    (folder / "PIC99999.JPG").write_bytes(b"somebody else's")
    album = await filled(folder, Level.SHORT, CONTENTS[:2])
    assert {number_of(name) for name in files(folder)} == {0, 1, 99_998}
    frame = opened(folder, Level.SHORT)
    photos = (await frame.photos(album)).items
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("picsync.frames.folder.order.placed", lambda *_: None)
        with pytest.raises(ItemError, match="use `names: safe`"):
            await frame.arrange(album, photos)


async def test_a_link_in_place_of_a_camera_folder_is_not_followed(folder: Path) -> None:
    outside = folder.with_name("outside")
    outside.mkdir()
    (folder / "DCIM").symlink_to(outside)
    with pytest.raises(InaccessibleError, match="not a directory"):
        await filled(folder, Level.DCF, CONTENTS[:1])
    assert list(outside.iterdir()) == []


async def test_a_volume_of_fstab_that_is_not_mounted_is_not_filled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = folder.with_name("fstab")
    monkeypatch.setattr(
        "picsync.frames.folder.directory.not_mounted", lambda path: mounts.not_mounted(path, table)
    )
    place = folder / "with space"
    place.mkdir()
    escaped = str(place).replace(" ", "\\040")
    table.write_text(f"# UUID=1 {place} vfat\nproc /proc proc defaults\nUUID=2 {escaped} vfat noauto 0 0\n")
    frame = FolderFrame(str(place), own_folder=folder.with_name("own"))
    for call in (frame.find_album("Trip"), frame.create_album("Trip"), frame.examine()):
        with pytest.raises(InaccessibleError, match="is not mounted: /etc/fstab has"):
            await call
    assert list(place.iterdir()) == []
    table.write_text("UUID=2 / ext4 defaults 0 1\n")
    await frame.create_album("Trip")


def test_a_folder_is_read_without_opening_files(folder: Path) -> None:
    (folder / "DCIM" / "100PICSY").mkdir(parents=True)
    (folder / "DCIM" / "100OTHER").mkdir()
    for name in ("a.jpg", "DCIM/100PICSY/PICS0001.JPG", "DCIM/100OTHER/X.JPG", "DCIM/Y.JPG"):
        (folder / name).write_bytes(b"12345")
    found = Tree(folder).files()
    assert set(found) == {"a.jpg", "DCIM/100PICSY/PICS0001.JPG"}
    assert all(isinstance(seen, Seen) and seen.size_bytes == 5 for seen in found.values())
