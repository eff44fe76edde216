"""Choice: which photos of a rule's sources its frame shows, and why the others are left out; pure functions.

A choice is made in three steps:

1. *Filters* leave out each photo that a setting excludes. The first one that applies is the reason.
2. *Order* ranks the others. Fresh photos come first, whatever the order, and the week's best before them.
3. *Places* are assigned by rank, at most `most`. The last tenth of them goes to photos that are shown before
   it goes to newcomers. So a newcomer replaces a shown photo only if its rank is better than that, and a
   photo at the edge doesn't come and go. With `FRESH_THEN_RATING`, a quarter of the places is for the newest
   photos that nobody has judged yet; those that this quarter has no room for, and the judged ones, have the
   others. What either part does not need, the other one has.

Always:

- Equal items and settings give an equal choice, whatever the order of the items. Nothing is remembered but
  what is shown; `random` depends on the seed, the item and the day only.
- An item that is added to the input, or removed, changes the choice by a few items at most.
- Each item is chosen, or left out for exactly one reason.
- While shown photos may only be missing from the input, `absent` places stay reserved for them, the best
  ones. So every newcomer that is chosen then would also be chosen if they were listed: none only fills a gap.

*Rotation*: each item has a random phase between 0 and 1, and those with the lowest phases are shown. An
item's phase advances by `_ADVANCE` once per rotation, on a day of its own, so about the same number of items
changes each day. If less than this share of the items is shown, a shown item's next phase is not among the
lowest. If more are shown, an item that has just advanced is left out for at least one day.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from operator import attrgetter
from typing import Generic, TypeAlias, TypeVar

from picsync.core.judgements import UNJUDGED, Judged
from picsync.core.values import dataclass

SIMILAR_WITHIN = timedelta(seconds=10)
"""Photos can be similar only if they were taken this close together: a burst, or the same motif once more."""
SIMILAR_BITS = 10
"""Bits of 64 in which the perceptual hashes of similar photos may differ."""
KEPT_PIXELS = 0.8
"""A shown photo is preferred to similar ones unless it has less than this share of their pixels: somebody who
crops a photo a little, or stores it anew, need not see another one of the burst."""
_COMPARED = 40
"""How many earlier photos each one is compared with: thousands may have the same date, such as scans."""
HELD_SHARE = 10
"""One of this many places goes to shown photos first."""
NEW_SHARE = 4
"""One of this many places goes to photos that nobody has judged yet, with `FRESH_THEN_RATING`."""
CLOCK_TOLERANCE = timedelta(days=1)
"""How far in the future a photo may be taken and still count as fresh: cameras don't store the time zone."""
_ADVANCE = math.sqrt(2) - 1
"""Per rotation. Irrational, so that an item's phases are spread evenly over the years; an item is not shown
twice in a row if at most this share of the items is shown."""
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_FAR_AHEAD = datetime.max.replace(tzinfo=UTC)
_BITS = 17
"""Bits of the number of months in 9,999 years."""

Thing = TypeVar("Thing")
Key = TypeVar("Key", bound=Hashable)


class Order(StrEnum):
    """By what photos are ranked."""

    NEWEST = "newest"
    OLDEST = "oldest"
    ALBUM = "album"
    """As the sources list them."""
    RANDOM = "random"
    SPREAD = "spread"
    """Evenly over the months and days."""
    RATING = "rating"
    """The best rated by the family first, then by stars, then favourites, then the newest."""
    FRESH_THEN_RATING = "fresh-then-rating"
    """Photos that nobody has judged yet have a share of the places; the others are ranked by rating."""


class Orientation(StrEnum):
    """The shape of a picture as it is shown."""

    PORTRAIT = "portrait"
    LANDSCAPE = "landscape"
    SQUARE = "square"

    @classmethod
    def of(cls, width: int, height: int) -> Orientation:
        """Return the orientation of a picture of this size."""
        if width == height:
            return cls.SQUARE
        return cls.PORTRAIT if width < height else cls.LANDSCAPE


class First(StrEnum):
    """What comes first, whatever the order."""

    WEEK = "best-of-the-week"
    """The photo with the best rating among those that were taken, or first seen, in the last seven days."""


class Excluded(StrEnum):
    """A kind of picture that a rule may exclude."""

    SCREENSHOTS = "screenshots"


class LeftOut(StrEnum):
    """Why a photo is not among the chosen ones; the settings are checked in this order."""

    EXCLUDE = "exclude"
    """It is of an excluded kind."""
    UNDATED = "undated"
    """Its date is unknown, but `since` or `until` is set."""
    SINCE = "since"
    UNTIL = "until"
    ORIENTATION = "orientation"
    MIN_RATING = "min_rating"
    FAVORITES = "favorites"
    SIMILAR = "similar"
    """A similar photo is better."""
    UNKNOWN = "unknown"
    """It has to be looked at first."""
    MOST = "most"
    """Others rank higher, and there is no further place."""
    LISTING = "listing"
    """There may be no further place: a listing is incomplete, and shown photos that it lacks keep theirs."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A length of time; a month is one of the calendar."""

    months: int = 0
    time: timedelta = timedelta(0)

    def before(self, instant: datetime) -> datetime:
        """Return the instant that lies this long before; the end of the calendar at the earliest."""
        months = instant.year * 12 + instant.month - 1 - self.months
        year, month = divmod(months, 12)
        if year < 1:
            return _LONG_AGO
        day = instant.day
        while True:
            try:
                moved = instant.replace(year=year, month=month + 1, day=day)
                break
            except ValueError:
                day -= 1  # The month is shorter.
        try:
            return moved - self.time
        except OverflowError:
            return _LONG_AGO

    @property
    def days(self) -> int:
        """Its whole days; a month has 30."""
        return self.months * 30 + self.time.days


WEEK = Span(time=timedelta(days=7))

Day: TypeAlias = date | Span
"""A day of the calendar, or that day which lies a span before today."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The settings of `select` in a rule; each default selects everything."""

    most: int | None = None
    since: Day | None = None
    until: Day | None = None
    """The days, in local time, between which photos are taken; both included."""
    order: Order = Order.NEWEST
    ordered: bool = False
    """Whether the frame is to show the photos in that order, too."""
    first: First | None = None
    fresh: Span | None = None
    rotate_days: int | None = None
    """Only with `RANDOM`."""
    orientation: Orientation | None = None
    min_rating: int | None = None
    favorites: bool = False
    similar_one: bool = False
    """Whether only the best of similar photos is shown."""
    exclude: frozenset[Excluded] = frozenset()

    @property
    def looks(self) -> bool:
        """Whether it may depend on what only the picture tells, of any picture."""
        return self.similar_one or self.orientation is not None

    @property
    def no_screenshots(self) -> bool:
        """Whether it may depend on the size of a picture that may be a screenshot."""
        return Excluded.SCREENSHOTS in self.exclude

    @property
    def rates(self) -> bool:
        """Whether it depends on ratings."""
        ranked = self.order in (Order.RATING, Order.FRESH_THEN_RATING) or self.first is not None
        return self.similar_one or self.min_rating is not None or ranked

    @property
    def recent(self) -> Span | None:
        """How far back it matters when a photo was first seen; None if it does not matter."""
        if self.first is None or (self.fresh is not None and self.fresh.days >= WEEK.days):
            return self.fresh
        return WEEK


@dataclass(frozen=True, slots=True)
class Subject(Generic[Key]):
    """What is known of an item that may be chosen."""

    key: Key
    name: str
    """Permanent and unique; what is random depends on it."""
    place: int = 0
    """Position in the sources' order."""
    taken_at: datetime | None = None
    """Aware UTC, as all times."""
    seen_at: datetime | None = None
    """When it was first seen; None if that was in the rule's first cycle."""
    width: int | None = None
    height: int | None = None
    """In pixels, as shown."""
    rating: int | None = None
    """1 to 5; 0 for none. None if the source has no ratings."""
    favorite: bool | None = None
    """None if the source has no favourites."""
    judged: Judged = UNJUDGED
    """What the family says of it."""
    screenshot: bool | None = False
    """None if only its size tells, and that is unknown."""
    look: int | None = None
    """Perceptual hash of 64 bits."""
    looked_at: bool = False
    """Whether the picture was looked at; then what is unknown stays unknown."""
    doubtful: bool = False
    """Whether it could not be used before. It is tried again, but occupies no place until it works."""


@dataclass(frozen=True, slots=True)
class Chosen(Generic[Key]):
    """The result of a choice."""

    keys: tuple[Key, ...]
    """In order of their ranks."""
    left_out: dict[Key, LeftOut] = field(default_factory=dict)
    to_look_at: tuple[Key, ...] = ()
    """Items whose pictures the choice depends on, the most important first."""


def newest_first(things: Iterable[Thing], taken_at: Callable[[Thing], datetime | None]) -> list[Thing]:
    """Sort by the time taken, descending; those without one come last, and equal ones keep their order."""
    return sorted(things, key=lambda thing: taken_at(thing) or _LONG_AGO, reverse=True)


def choose(
    items: Iterable[Subject[Key]],
    choice: Choice,
    *,
    shown: Collection[Key] = frozenset(),
    now: datetime,
    zone: tzinfo = UTC,
    seed: str = "",
    absent: int = 0,
) -> Chosen[Key]:
    """Choose among `items`, of which those in `shown` are on the frame.

    `seed` distinguishes rules. `absent` is the number of shown photos that may only be missing from `items`.
    """
    today = now.astimezone(zone)
    left_out: dict[Key, LeftOut] = {}
    eligible = _filtered(sorted(items, key=attrgetter("place", "name")), choice, today, left_out)
    waiting: dict[Key, tuple[Subject[Key], ...]] = {}
    if choice.similar_one:
        eligible, waiting = _without_similar(eligible, shown, left_out)
    fresh = newest_first(_recent(eligible, choice.fresh, now), _newness)
    best = _best(_recent(eligible, WEEK, now)) if choice.first is First.WEEK else None
    if best is not None:
        fresh = [best, *(one for one in fresh if one is not best)]
    ranked = [*fresh, *_ranked(_others(eligible, fresh), choice, today, seed)]
    taken, to_look_at = _placed(ranked, len(fresh), choice, shown, absent, left_out)
    if choice.most is not None:
        # The last places were assigned in another order.
        chosen = {one.key for one in taken}
        in_order = [one for one in ranked if one.key in chosen]
    else:
        in_order = taken
    if choice.order is Order.FRESH_THEN_RATING:
        first = {one.key for one in fresh}
        # They were mixed for the places only.
        in_order = sorted(in_order, key=lambda one: one.key not in first and 1 + (not one.judged.new))
    for one in taken:
        to_look_at += [each.key for each in waiting.get(one.key, ()) if not each.looked_at]
    return Chosen(tuple(one.key for one in in_order), left_out, tuple(dict.fromkeys(to_look_at)))


# --- filters --------------------------------------------------------------------------------------------


def _filtered(
    items: Sequence[Subject[Key]], choice: Choice, today: datetime, left_out: dict[Key, LeftOut]
) -> list[Subject[Key]]:
    since = None if choice.since is None else _midnight(_day(choice.since, today), today)
    until = None if choice.until is None else _midnight(_day(choice.until, today), today, after=1)
    eligible = []
    for one in items:
        reason = None
        if choice.no_screenshots and one.screenshot:
            reason = LeftOut.EXCLUDE
        elif one.taken_at is None and (since is not None or until is not None):
            reason = LeftOut.UNDATED
        elif since is not None and one.taken_at is not None and one.taken_at < since:
            reason = LeftOut.SINCE
        elif until is not None and one.taken_at is not None and one.taken_at >= until:
            reason = LeftOut.UNTIL
        elif choice.orientation is not None and not _may_have(choice.orientation, one):
            reason = LeftOut.ORIENTATION
        elif choice.min_rating is not None and one.rating is not None and one.rating < choice.min_rating:
            reason = LeftOut.MIN_RATING
        elif choice.favorites and one.favorite is False:
            reason = LeftOut.FAVORITES
        if reason is None:
            eligible.append(one)
        else:
            left_out[one.key] = reason
    return eligible


def _day(day: Day, today: datetime) -> date:
    return day.before(today).date() if isinstance(day, Span) else day


def _midnight(day: date, today: datetime, *, after: int = 0) -> datetime:
    """Return when `day`, or the one that many days after it, begins in the zone of `today`."""
    try:
        return datetime.combine(day + timedelta(days=after), time(), today.tzinfo).astimezone(UTC)
    except OverflowError:
        return _FAR_AHEAD if after else _LONG_AGO


def _may_have(orientation: Orientation, one: Subject[Key]) -> bool:
    """Whether it has this orientation, or has to be looked at."""
    if not one.width or not one.height:
        return not one.looked_at
    return Orientation.of(one.width, one.height) is orientation


def _needs_look(one: Subject[Key], choice: Choice) -> bool:
    if one.looked_at:
        return False
    shape = choice.orientation is not None and not (one.width and one.height)
    return shape or (choice.no_screenshots and one.screenshot is None)


# --- similar --------------------------------------------------------------------------------------------


def _without_similar(
    items: Sequence[Subject[Key]], shown: Collection[Key], left_out: dict[Key, LeftOut]
) -> tuple[list[Subject[Key]], dict[Key, tuple[Subject[Key], ...]]]:
    """Leave out all but the best of similar photos.

    Also return, for each remaining one, those taken at the same time if it has to be compared with them.
    """
    dated = sorted(
        (one for one in items if one.taken_at is not None and (one.look is not None or not one.looked_at)),
        key=lambda one: (one.taken_at or _LONG_AGO, one.name),
    )
    alike, near = _Groups(len(dated)), _Groups(len(dated))
    _join_groups(dated, alike, near)
    for group in alike.groups():
        best = _best_of([dated[at] for at in group], shown)
        left_out.update((dated[at].key, LeftOut.SIMILAR) for at in group if dated[at] is not best)
    waiting: dict[Key, tuple[Subject[Key], ...]] = {}
    for group in near.groups():
        members = [dated[at] for at in group if dated[at].key not in left_out]
        if len(members) < 2 or all(one.look is not None for one in members):
            continue
        best = max(members, key=lambda one: (one.key in shown, _quality(one, shown)))
        waiting[best.key] = tuple(members)
        others = [one for one in members if one.look is None and one is not best]
        left_out.update((one.key, LeftOut.UNKNOWN) for one in others if one.key not in shown)
    return [one for one in items if one.key not in left_out], waiting


def _join_groups(dated: Sequence[Subject[Key]], alike: _Groups, near: _Groups) -> None:
    """Join those that are alike, and those that are, or may be."""
    times = [one.taken_at or _LONG_AGO for one in dated]
    for at, one in enumerate(dated):
        for before in range(at - 1, max(at - _COMPARED, 0) - 1, -1):
            if times[at] - times[before] > SIMILAR_WITHIN:
                break
            other = dated[before]
            if one.look is None or other.look is None:
                near.join(at, before)
            elif (one.look ^ other.look).bit_count() <= SIMILAR_BITS:
                alike.join(at, before)
                near.join(at, before)


def _best_of(group: Sequence[Subject[Key]], shown: Collection[Key]) -> Subject[Key]:
    """Return the best of similar photos; a shown one as long as it is nearly as good."""
    best = max(group, key=lambda one: _quality(one, shown))
    nearly = [
        one
        for one in group
        if one.key in shown and _liked(one) == _liked(best) and _pixels(one) >= KEPT_PIXELS * _pixels(best)
    ]
    return max(nearly, key=lambda one: _quality(one, shown), default=best)


def _quality(one: Subject[Key], shown: Collection[Key]) -> tuple[tuple[int, bool], int, bool, str]:
    return _liked(one), _pixels(one), one.key in shown, one.name


def _liked(one: Subject[Key]) -> tuple[int, bool]:
    return one.rating or 0, bool(one.favorite)


def _pixels(one: Subject[Key]) -> int:
    return (one.width or 0) * (one.height or 0)


class _Groups:
    """Numbers from 0 up, joined to groups."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self._joined = False

    def join(self, one: int, other: int) -> None:
        self._joined = True
        self._parent[self._root(one)] = self._root(other)

    def groups(self) -> list[list[int]]:
        """Return the groups of more than one."""
        if not self._joined:
            return []
        found: dict[int, list[int]] = {}
        for one in range(len(self._parent)):
            found.setdefault(self._root(one), []).append(one)
        return [group for group in found.values() if len(group) > 1]

    def _root(self, one: int) -> int:
        parent = self._parent
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one


# --- order ----------------------------------------------------------------------------------------------


def _recent(items: Sequence[Subject[Key]], span: Span | None, now: datetime) -> list[Subject[Key]]:
    """Return the items that were taken, or first seen, within a span."""
    if span is None:
        return []
    since, latest = span.before(now), now + CLOCK_TOLERANCE
    return [
        one
        for one in items
        if (one.taken_at is not None and since <= one.taken_at <= latest)
        or (one.seen_at is not None and one.seen_at >= since)
    ]


def _best(items: Sequence[Subject[Key]]) -> Subject[Key] | None:
    """Return the item with the best rating; None if the family has judged none of them."""
    judged = [one for one in items if one.judged.cautious > UNJUDGED.cautious]
    return max(judged, key=lambda one: (one.judged.cautious, _newness(one), one.name), default=None)


def _newness(one: Subject[Key]) -> datetime:
    return max(one.taken_at or _LONG_AGO, one.seen_at or _LONG_AGO)


def _others(items: Sequence[Subject[Key]], fresh: Sequence[Subject[Key]]) -> Sequence[Subject[Key]]:
    if not fresh:
        return items
    keys = {one.key for one in fresh}
    return [one for one in items if one.key not in keys]


def _ranked(
    items: Sequence[Subject[Key]], choice: Choice, today: datetime, seed: str
) -> Sequence[Subject[Key]]:
    """Sort items, which are in the sources' order, by their ranks."""
    match choice.order:
        case Order.NEWEST:
            return newest_first(items, lambda one: one.taken_at)
        case Order.OLDEST:
            return sorted(items, key=lambda one: one.taken_at or _FAR_AHEAD)
        case Order.RATING:
            return _by_rating(items)
        case Order.FRESH_THEN_RATING:
            new = newest_first((one for one in items if one.judged.new), _newness)
            return _with_share(new, _by_rating([one for one in items if not one.judged.new]))
        case Order.RANDOM:
            numbers = _random_numbers(items, seed)
            if choice.rotate_days is not None:
                numbers = _phases(numbers, today.toordinal(), choice.rotate_days)
            return _by_number(items, numbers)
        case Order.SPREAD:
            return _spread(items, seed)
        case Order.ALBUM:
            return items


def _by_rating(items: Sequence[Subject[Key]]) -> list[Subject[Key]]:
    """Sort by what the family says, then by stars.

    By the cautious rating, so one that was judged once and lost comes after those that nobody has judged.
    """
    newest = newest_first(items, lambda one: one.taken_at)
    return sorted(
        newest, key=lambda one: (one.judged.cautious, one.rating or 0, bool(one.favorite)), reverse=True
    )


def _with_share(new: Sequence[Thing], others: Sequence[Thing]) -> list[Thing]:
    """Mix two rankings: one of `NEW_SHARE` places is for the first one, as long as it lasts."""
    mixed: list[Thing] = []
    step = NEW_SHARE - 1
    for at, one in enumerate(new):
        mixed += [one, *others[at * step : (at + 1) * step]]
    return [*mixed, *others[len(new) * step :]]


def _by_number(items: Sequence[Subject[Key]], numbers: Sequence[float]) -> list[Subject[Key]]:
    return [items[at] for at in _order(numbers)]


def _random_numbers(items: Sequence[Subject[Key]], seed: str) -> list[float]:
    """Return a number from 0 to 1 for each item; the same at all times and on all machines."""
    copy = hashlib.blake2b(seed.encode("utf-8", "surrogatepass") + b"\0", digest_size=7).copy
    number = int.from_bytes
    numbers = []
    for one in items:
        state = copy()
        state.update(one.name.encode("utf-8", "surrogatepass"))
        numbers.append((number(state.digest(), "big") >> 3) / (1 << 53))
    return numbers


def _phases(numbers: Sequence[float], day: int, rotation: int) -> list[float]:
    """Return the phases of items on a day."""
    phases = []
    for number in numbers:
        # Independent of the phase: its lower bits.
        own_day = int(number * (1 << 53)) % rotation
        rotations, since = divmod(day + own_day, rotation)
        phase = (number + rotations * _ADVANCE) % 1.0
        phases.append(phase + 1.0 if not since and rotation > 1 and phase >= _ADVANCE else phase)
    return phases


def _spread(items: Sequence[Subject[Key]], seed: str) -> list[Subject[Key]]:
    """Take one photo of each month in turn; within a month, one of each day in turn.

    The months, and the days of a month, come in an order of which every beginning is spread evenly.
    """
    days: defaultdict[int, list[Subject[Key]]] = defaultdict(list)
    numbers = _random_numbers(items, seed)
    for one in _by_number(items, numbers):
        if one.taken_at is not None:
            days[one.taken_at.toordinal()].append(one)
    undated = [one for one in items if one.taken_at is None]
    months: defaultdict[int, dict[int, list[Subject[Key]]]] = defaultdict(dict)
    for ordinal, photos in days.items():
        day = date.fromordinal(ordinal)
        months[day.year * 12 + day.month][day.day] = photos
    return _taking_turns({month: _taking_turns(photos) for month, photos in months.items()}) + undated


def _taking_turns(groups: Mapping[int, list[Thing]]) -> list[Thing]:
    """Return the first of each group, then the second of each, and so on."""
    queues = [groups[number] for number in sorted(groups, key=_reversed_bits)]
    taken: list[Thing] = []
    turn = 0
    while queues:
        taken += [queue[turn] for queue in queues]
        turn += 1
        queues = [queue for queue in queues if len(queue) > turn]
    return taken


def _order(numbers: Sequence[float]) -> list[int]:
    return sorted(range(len(numbers)), key=numbers.__getitem__)


def _reversed_bits(number: int) -> int:
    return int(f"{number:0{_BITS}b}"[::-1], 2)


# --- places ---------------------------------------------------------------------------------------------


def _placed(
    ranked: Sequence[Subject[Key]],
    fresh: int,
    choice: Choice,
    shown: Collection[Key],
    absent: int,
    left_out: dict[Key, LeftOut],
) -> tuple[list[Subject[Key]], list[Key]]:
    """Return the items that get a place, and those to look at first. The first `fresh` ones are fresh."""
    most = len(ranked) + absent if choice.most is None else choice.most
    held = 0 if choice.most is None or choice.rotate_days is not None else most // HELD_SHARE
    places = max(most - absent, 0)
    taken: list[Subject[Key]] = []
    to_look_at: list[Key] = []
    number = 0

    def take(queue: Sequence[Subject[Key]], until: int) -> int:
        """Give places to items in order until that many are taken; return how many items had their turn."""
        nonlocal number
        for at, one in enumerate(queue):
            if number >= until:
                return at
            if _needs_look(one, choice):
                to_look_at.append(one.key)
                if one.key not in shown:
                    left_out[one.key] = LeftOut.UNKNOWN
                    continue
            taken.append(one)
            number += not one.doubtful
        return len(queue)

    ended = take(ranked, max(places - held, 0))
    rest: Sequence[Subject[Key]] = ranked[ended:]
    if number < places and len(rest) > places - number:
        new, old = ranked[ended:fresh], ranked[max(ended, fresh) :]
        rest = [*_shown_first(new, shown), *_shown_first(old, shown)]
    without = [one.key for one in rest[take(rest, places) :]]
    left_out.update(dict.fromkeys(without, LeftOut.MOST))
    left_out.update((key, LeftOut.LISTING) for key in without[:absent] if key not in shown)
    return taken, to_look_at


def _shown_first(items: Sequence[Subject[Key]], shown: Collection[Key]) -> list[Subject[Key]]:
    kept = [one for one in items if one.key in shown]
    return [*kept, *(one for one in items if one.key not in shown)] if kept else [*items]
