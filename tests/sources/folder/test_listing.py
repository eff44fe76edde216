"""The listing of a folder."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from picsync.core.model import MediaKind
from picsync.observe.words import listing_words
from tests.contract.source_contract import JPEG, MP4
from tests.sources.folder.folder_album import FolderAlbum, content, names, unreadable

HEIC = b"\x00\x00\x00\x18ftypheic" + bytes(16)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


async def test_folders_below_belong_to_it_and_order_is_by_path(album: FolderAlbum) -> None:
    for path in ("b.jpg", "a b/1.jpg", "a/z/2.jpg", "a/1.jpg", "a.jpg", "B.jpg"):
        album.put(path)
    listing = await album.list()
    paths = [item.item_id.removeprefix(f"{album.root}/") for item in listing.items]
    assert paths == ["B.jpg", "a/1.jpg", "a/z/2.jpg", "a b/1.jpg", "a.jpg", "b.jpg"]


async def test_a_file_is_what_its_content_is(album: FolderAlbum) -> None:
    album.put("1 without", JPEG)
    album.put("2 heic.jpg", HEIC)
    album.put("3 video.jpg", MP4)
    album.put("4 png.txt", PNG)
    items = (await album.list()).items
    assert [(item.mime_type, item.kind) for item in items] == [
        ("image/jpeg", MediaKind.PHOTO),
        ("image/heic", MediaKind.PHOTO),
        ("video/mp4", MediaKind.VIDEO),
        ("image/png", MediaKind.PHOTO),
    ]


async def test_other_files_are_omitted_unless_named_like_pictures(album: FolderAlbum) -> None:
    for path in ("notes.txt", "IMG_1.xmp", "IMG_1.json", "song.m4a", "README"):
        album.put(path, b"just words, nothing to see")
    album.put("letter.jpg", b"Dear grandma")
    album.put("nothing.jpg").write_bytes(b"")
    assert names(await album.list()) == ["letter.jpg", "nothing.jpg"]


@pytest.mark.parametrize(
    "path",
    [
        ".hidden.jpg",
        ".syncthing.IMG_1.jpg.tmp",
        "~syncthing~IMG_1.jpg.tmp",
        ".IMG_1.jpg.Xy12Za",
        "IMG_1.jpg.part",
        "IMG_1.jpg.crdownload",
        "IMG_1.jpg.filepart",
        "IMG_1.jpg.~3af2",
        "IMG_1.jpg~",
        "._IMG_1.jpg",
        ".nfs000000000012",
        "Thumbs.db",
        "@eaDir/IMG_1.jpg/SYNOPHOTO_THUMB_XL.jpg",
        "#recycle/IMG_1.jpg",
        "$RECYCLE.BIN/IMG_1.jpg",
        ".stversions/IMG_1~20240101-000000.jpg",
        ".dropbox.cache/IMG_1.jpg",
        ".Trash-1000/files/IMG_1.jpg",
        "2024/__MACOSX/._IMG_1.jpg",
        "Photos Library.download/IMG_1.jpg",
    ],
)
async def test_files_left_by_programs_are_skipped(album: FolderAlbum, path: str) -> None:
    album.put("seen.jpg")
    album.put(path, JPEG)
    assert names(await album.list()) == ["seen.jpg"]


async def test_a_folder_that_is_hidden_itself_can_be_named(album: FolderAlbum) -> None:
    album.root = album.root / ".hidden"
    album.put("seen.jpg")
    assert names(await album.list()) == ["seen.jpg"]


async def test_links_are_not_followed_neither_out_nor_in_circles(album: FolderAlbum, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(JPEG)
    album.put("seen.jpg")
    (album.root / "out").symlink_to(outside)
    (album.root / "out.jpg").symlink_to(outside / "secret.jpg")
    (album.root / "circle").symlink_to(album.root)
    (album.root / "nowhere.jpg").symlink_to("nowhere")
    listing = await album.list()
    assert listing.complete
    assert names(listing) == ["seen.jpg"]


async def test_the_folder_itself_may_be_a_link(album: FolderAlbum, tmp_path: Path) -> None:
    album.put("seen.jpg")
    (tmp_path / "link").symlink_to(album.root)
    album.root = tmp_path / "link"
    source = album.source()
    [item] = (await album.list(source)).items
    assert item.item_id == f"{album.root}/seen.jpg"
    assert await content(source, item) == JPEG + b"seen.jpg"


async def test_what_is_no_file_is_left_alone(album: FolderAlbum) -> None:
    album.put("seen.jpg")
    os.mkfifo(album.root / "pipe.jpg")
    assert names(await album.list()) == ["seen.jpg"]


async def test_names_in_any_form(album: FolderAlbum) -> None:
    twins = ["\u00e9.jpg", "e\u0301.jpg"]
    undecodable = os.fsdecode(b"caf\xe9 \xff.jpg")
    odd = ["line\nbreak.jpg", "\x1b[31mred.jpg", "'; DROP TABLE look; --.jpg", "\\0.jpg", "\U0001f475.jpg"]
    for name in (*twins, undecodable, *odd):
        album.put(name)
    source = album.source()
    items = (await album.list(source)).items
    assert len({item.item_id for item in items}) == 8
    assert {item.filename for item in items} == {*twins, *odd, "caf\ufffd \ufffd.jpg"}
    for item in items:
        name = item.item_id.removeprefix(f"{album.root}/")
        assert await content(source, item) == JPEG + os.fsencode(name)
    assert (await album.list()).items == items


async def test_patterns_choose(album: FolderAlbum) -> None:
    album.options = {
        "include": ["**/*.JPG", "2024/**"],
        "exclude": ["*Screenshot*", "raw/**", "Gr\u00f6\u00dfe/"],
    }
    for path in ("a.jpg", "b.png", "2024/c.png", "2024/d/Screenshot 1.png", "raw/e.jpg", "x/raw/f.jpg"):
        album.put(path)
    album.put("Gro\u0308\u00dfe/g.jpg")
    assert names(await album.list()) == ["c.png", "a.jpg", "f.jpg"]


@pytest.mark.parametrize("pattern", ["private", "private/", "private/**", "**/private"])
async def test_an_excluded_folder_is_not_even_looked_at(public_album: FolderAlbum, pattern: str) -> None:
    public_album.options = {"exclude": pattern}
    public_album.put("a.jpg")
    public_album.put("private/b.jpg")
    with unreadable(public_album.root / "private"):
        listing = await public_album.list()
    assert listing.complete
    assert names(listing) == ["a.jpg"]


async def test_the_newest_is_told_by_the_camera_or_else_by_the_file(album: FolderAlbum) -> None:
    at = datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)
    for name, data in (("a.jpg", JPEG), ("b.jpg", exif_jpeg("2011:12:13 14:15:16", "+02:00"))):
        os.utime(album.put(name, data), (at.timestamp(), at.timestamp()))
    plain, camera = (await album.list()).items
    assert plain.taken_at == at
    assert camera.taken_at == datetime(2011, 12, 13, 12, 15, 16, tzinfo=UTC)


@pytest.mark.parametrize("when", ["0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday", ""])
async def test_a_camera_without_a_clock(album: FolderAlbum, when: str) -> None:
    file = album.put("a.jpg", exif_jpeg(when, "nowhere"))
    [item] = (await album.list()).items
    assert item.taken_at is not None
    assert abs(item.taken_at.timestamp() - file.stat().st_mtime) < 1


@pytest.mark.parametrize("seconds", [-(2**40), 2**33, 2**50])
async def test_files_of_any_age(album: FolderAlbum, seconds: int) -> None:
    file = album.put("a.jpg")
    try:
        os.utime(file, (seconds, seconds))
    except OverflowError:
        pytest.skip("this file system has no such time")
    album.ahead_s = 2.0**51
    assert names(await album.list()) == ["a.jpg"]


def exif_jpeg(taken: str, offset: str) -> bytes:
    """Return the beginning of a JPEG with the time that a camera writes."""
    from io import BytesIO

    from PIL import Image

    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: taken, 0x9011: offset})
    with BytesIO() as file:
        Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
        return file.getvalue()


ONLY = "{} leaves out all files in {{root}}: correct the patterns in picsync.yaml."


@pytest.mark.parametrize(
    ("files", "options", "why"),
    [
        ([], {}, "There are no files in {root}."),
        (["a.jpg", "b/c.jpg"], {"include": ["*.jpgg"]}, ONLY.format("`include`")),
        (["a.jpg"], {"exclude": ["**"]}, ONLY.format("`exclude`")),
        (["a.txt", "b/c.md"], {}, "None of the 2 files in {root} is a picture or a video."),
    ],
)
async def test_why_there_is_nothing_is_said(
    album: FolderAlbum, files: list[str], options: dict[str, object], why: str
) -> None:
    for name in files:
        album.put(name, b"words" if name.endswith(("txt", "md")) else b"")
    album.options = options
    listing = await album.list()
    assert (listing.items, listing.complete) == ((), True)
    assert listing.note == why.format(root=album.root)
    assert listing_words(listing).endswith(f": 0 items, complete. {listing.note.rstrip('.')}")


async def test_a_folder_full_of_links_says_that_they_are_not_followed(album: FolderAlbum) -> None:
    album.root.with_name("elsewhere.jpg").write_bytes(JPEG)
    for number in range(3):
        (album.root / f"{number}.jpg").symlink_to(album.root.with_name("elsewhere.jpg"))
    assert (await album.list()).note == (
        f"{album.root} contains only links (3), which are not followed: write the folder that they point to,"
        " or mount it there."
    )
    album.put("a.jpg")
    assert (await album.list()).note == ""
