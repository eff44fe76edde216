"""Pairing codes: six digits that a page without a token shows, until somebody who may do so enters them.

A code belongs to the browser that shows it, which knows it by a random key. Entering the code lets that
browser in, and no other. A code is valid for `CODE_FOR_S`; then the page shows another one. Anybody on
the network can ask for codes, so there is a limit for each address and in total. Entering is limited as
well: a wrong code is a guess.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

CODE_FOR_S = 600.0
"""How long a code is valid; a person has to walk to another device in that time."""
FORGOTTEN_AFTER_S = 60.0
"""How long a code is kept whose page no longer asks, when there are too many."""
TOLD_FOR_S = 120.0
"""How long a browser that was let in gets its token again, if the first answer was lost."""
MAX_CODES = 100
MAX_CODES_OF_ADDRESS = 10
"""Behind a proxy, all devices have one address."""
MAX_GUESSES = 10
MAX_GUESSES_OF_ADDRESS = 5
"""Wrong codes within `GUESSES_S`, after which none is accepted."""
GUESSES_S = 60.0
_MAX_ADDRESSES = 1_000


class TooManyError(Exception):
    """There are too many codes, or too many were wrong."""


@dataclass(slots=True)
class Attempt:
    """A browser that wants to be let in."""

    key: str = field(repr=False)
    """Known to the browser only."""
    frame: str
    address: str
    code: str
    expires_at: float
    seen_at: float
    accepted: bool = False
    token: str = field(default="", repr=False)
    """Its token, once it has been let in."""


@dataclass(slots=True)
class Guesses:
    """Limits how often something may be wrong, for each address and in total."""

    now: Callable[[], float] = time.monotonic
    most: int = MAX_GUESSES
    most_of_address: int = MAX_GUESSES_OF_ADDRESS
    _of_all: deque[float] = field(default_factory=deque)
    _of_address: dict[str, deque[float]] = field(default_factory=dict)

    def blocked(self, address: str) -> bool:
        """Whether nothing is accepted from an address at the moment."""
        of_address = self._of_address.get(address, deque())
        return self._full(self._of_all, self.most) or self._full(of_address, self.most_of_address)

    def wrong(self, address: str) -> None:
        """Count a wrong one."""
        now = self.now()
        self._count(self._of_all, self.most)
        if len(self._of_address) >= _MAX_ADDRESSES:
            self._of_address = {
                each: when for each, when in self._of_address.items() if now - when[-1] < GUESSES_S
            }
        self._count(self._of_address.setdefault(address, deque()), self.most_of_address)

    def _count(self, when: deque[float], most: int) -> None:
        when.append(self.now())
        while len(when) > most:
            when.popleft()

    def _full(self, when: deque[float], most: int) -> bool:
        return len(when) >= most and self.now() - when[0] < GUESSES_S


class Pairing:
    """All codes of a process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` returns seconds."""
        self._now = now
        self._attempts: dict[str, Attempt] = {}
        self._guesses = Guesses(now)

    def attempt(self, frame: str, key: str | None, address: str) -> Attempt:
        """Return the attempt of a browser, with a valid code; a new one for a browser that has none.

        Raises TooManyError if no more codes can be given at the moment.
        """
        now = self._now()
        found = self.find(frame, key) if key else None
        if found is None:
            self._make_room(address)
            key = secrets.token_urlsafe(24)
            found = Attempt(key, frame, address, self._code(), now + CODE_FOR_S, now)
            self._attempts[key] = found
        elif not found.accepted and found.expires_at <= now:
            found.code, found.expires_at = self._code(), now + CODE_FOR_S
        found.seen_at = now
        return found

    def find(self, frame: str, key: str) -> Attempt | None:
        """Return the attempt with a key, as it is; None if it was let in a while ago."""
        found = self._attempts.get(key)
        if found is None or found.frame != frame:
            return None
        return None if found.accepted and found.expires_at <= self._now() else found

    def enter(self, code: str, address: str = "") -> str | None:
        """Let the browser in that shows a code, and return its frame; None if none does.

        Raises TooManyError after too many wrong codes.
        """
        if self._guesses.blocked(address):
            raise TooManyError
        digits = "".join(code.split()).replace("-", "")
        now = self._now()
        for attempt in self._attempts.values():
            if attempt.code == digits and not attempt.accepted and attempt.expires_at > now:
                attempt.accepted = True
                attempt.expires_at = now + TOLD_FOR_S
                return attempt.frame
        self._guesses.wrong(address)
        return None

    def expires_in_s(self, attempt: Attempt) -> int:
        """Return how long its code is still valid."""
        return max(0, round(attempt.expires_at - self._now()))

    def _code(self) -> str:
        taken = {attempt.code for attempt in self._attempts.values()}
        while True:
            code = f"{secrets.randbelow(1_000_000):06}"
            if code not in taken:
                return code

    def _make_room(self, address: str) -> None:
        """Forget what has expired; of too many, those that are no longer asked for, the oldest first."""
        now = self._now()
        for attempt in list(self._attempts.values()):
            if attempt.expires_at <= now and (attempt.accepted or now - attempt.seen_at > FORGOTTEN_AFTER_S):
                del self._attempts[attempt.key]
        for few, of_address in ((MAX_CODES_OF_ADDRESS, True), (MAX_CODES, False)):
            there = [each for each in self._attempts.values() if not of_address or each.address == address]
            if len(there) >= few:
                oldest = min(there, key=lambda each: each.seen_at)
                if now - oldest.seen_at <= FORGOTTEN_AFTER_S:
                    raise TooManyError
                del self._attempts[oldest.key]
