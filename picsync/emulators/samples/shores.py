"""Beaches, harbours and ponds."""

from __future__ import annotations

import math

from .brushes import Pen, Point, Poster, mix, oval, placed, turned
from .nature import cloud, ripple

_FRONTS = [
    "#c8553d",
    "#e9b44c",
    "#5b8e7d",
    "#f2e3c9",
    "#bc4b51",
    "#8cb0c4",
    "#f4a259",
    "#6d597a",
    "#d9d3c0",
    "#4f7c8a",
    "#e07a5f",
]
"""Colours of the houses, from the left."""
_PADS = (
    *((210, 230, 170), (480, 150, 110), (150, 560, 120), (980, 260, 190), (760, 330, 100), (420, 420, 90)),
    *(
        (240, 930, 200),
        (560, 1060, 130),
        (900, 980, 190),
        (1120, 1130, 110),
        (1060, 620, 130),
        (30, 1150, 120),
    ),
)
"""Lily pads: x, y, radius."""
_FISH_TAIL: list[Point] = [(-52, 0), (-104, -30), (-92, 0), (-104, 30)]
_FISH_FINS: list[Point] = [(10, -14), (-14, -40), (-22, -12), (-22, 12), (-14, 40), (10, 14)]


def at_the_beach(poster: Poster) -> None:
    """Paint parasols on the sand, seen from above."""
    size = poster.width
    poster.backdrop("#f6dfb4", "#f3d5a2")

    def coast(x: float, shift: float) -> float:
        return (
            700 - 0.28 * x + shift + 26 * math.sin(x / 135 + shift / 60) + 12 * math.sin(x / 52 + shift / 40)
        )

    def sea(shift: float) -> list[tuple[float, float]]:
        edge = [(float(x), coast(x, shift)) for x in range(-20, size + 21, 10)]
        return [*edge, (size + 20.0, -20.0), (-20.0, -20.0)]

    for shift, color, opacity, blur in (
        (70, "#dcb781", 0.75, 4),
        (26, "#fffdf4", 0.95, 2),
        (12, "#9fe0d6", 1.0, 3),
        (-95, "#5cc9c9", 0.9, 26),
        (-230, "#2aa5b8", 0.9, 50),
        (-400, "#1a7fa3", 0.9, 70),
    ):
        with poster.fill(color, opacity=opacity, blur=blur) as pen:
            pen.polygon(sea(shift))
    with poster.fill("#ffffff", opacity=0.55, blur=1) as pen:
        for shift, width in ((-40, 5.0), (-130, 4.0), (-215, 3.0)):
            for start in range(-20, size, 90):
                length = poster.rng.randint(30, 120)
                pen.line(
                    [
                        (float(x), coast(x, shift) + 4 * math.sin(x / 17))
                        for x in range(start, start + length, 8)
                    ],
                    width,
                )
    for x, y, color in (
        (250, 850, "#e2574c"),
        (520, 960, "#2f8fa8"),
        (800, 780, "#f2b134"),
        (1010, 940, "#e87a90"),
        (300, 1110, "#4f9d69"),
        (720, 1130, "#f08a4b"),
        (1090, 700, "#5b6fb5"),
    ):
        _parasol(poster, x, y, color)


def _parasol(poster: Poster, x: int, y: int, color: str) -> None:
    with poster.fill("#7a5c34", opacity=0.35, blur=5) as pen:
        pen.ellipse(x + 34, y + 40, 82)
    tilt = poster.rng.uniform(0, 60)
    with poster.draw(
        (max(0, x - 170), y - 110, min(poster.width, x + 180), min(poster.height, y + 150))
    ) as pen:
        for side in (-1, 1):
            towel = [(-22.0, -62.0), (22.0, -62.0), (22.0, 62.0), (-22.0, 62.0)]
            pen.polygon(
                turned(towel, x + side * 92, y + 26, side * 8 + tilt / 4 - 6),
                mix(color, "#fff6e6", 0.35 if side < 0 else 0.8),
            )
        for i in range(8):
            pen.wedge(x, y, 78, (tilt + i * 45, tilt + i * 45 + 45), "#fffaf0" if i % 2 else color)
        pen.ellipse(x, y, 7, color="#fffaf0")


def harbour(poster: Poster) -> None:
    """Paint gabled houses along a quay and their reflection."""
    poster.backdrop("#9cc7de", "#c9e0e3", "#f7ead2", bottom=640)
    for x, y, width in ((300, 190, 420), (1180, 250, 480), (780, 120, 260)):
        with poster.fill("#ffffff", "#fff6ea", opacity=0.8) as pen:
            cloud(pen, poster.rng, x, y, width, flat=0.17)
    left = -30.0
    with poster.draw((0, 150, 1600, 640)) as pen:
        for color in _FRONTS:
            left += _house(poster, pen, left, color)
        pen.rectangle(0, 608, 1600, 34, "#8b8078")
        pen.rectangle(0, 608, 1600, 7, "#a89c90")
    poster.mirror(640, "#3f7f94", 0.42)
    with poster.fill("#e8f5f2", opacity=0.3) as pen:
        for _ in range(150):
            t = poster.rng.random() ** 1.3
            ripple(pen, poster.rng.uniform(0, 1600), 650 + 350 * t, 40 + 200 * t, 2 + 6 * t)
    _rowing_boat(poster, 260, 730, 130, "#2f5d73")
    _rowing_boat(poster, 1180, 760, 170, "#bc4b51")
    _rowing_boat(poster, 700, 850, 220, "#f2e3c9")


def _house(poster: Poster, pen: Pen, x: float, color: str) -> float:
    """Draw a house whose left wall is at `x` and return its width."""
    wide, tall = poster.rng.uniform(132, 168), poster.rng.uniform(250, 350)
    top, roof = 610 - tall, poster.rng.uniform(60, 96)
    pen.rectangle(x, top, wide, tall, color)
    pen.rectangle(x + wide * 0.86, top, wide * 0.14, tall, mix(color, "#3a3040", 0.16))
    gable = [(x - 5, top + 2), (x + wide / 2, top - roof), (x + wide + 5, top + 2)]
    pen.polygon(gable, mix("#8a4a3a", color, 0.2))
    pen.ellipse(x + wide / 2, top - roof * 0.32, 11, color="#f6efe0")
    for floor in range(int(tall // 82)):
        for column in (0.2, 0.5, 0.8):
            wx, wy = x + wide * column - 13, top + 24 + floor * 78
            pen.rectangle(wx - 4, wy - 4, 34, 50, "#fbf6ea")
            pen.rectangle(wx, wy, 26, 42, "#ffdf9a" if poster.rng.random() < 0.2 else "#41596b")
            pen.rectangle(wx + 12, wy, 2, 42, "#fbf6ea")
    pen.rectangle(x + wide / 2 - 16, 560, 32, 50, "#3d4f4a")
    return wide


def _rowing_boat(poster: Poster, x: float, y: float, size: float, color: str) -> None:
    with poster.fill("#1d4658", opacity=0.4, blur=4) as pen:
        ripple(pen, x, y + size * 0.2, size * 1.9, size * 0.3)
    hull = [(-0.85, -0.16), (0.9, -0.2), (0.7, 0.12), (0.5, 0.2), (-0.55, 0.2), (-0.75, 0.1)]
    rail = [(-0.85, -0.16), (0.9, -0.2), (0.87, -0.11), (-0.82, -0.08)]
    with poster.draw(poster.around(x, y, size)) as pen:
        pen.polygon(placed(hull, x, y, size), color)
        pen.polygon(placed(rail, x, y, size), mix(color, "#ffffff", 0.5))
        for bench in (-0.3, 0.25):
            pen.rectangle(x + (bench - 0.06) * size, y - size * 0.18, size * 0.12, size * 0.05, "#6b4a35")


def water_lilies(poster: Poster) -> None:
    """Paint a pond from above, with lilies and two goldfish."""
    size = poster.width
    poster.backdrop("#1f6a6e", "#17545f", "#0f3c4c")
    for x, y, r in ((300, 260, 420), (950, 900, 460)):
        poster.glow(x, y, r, "#4fa79a", 0.55)
    for x, y, turn in ((520, 640, 30), (700, 760, 200)):
        with poster.fill("#f2853f", "#f8b26a", opacity=0.85, blur=2) as pen:
            pen.polygon(turned(oval(62, 19), x, y, turn))
            for part in (_FISH_TAIL, _FISH_FINS):
                pen.polygon(turned(part, x, y, turn))
    with poster.fill("#082a36", opacity=0.5, blur=8) as pen:
        for x, y, r in _PADS:
            pen.ellipse(x + 18, y + 24, r)
    with poster.draw() as pen:
        for x, y, r in _PADS:
            green, notch = mix("#5fa052", "#2f7d58", poster.rng.random()), poster.rng.uniform(0, 360)
            pen.wedge(x, y, r, (notch + 16, notch + 344), mix(green, "#d5e8a0", 0.35))
            pen.wedge(x, y, r - 6, (notch + 17, notch + 343), green)
            for i in range(1, 12):
                rib = turned([(0, 0), (r - 16, 0)], x, y, notch + i * 30)
                pen.line(rib, 2.2, mix(green, "#cfe59a", 0.3))
        _lily(pen, 260, 250, 105, "#f7a8c4")
        _lily(pen, 930, 940, 120, "#fff4f6")
        _lily(pen, 1000, 240, 84, "#fbd0e0")
        _lily(pen, 210, 940, 76, "#f7a8c4")
    with poster.fill("#dff5ee", opacity=0.14, blur=1) as pen:
        for _ in range(26):
            at = poster.rng.uniform(0, size), poster.rng.uniform(0, size)
            ripple(pen, *at, poster.rng.uniform(60, 200), 4)


def _lily(pen: Pen, x: float, y: float, size: float, petal: str) -> None:
    for ring, (reach, count, shift) in enumerate(((1.0, 10, 0), (0.78, 9, 18), (0.52, 7, 5))):
        tone = mix(mix(petal, "#d9588c", 0.32), "#ffffff", 0.28 * ring)
        for i in range(count):
            turn = 360 / count * i + shift
            [at] = turned([(0, -size * reach * 0.55)], x, y, turn)
            rim = turned(oval(size * 0.2, size * reach * 0.48, 0.4), *at, turn)
            pen.polygon(rim, mix(tone, "#b0406f", 0.22))
            pen.polygon(turned(oval(size * 0.17, size * reach * 0.44, 0.4), *at, turn), tone)
    pen.ellipse(x, y, size * 0.16, color="#f6c445")
