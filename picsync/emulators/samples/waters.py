"""The open sea."""

from __future__ import annotations

import math

from .brushes import Poster, mix, placed
from .nature import bird, cloud, glitter, ridge, ripple


def sunset_at_sea(poster: Poster) -> None:
    """Paint the sun half under, its path on the water."""
    poster.backdrop("#2d2a5c", "#7a3d74", "#d9596a", "#fb9c62", "#ffd890", bottom=590)
    poster.glow(800, 590, 760, "#ffe7a3", 0.8)
    for y, x, width, color in (
        (170, 420, 620, "#b5506f"),
        (250, 1150, 760, "#d0606c"),
        (345, 520, 520, "#f08a68"),
    ):
        with poster.fill(mix(color, "#ffd9a0", 0.45), color, opacity=0.75) as pen:
            for _ in range(7):
                ripple(
                    pen,
                    x + poster.rng.gauss(0, width / 4),
                    y + poster.rng.gauss(0, 11),
                    width * poster.rng.uniform(0.4, 0.9),
                    20,
                )
    with poster.fill("#fffbe0", "#ffe9a8") as pen:
        pen.ellipse(800, 560, 118)
        pen.rectangle(600, 590, 400, 140, "black")
    poster.backdrop("#e58a68", "#a8506f", "#583064", "#1f1c46", top=590)
    with poster.fill("#3a2458", opacity=0.35) as pen:
        for _ in range(150):
            t = poster.rng.random() ** 1.3
            ripple(pen, poster.rng.uniform(0, 1600), 594 + 406 * t, 70 + 300 * t, 3 + 9 * t)
    with poster.fill("#fff2c0", "#ffcf86", "#ff9f6a", opacity=0.9) as pen:
        glitter(pen, poster, 800, 590, (112, 250), "white")
    with poster.fill("#7d3f68", "#5e2f5e") as pen:
        land = [p for p in ridge(poster, 562, 44, waves=2.2, rough=0.4)[:-2] if p[0] > 1130]
        taper = [(x, 590 - (590 - y) * min(1, (x - 1130) / 160)) for x, y in land]
        pen.polygon([*taper, (1608, 591), (1130, 591)])
    with poster.draw((300, 150, 760, 480)) as pen:
        for x, y, span in ((400, 400, 66), (480, 340, 48), (560, 425, 38), (330, 330, 30)):
            bird(pen, x, y, span, "#4a2450")


def sailboats(poster: Poster) -> None:
    """Paint a regatta of small boats on a bright morning."""
    poster.backdrop("#8ccbd6", "#bfe3dd", "#f1efd6", "#fbe6c4", bottom=480)
    poster.glow(360, 250, 420, "#fff8dc", 0.9)
    with poster.fill("#fffdf0") as pen:
        pen.ellipse(360, 250, 66)
    for x, y, width in ((980, 200, 380), (1360, 300, 260), (640, 330, 200)):
        with poster.fill("#ffffff", "#fdf6e6", opacity=0.85) as pen:
            cloud(pen, poster.rng, x, y, width, flat=0.2)
    for y, color in ((455, "#a3cdc9"), (468, "#76b0b3")):
        with poster.fill(color, mix(color, "#f5ead0", 0.35)) as pen:
            pen.polygon(ridge(poster, y, 26, waves=2.5, rough=0.4))
    poster.backdrop("#7cc4c6", "#3f9fac", "#1f7b93", "#135d7c", top=480)
    with poster.fill("#e9fbf2", opacity=0.28) as pen:
        for _ in range(190):
            t = poster.rng.random() ** 1.4
            ripple(pen, poster.rng.uniform(0, 1600), 486 + 510 * t, 40 + 190 * t, 2 + 8 * t)
    for x, y, size, sail in (
        (1390, 530, 90, "#f6c65b"),
        (700, 545, 105, "#ffffff"),
        (1120, 600, 175, "#e2574c"),
        (250, 640, 215, "#f7f3e8"),
        (820, 800, 390, "#f2a03d"),
    ):
        _boat(poster, x, y, size, sail)


def _boat(poster: Poster, x: float, y: float, size: float, sail: str) -> None:
    with poster.fill(sail, mix(sail, "#1f7b93", 0.7), opacity=0.42) as pen:
        for i in range(14):
            t = i / 13
            middle = x + poster.rng.gauss(0, size * 0.03)
            ripple(pen, middle, y + size * (0.1 + 0.62 * t), size * 0.75 * (1.05 - t), size * 0.04)
    # In boat lengths, from the foot of the mast.
    bends = [(t / 12, math.sin(t / 12 * math.pi / 2)) for t in range(13)]
    main = [(0.03, -0.08), *((0.03 + 0.46 * bend, -1.15 + 1.07 * t**1.25) for t, bend in bends)]
    jib = [(-0.02, -0.14), *((-0.02 - 0.34 * bend**1.3, -1.05 + 0.95 * t**1.1) for t, bend in bends)]
    seam = mix(sail, "#704020", 0.25)
    with poster.draw(poster.around(x, y - size / 2, size)) as pen:
        pen.polygon(placed(main, x, y, size), sail)
        pen.polygon(placed(jib, x, y, size), mix(sail, "#ffffff", 0.55))
        for up, reach in ((0.35, 0.38), (0.6, 0.28)):
            pen.line(placed([(0.03, -up), (reach, 0.02 - up)], x, y, size), size * 0.008, seam)
        pen.line([(x, y), (x, y - size * 1.2)], size * 0.022, "#6b4a35")
        pen.polygon(placed([(-0.46, -0.06), (0.5, -0.06), (0.38, 0.1), (-0.3, 0.1)], x, y, size), "#fdfaf0")
        pen.polygon(placed([(-0.38, 0.03), (0.44, 0.03), (0.38, 0.1), (-0.3, 0.1)], x, y, size), "#24435c")
        pen.polygon(placed([(0, -1.2), (0.13, -1.165), (0, -1.13)], x, y, size), "#e2574c")


def lighthouse(poster: Poster) -> None:
    """Paint a striped lighthouse that has just been lit."""
    poster.backdrop("#21456b", "#4d7f98", "#a9b9b3", "#f3c9a0", "#fbb88a", bottom=1010)
    with poster.draw((0, 0, 1000, 420)) as pen:
        stars_at = [(poster.rng.uniform(0, 1000), poster.rng.uniform(0, 380)) for _ in range(60)]
        for x, y in stars_at:
            pen.ellipse(x, y, poster.rng.uniform(0.8, 2), color="#cfe0e6")
    for x, y, width in ((220, 640, 420), (860, 760, 380), (330, 850, 300)):
        with poster.fill("#fde0c0", "#e9b7a0", opacity=0.7) as pen:
            cloud(pen, poster.rng, x, y, width, flat=0.14)
    poster.backdrop("#e0a98c", "#5f8f9c", "#2d6480", "#173f5f", top=1010)
    with poster.fill("#fff0d8", opacity=0.3) as pen:
        for _ in range(110):
            t = poster.rng.random() ** 1.3
            ripple(pen, poster.rng.uniform(0, 1000), 1014 + 480 * t, 40 + 170 * t, 2 + 8 * t)
    with poster.fill("#fff3c4", opacity=0.42, blur=9) as pen:
        pen.polygon([(640, 452), (-60, 250), (-60, 520)])
        pen.polygon([(640, 452), (1060, 380), (1060, 505)])
    with poster.fill("#5d7a58", "#3d5a4c", "#37404a", "#252f3d") as pen:
        pen.polygon(
            [
                (330, 1180),
                (400, 1110),
                (470, 1085),
                (560, 1050),
                (760, 1045),
                (860, 1020),
                (1010, 1010),
                (1010, 1510),
                (250, 1510),
                (300, 1400),
                (285, 1310),
                (340, 1250),
            ]
        )
    with poster.fill("#232c3a", opacity=0.55) as pen:
        for points in (
            ((340, 1250), (430, 1200), (400, 1330), (470, 1520), (250, 1520), (300, 1400), (285, 1310)),
            ((640, 1180), (760, 1130), (720, 1300), (800, 1510), (620, 1510)),
        ):
            pen.polygon(points)
    _tower(poster)
    with poster.fill("#f4fbf8", opacity=0.75, blur=1) as pen:
        for i in range(18):
            y = 1236 + 264 * i / 17
            shore = 330 - 0.2 * abs(y - 1250) if y < 1400 else 292
            ripple(
                pen,
                shore + poster.rng.gauss(-40, 16),
                y,
                poster.rng.uniform(40, 110),
                poster.rng.uniform(4, 8),
            )
    with poster.draw((40, 480, 420, 760)) as pen:
        for x, y, span in ((190, 600, 60), (270, 550, 44), (130, 690, 40)):
            bird(pen, x, y, span, "#f7f4ec")


def _tower(poster: Poster) -> None:
    with poster.draw((460, 340, 1000, 1080)) as pen:
        pen.polygon([(790, 965), (905, 965), (905, 1042), (790, 1050)], "#f3e9da")
        pen.polygon([(775, 968), (848, 905), (920, 968)], "#b5483f")
        pen.rectangle(812, 990, 24, 28, "#ffd27a")
        pen.rectangle(860, 990, 24, 28, "#ffd27a")

        def half(y: float) -> float:
            return 44 + 42 * (y - 510) / 550

        for i in range(5):
            y0, y1 = 510 + i * 110, 620 + i * 110
            color = "#d9493f" if i % 2 else "#faf4e8"
            pen.polygon(
                [(640 - half(y0), y0), (640 + half(y0), y0), (640 + half(y1), y1), (640 - half(y1), y1)],
                color,
            )
            pen.polygon(
                [
                    (640 + half(y0) * 0.3, y0),
                    (640 + half(y0), y0),
                    (640 + half(y1), y1),
                    (640 + half(y1) * 0.3, y1),
                ],
                mix(color, "#3a3f66", 0.22),
            )
        for y in (570, 790):
            pen.rectangle(628, y, 22, 36, "#2d3f55")
        pen.rectangle(618, 985, 44, 75, "#2d3f55")
        pen.rectangle(575, 498, 130, 14, "#2a3346")
        pen.rectangle(605, 412, 70, 86, "#ffeaa0")
        for x in (605, 638, 671):
            pen.rectangle(x, 412, 4, 86, "#2a3346")
        for x in range(578, 706, 14):
            pen.rectangle(x, 470, 3, 30, "#2a3346")
        pen.rectangle(575, 468, 130, 4, "#2a3346")
        pen.polygon([(594, 414), (640, 362), (686, 414)], "#d9493f")
        pen.ellipse(640, 360, 8, color="#d9493f")
    poster.glow(640, 452, 190, "#fff2b8", 0.95)
