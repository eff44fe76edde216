"""What a frame that shows captions is told of a photo."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import BinaryIO

from picsync.core.caption import (
    MAX_VALUE,
    PLACE,
    TAKEN,
    AboutPhoto,
    DatePart,
    Details,
    Template,
    Told,
    Wording,
    clean,
    read,
)
from picsync.core.errors import ItemError
from picsync.core.identity import plain_name
from picsync.core.model import MediaItem
from picsync.core.values import dataclass
from picsync.rendering.pool import Renderer
from picsync.sources.base import Source

FROM_METADATA = ("description", PLACE, TAKEN)
"""Placeholders whose values only the picture tells."""


@dataclass(frozen=True, slots=True)
class Words:
    """A rule's wording, ready to be filled."""

    template: Template | None
    date_part: DatePart

    @property
    def needs_metadata(self) -> bool:
        """Whether a caption depends on what the picture's metadata tell."""
        return self.template is not None and any(map(self.template.uses, FROM_METADATA))

    @property
    def needs_place(self) -> bool:
        """Whether a caption depends on the place."""
        return self.template is not None and self.template.uses(PLACE)

    def about(self, told: Told, details: Details, size: tuple[int, int] = (0, 0)) -> AboutPhoto:
        """Return what a frame is told, with the caption; what `told` lacks comes from `details`."""
        taken = told.taken or (datetime.fromisoformat(details.taken_at) if details.taken_at else None)
        description = clean(told.description)[:MAX_VALUE].strip()
        place = clean(told.place or "")
        text = ""
        if self.template is not None:
            values = {
                "description": description,
                PLACE: place,
                "filename": details.filename,
                "album": details.album,
            }
            text = self.template.fill(values, taken, self.date_part)
        return AboutPhoto(taken, description, place, text, *size)


@lru_cache(maxsize=64)
def words(wording: Wording) -> Words:
    """Return a wording, ready to be filled."""
    template = read(wording.template) if wording.template else None
    return Words(template, _dates(wording.language))


def _dates(language: str) -> DatePart:
    def part(taken: datetime, directive: str, beside_day: bool) -> str:
        # Loads the names of months when the first date is written.
        from picsync.media.dates import date_parts

        return date_parts(language)(taken, directive, beside_day)

    return part


def details_of(item: MediaItem, album: str, source: Source, zone: tzinfo) -> Details:
    """Return what a caption may say of an item that its picture may not tell; its dates are local."""
    taken_at = ""
    if item.taken_at is not None and source.capabilities.dated:
        with suppress(OverflowError, ValueError, OSError):
            taken_at = item.taken_at.astimezone(zone).replace(tzinfo=None).isoformat()
    return Details(plain_name(item.filename)[:MAX_VALUE].strip(), album[:MAX_VALUE], taken_at)


async def tell(renderer: Renderer, file: BinaryIO, *, place: bool) -> Told:
    """Return what the metadata of a picture tell, and the place if it is asked for; nothing of other files.

    A worker is asked only for formats other than JPEG, and for the place of a picture that has a position.
    Raises ItemError, not unusable, if no worker can be started.
    """
    told, located = await asyncio.to_thread(_of_jpeg, file)
    if told is not None and not (place and located):
        return Told(told.taken, told.description, "" if place else None)
    try:
        return await renderer.tell(file, place=place)
    except ItemError as error:
        if not error.unusable:
            raise
        return Told(place="")


def _of_jpeg(file: BinaryIO) -> tuple[Told | None, bool]:
    """Return what a JPEG file tells, and whether it has a position; None for other files."""
    from picsync.media import exif, jpeg

    picture = jpeg.read(file)
    if picture is None:
        return None, False
    block = picture.exif or b""
    return Told(exif.local_time(block), exif.description(block)), exif.position(block) is not None
