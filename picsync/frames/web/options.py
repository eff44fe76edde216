"""The settings of a web frame: where its photos are, and how its page looks."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from picsync.config.durations import parse_duration
from picsync.config.options import Boolean, Options
from picsync.config.paths import AbsolutePath

LEAST_INTERVAL_S, MOST_INTERVAL_S = 3, 86_400
MOST_TRANSITION_S = 10.0
MAX_TITLE = 80
_TIME = re.compile(r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")


def _seconds(value: object) -> float:
    """Return a number of seconds, of a number or a duration such as `1m30s`; NaN for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = value.strip() if isinstance(value, str) else ""
    if re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,3})?", text):
        return float(text)
    try:
        return parse_duration(text).total_seconds()
    except ValueError:
        return math.nan


def _interval(value: object) -> object:
    seconds = _seconds(value)
    if not LEAST_INTERVAL_S <= seconds <= MOST_INTERVAL_S:
        raise ValueError(
            f"must be a number of seconds from {LEAST_INTERVAL_S} to {MOST_INTERVAL_S:,}, such as 30, or"
            " such as 5m"
        )
    return round(seconds)


def _transition_time(value: object) -> object:
    seconds = _seconds(value)
    if not 0 <= seconds <= MOST_TRANSITION_S:
        raise ValueError(f"must be a number of seconds from 0 to {MOST_TRANSITION_S:.0f}, such as 1.5")
    return seconds


def _background(value: object) -> object:
    text = value.strip().lower() if isinstance(value, str) else ""
    if text not in ("blur", "black") and not re.fullmatch(r"#[0-9a-f]{6}", text):
        raise ValueError('must be `blur`, `black` or a colour such as "#203040" (in quotes)')
    return text


def _night(value: object) -> object:
    text = re.sub(r"\s", "", value) if isinstance(value, str) else ""
    start, _, end = text.partition("-")
    if value == "":
        return ""
    if not (_TIME.fullmatch(start) and _TIME.fullmatch(end)) or start.zfill(5) == end.zfill(5):
        raise ValueError('must be two different times such as "22:00-06:30", or empty')
    return f"{start.zfill(5)}-{end.zfill(5)}"


def _language(value: object) -> object:
    # Norwegian in YAML is a Boolean.
    text = "no" if value is False else value
    if not isinstance(text, str) or (text and not _LANGUAGE.fullmatch(text)):
        raise ValueError("must be a language such as `de` or `pt-BR`, or empty for that of the browser")
    return text.replace("_", "-")


def _time_format(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _title(value: str) -> str:
    text = " ".join(value.split())
    if not text or len(text) > MAX_TITLE or not text.isprintable():
        raise ValueError(f"must be a text of up to {MAX_TITLE} characters")
    return text


def _not_the_root(path: str) -> str:
    if path == "/":
        raise ValueError("must not be `/`, the root of the machine; name a directory for the photos")
    return path


def _switch(description: str, *, on: bool = True) -> Any:
    """Return the field of something that the page shows or not."""
    default = "On" if on else "Off"
    return Field(
        default=on, description=f"{description} {default} by default.", examples=[str(not on).lower()]
    )


TimeFormat: TypeAlias = Annotated[Literal["auto", "12", "24"], BeforeValidator(_time_format)]


class ShowSettings(Options):
    """How the page of a web frame looks."""

    interval: Annotated[int, BeforeValidator(_interval)] = Field(
        default=30,
        description="Seconds for which a photo is shown, from 3 to 86400, or a duration such as `5m`. The"
        " default is 30.",
        examples=["60"],
    )
    transition: Literal["fade", "none", "slide"] = Field(
        default="fade",
        description="The change from one photo to the next: `fade`, `slide` or `none`. The default is"
        " `fade`.",
        examples=["slide"],
    )
    transition_time: Annotated[float, BeforeValidator(_transition_time)] = Field(
        default=1.5,
        description="Seconds that the change takes, from 0 to 10. The default is 1.5.",
        examples=["0.5"],
    )
    motion: Literal["auto", "none"] = Field(
        default="auto",
        description="`auto`: photos move and grow slowly, unless the browser asks for reduced motion."
        " `none`: they stand still. The default is `auto`.",
        examples=["none"],
    )
    background: Annotated[str, BeforeValidator(_background)] = Field(
        default="blur",
        description="What fills the screen beside a photo of another shape: `blur` (a blurred copy of the"
        " photo), `black` or a colour. The default is `blur`.",
        examples=["black", '"#203040"'],
    )
    fit: Literal["contain", "cover", "auto"] = Field(
        default="auto",
        description="How a photo of another shape fits the screen. `contain`: all of it is shown. `cover`:"
        " it is cropped to the shape of the screen. `auto`: it is cropped if that takes little of it. The"
        " default is `auto`.",
        examples=["contain"],
    )
    pairs: Boolean = _switch("Whether a landscape screen shows two portraits side by side.")
    clock: Boolean = _switch("Whether the page shows the time.")
    date: Boolean = _switch("Whether the page shows the date beside the time.")
    caption: Boolean = _switch(
        "Whether the page shows a photo's description, place and date, as far as they are known."
    )
    progress: Boolean = _switch("Whether a bar shows how long the photo is still shown.", on=False)
    night: Annotated[str, BeforeValidator(_night)] = Field(
        default="",
        description="Hours in which the page is dark and requests nothing, by the clock of the tablet."
        " Empty by default.",
        examples=['"22:00-06:30"'],
    )
    order: Literal["newest", "random", "album"] = Field(
        default="random",
        description="The order of the photos: `newest` first, `random` without repeats, or as in the"
        " `album`. The default is `random`.",
        examples=["newest"],
    )
    language: Annotated[str, BeforeValidator(_language)] = Field(
        default="",
        description="The language of dates and messages. By default that of the browser.",
        examples=["de"],
    )
    time_format: TimeFormat = Field(
        default="auto",
        description="`12` or `24` hours; `auto` as is usual in the language. The default is `auto`.",
        examples=["24"],
    )

    def values(self) -> dict[str, Any]:
        """Return all settings by the names that the page and its URL parameters have."""
        return self.model_dump(by_alias=True)


class WebFrameOptions(Options):
    """A frame that a browser shows."""

    path: Annotated[AbsolutePath, AfterValidator(_not_the_root)] | None = Field(
        default=None,
        description="The directory for the photos; it must exist. By default, picsync creates one for each"
        " frame under `web-frames`, beside the cache.",
        examples=["/srv/frames/tablet"],
    )
    title: Annotated[str, AfterValidator(_title)] | None = Field(
        default=None,
        description="What the page calls itself, for example in the list of a browser's tabs. By default"
        " the name of the frame.",
        examples=["Grandma's kitchen"],
    )
    show: ShowSettings = Field(
        default_factory=ShowSettings,
        description="How the page looks; each setting is also a parameter of the page's URL, which"
        " overrides it.",
        examples=["{interval: 60, clock: false}"],
    )

    def place(self, name: str) -> str:
        """Return the directory, or a text that stands for picsync's own."""
        return self.path or f"own {name}"
