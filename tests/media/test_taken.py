"""When pictures and videos were taken, by their own bytes."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, cast

import pillow_heif
import pytest
from PIL import Image

from picsync.media.sparse import MissingPart, SparseFile
from picsync.media.taken import taken
from tests.media.files import box, ftyp

CLOCK = datetime(2015, 2, 12, 0, 5, 58)  # noqa: DTZ001 - a camera's clock has no zone
INSTANT = CLOCK.replace(tzinfo=UTC)
HOUR = timedelta(hours=1)
SINCE_1904 = int((INSTANT - datetime(1904, 1, 1, tzinfo=UTC)).total_seconds())


def exif_block(text: str = "2015:02:12 00:05:58") -> bytes:
    found = Image.Exif()
    found.get_ifd(0x8769)[0x9003] = text
    return found.tobytes()


def picture(kind: str, block: bytes | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    block = exif_block() if block is None else block
    Image.effect_noise((64, 64), 90).convert("RGB").save(file, kind, exif=block, **options)
    return file.getvalue()


def heic() -> bytes:
    file = io.BytesIO()
    heif = pillow_heif.from_pillow(Image.effect_noise((64, 64), 90).convert("RGB"))
    heif.save(file, exif=exif_block())
    return file.getvalue()


def mvhd(seconds: int = SINCE_1904, *, version: int = 0) -> bytes:
    width = 8 if version else 4
    return box(b"mvhd", bytes([version, 0, 0, 0]), seconds.to_bytes(width), bytes(96))


def movie(*inside: bytes, before: bytes = b"") -> bytes:
    return ftyp(b"qt  ") + before + box(b"moov", *inside)


def apple(text: str, *, full: bool = False) -> bytes:
    names = [b"com.apple.quicktime.make", b"com.apple.quicktime.creationdate"]
    keys = box(b"keys", bytes(4), len(names).to_bytes(4), *(box(b"mdta", name) for name in names))
    values = box(b"ilst", *(
        box(number.to_bytes(4), box(b"data", b"\0\0\0\1", bytes(4), value))
        for number, value in ((1, b"Apple"), (2, text.encode()))
    ))  # fmt: skip
    return box(b"meta", bytes(4) if full else b"", box(b"hdlr", bytes(25)), keys, values)


CANON = movie(box(b"uuid", bytes(16), box(b"CMT2", b"")))
FILES: dict[str, tuple[Callable[[], bytes], datetime | None]] = {
    "jpeg": (lambda: picture("JPEG"), CLOCK),
    "png": (lambda: picture("PNG"), CLOCK),
    "webp": (lambda: picture("WEBP"), CLOCK),
    "tiff": (lambda: picture("TIFF"), CLOCK),
    "bigtiff": (lambda: picture("TIFF", big_tiff=True), CLOCK),
    "heic": (heic, CLOCK),
    "jpeg without a time": (lambda: picture("JPEG", Image.Exif().tobytes()), None),
    "jpeg with a broken clock": (lambda: picture("JPEG", exif_block("0000:00:00 00:00:00")), None),
    "jpeg behind other segments": (
        lambda: b"\xff\xd8" + (b"\xff\xe2\xff\xff" + bytes(65533)) * 20 + picture("JPEG")[2:],
        CLOCK,
    ),
    "olympus": (lambda: b"IIRO" + picture("TIFF")[4:], CLOCK),
    "panasonic": (lambda: b"IIU\0" + picture("TIFF")[4:], CLOCK),
    "fuji": (lambda: b"FUJIFILMCCD-RAW".ljust(84) + (100).to_bytes(4) + bytes(12) + picture("JPEG"), CLOCK),
    "mp4": (lambda: movie(mvhd()), INSTANT),
    "mp4, long times": (lambda: movie(mvhd(version=1)), INSTANT),
    "mp4, index last": (lambda: movie(mvhd(), before=box(b"mdat", bytes(3_000_000))), INSTANT),
    "mov of an iphone": (lambda: movie(mvhd(), apple("2015-02-12T01:05:58+0100")), CLOCK + HOUR),
    "mp4 of an iphone": (lambda: movie(apple("2015-02-12T00:05:58+0100", full=True), mvhd()), CLOCK),
    "mov, creation date in UTC": (lambda: movie(mvhd(), apple("2015-02-12T00:05:58Z")), INSTANT),
    "mov, damaged creation date": (lambda: movie(mvhd(), apple("yesterday")), INSTANT),
    "mov with udta": (
        lambda: movie(mvhd(), box(b"udta", box(b"\xa9day", bytes(4), b"2015-02-12T00:05:58+0100"))),
        CLOCK,
    ),
    "mov with a year": (lambda: movie(mvhd(), box(b"udta", box(b"\xa9day", bytes(4), b"2015"))), INSTANT),
    "mp4 without a clock": (lambda: movie(mvhd(0)), None),
    "mp4 since 1970": (lambda: movie(mvhd(2_082_844_800)), None),
    "mp4 without an index": (lambda: ftyp(b"mp42") + box(b"mdat", b"x"), None),
    "text": (lambda: b"2015-02-12 no picture", None),
    "nothing": (lambda: b"", None),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_the_time_is_found(name: str) -> None:
    make, expected = FILES[name]
    assert taken(io.BytesIO(make())) == expected


def canon_raw() -> bytes:
    """The Exif directory alone, as Canon's boxes have it."""
    block = exif_block()[6:]
    order = "<" if block[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", block, 4)
    (count,) = struct.unpack_from(f"{order}H", block, at)
    entries = [struct.unpack_from(f"{order}HHII", block, at + 2 + 12 * number) for number in range(count)]
    (pointer,) = (value for tag, _, _, value in entries if tag == 0x8769)
    return block[:4] + struct.pack(f"{order}I", pointer) + block[8:]


def test_canon_raw_files_have_the_directory_in_a_box() -> None:
    data = ftyp(b"crx ") + box(b"moov", box(b"uuid", bytes(16), box(b"CMT2", canon_raw())))
    assert taken(io.BytesIO(data)) == CLOCK


@pytest.mark.parametrize("name", FILES)
def test_few_parts_of_a_remote_file_are_enough(name: str) -> None:
    make, expected = FILES[name]
    data = make()
    file = SparseFile(len(data))
    for fetched in range(10):
        try:
            assert taken(cast("BinaryIO", file)) == expected
        except MissingPart as missing:
            size = max(missing.size_bytes, 65_536 << fetched)
            file.add(missing.start, data[missing.start :][:size])
        else:
            return
    raise AssertionError("ten parts were not enough")


def test_a_sparse_file_is_read_like_any_other() -> None:
    data = bytes(range(100))
    file = SparseFile(100)
    file.add(0, data[:30])
    file.add(25, data[25:])
    assert file.read() == data
    assert file.seek(-10, io.SEEK_END) == 90
    assert (file.read(5), file.tell(), file.read(50), file.read(1)) == (data[90:95], 95, data[95:], b"")
    assert file.readable()
    assert file.seekable()
