"""Makes renditions with Pillow. Only workers import this module: what it reads may crash the process.

Pixels are reduced first and converted afterwards, since a frame shows a tenth of what a camera records. JPEG
files are reduced while they are decoded, as far as enough detail for a good filter remains.
"""

from __future__ import annotations

import errno
import io
import re
import warnings
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO

import pillow_heif
from PIL import AvifImagePlugin, Image, ImageCms, ImageFilter, UnidentifiedImageError

from picsync.core.caption import NOTHING, Details
from picsync.core.recipe import Panel, Recipe, gap
from picsync.core.values import dataclass
from picsync.media import exif, formats, heifgrid, icc, jpeg, pngrows, previews, tiffrows
from picsync.media.treatment import Placement, Treatment, place, remarks, treatment
from picsync.rendering import avif, captions, heif, places, webp
from picsync.rendering.protocol import Answer, Limits, Order, Task
from picsync.system.memory import return_freed_memory

_FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/tiff": "TIFF",
    "image/bmp": "BMP",
    "image/jp2": "JPEG2000",
    "image/heic": "HEIF",
    "image/heif": "HEIF",
    "image/avif": "AVIF",
}
"""Names of Pillow's decoders."""

_TURNING = frozenset({"HEIF", "TIFF"})
"""Decoders whose pictures are upright. Pillow's for AVIF reports what its container says as Exif would."""

_REDUCING = frozenset({"AVIF", "HEIF", "WEBP"})
"""Decoders whose libraries can do with less memory than Pillow."""

MIN_PREVIEW_EDGE = 1_000
"""Pixels of the long edge that the preview in a raw file needs, unless the panel has fewer."""
_GAP = 1.5
"""Detail that is left for the good filter: a decoder reduces a picture to no less than this multiple."""
_BLUR_EDGE = 64
_ROWS_BYTES = 1 << 22
"""Bytes of the rows that are decoded at a time."""
_BOXES_BYTES = 1 << 17
"""Where the boxes of HEIF and AVIF files are that describe the colours."""
_P3_PRIMARIES = 12
"""Display P3 according to ITU-T H.273."""
_XMP_BYTES = 256 * 1024
"""Programs write ratings near the beginning."""
_RATING = re.compile(rb"""xmp:Rating(?:=["']([0-5])(?:\.0+)?["']|>\s*([0-5])(?:\.0+)?\s*<)""")
_BLACK = "#000000"

Image.MAX_IMAGE_PIXELS = None  # Limits.max_pixels counts.
warnings.simplefilter("ignore")
pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
Image.preinit()


class Unusable(Exception):  # noqa: N818 - named for the state
    """No rendition can be made of an original; the text says why."""


class _Part(io.RawIOBase):
    """A file from an offset on."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._start = start
        file.seek(start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell() - self._start

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = self._start + offset if whence == io.SEEK_SET else offset
        return self._file.seek(place, whence) - self._start

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def render(
    source: BinaryIO,
    recipe: Recipe,
    target: BinaryIO,
    limits: Limits,
    about: Details = NOTHING,
    task: Task = Task.RENDER,
    left: BinaryIO | None = None,
) -> Answer:
    """Do what the recipe says; see `Answer`. Moves all positions.

    Raises Unusable for a picture that cannot be read, OSError with a number if a file cannot be used.
    """
    mime_type, picture = _identified(source)
    if task is not Task.RENDER:
        return _in_pair(source, mime_type, picture, recipe, target, limits, about, left)
    recipe = recipe.alone
    lacking: tuple[str, ...] = ()
    if recipe.caption and picture is not None:
        caption = _caption(recipe, picture.exif or b"", about)
        if not caption.text:
            recipe, lacking = replace(recipe, caption=""), caption.notes
    done = treatment(picture, recipe)
    if done is Treatment.AS_IS:
        size = source.seek(0, io.SEEK_END)
        width, height = (picture.width, picture.height) if picture else (0, 0)
        notes = (*lacking, *(remarks(picture.exif, picture.profile) if picture else ()))
        return Answer(done.value, mime_type, width, height, size, width, height, notes)
    if done is Treatment.METADATA and picture is not None:
        metadata = exif.kept(picture.exif, location=recipe.keep_location) if picture.exif else b""
        jpeg.copy_with(source, picture, target, metadata=metadata)
        notes = (*lacking, *remarks(picture.exif, picture.profile))
        width, height = picture.width, picture.height
        return Answer(done.value, mime_type, width, height, target.tell(), width, height, notes)
    opened = _opened(source, mime_type, picture, recipe, limits)
    image, notes = _painted(source, opened, recipe, about)
    _save(image, target, recipe, exif.kept(opened.metadata, location=recipe.keep_location))
    return _answer(image, target, opened, (*lacking, *notes))


def _in_pair(
    source: BinaryIO,
    mime_type: str,
    picture: jpeg.Jpeg | None,
    recipe: Recipe,
    target: BinaryIO,
    limits: Limits,
    about: Details,
    left: BinaryIO | None,
) -> Answer:
    """Write the left half of a pair, or the pair if there is a `left` half; nothing if it is no portrait."""
    half = recipe.half
    opened = _opened(source, mime_type, picture, half, limits)
    width, height = opened.upright
    if width >= height:
        return Answer(Treatment.AS_IS.value, mime_type, original_width=width, original_height=height)
    image, notes = _painted(source, opened, half, about)
    if left is None:
        kept = exif.kept(opened.metadata, location=recipe.keep_location)
        # Lossless, since the pair is what is to be coded.
        image.save(target, "PNG", compress_level=1, exif=b"Exif\0\0" + kept if kept else b"")
        return _answer(image, target, opened, notes)
    with Image.open(left, formats=("PNG",)) as other:
        other.load()
        metadata = bytes(other.info.get("exif", b"")).removeprefix(b"Exif\0\0")
        whole = _side_by_side(other.convert("RGB"), image, recipe)
    _save(whole, target, recipe, metadata)
    return _answer(whole, target, opened, notes)


def _side_by_side(left: Image.Image, right: Image.Image, recipe: Recipe) -> Image.Image:
    """Return a picture of two; with a background it fills the panel, as the halves do."""
    between = gap(recipe.panel) if recipe.panel else 0
    colour = recipe.background if recipe.background.startswith("#") else _BLACK
    size = (left.width + between + right.width, max(left.height, right.height))
    whole = Image.new("RGB", size, colour)
    whole.paste(left, (0, (size[1] - left.height) // 2))
    whole.paste(right, (left.width + between, (size[1] - right.height) // 2))
    return whole


def _save(image: Image.Image, target: BinaryIO, recipe: Recipe, metadata: bytes) -> None:
    data = io.BytesIO()
    image.save(
        data,
        "JPEG",
        quality=recipe.quality,
        subsampling="4:2:0",
        progressive=recipe.progressive,
        exif=b"Exif\0\0" + metadata if metadata else b"",
    )
    target.write(data.getbuffer())


def _answer(image: Image.Image, target: BinaryIO, opened: _Opened, notes: tuple[str, ...]) -> Answer:
    size = target.tell()
    return Answer(Treatment.RENDER.value, "image/jpeg", *image.size, size, *opened.upright, notes)


def _identified(source: BinaryIO) -> tuple[str, jpeg.Jpeg | None]:
    """Return the format, and the structure of a JPEG file."""
    mime_type = formats.identify(source)
    picture = jpeg.read(source, 0 if mime_type else None) if mime_type in ("image/jpeg", None) else None
    if picture is not None:
        mime_type = "image/jpeg"
    if mime_type is None:
        raise Unusable("its content is neither a picture nor a video")
    return mime_type, picture


def _painted(
    source: BinaryIO, opened: _Opened, recipe: Recipe, about: Details
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the pixels of the rendition, and what is to be said about the original."""
    image, metadata = opened.image, opened.metadata
    profile = image.info.get("icc_profile")
    if profile is None and image.mode in ("RGB", "RGBA"):
        profile = _announced(source, image, metadata)
    placement = place(*opened.upright, recipe)
    image, notes = _in_srgb(_reduced(opened, placement), profile)
    notes += remarks(metadata, None)
    image = _turned(image, opened.turned)
    image = _on_background(image, placement, recipe.background)
    if recipe.caption:
        caption = _caption(recipe, metadata, about)
        notes += (*caption.notes, *captions.draw(image, caption.text))
    return image, notes


def _caption(recipe: Recipe, metadata: exif.Block, about: Details) -> captions.Caption:
    taken = exif.local_time(metadata) or (datetime.fromisoformat(about.taken_at) if about.taken_at else None)
    told = captions.Told(exif.description(metadata), exif.position(metadata), taken)
    return captions.caption(recipe, told, about)


def _announced(source: BinaryIO, image: Image.Image, metadata: exif.Block) -> bytes | None:
    """Return the profile of colours that a file names instead of describing them; None for sRGB."""
    if exif.is_adobe_rgb(metadata):
        return icc.adobe_rgb()
    if image.format in ("HEIF", "AVIF"):
        source.seek(0)
        found = source.read(_BOXES_BYTES).partition(b"colrnclx")[2]
        if int.from_bytes(found[:2]) == _P3_PRIMARIES:
            return icc.display_p3()
    return None


@dataclass(slots=True)
class _Opened:
    """A picture that is not decoded yet."""

    image: Image.Image
    size: tuple[int, int]
    """As stored, before it is turned."""
    turned: int
    """How it is to be turned, as Exif says it."""
    metadata: exif.Block
    tiles: heifgrid.Grid | None = None
    """If it is decoded row by row."""
    rows: pngrows.Rows | None = None
    """The same, for PNG."""
    strips: tiffrows.Strips | None = None
    """The same, for TIFF."""
    reducing: BinaryIO | None = None
    """The file of a picture that is reduced while it is decoded."""

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as it is shown."""
        return self.size if self.turned < 5 else self.size[::-1]


def _opened(
    source: BinaryIO, mime_type: str, picture: jpeg.Jpeg | None, recipe: Recipe, limits: Limits
) -> _Opened:
    """Return the picture, not decoded yet."""
    turned: int | None = None
    metadata: exif.Block | None = None
    name = _FORMATS.get(mime_type)
    if name is None and mime_type.startswith("image/"):
        preview = previews.find_preview(source)
        if preview is None:
            without = " without a preview in them" if formats.is_raw(mime_type) else ""
            raise Unusable(f"picsync cannot read {formats.called(mime_type)} files{without}")
        _require_large_enough(preview, mime_type, recipe)
        picture, turned, metadata = preview.picture, previews.orientation(preview), preview.metadata
        name = "JPEG"
    if name is None:
        raise Unusable("it is a video")
    start = picture.start if picture else 0
    file: Any = _Part(source, start) if start else source
    file.seek(0)
    image: Image.Image = Image.open(file, formats=(name,))
    _require_pixels(*image.size, limits)
    if metadata is None:
        metadata = _metadata(image, picture, source)
    tiles = rows = strips = None
    if image.width * image.height > limits.whole_pixels:
        return_freed_memory()
        # Pillow goes on where it is.
        position = source.tell()
        source.seek(0)
        tiles = heifgrid.read_grid(source.read()) if name == "HEIF" else None
        rows = pngrows.open_rows(source) if name == "PNG" else None
        strips = tiffrows.open_strips(source) if name == "TIFF" else None
        source.seek(position)
    if tiles is not None:
        return _Opened(image, (tiles.width, tiles.height), tiles.turned, metadata, tiles)
    if strips is not None:
        # Pillow turns only whole pictures.
        upright = exif.orientation(metadata)
        return _Opened(image, (strips.width, strips.height), upright, metadata, strips=strips)
    if turned is None:
        turned = 1 if name in _TURNING else exif.orientation(metadata)
    return _Opened(
        image, image.size, turned, metadata, rows=rows, reducing=source if name in _REDUCING else None
    )


_LOOK = Recipe(panel=Panel(64, 64))
"""Large enough to compare pictures, and for every preview."""
_LOOK_EDGE = 8


def examine(source: BinaryIO, limits: Limits) -> Answer:
    """Return a picture's size as it is shown, its rating, and its perceptual hash; raises as `render` does.

    The hash has a bit for each of 64 pairs of neighbours in a tiny grey picture: whether the left one is
    darker. It changes little with size, compression and exposure.
    """
    mime_type, picture = _identified(source)
    rating = _rating(source)
    opened = _opened(source, mime_type, picture, _LOOK, limits)
    width, height = opened.upright
    reduced = _reduced(opened, place(width, height, _LOOK))
    grey = _turned(reduced, opened.turned).convert("RGBA").convert("L")
    tiny = grey.resize((_LOOK_EDGE + 1, _LOOK_EDGE), Image.Resampling.BOX)
    pixels = tiny.tobytes()
    bits = 0
    for row in range(_LOOK_EDGE):
        for column in range(_LOOK_EDGE):
            at = row * (_LOOK_EDGE + 1) + column
            bits = bits << 1 | (pixels[at] < pixels[at + 1])
    return Answer("look", mime_type, width, height, rating=rating, look=f"{bits:016x}")


def tell(source: BinaryIO, limits: Limits, order: Order) -> Answer:
    """Return what a picture's metadata tell for a caption; raises as `render` does."""
    mime_type, picture = _identified(source)
    metadata = _opened(source, mime_type, picture, _LOOK, limits).metadata
    taken, position = exif.local_time(metadata), exif.position(metadata)
    return Answer(
        "told",
        mime_type,
        taken="" if taken is None else taken.isoformat(),
        description=exif.description(metadata),
        place="" if position is None or not order.place else places.near(*position),
    )


def _rating(source: BinaryIO) -> int:
    """Return the stars that the picture's XMP metadata has; 0 for none."""
    source.seek(0)
    found = _RATING.search(source.read(_XMP_BYTES))
    return min(int(found[1] or found[2]), 5) if found else 0


def _require_large_enough(preview: previews.Preview, mime_type: str, recipe: Recipe) -> None:
    edge = max(preview.picture.width, preview.picture.height)
    needed = MIN_PREVIEW_EDGE
    if recipe.panel is not None:
        needed = min(needed, max(recipe.panel.width, recipe.panel.height))
    if edge < needed:
        raise Unusable(
            f"the preview in this {formats.called(mime_type)} file is too small: its long edge has {edge:,}"
            f" pixels, at least {needed:,} are needed"
        )


def _require_pixels(width: int, height: int, limits: Limits) -> None:
    if not 0 < width * height <= limits.max_pixels:
        raise Unusable(
            f"it claims to have {width:,} x {height:,} pixels; at most"
            f" {limits.max_pixels // 1_000_000:,} megapixels are accepted"
        )


def _metadata(image: Image.Image, picture: jpeg.Jpeg | None, source: BinaryIO) -> exif.Block:
    """Return the TIFF structure of an open picture; empty if it has none."""
    if picture is not None:
        return picture.exif or b""
    if image.format == "TIFF":
        return source
    found = image.info.get("exif", b"")
    return found.removeprefix(b"Exif\0\0") if isinstance(found, bytes) else b""


def _by_rows(rows: pngrows.Rows, factor: int) -> Image.Image:
    """Return the picture in a fraction of its size, decoded a few rows at a time."""
    size = (-(-rows.width // factor), -(-rows.height // factor))
    step = max(1, _ROWS_BYTES // rows.row_bytes // factor) * factor
    whole: Image.Image | None = None
    before = b""
    for first in range(0, rows.height, step):
        count = min(step, rows.height - first)
        with Image.open(io.BytesIO(rows.next(count, before)), formats=("PNG",)) as band:
            band.load()
            extra = 1 if before else 0
            before = band.crop((0, band.height - 1, band.width, band.height)).tobytes()
            # Where a picture is transparent its colours do not count.
            plain = _plain(band.crop((0, extra, band.width, band.height)) if extra else band)
            whole = _pasted(whole, plain, size, first, factor)
    return _whole(whole)


def _by_strips(strips: tiffrows.Strips, factor: int) -> Image.Image:
    """Return the picture in a fraction of its size, decoded a few strips at a time."""
    size = (-(-strips.width // factor), -(-strips.height // factor))
    whole: Image.Image | None = None
    for first, part in strips.parts(factor, _ROWS_BYTES):
        with Image.open(io.BytesIO(part), formats=("TIFF",)) as band:
            band.load()
            whole = _pasted(whole, _plain(band), size, first, factor)
    return _whole(whole)


def _pasted(
    whole: Image.Image | None, band: Image.Image, size: tuple[int, int], first: int, factor: int
) -> Image.Image:
    """Return the reduced picture with a band of it that begins at the row `first`."""
    band = band.convert("RGBa") if band.mode == "RGBA" else band
    whole = whole or Image.new(band.mode, size)
    whole.paste(band.reduce(factor) if factor > 1 else band, (0, first // factor))
    return whole


def _whole(image: Image.Image | None) -> Image.Image:
    if image is None:
        raise Unusable("it has no pixels")
    return image.convert("RGBA") if image.mode == "RGBa" else image


def _decoded_smaller(opened: _Opened, scale: float, factor: int) -> Image.Image | None:
    """Return the picture in a fraction of its size; None if Pillow has to decode it as a whole."""
    if opened.reducing is None or factor == 1:
        return None
    opened.reducing.seek(0)
    data = opened.reducing.read()
    if opened.image.format == "HEIF":
        return heif.reduced(data, opened.size, factor)
    if opened.image.format == "AVIF":
        return avif.reduced(data, opened.size, factor)
    width, height = (max(1, round(edge * _GAP / scale)) for edge in opened.size)
    return webp.reduced(data, (width, height))


def _reduced(opened: _Opened, placement: Placement) -> Image.Image:
    """Return the part that is shown, in its final size, as it is stored: not yet turned."""
    crop, full = placement.crop, opened.size
    box = _stored((crop.left, crop.top, crop.right, crop.bottom), opened.upright, opened.turned)
    size = (placement.width, placement.height)
    size = size if opened.turned < 5 else size[::-1]
    scale = min((box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1])
    factor = next((factor for factor in (8, 4, 2) if scale / _GAP >= factor), 1)
    if opened.tiles is not None:
        image = _by_tiles(opened.tiles, factor)
    elif opened.rows is not None and factor > 1:
        image = _by_rows(opened.rows, factor)
    elif opened.strips is not None:
        image = _by_strips(opened.strips, factor)
    else:
        image = _decoded_smaller(opened, scale, factor) or _loaded(opened.image, scale)
    if image.size != full:
        across, down = image.size[0] / full[0], image.size[1] / full[1]
        box = (
            box[0] * across,
            box[1] * down,
            min(box[2] * across, image.size[0]),
            min(box[3] * down, image.size[1]),
        )
    image = _plain(image)
    left, top, right, bottom = box
    if right - left == size[0] and bottom - top == size[1] and left % 1 == top % 1 == 0:
        return image.crop((round(left), round(top), round(right), round(bottom)))
    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=2.0)


def _loaded(image: Image.Image, scale: float) -> Image.Image:
    """Return the decoded picture, perhaps smaller; it is to be reduced by `scale`."""
    if image.format in ("JPEG", "MPO") and scale / _GAP >= 2:
        width, height = image.size
        image.draft(None, (int(width / scale * _GAP), int(height / scale * _GAP)))
    image.load()
    return image


def _by_tiles(grid: heifgrid.Grid, factor: int) -> Image.Image:
    """Return the picture in a fraction of its size, decoded one row of tiles after the other."""
    whole = Image.new("RGB", (-(-grid.width // factor), -(-grid.height // factor)))
    for number in range(grid.rows):
        with Image.open(io.BytesIO(grid.row(number)), formats=("HEIF",)) as row:
            row.load()
            if row.width != grid.width:
                raise Unusable("its tiles do not fit together")
            reduced = row.convert("RGB").reduce(factor) if factor > 1 else row.convert("RGB")
            whole.paste(reduced, (0, number * grid.row_height // factor))
    return whole


def _stored(
    box: tuple[float, float, float, float], size: tuple[int, int], turned: int
) -> tuple[float, float, float, float]:
    """Return where a part of the upright picture is in the stored one."""
    left, top, right, bottom = box
    width, height = size
    if turned in (2, 3, 6, 7):  # Columns of the upright picture are stored from right to left.
        left, right = width - right, width - left
    if turned in (3, 4, 7, 8):
        top, bottom = height - bottom, height - top
    return (left, top, right, bottom) if turned < 5 else (top, left, bottom, right)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _turned(image: Image.Image, turned: int) -> Image.Image:
    return image.transpose(_TURNS[turned]) if turned in _TURNS else image


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that can be reduced: L, RGB, RGBA, CMYK or LAB, 8 bits each."""
    mode = image.mode
    if mode in ("RGB", "L", "CMYK", "LAB", "RGBA") and "transparency" not in image.info:
        return image
    if mode.startswith("I") or mode == "F":
        return _in_8_bits(image.convert("F"), 65_535 if mode.startswith("I;16") else None)
    if mode in ("LA", "La", "PA", "RGBa", "RGBA") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("L" if mode == "1" else "RGB")


def _in_8_bits(image: Image.Image, white: float | None) -> Image.Image:
    """Return a picture of numbers as grey; without `white`, its brightest pixel tells the range."""
    if white is None:
        found = image.getextrema()[1]
        brightest = found if isinstance(found, int | float) else 255.0
        white = next((most for most in (1.0, 255.0, 65_535.0) if brightest <= most), brightest)
    factor = 255 / white
    return image.point(lambda value: value * factor + 0.5).convert("L")


def _in_srgb(image: Image.Image, profile: Any) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the picture as RGB or RGBA in sRGB, and what is to be said about its profile."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    if alpha is not None:
        image = image.convert("RGB")
    notes: tuple[str, ...] = ()
    if image.mode == "LAB":
        image = _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    elif isinstance(profile, bytes) and not icc.is_srgb(profile):
        try:
            described = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            space = described.profile.xcolor_space.strip()
            if space == {"RGB": "RGB", "CMYK": "CMYK", "L": "GRAY"}[image.mode]:
                image = _converted(image, described)
            elif space == "RGB" and image.mode == "L":
                image = _converted(image.convert("RGB"), described)
        except (OSError, ImageCms.PyCMSError, ValueError, TypeError):
            notes = remarks(None, b"")
    image = image.convert("RGB")
    if alpha is not None:
        image.putalpha(alpha)
    return image, notes


_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image,
        profile,
        _SRGB,
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if converted is None:
        raise ValueError("no picture")
    return converted


def _on_background(image: Image.Image, placement: Placement, background: str) -> Image.Image:
    """Return the picture without transparency, with what is beside it."""
    colour = background if background.startswith("#") else _BLACK
    canvas = placement.canvas
    if image.mode == "RGBA":
        opaque = Image.new("RGB", image.size, colour)
        opaque.paste(image, mask=image.getchannel("A"))
        image = opaque
    if canvas is None:
        return image
    size = (canvas.width, canvas.height)
    whole = _blurred(image, size) if background == "blur" else Image.new("RGB", size, colour)
    whole.paste(image, (placement.left, placement.top))
    return whole


def _blurred(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a blurred, darkened copy that fills the size."""
    scale = _BLUR_EDGE / max(size)
    small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    shape = size[0] / size[1]
    width = min(image.width, image.height * shape)
    height = min(image.height, image.width / shape)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    box = (left, top, left + width, top + height)
    reduced = image.resize(small, Image.Resampling.BOX, box=box).filter(ImageFilter.GaussianBlur(2))
    return reduced.resize(size, Image.Resampling.BICUBIC).point(lambda value: value * 0.6)


def reason(error: Exception, limits: Limits) -> str:
    """Return in words why a picture could not be rendered."""
    match error:
        case Unusable():
            return str(error)
        case MemoryError():
            return (
                f"decoding it needs more memory than a worker process may use"
                f" ({limits.memory_bytes // 2**20:,} MiB)"
            )
        case UnidentifiedImageError():
            return "its data is damaged, or of a kind that picsync cannot read"
        case OSError() if "truncated" in str(error):
            return "it is truncated: the end of the file is missing"
    said = " ".join(str(error).split())
    # A sentence of a decoder needs no name of a Python type; a bare word, such as that of a KeyError, does.
    detail = said if " " in said else f"{type(error).__name__}: {said}".removesuffix(": ")
    return f"its data is damaged, or of a kind that picsync cannot read (the decoder says: {detail[:160]})"


def is_about_files(error: OSError) -> bool:
    """Whether the operating system refused something, rather than a decoder."""
    return error.errno is not None and error.errno in errno.errorcode
