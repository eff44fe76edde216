"""Google's daily quotas of API requests and downloads.

Google does not report the remaining quota. If 429 persists after all retries, the quota counts as used up
(documented: 10,000 requests and 75,000 downloads per day and client ID, reset at midnight Pacific time).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from picsync.core.errors import LimitError, TransientError
from picsync.http.retry import Answer, WireError

T = TypeVar("T")

REQUESTS = "10,000 requests"
DAILY_DOWNLOADS = "75,000 downloads"

REST_S = 60.0
"""How long no request is sent after a refusal: the current cycle ends soon, and the next one tries again."""

_TOO_MANY = 429


class Quota:
    """A daily quota; sends no further requests once it is used up."""

    def __init__(self, what: str, clock: Callable[[], float]) -> None:
        """Take the quota's name for messages, and a clock in seconds."""
        self._what = what
        self._clock = clock
        self._refused_at: float | None = None

    async def spend(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `work`; raises its exceptions, and LimitError once the quota is used up."""
        if self._refused_at is not None and self._clock() - self._refused_at < REST_S:
            raise self._used_up()
        try:
            return await work()
        except TransientError as error:
            cause = error.__cause__
            answer = cause.result if isinstance(cause, WireError) else None
            if not isinstance(answer, Answer) or answer.status != _TOO_MANY:
                raise
            self._refused_at = self._clock()
            raise self._used_up() from error

    def _used_up(self) -> LimitError:
        return LimitError(
            f"Google Photos keeps answering 429: the daily quota of {self._what} seems to be used up.",
            hint="Google resets the quota at midnight Pacific time, and picsync continues automatically. If"
            " this happens often, set a longer `every` in picsync.yaml, or use your own OAuth client.",
        )
