"""The kinds of frames: what a rule's `frames:` and the entries of the top-level `frames:` lead to.

A new kind is its package, and one entry here.
"""

from __future__ import annotations

from picsync.config.kinds import Kind
from picsync.frames.base import Frame
from picsync.frames.folder.kind import FOLDER
from picsync.frames.nixplay.kind import NIXPLAY

FRAMES: dict[str, Kind[Frame]] = {kind.name: kind for kind in (NIXPLAY, FOLDER)}
"""By name."""
