"""What a web frame tells of its photos, and what it keeps of that through crashes and restarts."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from picsync.core.caption import AboutPhoto
from picsync.core.errors import InaccessibleError
from picsync.core.model import FrameAlbum
from picsync.frames.web.access import FILE, Access, Way
from picsync.frames.web.details import MAX_TEXT, Details, Journal
from picsync.frames.web.frame import ShownPhoto, WebFrame
from tests.contract.frame_contract import ensure_album, rendition
from tests.pictures import jpeg


def frame_in(folder: Path) -> WebFrame:
    return WebFrame("tablet", folder / "web-frames" / "tablet", own_folder=folder, made=True, now=lambda: 1e9)


async def shown(frame: WebFrame) -> list[ShownPhoto]:
    return await frame.shown()


async def fill(frame: WebFrame, *names: str, about: AboutPhoto | None = None) -> FrameAlbum:
    album = await ensure_album(frame, "Family")
    for name in names:
        sent = rendition(jpeg(name, 160, 90), f"{name}.jpg")
        await frame.upload(album, sent if about is None else replace(sent, about=about))
    return album


ABOUT = AboutPhoto(datetime.fromisoformat("2026-08-01T12:30"), "By the\nlake", "Como", "A caption", 80, 45)


async def test_what_the_source_says_survives_everything_else(tmp_path: Path) -> None:
    await fill(frame_in(tmp_path), "one", about=ABOUT)
    for path in tmp_path.iterdir():
        if path.is_file():
            path.unlink()  # The cache, and all that is beside it.
    [photo] = await shown(frame_in(tmp_path))
    assert photo.details == Details(
        "image/jpeg", 80, 45, "2026-08-01T12:30:00", "By the lake", "Como", "A caption", 1e9
    )
    assert (photo.added_s, photo.album) == (1e9, "Family")


async def test_without_its_journal_the_files_are_read(tmp_path: Path) -> None:
    frame = frame_in(tmp_path)
    await fill(frame, "one", "two")
    journal = tmp_path / "web-frames" / "tablet" / ".picsync" / "details.jsonl"
    journal.unlink()
    for photo in await shown(frame_in(tmp_path)):
        assert (photo.details.width, photo.details.height) == (160, 90)
        assert photo.added_s == pytest.approx((journal.parents[1] / photo.name).stat().st_mtime)
    assert journal.read_bytes().count(b"\n") == 2, "they are not read again"


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"[1]",
        b'{"md5": "x"}',
        b'{"md5": 5, "width": "a"}',
        b'{"md5": "' + b"0" * 32 + b'", "width": -1}',
        b'{"md5": "' + b"0" * 32 + b'", "added": "yesterday"}',
        b'{"order": 5, "album": "Family"}',
        b"\xff\xfe",
        b"[" * 50_000,
    ],
)
async def test_damaged_lines_cost_only_themselves(tmp_path: Path, line: bytes) -> None:
    await fill(frame_in(tmp_path), "one", about=ABOUT)
    journal = tmp_path / "web-frames" / "tablet" / ".picsync" / "details.jsonl"
    with journal.open("ab") as file:
        file.write(line + b"\n" + journal.read_bytes()[:20])  # A crash has cut off the last line.
    await fill(frame_in(tmp_path), "two")
    photos = await shown(frame_in(tmp_path))
    assert [photo.details.caption for photo in photos] == ["A caption", ""]
    assert len(photos) == 2


async def test_captions_can_be_replaced_and_orders_kept(tmp_path: Path) -> None:
    frame = frame_in(tmp_path)
    album = await fill(frame, "one", "two", "three", about=ABOUT)
    photos = (await frame.photos(album)).items
    assert [photo.caption for photo in photos] == ["A caption"] * 3
    await frame.describe(album, photos[0], replace(ABOUT, caption="x" * 1_000, place=""))
    await frame.arrange(album, [photos[2], photos[0]])
    again = frame_in(tmp_path)
    found = (await again.photos(album)).items
    assert [photo.photo_id for photo in found] == [photos[each].photo_id for each in (2, 0, 1)]
    assert found[1].caption == "x" * MAX_TEXT
    assert frame.same_caption(found[1].caption or "", "x" * 1_000)
    assert [photo.name for photo in await shown(again)] == [photo.photo_id for photo in found]


async def test_incomplete_and_foreign_files_are_not_shown(tmp_path: Path) -> None:
    frame = frame_in(tmp_path)
    await fill(frame, "one", "two", "three")
    folder = tmp_path / "web-frames" / "tablet"
    (folder / "foreign.jpg").write_bytes(jpeg("foreign"))
    first, second, _ = sorted(path for path in folder.glob("*.jpg") if path.name != "foreign.jpg")
    os.truncate(first, first.stat().st_size - 2)
    second.write_bytes(jpeg("edited by somebody", 30, 20))
    photos = await shown(frame)
    assert len(photos) == 2
    assert {(photo.details.width, photo.details.height) for photo in photos} == {(160, 90), (30, 20)}


def test_a_long_journal_is_rewritten(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    digests = [rendition(bytes([number])).digest for number in range(3)]
    for number in range(1_200):
        journal.add({digests[number % 3]: Details("image/jpeg", width=number + 1)})
    journal.arrange("Family", digests)
    journal.compact(digests[:2])
    assert (tmp_path / "details.jsonl").read_bytes().count(b"\n") == 3
    again = Journal(tmp_path)
    assert again.known() == {digests[0]: Details("image/jpeg", 1198), digests[1]: Details("image/jpeg", 1199)}
    assert again.order("Family") == {digest.hex: place for place, digest in enumerate(digests)}


def test_tokens_are_stored_as_hashes_in_a_private_file(tmp_path: Path) -> None:
    access, other = Access(tmp_path / "requests"), Access(tmp_path / "requests")
    token = access.grant("tablet", Way.LINK)
    assert other.token("tablet", token) == access.tokens("tablet")[0]
    assert other.token("hall", token) is None
    stored = tmp_path / "requests" / FILE
    assert token not in stored.read_text("utf-8")
    assert stored.stat().st_mode & 0o777 == 0o600
    assert stored.parent.stat().st_mode & 0o777 == 0o700
    secret = access.secret("tablet")
    other.revoke("tablet", [access.tokens("tablet")[0].token_id])
    assert access.token("tablet", token) is None
    assert access.secret("tablet") != secret


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"frames": {"tablet": {"secret": "00"}}}', b"\0" * 99]
)
def test_a_damaged_file_lets_nobody_in_and_can_be_used_again(tmp_path: Path, content: bytes) -> None:
    access = Access(tmp_path)
    token = access.grant("tablet", Way.CODE)
    (tmp_path / FILE).write_bytes(content)
    assert access.token("tablet", token) is None
    assert access.token("tablet", access.grant("tablet", Way.CODE)) is not None
    assert json.loads((tmp_path / FILE).read_text("utf-8"))["format"] == 1


async def test_a_folder_that_vanishes_is_not_an_empty_frame(tmp_path: Path) -> None:
    frame = frame_in(tmp_path)
    assert await shown(frame) == [], "it is created by the first cycle"
    await fill(frame, "one", "two")
    assert len(await shown(frame)) == 2
    folder = tmp_path / "web-frames"
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(InaccessibleError, match="does not exist any more"):
        await shown(frame)
    (tmp_path / "elsewhere").rename(folder)
    assert len(await shown(frame)) == 2
