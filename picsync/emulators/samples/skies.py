"""Wide skies: balloons, dunes."""

from __future__ import annotations

import math

from .brushes import Point, Poster, mix
from .nature import bird, cloud, ridge


def hot_air_balloons(poster: Poster) -> None:
    """Paint balloons drifting over hills in the first light."""
    poster.backdrop("#7fa8cf", "#b9b6d8", "#f2c3c0", "#fcdcb4", "#fdf0d2")
    poster.glow(260, 1110, 620, "#fff3c8", 0.95)
    for x, y, width in ((760, 330, 420), (170, 560, 340), (840, 900, 460)):
        with poster.fill("#ffffff", "#fde6dc", opacity=0.72) as pen:
            cloud(pen, poster.rng, x, y, width, flat=0.16)
    for i in range(4):
        t = i / 3
        color = mix("#d9b3bd", "#3f5a6e", t)
        with poster.fill(color, mix(color, "#fde3c8", 0.5 * (1 - t))) as pen:
            pen.polygon(ridge(poster, 1150 + 320 * t**1.2, 60, waves=1.7, rough=0.3))
        poster.mist(round(1160 + 320 * t**1.2), round(1300 + 320 * t**1.2), "#fdeeda", 0.5 * (1 - t))
    for x, y, size, colors in (
        (130, 860, 46, ("#d9776a", "#f7e6cf")),
        (890, 690, 66, ("#5b86a8", "#f3e7d2")),
        (250, 330, 120, ("#3f8f8b", "#f7d08a")),
        (760, 1010, 92, ("#8a5f96", "#f7c3a8")),
        (600, 560, 235, ("#d9493f", "#fbf0da")),
    ):
        _balloon(poster, x, y, size, colors)


def _balloon(poster: Poster, x: float, y: float, size: float, colors: tuple[str, str]) -> None:
    def gore(width: float) -> list[Point]:
        side: list[Point] = []
        for i in range(31):
            v = -1 + 2.5 * i / 30
            half = math.sqrt(1 - v * v) if v < 0.25 else 0.968 * (1 - ((v - 0.25) / 1.38) ** 1.5)
            side.append((half, v))
        return [(x + h * width * size, y + v * size) for h, v in side] + [
            (x - h * width * size, y + v * size) for h, v in reversed(side)
        ]

    box = (
        max(0, round(x - size * 1.2)),
        round(y - size * 1.1),
        min(poster.width, round(x + size * 1.2)),
        round(y + size * 2.4),
    )
    with poster.draw(box) as pen:
        for i, width in enumerate((1.0, 0.84, 0.62, 0.36, 0.12)):
            pen.polygon(gore(width), colors[i % 2])
        for dx in (-0.2, 0.2):
            pen.line(
                [(x + dx * size, y + 1.46 * size), (x + dx * 0.75 * size, y + 1.9 * size)],
                max(1, size * 0.014),
                "#6b4a35",
            )
        pen.rectangle(x - size * 0.17, y + size * 1.88, size * 0.34, size * 0.25, "#8a5a38")
        pen.rectangle(x - size * 0.19, y + size * 1.86, size * 0.38, size * 0.06, "#6b4228")
    with poster.fill("#3a2a5c", opacity=0.2, blur=round(size * 0.1)) as pen:
        pen.polygon(gore(0.98))
        pen.ellipse(x - size * 0.3, y - size * 0.15, size * 1.02, size * 1.25, "black")
    poster.glow(x - size * 0.4, y - size * 0.45, size * 0.6, "#ffffff", 0.4)


def desert_dunes(poster: Poster) -> None:
    """Paint dunes with sharp crests, half in the light."""
    poster.backdrop("#e8825a", "#f3a568", "#f9c987", "#fde3b0", bottom=640)
    poster.glow(1130, 330, 520, "#fff3cc", 0.9)
    with poster.fill("#fffae6", "#ffeebd") as pen:
        pen.ellipse(1130, 330, 96)
    for y, color in ((520, "#e9a878"), (560, "#dd9164")):
        with poster.fill(color, mix(color, "#fbd9a4", 0.5)) as pen:
            pen.polygon(ridge(poster, y, 36, waves=2.2, rough=0.26))
    for peak, y, lit, shade, lean in (
        (1220, 560, "#f4b777", "#b4614a", 300),
        (330, 600, "#f5b26a", "#a8523f", 420),
        (1350, 720, "#f2a55c", "#94443a", -420),
        (620, 780, "#f4a956", "#7d3835", 560),
    ):
        _dune(poster, peak, y, (lit, shade), lean)
    with poster.fill("#6f2f33", opacity=0.13, blur=1) as pen:
        for i in range(15):
            y = 900 + i * 9
            pen.line(
                [(float(x), y + 9 * math.sin(x / 95 + i * 0.4)) for x in range(-10, 640 - i * 10, 14)], 2.5
            )
    with poster.draw((180, 120, 560, 330)) as pen:
        for x, y, span in ((300, 230, 50), (380, 200, 36), (440, 245, 28)):
            bird(pen, x, y, span, "#a8523f")


def _dune(poster: Poster, peak: float, y: float, colors: tuple[str, str], lean: float) -> None:
    """Paint a dune whose crest runs from its peak towards the viewer, bending by `lean` pixels."""
    lit, shade = colors

    def back(x: float) -> float:
        return y + 190 * (1 - math.exp(-(((x - peak) / 520) ** 2))) + 8 * math.sin(x / 210 + peak)

    edge = [(float(x), back(x)) for x in range(-10, poster.width + 11, 10)]
    with poster.fill(lit, mix(lit, "#c9703f", 0.5)) as pen:
        pen.polygon([*edge, (poster.width + 10.0, 1010.0), (-10.0, 1010.0)])
    crest = [
        (
            peak + lean * (t / 20 + 0.24 * math.sin(t / 20 * 5.6)),
            back(peak) + (1010 - back(peak)) * (t / 20) ** 1.15,
        )
        for t in range(21)
    ]
    side = [point for point in edge if (point[0] > peak)]
    with poster.fill(shade, mix(shade, lit, 0.45)) as pen:
        pen.polygon([*crest, (poster.width + 10.0, 1010.0), *reversed(side)])
