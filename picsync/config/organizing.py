"""The models of `organize:` in picsync.yaml."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from picsync.config.durations import parse_duration
from picsync.config.named import Problems
from picsync.config.options import Boolean, Interval, Options, listed
from picsync.config.shape import closest
from picsync.core.namedates import MONTH, YEAR
from picsync.core.organize import (
    OrganizeRule,
    circle,
    feeds,
    may_contain,
    may_reach,
    template_problem,
)
from picsync.core.places import LOCAL, StorePlace, is_inside, parse_place, split

LEAVE = "leave"
ORIGINS = ("exif", "name", "media_info", "modified")
LONGEST_QUIET = timedelta(hours=1)


def _place(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    found = parse_place(value, home=os.path.expanduser("~"))  # noqa: PTH111 - Path raises if there is none
    known = getattr(info.context, "known", None)
    if known is None or found.account == LOCAL:
        return found
    kind = known.accounts.get(found.account, found.account)
    if kind in known.stores:
        return found
    accounts = [name for name, its in known.accounts.items() if its in known.stores]
    meant = closest(found.account, [*accounts, *known.stores])
    if found.account in known.accounts:
        raise ValueError(f"names `{found.account}`, an account of the kind `{kind}`, which holds no files")
    hint = f"; did you mean `{meant}`?" if meant else ""
    raise ValueError(f"names `{found.account}`, which is not an account of the credentials file{hint}")


def _place_or_leave(value: object, info: ValidationInfo) -> object:
    return None if value == LEAVE else _place(value, info)


Place: TypeAlias = Annotated[StorePlace, BeforeValidator(_place)]
"""A folder or file: a local path, or `<account>:/path`."""


def _extension(value: str) -> str:
    extension = value.strip().removeprefix("*").removeprefix(".").lower()
    if not extension or set(extension) & set("./\\*?"):
        raise ValueError(f"must be the extension of a file name such as `jpg`, not {value[:40]!r}")
    return extension


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return value


def _log_date(value: str) -> str:
    if not value.strip() or "\n" in value or "\0" in value:
        raise ValueError("must be a format such as `%Y-%m-%d %H:%M:%S`, as for the command `date`")
    return value


def _name(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty: the log and the status page use it")
    return value


def quiet_time(value: object) -> object:
    """Return how long a file must be unchanged."""
    quiet = parse_duration(value) if isinstance(value, str) else value
    if isinstance(quiet, timedelta) and not timedelta(0) <= quiet <= LONGEST_QUIET:
        raise ValueError("must be between `0s` and `1h`")
    return quiet


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise ValueError("names an origin twice; remove one of them")
    return value


RuleName: TypeAlias = Annotated[str, AfterValidator(_name)]
Extensions: TypeAlias = Annotated[
    tuple[Annotated[str, AfterValidator(_extension)], ...], BeforeValidator(listed)
]


class Targets(Options):
    """Where photos and videos go; a plain place is for both."""

    photos: Place = Field(
        description="The folder for photos. `{year}`, `{month}`, `{day}` and `{type}` (`photos` or `videos`)"
        " stand for the date and the type of the file; missing folders are created.",
        examples=['"/photos/{year}/{year}-{month}-photos"'],
    )
    videos: Place = Field(
        description="The folder for videos, with the same placeholders.",
        examples=['"/photos/{year}/{year}-{month}-videos"'],
    )

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"photos": value, "videos": value} if isinstance(value, str) else value


def _known_extensions(kind: str) -> tuple[str, ...]:
    # Formats are loaded only for those who sort files.
    from picsync.media.formats import extensions

    return extensions(kind)


class Types(Options):
    """Which files are photos and videos, by their extensions."""

    photos: Extensions = Field(
        default_factory=partial(_known_extensions, "image"),
        description="Extensions of photos; capital letters do not matter. Default: those of every format"
        " that picsync knows.",
        examples=["[jpg, jpeg, heic, png]"],
    )
    videos: Extensions = Field(
        default_factory=partial(_known_extensions, "video"),
        description="Extensions of videos. Default: those of every format that picsync knows.",
        examples=["[mov, mp4]"],
    )


class FileRule(Options):
    """What every rule over files has."""

    name: RuleName = Field(
        description="A name of your choice, for messages and the status page. Each rule needs a different"
        " one.",
        examples=["camera"],
    )
    quiet: Annotated[timedelta, BeforeValidator(quiet_time)] = Field(
        default=timedelta(seconds=10),
        description="How long a local file must be unchanged before it is moved or sent, so that no"
        " half-written file is. `0s` does not wait.",
        examples=["30s"],
    )
    every: Interval | None = Field(
        default=None,
        description="How often this rule runs a pass, instead of the top-level `every`. New and changed files"
        " also start one.",
        examples=["15m"],
    )
    dry_run: Boolean = Field(
        default=False,
        description="Only print what would be done. Off by default.",
        examples=["true"],
    )


class OrganizeSettings(FileRule):
    """One entry of `organize`: where the files of one folder go."""

    from_: Place = Field(
        alias="from",
        description="The folder to sort: a local path, or `<account>:/path` such as `dropbox:/Camera"
        " Uploads`.",
        examples=['"dropbox:/Camera Uploads"'],
    )
    recursive: Boolean = Field(
        default=False,
        description="Sort the files in subfolders, too. Off by default: only the folder itself is sorted.",
        examples=["true"],
    )
    to: Targets = Field(
        description="Where the files go: a folder of the same account, or `{photos: <folder>, videos:"
        " <folder>}`.",
        examples=['"/photos/{year}/{year}-{month}"'],
    )
    unsorted: Annotated[StorePlace | None, BeforeValidator(_place_or_leave)] = Field(
        default=None,
        description="Where files go that are neither photos nor videos, or have no date; `leave` leaves them"
        " where they are, which is the default.",
        examples=['"/photos/Unsorted"', "leave"],
    )
    types: Types = Field(
        default_factory=Types,
        description="Which extensions are photos and videos. Default: every format that picsync knows.",
        examples=["{videos: [mov, mp4]}"],
    )
    taken: Annotated[
        tuple[Literal["exif", "name", "media_info", "modified"], ...],
        BeforeValidator(listed),
        AfterValidator(_origins),
    ] = Field(
        default=ORIGINS,  # type: ignore[arg-type] # the same words
        min_length=1,
        description="Where the date of a file comes from, in this order. `exif`: what the camera has written"
        " into the photo or video. `name`: a date in its name. `media_info`: what the service says."
        " `modified`: when the file was last changed. The default is all of them in this order, so that"
        " every file has a date.",
        examples=["[exif, name]"],
    )
    year: Annotated[str, AfterValidator(_pattern)] = Field(
        default=YEAR.pattern,
        description="What counts as a year in a name: a regular expression.",
        examples=["'^(19|20)\\d\\d$'"],
    )
    month: Annotated[str, AfterValidator(_pattern)] = Field(
        default=MONTH.pattern,
        description="What counts as a month in a name: a regular expression.",
        examples=["'^(0[1-9]|1[012])$'"],
    )
    log: Place | None = Field(
        default=None,
        description="A file to which a line is added for each move, in any account. Absent by default: no"
        " such file is written.",
        examples=['"dropbox:/My Logs/picsync.txt"'],
    )
    log_date: Annotated[str, AfterValidator(_log_date)] = Field(
        default="%Y-%m-%d %H:%M:%S",
        description="The format of the date in the lines of `log`, as for the command `date`; the time zone"
        " is that of `TZ`.",
        examples=['"%d.%m.%Y %H:%M"'],
    )
    conflict: Literal["rename", "leave"] = Field(
        default="rename",
        description="What happens to a file whose name is taken in its target folder. `rename`: the current"
        " time is added to its name, as in `<name>_20260131-235959.jpg`. `leave`: it stays where it is."
        " Nothing is ever overwritten.",
        examples=["leave"],
    )
    duplicates: Literal["unsorted", "leave"] | None = Field(
        default=None,
        description="What happens to a file if one with the same name and content is in its target folder."
        " `unsorted`: it is moved to the folder `duplicates` in `unsorted`, which is the default if"
        " `unsorted` is a folder. `leave`: it stays where it is.",
        examples=["leave"],
    )

    @property
    def rule(self) -> OrganizeRule:
        """The rule as the core knows it."""
        return OrganizeRule(
            self.name,
            self.from_.path,
            self.to.photos.path,
            self.to.videos.path,
            recursive=self.recursive,
            unsorted=None if self.unsorted is None else self.unsorted.path,
            photo_types=frozenset(self.types.photos),
            video_types=frozenset(self.types.videos),
            rename=self.conflict == "rename",
            keep_duplicates=self.duplicates == LEAVE,
        )

    @property
    def places(self) -> list[StorePlace]:
        """All folders and files that it names, without placeholders."""
        found = [self.from_, self.to.photos, self.to.videos, self.unsorted, self.log]
        return [place for place in found if place is not None]


def check_rules(value: tuple[OrganizeSettings, ...]) -> tuple[OrganizeSettings, ...]:
    """Check each rule, and all of them together; raises ValidationError with every problem."""
    problems = Problems()
    names: dict[str, int] = {}
    for at, rule in enumerate(value):
        if names.setdefault(rule.name.strip(), at) != at:
            problems.add((at, "name"), f"is {rule.name[:60]!r}, like that of an earlier rule", rule.name)
        for path, message in _problems(rule):
            problems.add((at, *path), message)
    problems.check("organize")
    by_name = {rule.name: rule for rule in value}
    leads = {
        name: [other for other in by_name if _leads(rule, by_name[other])] for name, rule in by_name.items()
    }
    if (found := circle({name: rule.rule for name, rule in by_name.items()}, leads)) is not None:
        at = names[found[0].strip()]
        message = f"moves files in a circle: {' -> '.join(found)}. Change `to` or `from` of one of the rules"
        problems.add((at, "to"), message)
    problems.check("organize")
    return value


def _leads(rule: OrganizeSettings, other: OrganizeSettings) -> bool:
    return rule.from_.account == other.from_.account and feeds(rule.rule, other.rule)


def _problems(rule: OrganizeSettings) -> Iterator[tuple[tuple[str, ...], str]]:
    both = rule.to.photos == rule.to.videos
    targets: Mapping[tuple[str, ...], StorePlace] = {
        ("to",) if both else ("to", "photos"): rule.to.photos,
        **({} if both else {("to", "videos"): rule.to.videos}),
    }
    for path, place in targets.items():
        if problem := template_problem(place.path):
            yield path, problem
        else:
            yield from _of_target(rule, path, place)
    if rule.unsorted is not None:
        yield from _of_target(rule, ("unsorted",), rule.unsorted)
    elif rule.duplicates == "unsorted":
        message = "must be `leave`, or `unsorted` must be a folder: there is none to move duplicates to"
        yield ("duplicates",), message
    if rule.log is not None:
        yield from _of_log(rule, rule.log)


def _of_target(
    rule: OrganizeSettings, path: tuple[str, ...], place: StorePlace
) -> Iterator[tuple[tuple[str, ...], str]]:
    source = rule.from_
    if place.account != source.account:
        yield (
            path,
            f"is in another account than `from` ({source}); files are only moved within an account",
        )
    elif may_reach(place.path, source.path, below=False):
        yield path, f"is the same folder as `from` ({source}); choose another one"
    elif may_contain(place.path, source.path):
        yield path, f"contains `from` ({source}), so that files would be sorted again; choose another folder"
    elif may_reach(place.path, source.path, below=rule.recursive):
        message = (
            f"is inside `from` ({source}), so that files would be sorted again; choose a folder outside of"
            " it, or leave out `recursive`"
        )
        yield path, message


def _of_log(rule: OrganizeSettings, log: StorePlace) -> Iterator[tuple[tuple[str, ...], str]]:
    if log.path == "/":
        yield ("log",), "must name a file, not a folder"
        return
    if log.account != rule.from_.account:
        return
    folder = split(log.path)[0]
    inside = is_inside(folder, rule.from_.path)
    if inside and (rule.recursive or is_inside(rule.from_.path, folder)):
        yield ("log",), f"is in `from` ({rule.from_}), which is sorted; choose another folder"


def _rules(value: object) -> object:
    return [value] if isinstance(value, Mapping) else value


OrganizeRules: TypeAlias = Annotated[
    tuple[OrganizeSettings, ...], BeforeValidator(_rules), AfterValidator(check_rules)
]
