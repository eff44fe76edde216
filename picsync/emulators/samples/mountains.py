"""Hills and mountains."""

from __future__ import annotations

import math

from PIL import Image, ImageFilter

from .brushes import Poster, mix
from .nature import bird, fir, glitter, height_at, ridge, ripple, stars


def hills_at_dawn(poster: Poster) -> None:
    """Paint seven ranges of misty hills, the sun just above them."""
    poster.backdrop("#6f7fae", "#b9a3c0", "#f3bfae", "#fde0b8", "#fdebd0", "#fdebd0")
    poster.glow(1080, 470, 620, "#fff1cf", 0.9)
    with poster.fill("#fffaf0") as pen:
        pen.ellipse(1080, 430, 62)
    far, near = "#e2b4ae", "#1f2c4a"
    for i in range(7):
        t = i / 6
        color = mix(mix(far, "#8d83ab", min(1, t * 2)), near, max(0.0, t * 1.6 - 0.6))
        outline = ridge(poster, 500 + 420 * t**1.15, 46 + 40 * t, waves=2.4 - t, rough=0.26 + 0.16 * (1 - t))
        with poster.fill(color, mix(color, "#fbd9bf", 0.55 * (1 - t))) as pen:
            pen.polygon(outline)
            if i == 6:
                for x in range(20, 520, 34):
                    tall = poster.rng.uniform(70, 150) * (1 - x / 900)
                    pen.polygon(fir(poster.rng, x, height_at(outline, x) + 12, tall))
        if i < 6:
            y = round(500 + 420 * t**1.15)
            poster.mist(y + 10, y + 150, "#fde3cf", 0.42 * (1 - t))
    with poster.draw((300, 200, 800, 420)) as pen:
        for x, y, span in ((430, 300, 46), (500, 268, 38), (560, 312, 30), (640, 280, 26)):
            bird(pen, x, y, span, "#6a5f80")


def starry_night(poster: Poster) -> None:
    """Paint the Milky Way over snow-capped mountains and a lit tent."""
    poster.backdrop("#060a22", "#0e1a47", "#233575", "#4a569c", "#8a7db5")
    with poster.fill("#a9b4ee", opacity=0.30, blur=70) as pen:
        pen.polygon([(500, -80), (900, -80), (1250, 620), (980, 620)])
    with poster.fill("#f2d6ff", opacity=0.30, blur=34) as pen:
        for _ in range(38):
            t = poster.rng.random()
            pen.ellipse(690 + 420 * t + poster.rng.gauss(0, 46), 600 * t, poster.rng.uniform(14, 44))
    with poster.draw((0, 0, poster.width, 680)) as pen:
        stars(pen, poster, 720, 660, "#2a3a7d")
    for y, height, rock, snow in ((640, 150, "#4a5596", "#c3cbf0"), (740, 140, "#283268", "#8994cf")):
        outline = ridge(poster, y, height, waves=3.2, rough=0.56)
        with poster.fill(snow, mix(snow, rock, 0.9), rock, rock) as pen:
            pen.polygon(outline)
        # The shaded side: a facet below each summit.
        with poster.fill(rock, opacity=0.75) as pen:
            for i in range(3, len(outline) - 5):
                (x0, y0), (x1, y1) = outline[i - 1], outline[i]
                if y1 > y0:
                    pen.polygon([(x0, y0 + 3), (x1, y1), (x1 + 70, y1 + 330), (x0 + 40, y0 + 330)])
        poster.mist(y + 20, y + 220, "#8f8cc4", 0.35)
    outline = ridge(poster, 880, 34, waves=1.6, rough=0.28)
    with poster.fill("#0d1330", "#070a1c") as pen:
        pen.polygon(outline)
        for x in (*range(10, 460, 38), *range(1080, 1600, 36)):
            tall = poster.rng.uniform(110, 230)
            pen.polygon(fir(poster.rng, x, height_at(outline, x) + 14, tall))
    poster.glow(770, 880, 210, "#ffb65c", 0.55)
    with poster.draw((640, 760, 900, 960)) as pen:
        pen.polygon([(690, 915), (770, 808), (850, 915)], "#f79d3c")
        pen.polygon([(690, 915), (770, 808), (750, 915)], "#ffc873")
        pen.polygon([(752, 915), (770, 845), (792, 915)], "#fff0c4")


def northern_lights(poster: Poster) -> None:
    """Paint green and violet curtains over a fjord."""
    poster.backdrop("#040b1f", "#08203a", "#0f3b52", "#1b5a66", top=0, bottom=640)
    with poster.draw((0, 0, poster.width, 560)) as pen:
        stars(pen, poster, 420, 560, "#0c2b45")
    for foot, sway, colors, opacity in (
        (300, 70, ("#b46be0", "#6fe0b5", "#6bf0a8"), 0.55),
        (430, 60, ("#7a5fd0", "#3fdcae", "#a8ffc4"), 0.85),
    ):
        poster.lay(_curtain(poster, foot, sway), *colors, opacity=opacity)
    for y, height, color in ((575, 120, "#12344a"), (610, 70, "#0a2032")):
        with poster.fill(mix(color, "#b8f0e0", 0.35), color, color) as pen:
            pen.polygon([*ridge(poster, y, height, waves=3, rough=0.52)[:-2], (1608, 640), (-8, 640)])
    poster.mirror(640, "#03101f", 0.38)
    with poster.fill("#bff5dc", opacity=0.16) as pen:
        for _ in range(90):
            t = poster.rng.random() ** 1.5
            ripple(pen, poster.rng.uniform(0, 1600), 644 + 350 * t, 60 + 260 * t, 2 + 3 * t)
    with poster.fill("#040d18") as pen:
        shore = ridge(poster, 955, 34, waves=1.3, rough=0.25)
        pen.polygon(shore)
        for x in (60, 118, 165, 240, 1350, 1410, 1492, 1550):
            tall = poster.rng.uniform(150, 300)
            pen.polygon(fir(poster.rng, x, height_at(shore, x) + 20, tall))


def _curtain(poster: Poster, foot: float, sway: float) -> Image.Image:
    """Return the mask of one curtain: columns of light of uneven height over a winding foot line."""
    mask = Image.new("L", (320, 125))
    shift, scale = poster.rng.uniform(0, 9), poster.height / 125
    for x in range(320):
        wave = math.sin(x / 47 + shift) + 0.5 * math.sin(x / 19 + 2 * shift)
        base = (foot + sway * wave) / scale
        ray = 0.55 + 0.3 * math.sin(x / 5.1 + 3 * wave) + 0.15 * math.sin(x / 2.3 + shift)
        tall = (200 + 150 * ray) / scale
        for y in range(max(0, int(base - tall)), min(125, int(base) + 4)):
            up = min(1.0, (base - y) / tall)
            light = (1 - up) ** 1.6 if up > 0 else max(0.0, 1 + up * tall / 4)
            mask.putpixel((x, y), round(235 * light * (0.45 + 0.55 * ray)))
    return mask.filter(ImageFilter.GaussianBlur(1.2))


def first_snow(poster: Poster) -> None:
    """Paint a forest of firs fading into the falling snow."""
    poster.backdrop("#a9bfd3", "#cfdce8", "#e9eff4", "#f6f8fa")
    poster.glow(680, 420, 520, "#fff6e6", 0.9)
    width = poster.width
    for t in (0.0, 0.25, 0.5, 0.75):
        color = mix("#b7c8d8", "#24435c", t**0.9)
        base = 820 + 420 * t
        for _ in range(round(15 - 9 * t)):
            x, tall = poster.rng.uniform(-40, width + 40), poster.rng.uniform(300, 470) * (0.7 + 1.0 * t)
            if t == 0.75 and 260 < x < 740:
                continue
            _snowy_fir(poster, x, base + poster.rng.uniform(-20, 40), tall, color)
        with poster.fill("#fbfcfd", mix("#e4ecf3", "#c3d3e2", t)) as pen:
            pen.polygon(ridge(poster, base + 10, 30 + 20 * t, waves=1.4, rough=0.25))
        poster.mist(round(base - 260), round(base + 80), "#f2f6f9", 0.5 * (1 - t))
    with poster.draw((430, 1180, 660, 1330)) as pen:  # a fox on its way home
        pen.ellipse(545, 1259, 44, 18, "#d9682b")
        pen.polygon([(512, 1258), (455, 1236), (440, 1252), (462, 1268), (515, 1270)], "#d9682b")
        pen.polygon([(462, 1240), (440, 1252), (456, 1262)], "#fff4e8")
        pen.polygon(
            [(572, 1262), (582, 1232), (590, 1240), (600, 1231), (606, 1248), (624, 1258), (590, 1268)],
            "#d9682b",
        )
        pen.polygon([(600, 1254), (624, 1258), (594, 1267)], "#fff4e8")
        for x in (518, 532, 566, 576):
            pen.polygon([(x - 1, 1262), (x + 8, 1262), (x + 5, 1291), (x + 1, 1291)], "#8a3c1c")
    for count, size, blur in ((240, 2.2, 0), (70, 5.0, 2), (16, 12.0, 6)):
        with poster.fill("white", opacity=0.85, blur=blur) as pen:
            for _ in range(count):
                pen.ellipse(
                    poster.rng.uniform(0, width),
                    poster.rng.uniform(0, poster.height),
                    size * poster.rng.uniform(0.6, 1.2),
                )


def _snowy_fir(poster: Poster, x: float, base: float, tall: float, color: str) -> None:
    outline = fir(poster.rng, x, base, tall)
    box = (
        max(0, round(x - tall / 3)),
        max(0, round(base - tall * 1.1)),
        min(poster.width, round(x + tall / 3)),
        min(poster.height, round(base + 20)),
    )
    if box[0] >= box[2] or box[1] >= box[3]:
        return
    with poster.draw(box) as pen:
        pen.polygon(outline, color)
        snow = mix(color, "#ffffff", 0.82)
        for i in range(9):
            y, reach = base - tall * (1 - i / 9), tall * 0.2 * (i + 1) / 9
            for side in (-1, 1):
                tip = (x + side * reach * 0.93, y + tall * 0.128)
                ridge_line = [(x, y - tall * 0.035), (x + side * reach * 0.4, y + tall * 0.01), tip]
                pen.polygon(
                    [
                        *ridge_line,
                        (x + side * reach * 0.5, y + tall * 0.085),
                        (x + side * reach * 0.12, y + tall * 0.05),
                    ],
                    snow,
                )


def winter_cabin(poster: Poster) -> None:
    """Paint a cabin with lit windows on a blue winter evening."""
    poster.backdrop("#1b2a57", "#3f4f8c", "#8c7fb3", "#e3a9b0", "#f6cdb4", bottom=720)
    with poster.draw((0, 0, 1600, 420)) as pen:
        stars(pen, poster, 130, 400, "#5a64a0")
    for y, color in ((560, "#8f90c0"), (620, "#6d75ad")):
        with poster.fill(mix(color, "#f3dfe8", 0.75), color, color) as pen:
            pen.polygon(ridge(poster, y, 110, waves=2.6, rough=0.5))
    for t in (0.0, 0.5):
        base = 690 + 90 * t
        snow = ridge(poster, base, 26, waves=1.7, rough=0.25)
        with poster.fill(mix("#41568f", "#26396b", t)) as pen:
            for _ in range(34 if t == 0 else 14):
                x = poster.rng.uniform(0, 1600)
                if t == 0 or not 560 < x < 1220:
                    pen.polygon(
                        fir(poster.rng, x, height_at(snow, x) + 10, poster.rng.uniform(90, 170) * (1 + t))
                    )
        with poster.fill(mix("#b9bfe6", "#dcdff5", t), "#a9b3e0") as pen:
            pen.polygon(snow)
    with poster.fill("#f1eefb", "#a3aee0", "#7f8fd0") as pen:
        pen.polygon(ridge(poster, 850, 30, waves=1.1, rough=0.2))
    poster.glow(880, 800, 330, "#ffb765", 0.55)
    _cabin(poster)
    with poster.fill("#ffd9a0", opacity=0.5, blur=16) as pen:
        pen.polygon([(800, 868), (860, 868), (840, 960), (720, 960)])
        pen.polygon([(940, 868), (1000, 868), (1060, 960), (950, 960)])
    with poster.fill("#e8dcee", "#e8dcee00"[:7], opacity=0.5, blur=10) as pen:
        for i in range(16):
            pen.ellipse(1010 + 44 * math.sin(i / 4) + 5 * i, 575 - 22 * i, 10 + 2.4 * i)
    _snowy_fir(poster, 250, 960, 520, "#1d3161")
    _snowy_fir(poster, 90, 985, 430, "#16284f")
    _snowy_fir(poster, 1400, 975, 560, "#1a2d5b")


def _cabin(poster: Poster) -> None:
    with poster.draw((640, 560, 1140, 900)) as pen:
        for i in range(9):
            pen.rectangle(730, 735 + i * 15, 320, 15, "#6b3d2e" if i % 2 else "#7a4735")
        pen.polygon([(730, 737), (890, 615), (1050, 737)], "#6b3d2e")
        pen.rectangle(985, 600, 42, 80, "#7d5148")
        pen.rectangle(980, 590, 52, 14, "#f4f2fc")
        pen.polygon([(890, 588), (1098, 744), (1078, 760), (890, 622), (702, 760), (682, 744)], "#f4f2fc")
        pen.polygon([(890, 622), (1078, 760), (1070, 766), (890, 634), (710, 766), (702, 760)], "#b8bfe6")
        for x in (765, 955):
            pen.rectangle(x - 6, 772, 72, 66, "#f0e2cf")
            pen.rectangle(x, 778, 60, 54, "#ffd27a")
            pen.rectangle(x + 28, 778, 4, 54, "#f0e2cf")
            pen.rectangle(x, 803, 60, 4, "#f0e2cf")
        pen.rectangle(862, 775, 58, 95, "#3f2a30")
        pen.ellipse(890, 688, 20, color="#ffd27a")
        pen.ellipse(891, 800, 15, color="#4f8a5b")
        pen.ellipse(891, 800, 8, color="#3f2a30")
        pen.polygon([(700, 880), (730, 862), (1050, 862), (1085, 880)], "#e8e6f8")


def moon_over_the_lake(poster: Poster) -> None:
    """Paint a full moon and its path on the water."""
    poster.backdrop("#0a1738", "#16305f", "#2f5686", "#6f93b0", bottom=600)
    with poster.draw((0, 0, 1600, 460)) as pen:
        stars(pen, poster, 220, 440, "#1b3a69")
    poster.glow(1010, 270, 480, "#cfe4f7", 0.75)
    with poster.fill("#fffbe9", "#f3ead0") as pen:
        pen.ellipse(1010, 270, 104)
    with poster.fill("#d8cfb4", opacity=0.55, blur=6) as pen:
        for x, y, r in ((975, 245, 26), (1040, 300, 34), (1030, 225, 16), (960, 315, 15), (1005, 285, 12)):
            pen.ellipse(x, y, r, r * 0.85)
    for i, (y, height) in enumerate(((500, 120), (550, 90), (585, 46))):
        color = mix("#4f7796", "#0c2140", i / 2)
        outline = ridge(poster, y, height, waves=2.3 + 0.5 * i, rough=0.45)
        with poster.fill(color, mix(color, "#8db0c4", 0.5 - 0.2 * i)) as pen:
            pen.polygon([*outline[:-2], (1608, 600), (-8, 600)])
    poster.mirror(600, "#0b1d3c", 0.35)
    poster.mist(560, 640, "#a9c6d6", 0.4)
    with poster.fill("#fff3cf", "#ffefc0", opacity=0.8) as pen:
        glitter(pen, poster, 1010, 606, (60, 230), "white")
    with poster.draw((430, 720, 760, 860)) as pen:
        pen.polygon([(470, 782), (715, 782), (690, 815), (640, 822), (530, 822), (495, 814)], "#07122a")
        pen.ellipse(590, 738, 12, color="#07122a")
        pen.polygon([(575, 790), (580, 752), (604, 752), (612, 790)], "#07122a")
        pen.line([(600, 762), (660, 800), (700, 840)], 4, "#07122a")
    with poster.fill("#050d20") as pen:
        for _ in range(70):
            root = poster.rng.choice((poster.rng.gauss(70, 90), poster.rng.gauss(1540, 80)))
            tall, lean = poster.rng.uniform(90, 260), poster.rng.uniform(-30, 40)
            pen.polygon([(root - 3, 1005), (root + 3, 1005), (root + lean, 1000 - tall)])
            if tall > 170:
                pen.line([(root + lean * 0.9, 1005 - tall * 0.9), (root + lean, 1000 - tall)], 9)
