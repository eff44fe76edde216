"""The rules of picsync.yaml: which albums are shown on which frames."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import GenericAlias, MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from picsync.config.deletes import MaxDelete, max_delete_of
from picsync.config.known import Checks
from picsync.config.named import Problems
from picsync.config.options import Boolean, Interval, Options, listed
from picsync.config.renditions import RenditionValue
from picsync.config.selecting import Select
from picsync.config.storage import Share
from picsync.core.model import DEFAULT_FRAME


def equal_name(name: str) -> str:
    """Return the form in which names are compared by the frame.

    Surrounding spaces and the composition of characters do not matter.
    """
    return unicodedata.normalize("NFC", name.strip())


def _rule_name(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty: it is the name of the album on the frame")
    return value


def _sources(value: object, info: ValidationInfo) -> object:
    """Validate each kind's albums with the types of the context, collecting all errors."""
    if not isinstance(value, Mapping) or not isinstance(info.context, Checks):
        return value
    result: dict[str, object] = {}
    problems = Problems()
    for name, albums in value.items():
        entry = info.context.known.sources.get(name)
        if entry is None and info.context.known.is_frame(name):
            problems.add((name,), "is a frame, not a source; name it under `frames:` of the rule", albums)
            continue
        if entry is None:
            problems.add_unknown((name,), albums)
            continue
        entries: Any = GenericAlias(tuple, (entry, ...))
        grouped = isinstance(entry, type) and issubclass(entry, BaseModel)
        single = isinstance(albums, str) or (grouped and isinstance(albums, Mapping))
        try:
            result[name] = TypeAdapter(entries).validate_python(
                [albums] if single else albums, context=info.context
            )
        except ValidationError as error:
            problems.add_all((name,), error)
    problems.check("sources")
    return result


Sources: TypeAlias = Annotated[
    Mapping[str, tuple[Any, ...]],
    BeforeValidator(_sources),
    AfterValidator(MappingProxyType),
    PlainSerializer(dict, return_type=dict[str, tuple[Any, ...]]),
]


class AlbumRule(Options):
    """One entry of `albums`: the contents of one frame album."""

    name: Annotated[str, AfterValidator(_rule_name)] = Field(
        description="Name of the album at the frame's service; its playlist is called `ss_<name>`. Rules "
        "for the same frame need different names.",
        examples=["AllMyStuff"],
    )
    sources: Sources = Field(
        default_factory=dict,
        validate_default=True,
        description="Where the photos come from: for each kind of source its albums, as a list or a single "
        "value. The frame album shows all of them together. doc/sources.md describes the kinds and their "
        "options. A rule without sources fails in each cycle and changes nothing on the frame, since it "
        "would otherwise empty the album.",
        examples=["{sharedlinks: [<link>]}"],
    )
    frames: Annotated[tuple[str, ...], BeforeValidator(listed)] = Field(
        default=(DEFAULT_FRAME,),
        description="The frames that show the album, a list or a single one: entries of `frames:` at the "
        "top level, or accounts of the credentials file whose kind is a frame.",
        examples=["[nixplay, usb]"],
        min_length=1,
    )
    dry_run: Boolean = Field(
        default=False,
        description="Only print what would be done, and change nothing. Off by default.",
        examples=["true"],
    )
    delete: Boolean = Field(
        default=True,
        description="Delete photos from the frame album that are no longer in any source, and photos that "
        "were added to it by other means. On by default, so that the album equals its sources; with "
        "`false`, picsync only adds photos.",
        examples=["false"],
    )
    force_publish: Boolean = Field(
        default=False,
        description="Rewrite the playlist in every cycle. Off by default, since picsync compares the "
        "playlist in each cycle and repairs differences.",
        examples=["true"],
    )
    videos: Boolean = Field(
        default=False,
        description="Send videos as well. Off by default, since videos are large and many frames do not "
        "play them.",
        examples=["true"],
    )
    every: Interval | None = Field(
        default=None,
        description="How often this rule runs a cycle, instead of the top-level `every`. Absent by "
        "default: all rules use the same interval.",
        examples=["15m"],
    )
    max_delete: Annotated[MaxDelete | None, BeforeValidator(max_delete_of("photos"))] = Field(
        default=None,
        description="How many photos one cycle may delete without permission: a number, or a percentage of "
        "the photos in the frame album such as 20%. If more would be deleted, no photo is deleted, the log "
        "says so, and uploads continue. Without this setting, picsync holds deletes of more than 10 photos "
        "that are also more than 10 % of the album, since that looks more like a failing source than like "
        "tidying up. Emptying an album is always held unless this is 100%.",
        examples=['"20%"', "50"],
    )

    rendition: RenditionValue | None = Field(
        default=None,
        description="How photos are converted before they are sent; doc/renditions.md explains it. `auto`: a "
        "photo that the frame shows well as it is, is sent unchanged; all others become JPEG files of the "
        "panel's size. `original`: photos are never converted, and those that the frame does not accept "
        "are skipped. A group of settings changes how `auto` converts them. The rule's keys override "
        "those of the frame. The default is `auto`.",
        examples=["original", "{panel: 1280x800}"],
    )
    overflow: Literal["newest", "split", "error"] = Field(
        default="newest",
        description="What happens to photos beyond the 2,000 that a Nixplay playlist holds. `newest`: the "
        "newest photos are shown. `split`: additional playlists `ss_<name>_2`, `ss_<name>_3` and so on "
        "show the rest; assign each of them to a frame once. `error`: the playlist stays as it is, and the "
        "cycle fails. `newest` is the default, since it needs no manual step.",
        examples=["split"],
    )

    select: Select | None = Field(
        default=None,
        description="Which photos are shown. What it leaves out is not downloaded, and is removed from the "
        "frame once everything that is chosen is there. Absent by default: all of them.",
        examples=["{most: 500, fresh: 14d}"],
    )

    share: Share = Field(
        default=1.0,
        description="The weight of this rule where several rules fill the same frame and its capacity is "
        "limited: a rule with 2 gets twice the room of a rule with 1. What one does not need, the others "
        "use.",
        examples=["2"],
    )

    @model_validator(mode="after")
    def _unique(self, info: ValidationInfo) -> AlbumRule:
        if isinstance(info.context, Checks):
            pairs = {(equal_name(self.name), frame) for frame in self.frames}
            if twice := sorted(frame for _, frame in pairs & info.context.pairs):
                message = (
                    f"like that of an earlier album rule for the frame `{twice[0]}`; each rule needs a "
                    "different name, or another frame"
                )
                problems = Problems()
                problems.add(("name",), f"is {self.name[:60]!r}, {message}", self.name)
                problems.check("rule")
            info.context.pairs.update(pairs)
        return self


def _rules_together(value: tuple[AlbumRule, ...]) -> tuple[AlbumRule, ...]:
    if not value:
        raise ValueError("must have at least one album rule, such as `- name: AllMyStuff` with its sources")
    for rule in value:
        for other in value:
            parts = re.escape(equal_name(rule.name)) + "_[1-9][0-9]*"
            if rule.overflow == "split" and re.fullmatch(parts, equal_name(other.name)):
                raise ValueError(
                    f"{other.name!r} cannot be the name of a rule, since {rule.name!r} has `overflow: split`"
                    " and may need its playlist"
                )
    return value


AlbumRules: TypeAlias = Annotated[tuple[AlbumRule, ...], AfterValidator(_rules_together)]
