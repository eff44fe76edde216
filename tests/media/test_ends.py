"""Truncated files are told from complete ones, as the imaging library writes them."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from picsync.media.ends import is_truncated
from picsync.media.formats import identify
from tests.media.files import box, ftyp, heif, movie
from tests.media.test_dimensions import KINDS, written

THUMBNAIL = b"\xff\xd8\xff\xda\x00\x02 a small picture \xff\xd9"
CHECKED = sorted(set(KINDS) - {"GIF", "BMP"})


def cut_off(data: bytes) -> bool:
    file = io.BytesIO(data)
    return is_truncated(file, identify(file) or "")


def noise(kind: str, **options: object) -> bytes:
    """Return a picture that is too noisy to be packed into a few bytes."""
    file = io.BytesIO()
    Image.effect_noise((90, 60), 80).convert("RGB").save(file, kind.split()[0], **{**KINDS[kind], **options})
    return file.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_picture_is_whole(kind: str) -> None:
    assert not cut_off(written(kind, (37, 53)))
    assert not cut_off(noise(kind))


@pytest.mark.parametrize("kind", CHECKED)
def test_a_picture_that_was_cut_anywhere_is_cut_off(kind: str) -> None:
    data = noise(kind)
    for share in range(5, 100, 5):
        part = data[: len(data) * share // 100]
        assert identify(io.BytesIO(part)) is None or cut_off(part), f"{share} %"
    # The last bytes of WebP may be padding; the rest of the others is needed.
    assert cut_off(data[:-2])


@pytest.mark.parametrize("kind", CHECKED)
def test_what_stands_behind_a_picture_does_no_harm(kind: str) -> None:
    """Such as the video of a motion photo, or a phone's notes."""
    assert not cut_off(noise(kind) + b"MotionPhoto_Data" + movie())


def test_a_picture_whose_rest_is_zeros_is_cut_off() -> None:
    """A download that had its room set aside leaves them."""
    for kind in ("JPEG", "JPEG progressive", "PNG"):
        data = noise(kind)
        half = len(data) // 2
        assert cut_off(data[:half] + bytes(len(data) - half)), kind


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_picture() -> None:
    data = noise("JPEG", exif=b"Exif\0\0" + THUMBNAIL)
    assert not cut_off(data)
    assert cut_off(data[: data.index(THUMBNAIL) + len(THUMBNAIL) + 100])


def test_what_decoders_skip_is_skipped() -> None:
    whole = noise("JPEG")
    assert not cut_off(whole[:2] + b"\xff\xff\xff" + whole[2:])
    assert not cut_off(whole[:2] + b"junk between segments" + whole[2:])


@pytest.mark.parametrize("index_last", [False, True])
def test_a_video_needs_its_index_and_its_data(index_last: bool) -> None:
    data = movie(index_last=index_last)
    assert not cut_off(data)
    assert not cut_off(data + b"\0\0 what a phone appends")
    for size in range(len(ftyp(b"isom", b"mp42")), len(data)):
        assert cut_off(data[:size]), size


def test_a_video_whose_data_reaches_to_the_end_is_whole() -> None:
    assert not cut_off(ftyp(b"isom") + box(b"moov", bytes(20)) + struct.pack(">I4s", 0, b"mdat") + bytes(99))


def test_a_heif_picture_needs_all_of_its_data() -> None:
    data = heif((b"mif1", b"heic"), (b"hvc1",))
    assert not cut_off(data)
    assert all(cut_off(data[:size]) for size in range(len(ftyp(b"mif1", b"heic")), len(data)))


def test_padding_may_promise_more_than_there_is() -> None:
    assert not cut_off(movie() + struct.pack(">I4s", 5000, b"free") + bytes(10))


@given(st.sampled_from(["image/jpeg", "image/png", "image/tiff", "image/heic", "video/mp4"]), st.binary())
@example("image/jpeg", b"\xff\xd8" + b"\xff" * 100_000)
def test_any_bytes_are_read_without_a_surprise(mime_type: str, data: bytes) -> None:
    assert is_truncated(io.BytesIO(data), mime_type) in (True, False)
