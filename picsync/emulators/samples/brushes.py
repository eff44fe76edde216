"""Tools that paint the sample photos: gradients, anti-aliased shapes, light, mist and film grain.

Coordinates are pixels of the finished picture, y downwards. All randomness comes from the poster's own seeded
generator, so a scene looks the same each time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

Point = tuple[float, float]
Box = tuple[int, int, int, int]

_SCALE = 2
"""Shapes are drawn this many times larger and scaled down, for smooth edges at acceptable cost."""


def mix(a: str, b: str, t: float) -> str:
    """Return the colour `t` (0..1) of the way from `a` to `b`."""
    pairs = zip(ImageColor.getrgb(a)[:3], ImageColor.getrgb(b)[:3], strict=True)
    return "#" + "".join(f"{round(x + (y - x) * t):02x}" for x, y in pairs)


def ramp(mode: str, size: tuple[int, int], colors: Sequence[str]) -> Image.Image:
    """Return a vertical gradient through two or more evenly spaced colours."""
    column = Image.new(mode, (1, len(colors)))
    for y, color in enumerate(colors):
        column.putpixel((0, y), ImageColor.getcolor(color, mode))
    ends = (0, 0.5, 1, len(colors) - 0.5)
    column = column.resize((1, size[1]), Image.Resampling.BILINEAR, box=ends)
    return column.resize(size, Image.Resampling.NEAREST)


def turned(points: Sequence[Point], x: float, y: float, degrees: float) -> list[Point]:
    """Return `points`, given around the origin, rotated clockwise and moved to (x, y)."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [(x + px * cos - py * sin, y + px * sin + py * cos) for px, py in points]


def placed(points: Sequence[Point], x: float, y: float, size: float) -> list[Point]:
    """Return `points`, given around the origin in units of `size`, scaled and moved to (x, y)."""
    return [(x + u * size, y + v * size) for u, v in points]


def oval(rx: float, ry: float, tip: float = 0.0, steps: int = 24) -> list[Point]:
    """Return an ellipse around the origin; `tip` (0..1) draws its upper and lower ends to points."""
    angles = [2 * math.pi * i / steps for i in range(steps)]
    return [(rx * math.cos(a) * abs(math.cos(a)) ** tip, ry * math.sin(a)) for a in angles]


class Pen:
    """Draws shapes in picture coordinates on an enlarged sheet; a colour is any name Pillow knows."""

    def __init__(self, sheet: Image.Image, left: int = 0, top: int = 0) -> None:
        self._draw = ImageDraw.Draw(sheet)
        self._left, self._top = left, top

    def _at(self, points: Sequence[Point]) -> list[Point]:
        return [((x - self._left) * _SCALE, (y - self._top) * _SCALE) for x, y in points]

    def polygon(self, points: Sequence[Point], color: str = "white") -> None:
        """Fill a polygon."""
        self._draw.polygon(self._at(points), fill=color)

    def ellipse(self, x: float, y: float, rx: float, ry: float | None = None, color: str = "white") -> None:
        """Fill an ellipse around (x, y), a circle if `ry` is not given."""
        ry = rx if ry is None else ry
        self._draw.ellipse(self._at([(x - rx, y - ry), (x + rx, y + ry)]), fill=color)

    def wedge(self, x: float, y: float, radius: float, degrees: tuple[float, float], color: str) -> None:
        """Fill a sector of a circle, clockwise from three o'clock."""
        corners = self._at([(x - radius, y - radius), (x + radius, y + radius)])
        self._draw.pieslice((*corners[0], *corners[1]), *degrees, fill=color)

    def rectangle(self, x: float, y: float, width: float, height: float, color: str = "white") -> None:
        """Fill a rectangle whose upper left corner is (x, y)."""
        self._draw.rectangle(self._at([(x, y), (x + width, y + height)]), fill=color)

    def line(self, points: Sequence[Point], width: float, color: str = "white") -> None:
        """Draw a line `width` pixels thick."""
        self._draw.line(self._at(points), fill=color, width=max(1, round(width * _SCALE)), joint="curve")


class Poster:
    """A picture in progress."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        self.width, self.height = width, height
        self.rng = random.Random(seed)  # noqa: S311 - only used for painting
        self.image = Image.new("RGB", (width, height))

    def backdrop(self, *colors: str, top: int = 0, bottom: int | None = None) -> None:
        """Cover the picture between `top` and `bottom` with a vertical gradient."""
        bottom = self.height if bottom is None else bottom
        self.image.paste(ramp("RGB", (self.width, bottom - top), colors), (0, top))

    def around(self, x: float, y: float, reach: float) -> Box:
        """Return the part of the picture within `reach` of (x, y), which must lie inside it."""
        left, top = max(0, round(x - reach)), max(0, round(y - reach))
        return (left, top, min(self.width, round(x + reach)), min(self.height, round(y + reach)))

    @contextmanager
    def draw(self, box: Box | None = None) -> Iterator[Pen]:
        """Draw opaque shapes of any colours, later ones over earlier ones, inside `box`."""
        box = (0, 0, self.width, self.height) if box is None else box
        crop = self.image.crop(box)
        size = (crop.width * _SCALE, crop.height * _SCALE)
        sheet = crop.resize(size, Image.Resampling.NEAREST)
        yield Pen(sheet, box[0], box[1])
        self.image.paste(sheet.reduce(_SCALE), box[:2])

    @contextmanager
    def fill(self, *colors: str, opacity: float = 1.0, blur: int = 0) -> Iterator[Pen]:
        """Draw one shape (the union of what the pen touches), filled with a vertical gradient.

        `blur` is a radius in pixels; a pen stroke in black takes away from the shape.
        """
        sheet = Image.new("L", (self.width * _SCALE, self.height * _SCALE))
        yield Pen(sheet)
        bounds = sheet.getbbox()
        if bounds is None:
            return
        pad = 3 * blur + 8
        left, top = (max(0, edge // _SCALE - pad) for edge in bounds[:2])
        right = min(self.width, bounds[2] // _SCALE + pad)
        bottom = min(self.height, bounds[3] // _SCALE + pad)
        crop = sheet.crop((left * _SCALE, top * _SCALE, right * _SCALE, bottom * _SCALE))
        mask = _soften(crop, blur, (right - left, bottom - top))
        self._paste(colors, mask, (left, top), opacity)

    def glow(self, x: float, y: float, radius: float, color: str, opacity: float = 1.0) -> None:
        """Add light that fades from (x, y) to nothing at `radius`."""
        side = round(radius * 2)
        # Pillow's gradient reaches 181 of 255 at the middle of an edge, 255 in the corners.
        falloff = [round(255 * max(0.0, 1 - i / 180) ** 1.7) for i in range(256)]
        light = Image.radial_gradient("L").point(falloff).resize((side, side), Image.Resampling.BICUBIC)
        at = (round(x - radius), round(y - radius))
        box = (max(0, at[0]), max(0, at[1]), min(self.width, at[0] + side), min(self.height, at[1] + side))
        if box[0] < box[2] and box[1] < box[3]:
            mask = light.crop((box[0] - at[0], box[1] - at[1], box[2] - at[0], box[3] - at[1]))
            self._paste((color,), mask, box[:2], opacity)

    def mist(self, top: int, bottom: int, color: str, opacity: float) -> None:
        """Lay a horizontal band of haze, densest in its middle."""
        mask = ramp("L", (self.width, bottom - top), ("black", "#606060", "white", "#606060", "black"))
        self._paste((color,), mask, (0, top), opacity)

    def lay(self, mask: Image.Image, *colors: str, opacity: float = 1.0) -> None:
        """Paint a gradient through a mask of any size, stretched over the whole picture."""
        size = (self.width, self.height)
        self._paste(colors, mask.resize(size, Image.Resampling.BICUBIC), (0, 0), opacity)

    def mirror(self, horizon: int, tint: str, strength: float) -> None:
        """Reflect what is above `horizon` in still water below it, tinted by `strength` (0..1)."""
        depth = self.height - horizon
        above = self.image.crop((0, max(0, horizon - depth), self.width, horizon))
        below = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        # Water smears a reflection downwards far more than sideways.
        below = below.resize((self.width // 3, max(1, depth // 12)), Image.Resampling.BOX)
        below = below.resize((self.width, depth), Image.Resampling.BICUBIC)
        self.image.paste(Image.blend(below, Image.new("RGB", below.size, tint), strength), (0, horizon))

    def finish(self, grain: int = 5) -> Image.Image:
        """Return the picture, as YCbCr, with film grain, which also hides the steps of wide gradients."""
        size = (self.width, self.height)
        noise = Image.frombytes("L", size, self.rng.randbytes(self.width * self.height))
        noise = noise.point([128 + round((i - 127.5) / 127.5 * grain) for i in range(256)])
        light, blue, red = self.image.convert("YCbCr").split()
        return Image.merge("YCbCr", (ImageChops.overlay(light, noise), blue, red))

    def _paste(self, colors: Sequence[str], mask: Image.Image, at: tuple[int, int], opacity: float) -> None:
        if opacity < 1:
            mask = mask.point([round(i * opacity) for i in range(256)])
        if len(colors) == 1:
            box = (at[0], at[1], at[0] + mask.width, at[1] + mask.height)
            self.image.paste(ImageColor.getrgb(colors[0]), box, mask)
        else:
            self.image.paste(ramp("RGB", mask.size, colors), at, mask)


def _soften(sheet: Image.Image, blur: int, size: tuple[int, int]) -> Image.Image:
    if blur < 8:
        small = sheet.reduce(_SCALE)
        return small.filter(ImageFilter.GaussianBlur(blur)) if blur else small
    # A wide blur has no detail to lose: at a quarter of the size, it costs a sixteenth.
    small = sheet.reduce(_SCALE * 4).filter(ImageFilter.GaussianBlur(blur / 4))
    return small.resize(size, Image.Resampling.BICUBIC)
