"""Windows, balconies and blossoms."""

from __future__ import annotations

import math

from .brushes import Pen, Poster, mix, oval, turned


def flower_window(poster: Poster) -> None:
    """Paint a window with blue shutters and a box of geraniums."""
    poster.backdrop("#f4d9ae", "#efcb98", "#e6b985")
    poster.glow(200, 160, 900, "#fff3d6", 0.7)
    with poster.fill("#b07a4e", opacity=0.22, blur=3) as pen:
        for _ in range(16):
            x, y = poster.rng.uniform(0, 1250), poster.rng.uniform(0, 1250)
            ripple_width = poster.rng.uniform(40, 150)
            pen.polygon(
                [(x, y), (x + ripple_width, y + poster.rng.uniform(-4, 4)), (x + ripple_width * 0.8, y + 4)]
            )
    with poster.fill("#7a4f35", opacity=0.4, blur=14) as pen:
        pen.rectangle(150, 190, 970, 720)
    _casement(poster)
    with poster.draw((300, 840, 960, 1010)) as pen:
        pen.polygon([(330, 880), (930, 880), (905, 995), (355, 995)], "#b3603d")
        pen.rectangle(320, 868, 620, 26, "#c87349")
        pen.polygon([(345, 950), (915, 950), (905, 995), (355, 995)], "#9c5033")
    with poster.draw((240, 640, 1020, 1200)) as pen:
        for _ in range(230):
            x = poster.rng.uniform(310, 945)
            y = 880 + poster.rng.gauss(-26, 40) + (60 if poster.rng.random() < 0.22 else 0)
            green = mix("#3f7d4a", "#8fbf62", poster.rng.random())
            pen.polygon(turned(oval(13, 21, 0.25, 12), x, y, poster.rng.uniform(-70, 70)), green)
        for x in (360, 470, 770, 890):  # ivy that hangs over the edge
            for i in range(poster.rng.randint(7, 12)):
                at = (x + 16 * math.sin(i * 0.9 + x) + poster.rng.gauss(0, 4), 890 + i * 21)
                pen.polygon(
                    turned(oval(11, 17, 0.4, 12), *at, poster.rng.uniform(-60, 60)),
                    mix("#2f6b45", "#7fb35c", poster.rng.random()),
                )
        tints = ("#e03a4e", "#f0647d", "#e03a4e", "#fbeef0", "#f58b5c", "#d32f5f")
        for i in range(21):
            x, y = 325 + i * 30 + poster.rng.gauss(0, 8), 815 + poster.rng.gauss(0, 36)
            pen.line([(x, y), (x + poster.rng.gauss(0, 8), 890)], 3, "#4b8b4b")
            _geranium(poster, pen, x, y, tints[i % 6])


def _geranium(poster: Poster, pen: Pen, x: float, y: float, color: str) -> None:
    for ring, count in ((26, 11), (14, 7), (0, 1)):
        for i in range(count):
            a = 2 * math.pi * i / count + ring
            tone = mix(mix(color, "#8c1030", 0.25), mix(color, "#ffffff", 0.35), poster.rng.random())
            pen.ellipse(
                x + ring * math.cos(a), y + ring * 0.8 * math.sin(a), poster.rng.uniform(8, 12), color=tone
            )


def _casement(poster: Poster) -> None:
    with poster.draw((120, 150, 1130, 920)) as pen:
        pen.rectangle(352, 170, 546, 716, "#fbf4e6")
    with poster.fill("#6f9fb8", "#a9cbd3", "#dfe6d6", "#5f8a86") as pen:
        for x in (382, 636):
            pen.rectangle(x, 200, 232, 660)
    with poster.fill("#ffffff", opacity=0.28) as pen:
        for x in (382, 636):
            pen.polygon([(x + 30, 200), (x + 130, 200), (x, 470), (x, 290)])
            pen.polygon([(x + 232, 420), (x + 232, 520), (x + 60, 860), (x + 10, 860)])
    with poster.fill("#fffaf0", "#fdeedd", opacity=0.88) as pen:  # lace curtains, drawn open
        for x, side in ((382, 1), (868, -1)):
            pen.polygon(
                [
                    (x, 200),
                    (x + side * 150, 200),
                    (x + side * 120, 400),
                    (x + side * 40, 560),
                    (x + side * 58, 860),
                    (x, 860),
                ]
            )
    with poster.draw((120, 150, 1130, 920)) as pen:
        for y in (410, 630):
            pen.rectangle(370, y, 510, 13, "#fbf4e6")
        pen.rectangle(612, 190, 26, 680, "#fbf4e6")
        for left in (150, 908):
            pen.rectangle(left, 176, 192, 704, "#3f7fa6")
            pen.rectangle(left + 14, 192, 164, 672, "#35709a")
            for y in range(200, 850, 24):
                if not 505 < y < 545:
                    pen.rectangle(left + 22, y, 148, 14, "#5b9abf")
                    pen.rectangle(left + 22, y + 10, 148, 4, "#2b6087")
        pen.rectangle(335, 872, 580, 22, "#e2c9a4")


def cherry_branch(poster: Poster) -> None:
    """Paint blossoms in front of a pale sun."""
    poster.backdrop("#bfe0ea", "#dcecea", "#fbeee6", "#fde0dc")
    poster.glow(760, 480, 520, "#fffaf0", 0.9)
    with poster.fill("#fff4e4", "#ffd9c4", opacity=0.95) as pen:
        pen.ellipse(760, 500, 290)
    for color, blur in (("#f9c6d3", 24), ("#ffffff", 18)):
        with poster.fill(color, opacity=0.5, blur=blur) as pen:
            for _ in range(15):
                pen.ellipse(
                    poster.rng.uniform(0, 1250), poster.rng.uniform(0, 1250), poster.rng.uniform(18, 60)
                )
    twigs = (
        ((-20, 980), (200, 880), (430, 800), (640, 640), (860, 560), (1080, 380), (1180, 330)),
        ((430, 800), (560, 850), (720, 830), (860, 880), (960, 860)),
        ((640, 640), (660, 500), (760, 380), (800, 270)),
        ((200, 880), (260, 720), (380, 600), (410, 500)),
        ((860, 560), (990, 590), (1110, 560)),
    )
    with poster.draw() as pen:
        for i, twig in enumerate(twigs):
            start = 34 if i == 0 else 16
            for j in range(len(twig) - 1):
                thick = start * (1 - 0.8 * j / (len(twig) - 1))
                pen.line([twig[j], twig[j + 1]], thick, "#5a3a35")
                pen.ellipse(*twig[j + 1], thick / 2, color="#5a3a35")
        spots = [point for twig in twigs for point in twig[1:]]
        for x, y in spots:
            for _ in range(poster.rng.randint(2, 4)):
                at = (x + poster.rng.gauss(0, 48), y + poster.rng.gauss(0, 40))
                _blossom(pen, *at, poster.rng.uniform(34, 56), poster.rng.uniform(0, 72), poster.rng.random())
            for _ in range(3):
                pen.polygon(
                    turned(
                        oval(9, 14, 0.1, 12),
                        x + poster.rng.gauss(0, 60),
                        y + poster.rng.gauss(0, 50),
                        poster.rng.uniform(0, 180),
                    ),
                    "#e5739a",
                )
        for _ in range(26):
            tone = mix("#f9b8cc", "#ffffff", poster.rng.random())
            pen.polygon(
                turned(
                    oval(8, 14, 0.3, 12),
                    poster.rng.uniform(0, 1250),
                    poster.rng.uniform(650, 1250),
                    poster.rng.uniform(0, 180),
                ),
                tone,
            )


def _blossom(pen: Pen, x: float, y: float, size: float, turn: float, paleness: float) -> None:
    color = mix("#f5a3bd", "#fff1f4", paleness)
    for ring in (1.0, 0.9):
        for i in range(5):
            a = turn + 72 * i
            cx, cy = x + size * 0.52 * math.sin(math.radians(a)), y - size * 0.52 * math.cos(math.radians(a))
            tone = mix(color, "#d9638c", 0.35) if ring == 1.0 else color
            pen.polygon(turned(oval(size * 0.4 * ring, size * 0.5 * ring, 0.0, 18), cx, cy, a), tone)
    pen.ellipse(x, y, size * 0.22, color=mix(color, "#d9386c", 0.5))
    for i in range(10):
        a = math.radians(turn + 36 * i)
        tip = (x + size * 0.42 * math.sin(a), y - size * 0.42 * math.cos(a))
        pen.line([(x, y), tip], 1.5, "#c24a78")
        pen.ellipse(*tip, 3, color="#f6c445")


def evening_lanterns(poster: Poster) -> None:
    """Paint paper lanterns over a balcony, the lights of the town below."""
    poster.backdrop("#141a45", "#2c2c66", "#5a4183", "#a8618c", "#e8916f")
    for color, blur, count in (
        ("#ffcf7a", 10, 26),
        ("#ff9d6c", 14, 20),
        ("#f7e3b4", 4, 34),
        ("#9fb8f0", 8, 12),
    ):
        with poster.fill(color, opacity=0.5, blur=blur) as pen:
            for _ in range(count):
                y = 1000 - abs(poster.rng.gauss(0, 150))
                pen.ellipse(poster.rng.uniform(0, 1250), y, poster.rng.uniform(5, 9) + blur * 1.6)
    with poster.fill("#fff6de") as pen:
        pen.ellipse(1010, 190, 66)
        pen.ellipse(980, 172, 60, color="black")
    colors = ("#ff7a59", "#ffc04d", "#f7567c", "#fff0c2", "#7fd1ae", "#ff9f4d")
    at = [
        (95 + i * 212, 330 + 120 * math.sin((95 + i * 212) / 1250 * math.pi) + (34 if i % 2 else 0))
        for i in range(6)
    ]
    with poster.draw((0, 200, 1250, 560)) as pen:
        rope = [(float(x), 262 + 122 * math.sin(x / 1250 * math.pi)) for x in range(-10, 1270, 20)]
        pen.line(rope, 3, "#1c1838")
    for (x, y), color in zip(at, colors, strict=True):
        y += 40
        poster.glow(x, y, 250, mix(color, "#ffd890", 0.5), 0.6)
        with poster.draw((round(x - 90), round(y - 140), round(x + 90), round(y + 150))) as pen:
            pen.line([(x, y - 130), (x, y - 70)], 2.5, "#1c1838")
        with poster.fill(
            mix(color, "#ffffff", 0.25), mix(color, "#fff3c0", 0.62), mix(color, "#fff3c0", 0.5), color
        ) as pen:
            pen.ellipse(x, y, 78, 72)
        with poster.draw((round(x - 90), round(y - 140), round(x + 90), round(y + 150))) as pen:
            for v in (-0.72, -0.42, -0.1, 0.22, 0.52, 0.8):
                half = 78 * math.sqrt(1 - v * v)
                pen.line(
                    [(x - half, y + v * 72), (x, y + v * 72 + 7), (x + half, y + v * 72)],
                    1.6,
                    mix(color, "#a04030", 0.35),
                )
            pen.rectangle(x - 26, y - 76, 52, 10, "#3a2440")
            pen.rectangle(x - 22, y + 66, 44, 9, "#3a2440")
            pen.line([(x, y + 74), (x, y + 120)], 3, mix(color, "#3a2440", 0.3))
    _railing(poster)


def _railing(poster: Poster) -> None:
    with poster.draw((0, 780, 1250, 1250)) as pen:
        pen.rectangle(0, 930, 1250, 20, "#1a1433")
        pen.rectangle(0, 1185, 1250, 65, "#1a1433")
        for x in range(20, 1250, 62):
            pen.rectangle(x, 940, 9, 260, "#1a1433")
            pen.ellipse(x + 4.5, 1070, 15, 26, "#1a1433")
        for x, wide, leaf in ((170, 74, "#2f5d55"), (1060, 92, "#3a6a52")):
            pen.polygon(
                [(x - wide, 1010), (x + wide, 1010), (x + wide * 0.72, 1185), (x - wide * 0.72, 1185)],
                "#7a3f4c",
            )
            pen.rectangle(x - wide * 1.08, 1000, wide * 2.16, 26, "#93505a")
            for _ in range(90):
                turn = poster.rng.gauss(0, 48)
                reach = poster.rng.uniform(40, 190)
                cx, cy = x + reach * math.sin(math.radians(turn)), 1005 - reach * math.cos(math.radians(turn))
                pen.polygon(
                    turned(oval(11, 30, 0.4, 12), cx, cy, turn),
                    mix(leaf, "#e8a070", poster.rng.uniform(0, 0.45)),
                )
            for _ in range(12):
                pen.ellipse(x + poster.rng.gauss(0, 60), 890 + poster.rng.gauss(0, 50), 11, color="#f7859a")
