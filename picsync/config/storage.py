"""The settings of storage: `capacity` of a frame, `share` of a rule."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from picsync.config.options import Options, whole_number
from picsync.core.capacity import Capacity

_UNITS = {"kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 2**20, "GiB": 2**30}
MIN_BYTES = 1_000_000
"""Not even one photo fits into less."""
MAX_BYTES = 10**15


def _bytes(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    found = (
        re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([A-Za-z]*)", value.strip())
        if isinstance(value, str)
        else None
    )
    if found is None or found[2] not in _UNITS:
        raise ValueError("must be a size with its unit, such as 450MB or 2GB; 1 kB has 1,000 bytes")
    size = int(float(found[1]) * _UNITS[found[2]])
    if not MIN_BYTES <= size <= MAX_BYTES:
        raise ValueError("must be at least 1MB, which holds a few photos, and at most 1,000TB")
    return size


def _photos(value: object) -> object:
    number = whole_number(value)
    if number is None or number < 1:
        raise ValueError("must be a number of photos, at least 1")
    return number


def _share(value: object) -> object:
    try:
        weight = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.0
    except ValueError:
        weight = 0.0
    if not 0.001 <= weight <= 1_000:
        raise ValueError(
            "must be a weight from 0.001 to 1000; a rule with 2 gets twice the room of a rule with 1"
        )
    return weight


class CapacitySettings(Options):
    """How much a frame may hold."""

    size_bytes: Annotated[int, BeforeValidator(_bytes)] | None = Field(
        default=None,
        alias="bytes",
        description="The storage that picsync may use, with its unit: kB, MB, GB, TB (1 kB has 1,000 bytes),"
        " MiB or GiB. A free Nixplay account holds 500MB. Absent by default: Nixplay does not"
        " report the storage, so picsync plans with what was seen to fit once an upload was refused; a"
        " folder uses the free space of its disk.",
        examples=["450MB"],
    )
    photos: Annotated[int, BeforeValidator(_photos)] | None = Field(
        default=None,
        description="How many photos all rules together may keep on the frame. No limit by default.",
        examples=["2000"],
    )

    @model_validator(mode="after")
    def _something(self) -> CapacitySettings:
        if self.size_bytes is None and self.photos is None:
            raise ValueError("must have `bytes` or `photos`, such as `{bytes: 450MB}`")
        return self

    @property
    def capacity(self) -> Capacity:
        """What may be used."""
        return Capacity(self.size_bytes, self.photos)


Share: TypeAlias = Annotated[float, BeforeValidator(_share)]
