"""How the bytes that a frame is sent are made from an original: a value that is part of the cache's key."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from dataclasses import replace
from enum import StrEnum

from picsync.core.values import dataclass

VERSION = 1
"""Version of what a recipe means. It is picsync's own, never an encoder's: another release of one makes other
bytes by the same recipe, and photos that were made earlier stay."""
REPLACE_PER_CYCLE = 50
"""So many photos of another recipe are replaced at a time unless the rule says otherwise: an album of
thousands takes some days, and shows all photos meanwhile."""
KEY_LENGTH = 4
"""Characters of a recipe's short key: 20 bits, which only tell the few recipes of one frame apart."""
ORIGINAL_TEXT = "original"
"""Text of the recipe that converts nothing; picsync 2 and the Go program know no other."""

MIN_QUALITY, MAX_QUALITY = 1, 95
"""Beyond 95, JPEG files only become larger."""
MIN_PANEL_EDGE, MAX_PANEL_EDGE = 16, 16_384
"""Pixels of a panel; the largest, 8K, is 7,680 wide."""


class Fit(StrEnum):
    """How a picture fits into a panel of another shape."""

    CONTAIN = "contain"
    """All of it is shown."""
    COVER = "cover"
    """It is cropped to the panel's shape."""
    AUTO = "auto"
    """It is cropped if little is lost by that."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The pixels of a frame's display."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def gap(panel: Panel) -> int:
    """Return the pixels between the two photos of a pair."""
    return panel.width // 160 * 2


@dataclass(frozen=True, slots=True)
class Recipe:
    """What becomes of an original on its way to a frame."""

    convert: bool = True
    """Whether an original may be converted; otherwise its bytes are sent, whatever else is set."""
    panel: Panel | None = None
    """Pictures are reduced to what it shows; None: to nothing."""
    fit: Fit = Fit.CONTAIN
    quality: int = 90
    """Of the JPEG encoder, 1 to 95."""
    background: str = ""
    """`black`, `blur` or `#rrggbb` fills the panel beside the picture; empty: there is nothing beside it."""
    caption: str = ""
    """Template of the text that is drawn into the picture; empty for none."""
    language: str = ""
    """Language of the caption's dates, such as `de`; empty for English."""
    keep_location: bool = False
    """Whether the place where a picture was taken stays in its metadata."""
    progressive: bool = False
    """Whether progressive JPEG is made, and sent if it is what there is."""
    pair: bool = False
    """Whether two portraits share a landscape panel."""

    def __str__(self) -> str:
        """Return the text that stands for it in the cache; equal recipes have equal texts."""
        if not self.convert:
            return ORIGINAL_TEXT
        parts = [f"auto/{VERSION}", str(self.panel or "any"), self.fit.value, f"q{self.quality}"]
        parts += [f"on {self.background}"] if self.background else []
        parts += ["location"] if self.keep_location else []
        parts += ["progressive"] if self.progressive else []
        parts += ["pair"] if self.pair else []
        parts += [f"caption {self.language}:{self.caption}"] if self.caption else []
        return " ".join(parts)

    @property
    def alone(self) -> Recipe:
        """The recipe for a photo that is shown alone."""
        return replace(self, pair=False) if self.pair else self

    @property
    def half(self) -> Recipe:
        """The recipe for one of the two photos of a pair."""
        if self.panel is None:
            return self.alone
        width = (self.panel.width - gap(self.panel)) // 2
        return replace(self, pair=False, panel=Panel(width - width % 2, self.panel.height))

    @property
    def key(self) -> str:
        """A short key that tells recipes apart: lower-case letters and the digits 2 to 7."""
        digest = hashlib.sha256(str(self).encode()).digest()
        return b32encode(digest).decode().lower()[:KEY_LENGTH]


ORIGINAL = Recipe(convert=False)
"""The recipe that converts nothing."""
