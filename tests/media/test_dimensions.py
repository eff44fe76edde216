"""The number of pixels by the header: equal to that of the imaging library that wrote it."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from picsync.core.errors import ContentError, Defect
from picsync.media.dimensions import _MAX_STEPS, _READERS, pixel_count
from picsync.media.formats import sniff
from picsync.observe.words import error_sentence
from picsync.sync.tempfiles import MAX_ORIGINAL_BYTES, MAX_PIXELS, Spool

SIZES = [(1, 1), (37, 53), (640, 2), (3000, 10)]
KINDS: dict[str, dict[str, object]] = {
    "PNG": {},
    "GIF": {},
    "BMP": {},
    "JPEG": {"exif": b"Exif\x00\x00" + bytes(5000), "icc_profile": bytes(100_000)},
    "JPEG progressive": {"progressive": True},
    "TIFF": {},
    "TIFF large": {"big_tiff": True},
    "WEBP": {},
    "WEBP lossless": {"lossless": True},
    "WEBP extended": {"exif": b"Exif\x00\x00" + bytes(50)},
    "AVIF": {},
}
PNG_BOMB = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 100_000, 100_000) + bytes(20)
BOMBS = {
    "PNG": PNG_BOMB,
    "GIF": b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(20),
    "JPEG": b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc2\x00\x11\x08" + struct.pack(">HH", 65535, 65535),
    "BMP": b"BM" + bytes(12) + struct.pack("<Iii", 40, 1 << 20, -(1 << 20)),
    "WEBP": b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00" + b"\xff" * 6,
    "TIFF": b"MM\x00*\x00\x00\x00\x08\x00\x02"
    + struct.pack(">HHII", 256, 4, 1, 1 << 31)
    + struct.pack(">HHII", 257, 4, 1, 1 << 31),
    "BigTIFF": b"MM\x00+\x00\x08\x00\x00"
    + struct.pack(">QQ", 16, 2)
    + struct.pack(">HHQQ", 256, 16, 1, 1 << 63)
    + struct.pack(">HHQQ", 257, 16, 1, 1 << 63),
    "HEIC": b"\x00\x00\x00\x10ftypheic\x00\x00\x00\x00"
    + struct.pack(">I4sI", 0, b"meta", 0)
    + struct.pack(">I4sI4sI4sIII", 36, b"iprp", 28, b"ipco", 20, b"ispe", 0, 1 << 20, 1 << 20),
}


def written(kind: str, size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (1, 2, 3)).save(file, kind.split()[0], **KINDS[kind])
    return file.getvalue()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_has_the_size_that_it_was_given(kind: str, size: tuple[int, int]) -> None:
    data = written(kind, size)
    mime_type = sniff(data)
    assert mime_type is not None
    assert pixel_count(io.BytesIO(data), mime_type) == size[0] * size[1]


@pytest.mark.parametrize("kind", BOMBS)
async def test_a_bomb_is_refused_by_its_header(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ContentError) as caught:
        await spooled(tmp_path, BOMBS[kind])
    assert caught.value.defect is Defect.TOO_MANY_PIXELS
    assert caught.value.unusable
    assert "megapixels; at most 250 megapixels are accepted" in error_sentence(caught.value)


async def test_a_picture_without_pixels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError) as caught:
        await spooled(tmp_path, PNG_BOMB.replace(struct.pack(">I", 100_000), bytes(4)))
    assert "no pixels" in error_sentence(caught.value)


async def spooled(folder: Path, data: bytes) -> bytes:
    """Take data through a spool file, and return what a reader of it finds after."""
    async with Spool(folder).file("md5") as file:
        await file.begin(len(data), "image/jpeg")
        await file.write(data)
        await file.finish()
        file.examine()
        assert file.file.tell() == len(data), "what is written next must not land in the middle"
        file.file.seek(0)
        return file.file.read()


@pytest.mark.parametrize("kind", KINDS)
async def test_what_may_pass_is_left_as_it_is(tmp_path: Path, kind: str) -> None:
    data = written(kind, (100, 50))
    assert await spooled(tmp_path, data) == data


async def test_an_original_that_no_frame_takes_is_not_begun(tmp_path: Path) -> None:
    async with Spool(tmp_path).file("md5") as file:
        with pytest.raises(ContentError) as caught:
            await file.begin(MAX_ORIGINAL_BYTES + 1, "video/mp4")
        assert (caught.value.defect, caught.value.unusable) == (Defect.TOO_LARGE, True)
        await file.begin(None, "video/mp4")
        file.size_bytes = MAX_ORIGINAL_BYTES
        with pytest.raises(ContentError):
            await file.write(b"x")


class Counted(io.BytesIO):
    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


@given(st.sampled_from(sorted(_READERS)), st.data())
@example("image/jpeg", None)
def test_any_bytes_are_read_without_a_surprise(mime_type: str, data: st.DataObject | None) -> None:
    if data is None:
        content = b"\xff\xd8" + b"\xff" * 100_000
    else:
        content = data.draw(st.binary(max_size=80) | st.sampled_from([*BOMBS.values()]).flatmap(_bent))
    file = Counted(content)
    pixels = pixel_count(file, mime_type)
    assert pixels is None or pixels >= 0
    assert file.reads <= 3 * _MAX_STEPS + 10


def _bent(data: bytes) -> st.SearchStrategy[bytes]:
    place = st.integers(0, len(data) - 1)
    return st.tuples(place, st.binary(max_size=8), place).map(
        lambda drawn: data[: drawn[0]] + drawn[1] + data[drawn[2] :]
    )


def test_boxes_that_go_round_in_circles_end() -> None:
    file = Counted(struct.pack(">I4s", 8, b"free") * 100_000)
    assert pixel_count(file, "image/heic") is None
    assert file.reads <= 3 * _MAX_STEPS


def test_the_limit_is_above_what_cameras_make() -> None:
    assert MAX_PIXELS > 16_320 * 12_240
