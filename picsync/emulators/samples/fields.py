"""Fields, meadows and woods."""

from __future__ import annotations

import math

from .brushes import Pen, Poster, mix, oval, turned
from .nature import cloud, height_at, ridge


def tulip_field(poster: Poster) -> None:
    """Paint rows of tulips that run towards a windmill."""
    horizon = 400
    poster.backdrop("#7fbfe6", "#b5def0", "#eef3e4", bottom=horizon + 10)
    for cx, cy, width in ((330, 200, 460), (1230, 150, 380), (860, 290, 300)):
        with poster.fill("#ffffff", "#f3f7f4", opacity=0.9) as pen:
            cloud(pen, poster.rng, cx, cy, width, flat=0.19)
    with poster.fill("#8fb59a", "#a9c6a4") as pen:
        line = ridge(poster, horizon - 12, 14, waves=9, rough=0.5)
        pen.polygon([*line[:-2], (1608, horizon + 10), (-8, horizon + 10)])
    _windmill(poster, 1130, horizon + 6)
    poster.backdrop("#7fae5f", "#4f8a44", "#35702f", top=horizon)
    rows = ("#e23d4b", "#f7b733", "#f06a9b", "#fdf3e3", "#e8552f", "#9b4fa5", "#ffd84d", "#e23d4b", "#f58fb0")
    with poster.draw((0, horizon, 1600, 1000)) as pen:
        for i in range(-10, 20):
            x = 800 + (i - 4.5) * 330
            pen.polygon(
                [(800 + (i - 4.5) * 6, horizon), (800 + (i - 3.8) * 6, horizon), (x + 235, 1000), (x, 1000)],
                mix(rows[i % 9], "#4f8a44", 0.25),
            )
        depth = 0.0
        while depth < 1.12:
            y = horizon + 8 + 592 * depth**1.7
            scale = 0.02 + depth**1.7
            for i in range(-10, 20):
                for lane in (0.0, 0.22, 0.44, 0.66):
                    x = 800 + (i - 4.5 + lane + 0.02) * 330 * scale + poster.rng.gauss(0, 9 * scale)
                    if -60 < x < 1660:
                        tint = mix(
                            rows[i % 9],
                            poster.rng.choice(("#ffffff", "#7a1030")),
                            poster.rng.uniform(0, 0.16),
                        )
                        _tulip(pen, x, y - 16 * scale * poster.rng.random(), 60 * scale, tint)
            depth += 0.012 + 0.036 * depth


def _tulip(pen: Pen, x: float, y: float, size: float, color: str) -> None:
    if size < 7:
        pen.ellipse(x, y, max(1.2, size * 0.42), max(1.4, size * 0.5), color)
        return
    pen.line([(x, y), (x, y + size * 1.7)], max(1.0, size * 0.09), "#4b8b3b")
    for side in (-1, 1):
        leaf = oval(size * 0.13, size * 0.75, 0.5, 12)
        pen.polygon(
            turned(leaf, x + side * size * 0.26, y + size * 1.25, side * 18),
            "#3f7f36" if side < 0 else "#5a9c48",
        )
    dark = mix(color, "#7a1030", 0.18)
    for side in (-1, 1):
        pen.polygon(
            turned(oval(size * 0.27, size * 0.55, 0.25, 14), x + side * size * 0.2, y, side * 12), dark
        )
    pen.polygon(
        turned(oval(size * 0.28, size * 0.52, 0.2, 14), x, y + size * 0.04, 0), mix(color, "#ffffff", 0.08)
    )


def _windmill(poster: Poster, x: int, base: int) -> None:
    with poster.draw((x - 150, base - 290, x + 150, base)) as pen:
        pen.polygon([(x - 30, base - 150), (x + 30, base - 150), (x + 44, base), (x - 44, base)], "#8c5a44")
        pen.polygon([(x + 8, base - 150), (x + 30, base - 150), (x + 44, base), (x + 12, base)], "#744838")
        pen.polygon(
            [(x - 34, base - 148), (x - 22, base - 184), (x + 22, base - 184), (x + 34, base - 148)],
            "#4b4a52",
        )
        pen.rectangle(x - 52, base - 66, 104, 7, "#f3ead8")
        for y in (120, 95):
            pen.rectangle(x - 8, base - y, 16, 15, "#f3ead8")
        for i in range(4):
            turn = 22 + 90 * i
            pen.polygon(turned([(-2.5, 0), (2.5, 0), (2, -122), (-2, -122)], x, base - 162, turn), "#4b4038")
            pen.polygon(turned([(3, -22), (22, -22), (22, -118), (3, -118)], x, base - 162, turn), "#f7efdf")
        pen.ellipse(x, base - 162, 7, color="#4b4038")


def autumn_birches(poster: Poster) -> None:
    """Paint white trunks before a blaze of leaves."""
    poster.backdrop("#fbe3b0", "#f9d28a", "#f0b45f", "#c97b3a", "#8a4f2c")
    poster.glow(820, 360, 620, "#fff7dc", 0.95)
    leaves = ("#e8892b", "#d9541e", "#f3b13c", "#b93a1e", "#f7cf62")
    for blur, count, size in ((34, 34, 90), (14, 60, 52)):
        for color in leaves:
            with poster.fill(color, opacity=0.62, blur=blur) as pen:
                for _ in range(count // 4):
                    x = poster.rng.uniform(-40, 1640)
                    pen.ellipse(
                        x,
                        poster.rng.uniform(-60, 300) - 0.0002 * (x - 820) ** 2 + 60,
                        size * poster.rng.uniform(0.6, 1.3),
                    )
    with poster.fill("#d98b3c", "#a8602c", "#6d3d24") as pen:
        pen.polygon(ridge(poster, 800, 20, waves=2, rough=0.3))
    for t, count in ((0.0, 12), (0.5, 8), (1.0, 5)):
        for i in range(count):
            x = (i + poster.rng.uniform(0.2, 0.8)) * 1600 / count
            if t < 1 or not 560 < x < 1080:
                _birch(poster, x, 800 + 110 * t, 16 + 34 * t, t)
        poster.mist(560, 880, "#fbd79a", 0.4 * (1 - t))
    with poster.draw() as pen:
        for _ in range(900):
            t = poster.rng.random()
            x, y = poster.rng.uniform(0, 1600), 815 + 185 * t
            pen.polygon(
                turned(oval(4 + 9 * t, 2 + 4 * t, 0.2, 10), x, y, poster.rng.uniform(-30, 30)),
                poster.rng.choice(leaves),
            )
        for _ in range(420):
            x = poster.rng.uniform(0, 1600)
            y = poster.rng.random() ** 1.6 * (230 + 0.0003 * (x - 820) ** 2)
            pen.polygon(
                turned(oval(7, 13, 0.4, 10), x, y, poster.rng.uniform(0, 180)), poster.rng.choice(leaves)
            )
        for _ in range(46):
            pen.polygon(
                turned(
                    oval(6, 12, 0.4, 10),
                    poster.rng.uniform(0, 1600),
                    poster.rng.uniform(250, 800),
                    poster.rng.uniform(0, 180),
                ),
                poster.rng.choice(leaves),
            )


def _birch(poster: Poster, x: float, base: float, width: float, nearness: float) -> None:
    bark = mix("#f6d9a8", "#fbf6ec", nearness)
    mark = mix("#c89a6a", "#3b302c", nearness)
    lean = poster.rng.uniform(-40, 40)
    left, right = max(0, round(x - width - 60)), min(1600, round(x + width + 60))
    with poster.draw((left, 0, right, round(base + 10))) as pen:
        pen.polygon(
            [
                (x - width * 0.62, base),
                (x + width * 0.62, base),
                (x + lean + width * 0.36, -5),
                (x + lean - width * 0.36, -5),
            ],
            bark,
        )
        pen.polygon(
            [
                (x + width * 0.2, base),
                (x + width * 0.62, base),
                (x + lean + width * 0.36, -5),
                (x + lean + width * 0.1, -5),
            ],
            mix(bark, "#8f7a74", 0.3),
        )
        y = 0.0
        while y < base - 10:
            middle, half = x + lean * (1 - y / base), width * (0.36 + 0.26 * y / base)
            side = poster.rng.choice((-1, 1))
            reach = half * poster.rng.uniform(0.4, 1.2)
            thick = width * poster.rng.uniform(0.03, 0.13)
            edge = middle + side * half
            pen.polygon([(edge, y - thick), (edge - side * reach, y), (edge, y + thick)], mark)
            y += poster.rng.uniform(14, 62)


def rainbow(poster: Poster) -> None:
    """Paint sheep under a rainbow after the rain."""
    poster.backdrop("#6f8fae", "#9fb9c9", "#d5e3dc", "#f7f0d8", bottom=760)
    with poster.fill("#5b7590", "#8ba5b8", opacity=0.75, blur=14) as pen:
        for i in range(40):
            x = 30 * i + poster.rng.gauss(0, 20)
            pen.ellipse(x - 60, 130 - 0.11 * x + poster.rng.gauss(0, 16), 90, 62 - 0.025 * x)
    with poster.fill("#5b7590", "#c9d8d8", opacity=0.3, blur=10) as pen:
        for x in range(20, 760, 46):
            pen.polygon([(x, 160), (x + 16, 160), (x - 104, 640), (x - 140, 640)])
    bands = ("#e8574c", "#f39a45", "#f8dc5c", "#7cc576", "#4fa3d9", "#5a67b8", "#9a62b0")
    for i, color in enumerate(bands):
        with poster.fill(color, opacity=0.6, blur=3) as pen:
            pen.ellipse(980, 860, 640 - i * 19)
            pen.ellipse(980, 860, 640 - (i + 1) * 19, color="black")
    with poster.fill("#ffffff", "#eef3ee", opacity=0.9) as pen:
        cloud(pen, poster.rng, 1390, 300, 340, flat=0.2)
    slopes = []
    for level, top, low in (
        (610, "#b5cf9a", "#8fb87a"),
        (700, "#a4cc6f", "#6fa653"),
        (800, "#9ccb57", "#3f8440"),
    ):
        outline = ridge(poster, level, 60, waves=1.5, rough=0.24)
        slopes.append(outline)
        with poster.fill(top, low, low) as pen:
            pen.polygon(outline)
    x, y = 380.0, height_at(slopes[1], 380)
    with poster.fill("#7fb04f", "#4f8a42", "#3b6f3a") as pen:
        for _ in range(60):
            a, r = poster.rng.uniform(0, 6.3), 92 * poster.rng.random() ** 0.5
            pen.ellipse(x + r * math.cos(a) * 1.15, y - 172 + r * math.sin(a), poster.rng.uniform(16, 30))
    with poster.draw((0, 500, 1600, 1000)) as pen:
        pen.polygon([(x - 9, y + 12), (x - 6, y - 100), (x + 6, y - 100), (x + 10, y + 12)], "#6b4a35")
        for sx, size in ((760, 34), (900, 42), (1060, 37), (1230, 46), (640, 30), (1390, 36)):
            _sheep(pen, sx, height_at(slopes[2], sx) + 30 + size * 1.3 * ((sx // 10) % 3), size)
        for _ in range(260):
            fx, fy = poster.rng.uniform(0, 1600), poster.rng.uniform(880, 1000)
            pen.ellipse(
                fx, fy, poster.rng.uniform(2, 5), color=poster.rng.choice(("#fff6e0", "#f9d24c", "#f58fb0"))
            )


def _sheep(pen: Pen, x: float, y: float, size: float) -> None:
    side = 1 if round(x) % 3 else -1
    for dx in (-0.45, -0.2, 0.25, 0.5):
        pen.rectangle(x + dx * size - 2, y, 5, size * 0.72, "#4a4048")
    for i in range(11):
        a = 2 * math.pi * i / 11
        pen.ellipse(
            x + 0.55 * size * math.cos(a),
            y - 0.05 * size + 0.3 * size * math.sin(a),
            size * 0.3,
            color="#efe9dc",
        )
    pen.ellipse(x, y - size * 0.1, size * 0.7, size * 0.4, "#fdfaf2")
    pen.ellipse(x + side * size * 0.85, y - size * 0.22, size * 0.22, size * 0.28, "#4a4048")
    pen.ellipse(x + side * size * 0.72, y - size * 0.4, size * 0.2, size * 0.13, "#fdfaf2")


def lavender(poster: Poster) -> None:
    """Paint lavender rows in the evening sun, a lone tree at their end."""
    horizon = 430
    poster.backdrop("#7f86c4", "#c79bc0", "#f7b79a", "#ffdca8", bottom=horizon + 10)
    poster.glow(420, horizon - 30, 560, "#fff0c0", 0.95)
    with poster.fill("#fffbe6") as pen:
        pen.ellipse(420, horizon - 46, 54)
    for y, color in ((395, "#c79ab8"), (415, "#9c7fae")):
        with poster.fill(color, mix(color, "#fcd2b0", 0.4)) as pen:
            pen.polygon(ridge(poster, y, 34, waves=2.4, rough=0.35))
    poster.backdrop("#c9a07f", "#8c6b6a", "#54405c", top=horizon)
    centre = 980.0
    for i in range(-12, 10):
        x = centre + (i + 0.5) * 300
        top = centre + (i + 0.5) * 10
        with poster.fill("#c59bd0", "#8a5fc0", "#5b3a9c") as pen:
            pen.polygon([(top - 4, horizon), (top + 4, horizon), (x + 116, 1000), (x - 116, 1000)])
    with poster.draw((0, horizon, 1600, 1000)) as pen:
        depth = 0.03
        while depth < 1.1:
            scale = depth**1.7
            for i in range(-12, 10):
                for _ in range(7):
                    across = poster.rng.gauss(0, 0.19)
                    x = centre + (i + 0.5 + across) * (10 + 290 * scale)
                    if -20 < x < 1620:
                        y = horizon + 570 * scale + abs(across) * 90 * scale
                        light = max(0.0, min(1.0, 0.42 - across * 1.3 + poster.rng.gauss(0, 0.17)))
                        sprig = turned(
                            oval(1 + 6 * scale, 2 + 24 * scale, 0.3, 8), x, y, poster.rng.uniform(-14, 14)
                        )
                        pen.polygon(
                            sprig, mix("#4a2f8a", mix("#d9a8e8", "#ffd0b0", 0.4 * (1 - scale)), light)
                        )
            depth += 0.012 + 0.03 * depth
    with poster.draw((850, 230, 1300, 445)) as pen:
        pen.polygon([(1132, 380), (1212, 380), (1212, 436), (1132, 436)], "#e8c2a0")
        pen.polygon([(1212, 380), (1252, 384), (1252, 436), (1212, 436)], "#b98f8c")
        pen.polygon([(1122, 384), (1150, 352), (1226, 352), (1262, 386)], "#a8604f")
        pen.rectangle(1160, 396, 14, 18, "#6b5a78")
        pen.polygon([(972, 436), (977, 380), (985, 380), (990, 436)], "#5b4a5c")
        for _ in range(70):
            a, r = poster.rng.uniform(0, 6.3), 62 * poster.rng.random() ** 0.5
            x, y = 980 + r * math.cos(a) * 1.15, 340 + r * math.sin(a)
            pen.ellipse(
                x,
                y,
                poster.rng.uniform(9, 18),
                color=mix("#c9a45c", "#2f5a4c", min(1, max(0.1, (x - 905) / 110))),
            )
