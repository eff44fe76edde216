"""Draws small pictures for tests, and reads renditions."""

from __future__ import annotations

import io
from typing import Any

import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 180, 40), (30, 40, 210), (255, 255, 255)
"""Colours of the quarters, from the upper left to the lower right."""


def quarters(width: int = 64, height: int = 48) -> Image.Image:
    """Return a picture of four colours, by which every turn and flip shows."""
    image = Image.new("RGB", (width, height), WHITE)
    image.paste(RED, (0, 0, width // 2, height // 2))
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    return image


def coded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """Return the bytes of a picture."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def baseline(width: int = 64, height: int = 48, **options: Any) -> bytes:
    """Return a JPEG that every frame shows."""
    return coded(quarters(width, height), subsampling="4:2:0", quality=90, **options)


def opened(data: bytes) -> Image.Image:
    """Return a decoded picture."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """Return the colours in the middle of the four quarters."""
    width, height = image.size
    places = [(x, y) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    return [tuple(image.convert("RGB").getpixel(place)) for place in places]  # type: ignore[arg-type]


def alike(found: tuple[int, ...], expected: tuple[int, ...], tolerance: int = 8) -> bool:
    """Whether two colours differ by no more than coding makes them."""
    return all(abs(a - b) <= tolerance for a, b in zip(found, expected, strict=True))


def assert_quarters(image: Image.Image, tolerance: int = 8) -> None:
    """Fail unless it is an upright picture of `quarters`."""
    for found, expected in zip(corners(image), (RED, GREEN, BLUE, WHITE), strict=True):
        assert alike(found, expected, tolerance), (corners(image), expected)
