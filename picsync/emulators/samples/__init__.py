"""Sample photos for the demo and the tests: twenty small posters, painted when needed.

The same Pillow version paints the same bytes, so the digests are stable.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import ExifTags, Image

from . import fields, gardens, mountains, shores, skies, waters
from .brushes import Poster

_QUALITIES = (84, 76, 68, 58, 48)
"""Tried in this order until the file is at most `_LARGEST_BYTES`; meadows compress worse than skies."""
_LARGEST_BYTES = 150_000


@dataclass(frozen=True, slots=True)
class Scene:
    """A sample photo before it is painted."""

    title: str
    paint: Callable[[Poster], None]
    width: int
    height: int
    taken: str
    """Time of the camera's clock; ISO, local time."""


SCENES: tuple[Scene, ...] = (
    Scene("Hills at dawn", mountains.hills_at_dawn, 1600, 1000, "2024-05-11T05:42:10"),
    Scene("Tulips by the windmill", fields.tulip_field, 1600, 1000, "2024-04-21T14:05:31"),
    Scene("The lighthouse", waters.lighthouse, 1000, 1500, "2023-09-02T20:31:55"),
    Scene("Sunset at sea", waters.sunset_at_sea, 1600, 1000, "2023-08-14T20:48:02"),
    Scene("Cherry branch", gardens.cherry_branch, 1250, 1250, "2024-04-06T11:12:40"),
    Scene("Northern lights", mountains.northern_lights, 1600, 1000, "2024-02-17T23:20:14"),
    Scene("Hot air balloons", skies.hot_air_balloons, 1000, 1500, "2023-07-09T06:15:20"),
    Scene("Sailboats", waters.sailboats, 1600, 1000, "2023-06-24T10:33:48"),
    Scene("Geraniums at the window", gardens.flower_window, 1250, 1250, "2024-06-15T16:21:09"),
    Scene("Starry night in the mountains", mountains.starry_night, 1600, 1000, "2023-08-12T23:58:37"),
    Scene("Autumn birches", fields.autumn_birches, 1600, 1000, "2023-10-22T15:44:05"),
    Scene("First snow", mountains.first_snow, 1000, 1500, "2023-12-03T09:27:51"),
    Scene("Desert dunes", skies.desert_dunes, 1600, 1000, "2024-03-18T18:02:26"),
    Scene("At the beach", shores.at_the_beach, 1250, 1250, "2023-07-28T13:09:33"),
    Scene("Rainbow after the rain", fields.rainbow, 1600, 1000, "2024-05-26T17:36:44"),
    Scene("Lavender in the evening", fields.lavender, 1600, 1000, "2023-07-04T20:11:58"),
    Scene("Lanterns on the balcony", gardens.evening_lanterns, 1250, 1250, "2023-08-19T21:40:17"),
    Scene("Houses at the harbour", shores.harbour, 1600, 1000, "2024-06-02T10:50:03"),
    Scene("Cabin in the snow", mountains.winter_cabin, 1600, 1000, "2023-12-26T16:38:29"),
    Scene("Water lilies", shores.water_lilies, 1250, 1250, "2024-06-30T12:02:15"),
    Scene("Moon over the lake", mountains.moon_over_the_lake, 1600, 1000, "2023-09-29T22:14:46"),
)


def write_samples(folder: Path) -> list[Path]:
    """Paint all sample photos into `folder`, creating it if necessary, and return their files in order."""
    folder.mkdir(parents=True, exist_ok=True)
    # Pillow releases the interpreter lock while it works on pixels.
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(lambda number: write_sample(folder, number), range(len(SCENES))))


def write_sample(folder: Path, number: int) -> Path:
    """Paint the sample photo with this index in SCENES into an existing `folder` and return its file."""
    scene = SCENES[number]
    poster = Poster(scene.width, scene.height, seed=number + 1)
    scene.paint(poster)
    image, exif = poster.finish(), _exif(scene)
    encoded = io.BytesIO()
    for quality in _QUALITIES:
        encoded = io.BytesIO()
        image.save(encoded, "JPEG", quality=quality, exif=exif)
        if encoded.tell() <= _LARGEST_BYTES:
            break
    path = folder / f"{scene.title}.jpg"
    path.write_bytes(encoded.getvalue())
    return path


def _exif(scene: Scene) -> Image.Exif:
    exif = Image.Exif()
    taken = datetime.fromisoformat(scene.taken).strftime("%Y:%m:%d %H:%M:%S")
    exif[ExifTags.Base.ImageDescription] = scene.title
    exif[ExifTags.Base.DateTime] = taken
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    return exif
