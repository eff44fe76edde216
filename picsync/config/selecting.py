"""The settings of `select:` in a rule: which photos are shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from picsync.config.durations import parse_span
from picsync.config.named import Problems
from picsync.config.options import Boolean, Options, listed
from picsync.core.choice import Choice, Day, Excluded, First, Order, Orientation, Span

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not _DATE.fullmatch(value):
        try:
            return parse_span(value)
        except ValueError as error:
            raise ValueError(f"{error}, or a day such as `2024-12-31`") from None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"must be a day of the calendar such as `2024-12-31`, not {value!r}") from None


def _span(value: object) -> object:
    return parse_span(value) if isinstance(value, str) else value


def _rotation(value: object) -> object:
    span = _span(value)
    if isinstance(span, Span) and span.days < 1:
        raise ValueError("must be at least one day, such as `7d`: photos change once a day")
    return span


def _at_least(least: int, most: int | None = None) -> Callable[[int], int]:
    def check(value: int) -> int:
        if value < least or (most is not None and value > most):
            raise ValueError(
                f"must be at least {least}" if most is None else f"must be a number from {least} to {most}"
            )
        return value

    return check


class Select(Options):
    """Which photos a rule shows; those left out are not downloaded."""

    most: Annotated[int, AfterValidator(_at_least(1))] | None = Field(
        default=None,
        description="The maximum number of photos. Which ones is decided by `fresh` and `order`; a new photo "
        "replaces a shown one only if its rank is better than the last tenth of the places, so that photos "
        "do not come and go. Absent by default: all photos that the other settings leave.",
        examples=["500"],
    )
    since: Annotated[date | Span | None, BeforeValidator(_day)] = Field(
        default=None,
        description="Only photos taken on this day or later: a date, or a span before today with the units "
        "`y`, `mo`, `w`, `d` or `h`. Days are local. Photos without a date are left out. Absent by default.",
        examples=["2y", "2024-01-01"],
    )
    until: Annotated[date | Span | None, BeforeValidator(_day)] = Field(
        default=None,
        description="Only photos taken on this day or earlier, like `since`. Absent by default.",
        examples=["2024-12-31", "6mo"],
    )
    order: Literal["newest", "oldest", "album", "random", "spread", "rating", "fresh-then-rating"] = Field(
        default="newest",
        description="Which photos are chosen if there are more than `most`: the `newest` or `oldest` ones, "
        "the first ones of the `album`, `random` ones, ones `spread` evenly over the months and days, or "
        "those with the best `rating`: what the family says on its pages, then stars, then favourites. "
        "`fresh-then-rating` keeps a quarter of the places for the newest photos that nobody has judged yet. "
        "If it is written, the frame also shows the photos in this order, "
        "those of `fresh` first, as far as it can keep one. `newest` is the default, as for `overflow`; "
        "without `order`, the order on the frame is not changed.",
        examples=["random"],
    )
    first: Literal["best-of-the-week"] | None = Field(
        default=None,
        description="With `best-of-the-week`, the photo that the family rates best among those that were "
        "taken, or seen for the first time, in the last seven days always has a place, and comes before all "
        "others. Absent by default.",
        examples=["best-of-the-week"],
    )
    fresh: Annotated[Span | None, BeforeValidator(_span)] = Field(
        default=None,
        description="Photos that were taken, or seen for the first time, within this span are chosen before "
        "all others. In the first cycle of a rule only the date taken counts. Absent by default.",
        examples=["14d"],
    )
    rotate: Annotated[Span | None, BeforeValidator(_rotation)] = Field(
        default=None,
        description="Only with `order: random` and `most`: within this span every shown photo is replaced by "
        "another, a few of them each day. Absent by default: random photos stay.",
        examples=["7d"],
    )
    orientation: Literal["portrait", "landscape", "square"] | None = Field(
        default=None,
        description="Only photos of this shape, as they are shown. Photos whose size the source does not "
        "list are downloaded once to find out. Absent by default.",
        examples=["landscape"],
    )
    min_rating: Annotated[int, AfterValidator(_at_least(1, 5))] | None = Field(
        default=None,
        description="Only photos with at least this many stars; photos of sources without ratings are not "
        "affected. Immich has ratings, but not in shared links without metadata. Absent by default.",
        examples=["3"],
    )
    favorites: Boolean = Field(
        default=False,
        description="Only favourites; photos of sources without favourites are not affected. Immich has "
        "favourites, but calls no photo one that belongs to somebody else. Off by default.",
        examples=["true"],
    )
    similar: Literal["one"] | None = Field(
        default=None,
        description="With `one`, only the best of several photos that look alike and were taken within 10 "
        "seconds of each other: by rating, favourite, and resolution. The photos are downloaded once to be "
        "compared. Absent by default.",
        examples=["one"],
    )
    exclude: Annotated[tuple[Literal["screenshots"], ...], BeforeValidator(listed)] = Field(
        default=(),
        description="Kinds of pictures to leave out, a list or a single one. `screenshots`: recognised by "
        "their names, or as PNG with the size of a screen. Empty by default.",
        examples=["[screenshots]"],
    )

    @model_validator(mode="after")
    def _together(self) -> Select:
        problems = Problems()
        if self.since is not None and self.until is not None and _begin(self.since) > _begin(self.until):
            problems.add(("since",), "is after `until`, so no photo would be shown; exchange the two")
        if self.rotate is not None and self.order != "random":
            problems.add(("rotate",), f"needs `order: random`, but the order is `{self.order}`")
        elif self.rotate is not None and self.most is None:
            problems.add(("rotate",), "needs `most`: without it, all photos are shown")
        problems.check("select")
        return self

    @property
    def choice(self) -> Choice:
        """The value for the core."""
        return Choice(
            most=self.most,
            since=self.since,
            until=self.until,
            order=Order(self.order),
            ordered="order" in self.model_fields_set or self.first is not None,
            first=None if self.first is None else First(self.first),
            fresh=self.fresh,
            rotate_days=None if self.rotate is None else self.rotate.days,
            orientation=None if self.orientation is None else Orientation(self.orientation),
            min_rating=self.min_rating,
            favorites=self.favorites,
            similar_one=self.similar is not None,
            exclude=frozenset(map(Excluded, self.exclude)),
        )


def _begin(day: Day) -> date:
    """Return the day that is meant today."""
    return day.before(datetime.now(UTC)).date() if isinstance(day, Span) else day
