"""The kinds of frames that a rule's `frames:` and the top-level `frames:` may use.

A new kind needs its own package, and one entry here.
"""

from __future__ import annotations

from picsync.config.kinds import Kind
from picsync.frames.base import Frame
from picsync.frames.dropbox.kind import DROPBOX
from picsync.frames.folder.kind import FOLDER
from picsync.frames.nixplay.kind import NIXPLAY
from picsync.frames.web.kind import WEB

FRAMES: dict[str, Kind[Frame]] = {kind.name: kind for kind in (NIXPLAY, FOLDER, WEB, DROPBOX)}
"""By name."""
