"""Small versions of pictures, for pages."""

from __future__ import annotations

import tempfile
from typing import BinaryIO

from picsync.core.recipe import Panel, Recipe
from picsync.media.treatment import Treatment
from picsync.rendering.pool import Renderer

RECIPE = Recipe(panel=Panel(320, 240), quality=70)
MAX_BYTES = 1 << 20


async def thumbnail(renderer: Renderer, file: BinaryIO) -> bytes:
    """Return a small JPEG of a picture; raises ItemError and OSError.

    A picture that is small already is returned as it is.
    """
    with tempfile.TemporaryFile(buffering=0) as target:
        done = await renderer.render(file, RECIPE, target)
        source = file if done.treatment is Treatment.AS_IS else target
        source.seek(0)
        return source.read(MAX_BYTES)
