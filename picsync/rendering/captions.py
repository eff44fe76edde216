"""Draws captions: white text on a dark veil at the bottom of a picture. Only workers import this module.

The fonts are those of packages, one for each family of scripts. A line is drawn in pieces, each in the first
font that has its characters. Characters that no font has are left out: a frame never shows boxes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from importlib import resources
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, features

from picsync.core.caption import PLACE, Details, clean, read
from picsync.core.recipe import Recipe
from picsync.core.values import dataclass
from picsync.media.dates import date_parts
from picsync.rendering import places

_FONTS = (
    ("fontpkg_noto_sans", "files/NotoSans[wdth,wght].ttf"),
    ("fontpkg_heebo", "files/Heebo[wght].ttf"),
    ("fontpkg_noto_sans_arabic", "files/NotoSansArabic[wdth,wght].ttf"),
    ("fontpkg_noto_sans_thai", "files/NotoSansThai[wdth,wght].ttf"),
    ("fontpkg_noto_sans_tamil", "files/NotoSansTamil[wdth,wght].ttf"),
    ("fontpkg_noto_sans_telugu", "files/NotoSansTelugu[wdth,wght].ttf"),
    ("fontpkg_noto_sans_khmer", "files/NotoSansKhmer[wdth,wght].ttf"),
    ("noto_cjk_sans_otc", "NotoSansCJK-Regular.ttc"),
)
"""Packages and their files, most common first: Latin, Greek, Cyrillic and Devanagari; Hebrew; Arabic; Thai;
Tamil; Telugu; Khmer; Chinese, Japanese and Korean, which is an extra."""
_SHAPED_FROM = 0x0590
"""Scripts from here to the Khmer one need a library that joins letters and orders lines."""
_SHAPED_TO = 0x18FF
_CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")
_ABSENT = "\U0010ffff"
"""No font has this character."""
_LEAST_SIZE = 11
"""Pixels; smaller letters cannot be read."""
_SIZE, _SHAPE = 0.042, 1.6
"""Size of the letters, as a share of the height of a frame of that shape which shows the whole picture."""
_NARROW = 14
"""At least so many letters of full width fit on a line."""
_MOST_LINES, _MOST_LINES_UPRIGHT = 2, 3
"""A picture that is higher than wide has room for more, shorter lines."""
_MOST_HEIGHT = 0.5
"""Share of a picture that a caption may cover."""
_VEIL = 0.62
"""How dark the veil is behind the text."""
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Told:
    """What a picture's metadata tells for a caption."""

    description: str = ""
    position: tuple[float, float] | None = None
    taken: datetime | None = None


@dataclass(frozen=True, slots=True)
class Caption:
    """The text to draw, of characters that fonts have, and what is to be said about it."""

    text: str = ""
    notes: tuple[str, ...] = ()


def caption(recipe: Recipe, told: Told, about: Details) -> Caption:
    """Return the caption of a picture; its text is empty if there is nothing to say."""
    template = read(recipe.caption)
    values = {"description": told.description, "filename": about.filename, "album": about.album}
    if template.uses(PLACE) and told.position is not None:
        values[PLACE] = places.near(*told.position)
    missing: dict[str, None] = {}
    values = {name: _drawable(clean(value), missing) for name, value in values.items()}
    text = _drawable(template.fill(values, told.taken, date_parts(recipe.language)), missing)
    return Caption(clean(text), _note(missing) if any(template.uses(name) for name in values) else ())


def _note(missing: dict[str, None]) -> tuple[str, ...]:
    if not missing:
        return ()
    shown = " ".join(list(missing)[:5])
    asian = any(unicodedata.name(each, "").startswith(_CJK) for each in missing)
    remedy = " Install picsync with the extra `cjk`." if asian else ""
    return (f"Its caption lacks characters that no installed font has: {shown}.{remedy}",)


# --- fonts --------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _files() -> tuple[Path, ...]:
    """Return the font files that are installed."""
    found = []
    for package, name in _FONTS:
        try:
            file = Path(str(resources.files(package))) / name
        except ModuleNotFoundError:
            continue
        if file.is_file():
            found.append(file)
    return tuple(found)


@lru_cache(maxsize=1)
def _shapes() -> bool:
    """Whether letters can be joined and lines be ordered, as some scripts need it."""
    return features.check_feature("raqm") is True and bool(features.version_feature("fribidi"))


@lru_cache(maxsize=32)
def _font(file: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(
        str(file), size, layout_engine=ImageFont.Layout.RAQM if _shapes() else ImageFont.Layout.BASIC
    )


@lru_cache(maxsize=16)
def _probe(file: Path) -> tuple[ImageFont.FreeTypeFont, bytes]:
    """Return a font that draws each character alone, and what it draws for those it does not have."""
    font = ImageFont.truetype(str(file), 24, layout_engine=ImageFont.Layout.BASIC)
    return font, bytes(font.getmask(_ABSENT))


@lru_cache(maxsize=4096)
def _file_of(character: str) -> Path | None:
    """Return the first font that has a character; None if no font has it."""
    if _SHAPED_FROM <= ord(character) <= _SHAPED_TO and not _shapes():
        return None
    for file in _files():
        font, absent = _probe(file)
        if bytes(font.getmask(character)) != absent:
            return file
    return None


def _follows(character: str) -> bool:
    """Whether a character belongs to the one before it, or is shown by nothing."""
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf", "Zs")


def _drawable(text: str, missing: dict[str, None]) -> str:
    """Return what fonts have of a text; the other characters are added to `missing`."""
    kept, had = [], True
    for character in text:
        if not _follows(character):
            had = _file_of(character) is not None
            if not had:
                missing[character] = None
        if had or character.isspace():
            kept.append(character)
    return clean("".join(kept))


def _pieces(text: str) -> list[tuple[Path, str]]:
    """Return the text in pieces, each with its font, which goes on as long as it has the characters."""
    found: list[tuple[Path, str]] = []
    for character in text:
        file = _file_of(character)
        if found and (_follows(character) or file is None or _neutral_in(character, found[-1][0])):
            file = found[-1][0]
        found.append((file or _files()[0], character))
    return [
        (file, "".join(each[1] for each in group)) for file, group in groupby(found, lambda each: each[0])
    ]


def _neutral_in(character: str, file: Path) -> bool:
    """Whether a character of no script, such as a digit, is in this font too."""
    if character.isalpha():
        return False
    font, absent = _probe(file)
    return bytes(font.getmask(character)) != absent


# --- drawing ------------------------------------------------------------------------------------------


def draw(image: Image.Image, text: str) -> tuple[str, ...]:
    """Draw a caption into an RGB picture; return what is to be said about that."""
    if not text or not _files():
        return ("No font for captions is installed.",) if text else ()
    height = max(image.height, image.width / _SHAPE)
    size = max(_LEAST_SIZE, round(min(height * _SIZE, image.width / _NARROW)))
    step, margin = round(size * 1.36), round(size * 0.6)
    most = _MOST_LINES_UPRIGHT if image.height > image.width else _MOST_LINES
    most = min(most, int((image.height * _MOST_HEIGHT - 2 * margin) / step))
    width = image.width - 2 * round(size * 0.9)
    if most < 1 or width < 6 * size:
        return ("It is too small for a caption.",)
    lines = _lines(text, width, most, lambda piece: _width(piece, size))
    top = image.height - len(lines) * step - 2 * margin
    _darken(image, top, size)
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        baseline = top + round(margin * 1.2) + number * step + size
        _write(pen, line, (image.width - _width(line, size)) / 2, baseline, size)
    return ()


def _darken(image: Image.Image, top: int, size: int) -> None:
    """Lay a veil over the lower part of a picture that begins softly above the text."""
    rise = 2 * size
    first = max(0, top - rise)
    height = image.height - first
    ramp = bytes(round(255 * _VEIL * min(1.0, (row + 1) / (top - first + 1))) for row in range(height))
    mask = Image.frombytes("L", (1, height), ramp).resize((image.width, height))
    image.paste("black", (0, first, image.width, image.height), mask)


def _lines(text: str, width: float, most: int, measure: Callable[[str], float]) -> list[str]:
    """Return the text in at most so many lines of that width; what does not fit is left out."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < most:
        if measure(rest) <= width:
            return [*lines, rest]
        last = len(lines) == most - 1
        room = width - (measure(_ELLIPSIS) if last else 0)
        end = _fitting(rest, room, measure)
        space = rest.rfind(" ", 0, end + 1)
        # A word is broken only if it is longer than half a line, or of a script without spaces.
        cut = space if space > end // 2 else end
        line, rest = rest[:cut].rstrip(), rest[cut:].lstrip()
        lines.append(line.rstrip(" ,;:·-") + _ELLIPSIS if last else line)
    return lines


def _fitting(text: str, width: float, measure: Callable[[str], float]) -> int:
    """Return how many characters fit, at least one, and no mark without its letter."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    while low > 1 and low < len(text) and unicodedata.category(text[low]).startswith(("M", "Cf")):
        low -= 1
    return low


def _width(text: str, size: int) -> float:
    return sum(_font(file, size).getlength(piece) for file, piece in _pieces(text))


def _write(pen: ImageDraw.ImageDraw, text: str, left: float, baseline: float, size: int) -> None:
    pieces = _pieces(text)
    strong = next(
        (kind for each in text if (kind := unicodedata.bidirectional(each)) in ("L", "R", "AL")), "L"
    )
    for file, piece in pieces if strong == "L" else reversed(pieces):
        font = _font(file, size)
        pen.text(
            (left, baseline),
            piece,
            fill="white",
            font=font,
            anchor="ls",
            stroke_width=max(1, size // 24),
            stroke_fill="black",
        )
        left += font.getlength(piece)
