"""Reduces decoded pictures before they become RGB. Only workers import this module.

HEIF and AVIF decoders return planes: one of brightness, and two of colour that are half as wide and high. At
50 megapixels these are 75 MB; as RGB they are 200 MB in Pillow, beside the bytes it gets them from. So the
planes are reduced, and the result becomes RGB.
"""

from __future__ import annotations

import ctypes
from typing import Any

from PIL import Image

from picsync.core.values import dataclass

_WEIGHTS = {
    1: (0.2126, 0.0722),
    2: (0.299, 0.114),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    9: (0.2627, 0.0593),
}
"""Shares of red and blue in the brightness, by the number of the matrix in ITU-T H.273; 2 is unspecified."""
_ROWS_BYTES = 1 << 22
"""Bytes of the rows of more than 8 bits that are converted at a time."""


@dataclass(frozen=True, slots=True)
class Plane:
    """Samples in the memory of a decoder."""

    address: int
    width: int
    height: int
    row_bytes: int


@dataclass(frozen=True, slots=True)
class Planes:
    """A decoded picture, as long as its decoder keeps it."""

    brightness: Plane
    colours: tuple[Plane, ...]
    """Of blue and red; none in a grey picture."""
    halved: tuple[bool, bool]
    """Whether the colours have half as many columns and rows."""
    depth: int
    """Bits of a sample; one of more than 8 takes two bytes."""
    full_range: bool
    matrix: int
    """As ITU-T H.273 numbers it."""


def reduced(planes: Planes, factor: int) -> Image.Image | None:
    """Return the picture, RGB or L, in a fraction of its size; None if its colours cannot be computed.

    `factor` is at least 2.
    """
    weights = _WEIGHTS.get(planes.matrix)
    if not 8 <= planes.depth <= 16 or (planes.colours and weights is None):
        return None
    by = (factor >> planes.halved[0], factor >> planes.halved[1])
    bright = _plane(planes.brightness, planes.depth, (factor, factor))
    offset, scale, colour_scale = (0, 1.0, 1.0) if planes.full_range else (16, 255 / 219, 255 / 224)
    if len(planes.colours) != 2 or weights is None:
        return bright if planes.full_range else bright.point(lambda value: (value - offset) * scale + 0.5)
    colours = [_plane(one, planes.depth, by) for one in planes.colours]
    if any(one.size != bright.size for one in colours):
        return None
    red, blue = weights
    green = 1 - red - blue
    from_red, from_blue = 2 * (1 - red) * colour_scale, 2 * (1 - blue) * colour_scale
    matrix: list[float] = []
    for of_blue, of_red in (
        (0.0, from_red),
        (-from_blue * blue / green, -from_red * red / green),
        (from_blue, 0.0),
    ):
        matrix += (scale, of_blue, of_red, -scale * offset - 128 * (of_blue + of_red))
    return Image.merge("RGB", (bright, *colours)).convert("RGB", tuple(matrix))


def _plane(plane: Plane, depth: int, by: tuple[int, int]) -> Image.Image:
    """Return a plane in a fraction of its size, with 8 bits."""
    if depth == 8:
        whole = _rows(plane, "L", 0, plane.height)
        return whole if by == (1, 1) else whole.reduce(by)
    found = Image.new("L", (-(-plane.width // by[0]), -(-plane.height // by[1])))
    step = max(1, _ROWS_BYTES // plane.row_bytes // by[1]) * by[1]
    factor = 1 / (1 << depth - 8)
    for first in range(0, plane.height, step):
        rows = _rows(plane, "I;16", first, min(step, plane.height - first)).convert("F").reduce(by)
        found.paste(rows.point(lambda value: value * factor + 0.5).convert("L"), (0, first // by[1]))
    return found


def _rows(plane: Plane, mode: str, first: int, count: int) -> Image.Image:
    """Return rows without copying them. Pillow wants the last one to be filled, too; it reads no filling."""
    memory: Any = (ctypes.c_char * (count * plane.row_bytes)).from_address(
        plane.address + first * plane.row_bytes
    )
    return Image.frombuffer(mode, (plane.width, count), memory, "raw", mode, plane.row_bytes, 1)
