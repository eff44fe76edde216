"""Covers of videos: a frame, if the extra `video` is installed and can decode one, else a drawn still.

PyAV brings the libraries of FFmpeg; only a worker loads it, for the first video. It gets an open file, so a
video that names other files or addresses reaches neither: the worker's confinement refuses them as well.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image, ImageDraw, ImageFont, ImageStat

from picsync.core.recipe import Recipe
from picsync.media.taken import duration_s
from picsync.media.treatment import Treatment
from picsync.rendering.pictures import Unusable
from picsync.rendering.protocol import Answer

if TYPE_CHECKING:
    from av import VideoFrame

MAX_PIXELS = 8192 * 4320
"""Of a frame: 8K. A decoder holds up to 16 of them, and the worker's limit of memory holds as well."""
MAX_FRAMES = 60
"""Frames that are decoded, two seconds, before the one with the most contrast is taken."""
CONTRAST = 12.0
"""Standard deviation of the brightness, of 255, from which on a frame shows something."""
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts"
_TOP, _BOTTOM, _LIGHT = (74, 66, 58), (38, 34, 31), (243, 241, 236)
_SHAPE = (16, 9)
_FINE = 2
"""How much larger it is drawn, for smooth edges."""


def cover(source: BinaryIO, recipe: Recipe, target: BinaryIO, *, decode: bool) -> Answer:
    """Write the cover of a video as a JPEG that fits the recipe's panel.

    Raises Unusable and whatever PyAV raises if no frame can be decoded; never without `decode`.
    """
    panel = recipe.panel
    assert panel is not None  # noqa: S101 - covers are made for pages
    image = _frame(source, (panel.width, panel.height)) if decode else None
    shown = image or _still(source, panel.width)
    data = io.BytesIO()
    shown.save(data, "JPEG", quality=recipe.quality, progressive=recipe.progressive)
    target.write(data.getbuffer())
    size = target.tell()
    return Answer(Treatment.RENDER.value, "image/jpeg", *shown.size, size, *shown.size)


def _frame(source: BinaryIO, box: tuple[int, int]) -> Image.Image | None:
    """Return the first frame that shows something, upright; None without PyAV."""
    try:
        import av
    except ImportError:
        return None
    try:
        with av.open(source, "r", options={"format_whitelist": _CONTAINERS}) as container:
            stream = next(iter(container.streams.video), None)
            if stream is None:
                raise Unusable("it has no pictures")
            stream.codec_context.thread_count = 1
            if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
                raise Unusable("its pictures are too large")
            aspect = float(stream.sample_aspect_ratio or 1)
            best, most = None, -1.0
            for _, frame in zip(range(MAX_FRAMES), container.decode(stream), strict=False):
                if frame.width * frame.height > MAX_PIXELS:
                    raise Unusable("its pictures are too large")
                image = _small(frame, aspect, box)
                contrast = ImageStat.Stat(image.convert("L").resize((64, 64))).stddev[0]
                if contrast > most:
                    best, most = image, contrast
                if contrast >= CONTRAST:
                    break
    except OSError as error:
        # FFmpeg's own errors have numbers, too; the disk's are told by those who read the file before.
        raise Unusable(f"FFmpeg says: {os.strerror(error.errno or 0)}") from error
    if best is None:
        raise Unusable("it has no pictures")
    return best


def _small(frame: VideoFrame, aspect: float, box: tuple[int, int]) -> Image.Image:
    """Return a frame within a box, upright, with square pixels; `aspect` is the width of its own ones."""
    width, height = frame.width * min(max(aspect, 0.1), 10), frame.height
    scale = min(1.0, box[0] / max(width, height))
    image = frame.to_image(width=max(1, round(width * scale)), height=max(1, round(height * scale)))  # type: ignore[no-untyped-call]
    found: Image.Image = image
    return found.rotate(frame.rotation, expand=True) if frame.rotation else found


def _still(source: BinaryIO, width: int) -> Image.Image:
    """Return a drawn picture with a play sign, and the duration if the file says it."""
    size = width, width * _SHAPE[1] // _SHAPE[0]
    gradient = Image.linear_gradient("L").resize(size)
    image = Image.composite(Image.new("RGB", size, _BOTTOM), Image.new("RGB", size, _TOP), gradient)
    mask = Image.new("L", (size[0] * _FINE, size[1] * _FINE))
    draw = ImageDraw.Draw(mask)
    x, y = mask.width // 2, mask.height // 2
    radius, line = mask.height // 6, mask.height // 90
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=255, width=line)
    side = radius * 0.48
    # The centre of a triangle's area is a third of its height from the base.
    draw.polygon([(x - side * 0.75, y - side), (x - side * 0.75, y + side), (x + side, y)], fill=255)
    if (seconds := duration_s(source)) is not None:
        font = ImageFont.load_default(mask.height / 14)
        draw.text((x, y + radius * 1.75), clock(seconds), fill=200, font=font, anchor="mm")
    image.paste(_LIGHT, mask=mask.resize(size, Image.Resampling.LANCZOS))
    return image


def clock(seconds: float) -> str:
    """Return a duration as players show it."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
