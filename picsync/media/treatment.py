"""Decides what becomes of an original by its recipe, and where its pixels go. Pure.

A photo that the frame shows well as it is is sent byte for byte. If only its metadata is wrong, only that is
written anew: coding a picture again costs quality and time. Everything else is rendered.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction

from picsync.core.recipe import Fit, Panel, Recipe
from picsync.core.values import dataclass
from picsync.media import exif, icc, jpeg

_TIME_LENGTH = 19
"""Characters of a time in Exif."""
CROPPED_MOST = Fraction(1, 10)
"""Share of a picture that `fit: auto` gives up in order to fill the panel. Exact: just so much of a picture
of 16:9 is lost on a panel of 16:10."""


class Treatment(StrEnum):
    """What is done with an original."""

    AS_IS = "as is"
    METADATA = "metadata"
    """The coded picture is copied; its metadata is written anew."""
    RENDER = "render"


def treatment(picture: jpeg.Jpeg | None, recipe: Recipe) -> Treatment:
    """Return what to do with an original; `picture` is None unless it is a JPEG file."""
    if not recipe.convert:
        return Treatment.AS_IS
    if picture is None or not _has_right_pixels(picture, recipe):
        return Treatment.RENDER
    return Treatment.METADATA if _has_wrong_metadata(picture, recipe) else Treatment.AS_IS


def _has_right_pixels(picture: jpeg.Jpeg, recipe: Recipe) -> bool:
    panel = recipe.panel
    return (
        (picture.baseline or (recipe.progressive and picture.progressive))
        and picture.subsampled
        and picture.end is not None
        and jpeg.is_upright(picture)
        and jpeg.is_srgb(picture)
        and not recipe.caption
        and (panel is None or (picture.width <= panel.width and picture.height <= panel.height))
    )


def _has_wrong_metadata(picture: jpeg.Jpeg, recipe: Recipe) -> bool:
    located = picture.position or (picture.exif is not None and exif.has_position(picture.exif))
    damaged = picture.profile is not None and not icc.is_valid(picture.profile)
    around = picture.start > 0 or picture.trailing or picture.several
    return around or damaged or (located and not recipe.keep_location)


def remarks(metadata: exif.Block | None, profile: bytes | None) -> tuple[str, ...]:
    """Return what is to be said of an original whose metadata or colour profile is no good."""
    found = []
    if profile is not None and not icc.is_valid(profile):
        found.append("Its colour profile is damaged and was ignored.")
    if metadata and (time := exif.false_time(metadata)):
        found.append(f"Its metadata has no valid date taken ({time[:_TIME_LENGTH]}).")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture, in its pixels."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the pixels of an upright picture go."""

    crop: Box
    """The part that is shown."""
    width: int
    height: int
    """Pixels of that part in the rendition; never more than it has."""
    canvas: Panel | None
    """Pixels of the rendition if there is something beside the picture."""

    @property
    def left(self) -> int:
        """Columns on the left of the picture."""
        return (self.canvas.width - self.width) // 2 if self.canvas else 0

    @property
    def top(self) -> int:
        """Rows above the picture."""
        return (self.canvas.height - self.height) // 2 if self.canvas else 0


def place(width: int, height: int, recipe: Recipe) -> Placement:
    """Return where the pixels of an upright picture of that size go.

    The rendition has even dimensions, unless the picture has a single row or column.
    """
    panel = recipe.panel
    if panel is None:
        return _placed(width, height, width, height, 1.0, None)
    crop_width, crop_height = _cropped(width, height, panel, recipe.fit)
    scale = min(1.0, panel.width / crop_width, panel.height / crop_height)
    shaped = (crop_width, crop_height) != (width, height)
    canvas = None
    if recipe.background and not shaped:
        canvas = Panel(max(2, _even(panel.width)), max(2, _even(panel.height)))
    return _placed(width, height, crop_width, crop_height, scale, canvas)


def _cropped(width: int, height: int, panel: Panel, fit: Fit) -> tuple[float, float]:
    """Return how much of the picture is shown."""
    if fit is Fit.CONTAIN:
        return width, height
    shape = panel.width / panel.height
    crop = (height * shape, float(height)) if width / height > shape else (float(width), width / shape)
    sides = sorted((width * panel.height, height * panel.width))
    lost = 1 - Fraction(sides[0], sides[1])
    return (width, height) if fit is Fit.AUTO and lost > CROPPED_MOST else crop


def _placed(
    width: int, height: int, crop_width: float, crop_height: float, scale: float, canvas: Panel | None
) -> Placement:
    shown_width = _pixels(crop_width * scale, width)
    shown_height = _pixels(crop_height * scale, height)
    if canvas is not None:
        shown_width, shown_height = min(shown_width, canvas.width), min(shown_height, canvas.height)
    if scale == 1.0:
        # At its own scale whole pixels are copied: an odd one is left out.
        crop_width, crop_height = shown_width, shown_height
        left, top = (width - shown_width) // 2, (height - shown_height) // 2
        return Placement(
            Box(left, top, left + crop_width, top + crop_height), shown_width, shown_height, canvas
        )
    left_f, top_f = (width - crop_width) / 2, (height - crop_height) / 2
    return Placement(
        Box(left_f, top_f, left_f + crop_width, top_f + crop_height), shown_width, shown_height, canvas
    )


def _pixels(wanted: float, available: int) -> int:
    """Return an even number close to the wanted one and not above, as far as the picture has as many."""
    return min(available, max(2, _even(int(wanted + 1e-6))))


def _even(value: int) -> int:
    return value - value % 2
