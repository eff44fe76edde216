"""Pairing codes: six digits that a page without a token shows, until somebody who may do so enters them.

A code belongs to the browser that shows it, which knows it by a random key. Entering the code lets that
browser in, and no other. A code is valid for `CODE_FOR_S`; then the page shows another one. Anybody on
the network can ask for codes, so there is a limit for each address and in total. Entering is limited as
well: a wrong code is a guess.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from picsync.serving.guesses import Guesses

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


class Pairing:
    """All codes of a process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` returns seconds."""
        self._now = now
        self._attempts: dict[str, Attempt] = {}
        self._guesses = Guesses(now, MAX_GUESSES, MAX_GUESSES_OF_ADDRESS)

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
