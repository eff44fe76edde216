"""Google's daily quotas: of requests to the API, and of downloads.

Google does not say how much of a quota is left. A 429 that outlasts the retries counts as a used-up quota
(documented: 10,000 requests and 75,000 downloads a day for each client id, renewed at midnight Pacific time).
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
"""How long nothing is requested after a refusal: this cycle ends soon, and the next one asks again."""

_TOO_MANY = 429


class Quota:
    """A daily quota; sends no further requests once it is used up."""

    def __init__(self, what: str, clock: Callable[[], float]) -> None:
        """Take what it allows per day, for the message, and a clock in seconds."""
        self._what = what
        self._clock = clock
        self._refused_at: float | None = None

    async def spend(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what `work` returns; raises what it raises, and LimitError once the quota is used up."""
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
            hint="Google renews the quota at midnight Pacific time, and picsync continues by itself. If "
            "this happens often, set a longer `every` in picsync.yaml, or use a client id of your own.",
        )
