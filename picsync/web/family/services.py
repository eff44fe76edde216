"""What the routes work with; there is one for each application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeAlias, cast

from fastapi import Depends, Request

from picsync.family.looking import Looking
from picsync.family.office import Office
from picsync.family.onframes import OnFrames
from picsync.family.people import People, hashed
from picsync.family.photos import Photos
from picsync.family.pictures import Pictures
from picsync.family.ratings import Ratings
from picsync.family.shares import Shares
from picsync.family.state.database import State
from picsync.family.uploads.service import Uploads
from picsync.family.voting import Voting
from picsync.serving.guesses import Guesses

if TYPE_CHECKING:
    from picsync.family.openid import Provider

MAX_WRONG = 300
MAX_WRONG_OF_ADDRESS = 30
"""Wrong tokens within a minute. Tokens are random, so guessing is hopeless anyway."""
MAX_RIGHT = 2_000
"""Right tokens that are remembered."""


@dataclass(slots=True)
class Services:
    """Everything that the pages show and change."""

    state: State
    people: People
    photos: Photos
    pictures: Pictures
    voting: Voting
    uploads: Uploads | None = None
    """None without a library."""
    title: str = "Family photos"
    """What the pages call themselves."""
    url: str = ""
    """Where other devices reach the pages, with a slash at the end; empty if that is unknown."""
    share_for: timedelta = timedelta(days=30)
    """How long a link to a photo or album is valid."""
    downloads: bool = True
    """Whether such links allow downloads."""
    passwords: bool = False
    """Whether people may sign in by a password."""
    openid: Provider | None = None
    """Through which people sign in who have linked their account there."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    wrong: Guesses = field(
        default_factory=lambda: Guesses(most=MAX_WRONG, most_of_address=MAX_WRONG_OF_ADDRESS)
    )
    wrong_passwords: Guesses = field(default_factory=lambda: Guesses(most=60, most_of_address=5))
    """Wrong passwords within a minute: people choose them, so they can be guessed."""
    comparing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a password is compared: that takes memory, and the next one may be one too many."""
    ratings: Ratings = field(init=False)
    looking: Looking = field(init=False)
    shares: Shares = field(init=False)
    office: Office = field(init=False)
    on_frames: OnFrames = field(init=False)
    _right: dict[str, None] = field(default_factory=dict, repr=False)
    """Hashes of tokens that were right lately, the oldest first."""

    def __post_init__(self) -> None:
        """Create what needs nothing but the database."""
        self.ratings = Ratings(self.state, self.time)
        self.looking = Looking(self.state, self.time)
        self.shares = Shares(self.state, self.time)
        self.office = Office(self.state)
        self.on_frames = OnFrames(self.state)

    def time(self) -> datetime:
        """Return the current time."""
        return self.now()

    def note_right(self, token: str) -> None:
        """Remember that a token was right."""
        key = hashed(token)
        self._right.pop(key, None)
        self._right[key] = None
        if len(self._right) > MAX_RIGHT:
            del self._right[next(iter(self._right))]

    def was_right(self, token: str) -> bool:
        """Whether a token was right lately; it may have been revoked since."""
        return hashed(token) in self._right


def services_of(request: Request) -> Services:
    """Return the services of the application that handles a request."""
    return cast("Services", request.app.state.services)


async def _served(request: Request) -> Services:
    # Dependencies that are no coroutines run in a thread.
    return services_of(request)


Served: TypeAlias = Annotated[Services, Depends(_served)]
