"""Shapes that several scenes share: ridges, firs, birds, stars, clouds, ripples."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from .brushes import Pen, Point, Poster, mix


def ridge(poster: Poster, y: float, height: float, *, waves: float = 2.0, rough: float = 0.45) -> list[Point]:
    """Return the outline of a range of hills from edge to edge and down to the lower corners.

    `height` is how far it rises and falls around `y`, `waves` how many hills fit in the picture; `rough` is
    how much each finer octave counts: below 0.3 rolling, above 0.5 craggy.
    """
    octaves = [(waves * 2**i, rough**i, poster.rng.uniform(0, 40)) for i in range(7 if rough > 0.3 else 3)]
    total = sum(weight for _, weight, _ in octaves)
    knots = {i: [poster.rng.uniform(-1, 1) for _ in range(64)] for i in range(len(octaves))}
    points: list[Point] = []
    for x in range(-8, poster.width + 9, 4):
        level = 0.0
        for i, (frequency, weight, shift) in enumerate(octaves):
            level += weight * _smooth(knots[i], x / poster.width * frequency + shift)
        points.append((x, y - height * level / total * 1.6))
    return [*points, (poster.width + 8, poster.height + 8), (-8, poster.height + 8)]


def _smooth(knots: Sequence[float], at: float) -> float:
    i = math.floor(at)
    t = at - i
    t = t * t * (3 - 2 * t)
    return knots[i % len(knots)] * (1 - t) + knots[(i + 1) % len(knots)] * t


def height_at(outline: Sequence[Point], x: float) -> float:
    """Return the y of a ridge's outline at `x`."""
    return min(outline[:-2], key=lambda point: abs(point[0] - x))[1]


def fir(rng: random.Random, x: float, base: float, height: float) -> list[Point]:
    """Return the outline of a fir that stands on (x, base)."""
    tiers = 9
    left: list[Point] = []
    right: list[Point] = []
    for i in range(tiers):
        y = base - height * (1 - i / tiers)
        reach = height * 0.2 * (i + 1) / tiers
        for side, points in ((-1, left), (1, right)):
            drop = y + height * rng.uniform(1.15, 1.45) / tiers
            points.append((x + side * reach * 0.35, y))
            points.append((x + side * reach * rng.uniform(0.8, 1.1), drop))
    foot: list[Point] = [
        (x + height * 0.02, base - height * 0.02),
        (x + height * 0.02, base),
        (x - height * 0.02, base),
        (x - height * 0.02, base - height * 0.02),
    ]
    return [(x, base - height * 1.04), *right, *foot, *reversed(left)]


def bird(pen: Pen, x: float, y: float, span: float, color: str) -> None:
    """Draw a gull far away: two arched wings."""
    for side in (-1, 1):
        wing = [(t / 10, -math.sin(t / 10 * math.pi) * 0.3 - t / 10 * 0.12) for t in range(11)]
        top = [(x + side * u * span / 2, y + v * span / 2) for u, v in wing]
        under = [(x + side * u * span / 2, y + v * span / 2 * 0.72 + span * 0.02) for u, v in reversed(wing)]
        pen.polygon([*top, *under], color)


def stars(pen: Pen, poster: Poster, count: int, bottom: float, sky: str) -> None:
    """Strew stars above `bottom`, fewer and fainter towards it; `sky` is what faint ones fade into."""
    for _ in range(count):
        x, y = poster.rng.uniform(0, poster.width), bottom * poster.rng.random() ** 1.4
        shine = poster.rng.random() ** 2 * (1 - 0.6 * y / bottom)
        color = mix(sky, poster.rng.choice(("#ffffff", "#ffe9c9", "#cfe0ff")), 0.35 + 0.65 * shine)
        pen.ellipse(x, y, 0.8 + 1.9 * shine**1.5, color=color)


def cloud(pen: Pen, rng: random.Random, x: float, y: float, width: float, *, flat: float = 0.22) -> None:
    """Draw a heap of rounded puffs with a level underside at `y`."""
    for i in range(9):
        t = (i + 0.5) / 9
        swell = math.sin(t * math.pi) ** 0.8
        r = width * (0.05 + flat * 0.5 * swell * rng.uniform(0.7, 1.1))
        pen.ellipse(x + (t - 0.5) * width * 0.86, y - r * 0.8, r)
    pen.rectangle(x - width * 0.45, y - width * 0.05, width * 0.9, width * 0.05)
    pen.rectangle(x - width * 0.6, y, width * 1.2, width * 0.3, "black")


def ripple(pen: Pen, x: float, y: float, width: float, thickness: float, color: str = "white") -> None:
    """Draw one horizontal lens of light or shade on water."""
    half = [(width / 2 * math.cos(a), thickness / 2 * math.sin(a) ** 3) for a in _LENS]
    pen.polygon([(x + px, y + py) for px, py in half], color)


_LENS = [2 * math.pi * i / 20 for i in range(20)]


def glitter(pen: Pen, poster: Poster, x: float, top: int, spread: tuple[float, float], color: str) -> None:
    """Lay a path of light on the water from the horizon at `top` down to the lower edge.

    `spread` is its half width at the horizon and at the lower edge.
    """
    y = top + 3.0
    while y < poster.height:
        t = (y - top) / (poster.height - top)
        half = spread[0] + (spread[1] - spread[0]) * t
        for _ in range(2):
            offset = poster.rng.gauss(0, 0.42) * half
            width = half * poster.rng.uniform(0.5, 1.3) * (1 - 0.5 * t)
            ripple(pen, x + offset, y, width, 2.5 + 8 * t * poster.rng.uniform(0.6, 1.3), color)
        y += 4 + 13 * t
