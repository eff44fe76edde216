"""An entry under `immich:` of an album rule's sources."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from picsync.core.text import pasted
from picsync.sources.immich.address import SharedLinkAddress

_TEXT = re.compile(
    r"(?:(?P<rendition>original|edited|preview):)?(?:(?P<kind>album|person|tag):)?(?P<name>.*)", re.DOTALL
)
_FAVORITES = "favorites"
_ONE_OF = ("album", "person", "tag", _FAVORITES, "link")


class Rendition(StrEnum):
    """Which bytes of a picture to download; the default suits most frames."""

    AUTO = "auto"
    ORIGINAL = "original"
    EDITED = "edited"
    PREVIEW = "preview"


def _name(value: str) -> str:
    if not value.strip():
        raise ValueError("must be a name or an ID, not empty")
    return value.strip()


def _link(value: SecretStr) -> SecretStr:
    SharedLinkAddress.parse(value.get_secret_value())
    return value


Name = Annotated[str, AfterValidator(_name)]


class ImmichEntry(BaseModel):
    """What one entry shows: an album, a person, a tag, the favourites or a shared link.

    As text: an album's name or ID, `person:<name>`, `tag:<name>`, `favorites` or a shared link.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    album: Name | None = Field(
        default=None,
        description="Name or ID of an album: your own, or one that is shared with you.",
        examples=["Grandma"],
    )
    person: Name | None = Field(
        default=None,
        description="Name or ID of a person: all pictures with that face.",
        examples=["Anna"],
    )
    tag: Name | None = Field(
        default=None,
        description="Name (with its parents, as in `Trips/Rome`) or ID of a tag: all pictures with this tag"
        " or one below it.",
        examples=["Trips/Rome"],
    )
    favorites: bool = Field(default=False, description="All of your favourites.", examples=["true"])
    link: Annotated[SecretStr, AfterValidator(_link)] | None = Field(
        default=None,
        description="A shared link of this or any other server; needs no API key.",
        examples=["https://<server>/share/<key>"],
    )
    rendition: Rendition = Field(
        default=Rendition.AUTO,
        description="Which bytes are sent. `auto`: the original with your crops and rotations; for formats"
        " that frames do not show (RAW, WebP, AVIF, GIF, videos other than MP4), the preview or the"
        " transcoded video. `original`: always the uploaded file. `edited`: the same, with your edits."
        " `preview`: always Immich's preview, small and upright.",
        examples=["preview"],
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return _read(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        if sum(bool(getattr(self, name)) for name in _ONE_OF) != 1:
            raise ValueError(f"must have exactly one of {', '.join(_ONE_OF)}")
        return self

    @property
    def address(self) -> SharedLinkAddress | None:
        """The parsed shared link."""
        return None if self.link is None else SharedLinkAddress.parse(self.link.get_secret_value())

    def __str__(self) -> str:
        """Return the entry's text, which can be written in picsync.yaml, except for a shared link."""
        prefix = "" if self.rendition is Rendition.AUTO else f"{self.rendition}:"
        if self.address is not None:
            return f"{prefix}link:{self.address}"
        for kind in ("person", "tag"):
            if name := getattr(self, kind):
                return f"{prefix}{kind}:{name}"
        if self.album is None:
            return f"{prefix}{_FAVORITES}"
        plain = not self.album.startswith("link:") and _read(self.album) == {"album": self.album}
        return f"{prefix}{self.album}" if plain else f"{prefix}album:{self.album}"


def _read(text: str) -> dict[str, object]:
    found = _TEXT.fullmatch(text.strip())
    assert found is not None  # noqa: S101 - the pattern matches any text
    rendition = {"rendition": found["rendition"]} if found["rendition"] else {}
    name = found["name"].strip()
    if found["kind"]:
        return {found["kind"]: name, **rendition}
    if name == _FAVORITES:
        return {_FAVORITES: True, **rendition}
    address = pasted(name)
    if re.match(r"https?://", address, re.IGNORECASE):
        return {"link": address, **rendition}
    return {"album": name, **rendition}
