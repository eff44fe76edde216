"""What the entry of a folder under `frames:` may ask for."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """How restricted file names are."""

    SAFE = "safe"
    DCF = "dcf"
    SHORT = "8.3"
