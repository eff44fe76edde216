"""HEIF and AVIF pictures that are reduced before they become RGB look as Pillow decodes them."""

from __future__ import annotations

import ctypes
import io
import struct
from typing import Any

import pillow_heif
import pytest
from PIL import Image, ImageChops, ImageStat

from picsync.rendering import avif, heif
from picsync.rendering.planes import Plane, Planes, reduced
from tests.rendering.drawing import coded, opened, quarters

SIZE = (322, 243)


def _picture() -> Image.Image:
    image = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    image.paste(quarters(200, 160), (40, 30))
    return image


def _assert_same(found: Image.Image | None, data: bytes, factor: int) -> None:
    assert found is not None
    whole = opened(data)
    expected = whole.convert(found.mode).reduce(factor)
    assert found.size == expected.size
    difference = ImageStat.Stat(ImageChops.difference(found.convert("RGB"), expected.convert("RGB")))
    assert max(difference.mean) < 1.5, difference.mean


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:4", "4:0:0"])
@pytest.mark.parametrize("span", ["full", "limited"])
def test_avif(span: str, subsampling: str, factor: int) -> None:
    options: dict[str, Any] = {"range": span, "subsampling": subsampling, "quality": 95, "speed": 10}
    image = _picture().convert("L" if subsampling == "4:0:0" else "RGB")
    data = coded(image, "AVIF", **options)
    _assert_same(avif.reduced(data, SIZE, factor), data, factor)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize(
    "options",
    [
        {"chroma": 420},
        {"chroma": 422},
        {"chroma": 444},
        {"matrix_coefficients": 1, "full_range_flag": 0},
        {"matrix_coefficients": 9, "full_range_flag": 1},
        {"save_nclx_profile": False},
        {"tile_size": 128},
    ],
    ids=str,
)
def test_heif(options: dict[str, Any], factor: int) -> None:
    data = coded(_picture(), "HEIF", quality=95, **options)
    _assert_same(heif.reduced(data, SIZE, factor), data, factor)


@pytest.mark.parametrize("grey", [False, True])
def test_heif_of_ten_bits_and_of_grey(*, grey: bool) -> None:
    image = _picture().convert("L") if grey else _picture()
    if grey:
        data = coded(image, "HEIF", quality=95)
    else:
        words = b"".join(struct.pack("<H", value << 8) for value in image.tobytes())
        file = io.BytesIO()
        pillow_heif.from_bytes("RGB;16", SIZE, words).save(file, quality=95)
        data = file.getvalue()
    _assert_same(heif.reduced(data, SIZE, 4), data, 4)


def test_heif_is_upright() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    data = coded(_picture(), "HEIF", quality=95, exif=turned.tobytes())
    assert opened(data).size == SIZE[::-1]
    _assert_same(heif.reduced(data, SIZE[::-1], 2), data, 2)


def test_what_is_left_to_pillow() -> None:
    transparent = _picture().convert("RGBA")
    transparent.putalpha(Image.linear_gradient("L").resize(SIZE))
    for kind, decoder in (("AVIF", avif), ("HEIF", heif)):
        good = coded(_picture(), kind)
        assert decoder.reduced(good, SIZE, 2)
        assert decoder.reduced(good, (SIZE[0] + 1, SIZE[1]), 2) is None
        for data in (coded(transparent, kind), good[: len(good) // 2], good[:40], b""):
            assert decoder.reduced(data, SIZE, 2) is None


@pytest.mark.parametrize("depth", [8, 10, 12, 16])
@pytest.mark.parametrize(
    ("matrix", "full_range", "sample", "colour"),
    [
        (1, True, (54, 99, 255), (254, 0, 0)),
        (6, True, (76, 85, 255), (254, 0, 0)),
        (6, False, (81, 90, 240), (254, 0, 0)),
        (1, False, (63, 102, 240), (255, 1, 0)),
        (2, False, (235, 128, 128), (255, 255, 255)),
        (9, False, (16, 128, 128), (0, 0, 0)),
    ],
)
def test_samples_of_every_depth_and_range(
    depth: int, matrix: int, *, full_range: bool, sample: tuple[int, ...], colour: tuple[int, ...]
) -> None:
    memory = []

    def plane(value: int, width: int, height: int) -> Plane:
        code = struct.pack("<B" if depth == 8 else "<H", value << depth - 8)
        # With filling bytes after each row that show if they are read.
        row = code * width + b"\xff" * 6
        memory.append(ctypes.create_string_buffer(row * height))
        return Plane(ctypes.addressof(memory[-1]), width, height, len(row))

    bright, *colours = (plane(value, *((9, 5) if not at else (5, 3))) for at, value in enumerate(sample))
    found = reduced(Planes(bright, tuple(colours), (True, True), depth, full_range, matrix), 2)
    assert found is not None
    assert found.size == (5, 3)
    for place in ((0, 0), (4, 2)):
        pixel = found.getpixel(place)
        assert isinstance(pixel, tuple)
        assert all(abs(a - b) <= 2 for a, b in zip(pixel, colour, strict=True)), (pixel, colour)


def test_colours_that_cannot_be_computed() -> None:
    memory = ctypes.create_string_buffer(64)
    plane = Plane(ctypes.addressof(memory), 8, 8, 8)
    whole = (False, False)
    assert reduced(Planes(plane, (plane, plane), whole, 8, full_range=True, matrix=0), 2) is None
    assert reduced(Planes(plane, (plane, plane), (True, True), 8, full_range=True, matrix=1), 2) is None
    assert reduced(Planes(plane, (), whole, 7, full_range=True, matrix=1), 2) is None
