"""What the service and its workers send each other: lines of JSON over a socket, and open files."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from enum import StrEnum
from typing import Any

from picsync.core.caption import NOTHING, Details
from picsync.core.recipe import Fit, Panel, Recipe
from picsync.core.values import dataclass

MAX_LINE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may cost."""

    memory_bytes: int = 900 * 2**20
    """Address space of a worker. Libraries and stacks take some 250 MB of it; far less is resident."""
    cpu_s: int = 60
    """A picture of 50 megapixels takes 2 s on a PC, 20 s on the smallest boards."""
    wall_s: float = 300.0
    """For machines on which a worker gets a fifth of a processor."""
    whole_pixels: int = 16_000_000
    """Larger pictures are decoded row by row, in less memory, if their format allows that."""
    max_pixels: int = 250_000_000
    """The largest cameras in use stop at 200 megapixels."""


class Task(StrEnum):
    """What is to be done with a picture."""

    RENDER = "render"
    """What the recipe says of a photo that is shown alone."""
    LEFT = "left"
    """The left half of a pair, which only `RIGHT` understands; nothing if the picture is no portrait."""
    RIGHT = "right"
    """The pair, with the left half as a third file; nothing if the picture is no portrait."""
    EXAMINE = "examine"
    """Only to be examined; the recipe and the target do not matter."""
    TELL = "tell"
    """The same for reading its metadata."""
    COVER = "cover"
    """The cover of a video: a frame of it, or what `STILL` draws if nothing here decodes videos."""
    STILL = "still"
    """The same, drawn without decoding the video."""


@dataclass(frozen=True, slots=True)
class Order:
    """A picture to render; the original and the target come along as open files."""

    recipe: Recipe
    limits: Limits
    about: Details = NOTHING
    task: Task = Task.RENDER
    place: bool = False
    """Whether to look up the place where it was taken, if its metadata are read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of it."""

    treatment: str = ""
    """One of `Treatment`; empty if it failed."""
    mime_type: str = ""
    width: int = 0
    height: int = 0
    size_bytes: int = 0
    original_width: int = 0
    original_height: int = 0
    """Pixels of the original as it is shown; 0 if unknown."""
    notes: tuple[str, ...] = ()
    """What is worth knowing about the picture, such as a damaged colour profile."""
    rating: int = 0
    """Stars, if it was examined; 0 for none."""
    look: str = ""
    """Its perceptual hash in hexadecimal, if it was examined."""
    taken: str = ""
    """When it was taken, by the local clock (ISO 8601), if its metadata were read; empty if unknown."""
    description: str = ""
    place: str = ""
    """The nearest city, if that was to be looked up."""
    unusable: str = ""
    """Why no rendition can be made of it."""
    error_number: int = 0
    """Of the operating system, if the target could not be written or the original not be read."""


def order_line(order: Order) -> bytes:
    """Return an order as it is sent."""
    return _line(asdict(order))


def read_order(line: bytes) -> Order:
    """Return an order that was received."""
    received = json.loads(line)
    recipe = dict(received["recipe"])
    recipe["fit"] = Fit(recipe["fit"])
    recipe["panel"] = Panel(**recipe["panel"]) if recipe["panel"] else None
    return Order(
        Recipe(**recipe),
        Limits(**received["limits"]),
        Details(**received["about"]),
        Task(received["task"]),
        received["place"],
    )


def answer_line(answer: Answer) -> bytes:
    """Return an answer as it is sent."""
    return _line(asdict(answer))


def read_answer(line: bytes) -> Answer:
    """Return an answer; raises ValueError if it is none, since a decoder may have gone wild."""
    received: Any = json.loads(line)
    if not isinstance(received, dict):
        raise ValueError("no object")  # noqa: TRY004 - callers expect one kind
    kinds = {one.name: type(one.default) for one in fields(Answer)}
    received["notes"] = tuple(map(str, received.get("notes", ())))
    if received.keys() != kinds.keys() or any(
        type(received[name]) is not kind for name, kind in kinds.items()
    ):
        raise ValueError("other fields than expected")
    return Answer(**received)


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, default=str).encode() + b"\n"
