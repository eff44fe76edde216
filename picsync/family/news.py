"""What a receiver of notifications is told of the photos: how many are new, and which is the best now.

`decide` is pure: from what a receiver was told and what there is now it follows what to say. What each was
told is in the database, so nobody is told twice after a restart.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from picsync.cache.schema import instant, number
from picsync.core.values import dataclass
from picsync.family.glicko import Rating
from picsync.family.looking import shown
from picsync.family.photos import Photo, as_photo, select_photos
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.family.state.remembered import recall, remember

CHAMPIONS_APART = timedelta(days=1)
"""New champions are announced at most so often: while people choose, the first place changes hands."""
MAX_NAME = 80
"""Characters of a photo's text in a message."""
_TOLD, _SALT = "news ", "news: salt"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be sent."""

    period: timedelta | None = None
    """Time between digests; None for no digest."""
    champions: bool = False

    @property
    def anything(self) -> bool:
        """Whether anything is."""
        return self.period is not None or self.champions


@dataclass(frozen=True, slots=True)
class Told:
    """What a receiver knows."""

    until: datetime | None = None
    """Photos that arrived until then were in a digest; None before the first look."""
    champions: Mapping[str, str] | None = None
    """ID of the best photo of each category; None before the first look."""
    announced_at: datetime | None = None
    """When champions were announced last."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is."""

    count: int = 0
    """Photos that arrived after `Told.until`."""
    best: Photo | None = None
    """The best of these; None if none has been judged."""
    champions: Mapping[str, Photo] = field(default_factory=lambda: MappingProxyType({}))
    """The best photo of all time of each category, if one has been judged."""


@dataclass(frozen=True, slots=True)
class News:
    """A message."""

    title: str
    body: str


def decide(
    wanted: Wanted, told: Told, found: Found, now: datetime, *, pages: str
) -> tuple[News | None, Told]:
    """Return the message that is due, and what its receiver knows once it has it.

    Without a message, that is known at once. The first look tells nothing: what is there by then is not
    news. `pages` is the URL of the pages with a slash at its end; empty if unknown.
    """
    lines, titles = [], []
    until = announced_at = None
    champions: dict[str, str] | None = None
    if wanted.period is not None:
        # A time in the future was written while the clock was wrong.
        until = min(told.until or now, now)
        if now - until >= wanted.period:
            if found.count:
                lines.append(_digest(found, now - until, pages))
                titles.append("new photos")
            until = now
    if wanted.champions:
        champions, announced_at = dict(told.champions or {}), told.announced_at
        new = {name: one for name, one in found.champions.items() if champions.get(name) != one.photo}
        waits = announced_at is not None and timedelta() <= now - announced_at < CHAMPIONS_APART
        if new and (told.champions is None or not waits):
            champions |= {name: photo.photo for name, photo in new.items()}
            if told.champions is not None:
                lines += [_champion(name, photo, pages) for name, photo in sorted(new.items())]
                titles.append("a new champion" if len(new) == 1 else "new champions")
                announced_at = now
    news = News(f"Family photos: {' and '.join(titles)}", "\n".join(lines)) if lines else None
    return news, Told(until, champions, announced_at)


def _digest(found: Found, since: timedelta, pages: str) -> str:
    days = max(1, round(since / timedelta(days=1)))
    when = {1: "today", 7: "this week"}.get(days, f"in the last {days} days")
    photos = "1 new photo" if found.count == 1 else f"{found.count:,} new photos"
    if found.best is None:
        return f"{photos} {when}." + (f" {pages}" if pages else "")
    if found.count == 1:
        return f"{photos} {when}: {_named(found.best)}.{_link(found.best, pages)}"
    return f"{photos} {when}, the best is {_named(found.best)}.{_link(found.best, pages)}"


def _champion(category: str, photo: Photo, pages: str) -> str:
    return f"{category} has a new champion: {_named(photo)}.{_link(photo, pages)}"


def _named(photo: Photo) -> str:
    text = photo.text or photo.filename
    return f'"{text if len(text) <= MAX_NAME else text[: MAX_NAME - 3] + "..."}"'


def _link(photo: Photo, pages: str) -> str:
    return f" {pages}photo/{photo.photo}" if pages else ""


class Newsroom:
    """Reads what there is, and what receivers know. Methods raise StateError."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def key(self, address: str) -> str:
        """Return what a receiver is called in the database, from which its address cannot be found out."""

        def salt(connection: sa.Connection) -> str:
            found = recall(connection, _SALT)
            if found is None:
                found = secrets.token_hex(16)
                remember(connection, _SALT, found)
            return found

        salted = bytes.fromhex(await self._state.write(salt))
        # Addresses contain passwords, some of which can be guessed: each guess is to take a while.
        found = await asyncio.to_thread(
            hashlib.scrypt, address.encode(), salt=salted, n=2**14, r=8, p=1, dklen=16
        )
        return found.hex()

    async def look(self, receiver: str, wanted: Wanted, now: datetime) -> tuple[Told, Found]:
        """Return what a receiver knows, and what there is."""

        def work(connection: sa.Connection) -> tuple[Told, Found]:
            told = _read(recall(connection, _TOLD + receiver))
            count, best = 0, None
            if wanted.period is not None and told.until is not None and now - told.until >= wanted.period:
                count, best = _new(connection, told.until, now)
            return told, Found(count, best, _champions(connection) if wanted.champions else {})

        return await self._state.read(work)

    async def tell(self, receiver: str, told: Told) -> None:
        """Store what a receiver knows from now on."""
        await self._state.write(lambda connection: remember(connection, _TOLD + receiver, _written(told)))


def _new(connection: sa.Connection, after: datetime, until: datetime) -> tuple[int, Photo | None]:
    photo, rating = tables.photo, tables.rating
    new = shown(None).where(photo.c.added_at > number(after), photo.c.added_at <= number(until))
    count = connection.scalar(sa.select(sa.func.count()).select_from(new.subquery())) or 0
    cautious = rating.c.points - 2 * rating.c.deviation
    best = new.join(rating, rating.c.photo == photo.c.photo).where(rating.c.games > 0)
    row = connection.execute(best.order_by(cautious.desc(), photo.c.photo).limit(1)).one_or_none()
    return count, None if row is None else as_photo(row)


def _champions(connection: sa.Connection) -> dict[str, Photo]:
    entry, rating, hidden = tables.entry, tables.rating, tables.hidden
    rows = connection.execute(
        sa.select(entry.c.category, rating)
        .join(rating, rating.c.photo == entry.c.photo)
        .outerjoin(hidden, hidden.c.photo == entry.c.photo)
        .where(hidden.c.photo.is_(None), rating.c.games > 0)
    )
    first: dict[str, tuple[float, str]] = {}
    for row in rows:
        place = (-Rating(row.points, row.deviation, row.volatility).cautious, row.photo)
        first[row.category] = min(first.get(row.category, place), place)
    wanted = select_photos().where(tables.photo.c.photo.in_({photo for _, photo in first.values()}))
    photos = {row.photo: as_photo(row) for row in connection.execute(wanted)}
    return {category: photos[photo] for category, (_, photo) in first.items() if photo in photos}


def _written(told: Told) -> str:
    times = {"until": told.until, "announced_at": told.announced_at}
    stored: dict[str, Any] = {name: number(at) for name, at in times.items() if at is not None}
    if told.champions is not None:
        stored["champions"] = dict(told.champions)
    return json.dumps(stored)


def _read(text: str | None) -> Told:
    stored = json.loads(text or "{}")
    until, announced_at = instant(stored.get("until")), instant(stored.get("announced_at"))
    return Told(until, stored.get("champions"), announced_at)
