"""The retry policy: which requests are retried, when, and what is raised in the end.

`judge` is the whole decision, a pure function of the operation and what came back. `Retrier` only carries
it out. A request is repeated when nothing can have happened (it was never sent, or the service said 429)
or when repeating it is safe (`Operation.repeatable`). Anything else surfaces as TransientError at once, and
the caller looks up what became of it before writing again.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from picsync.core.errors import (
    ForeignAddressError,
    NotFoundError,
    PicsyncError,
    ProtocolError,
    RefusedError,
    TransientError,
)
from picsync.core.events import Emit, RequestFinished, RequestOutcome, RetryScheduled
from picsync.core.values import dataclass
from picsync.http.pace import API, Pace, Slot, Stage

T = TypeVar("T")

RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that time may change; 429 besides says that nothing was done (RFC 6585)."""

OVERLOAD_STATUSES = frozenset({429, 502, 503, 504})
"""Answers that say that a service, or what stands before it, has too much to do."""

EXCERPT_CHARACTERS = 200
MAX_RETRY_AFTER_S = 86_400.0
"""Longest wait that a server can ask for: even a daily quota is renewed within a day."""

_SECONDS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of request to a service, by name; what logs, metrics and fault tests speak of."""

    service: str
    """The service's name in messages to people."""
    name: str
    """What the request does, e.g. `list_albums`."""
    repeatable: bool = True
    """Whether sending it twice ends as sending it once would."""
    stage: Stage = API
    """With which others of the service it shares a limit."""

    def __str__(self) -> str:
        return f"{self.service} {self.name.replace('_', ' ')}"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, as far as the policy cares."""

    status: int
    retry_after_s: float | None = None
    excerpt: str = ""
    """First characters of the body; only of answers that hold no secret."""
    of_account: bool = True
    """Whether a 429 is about all requests of the account, and not only about this one."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A request that got no whole answer."""

    reason: str
    """In words, without URL: "connection refused", "no answer within 60 s"."""
    sent: bool
    """False only if the service surely never saw the request."""
    hint: str = ""
    """What the user can do, where that is known better than for all requests that were never sent."""


class WireError(Exception):
    """What an attempt raises instead of returning: the answer, or the lack of one, to be judged."""

    def __init__(self, result: Answer | NoAnswer) -> None:
        super().__init__(str(result))
        self.result = result


@dataclass(frozen=True, slots=True)
class Again:
    """Ask again, not before `after_s` seconds if given; once attempts run out, raise `error`."""

    error: PicsyncError
    after_s: float | None = None


def judge(operation: Operation, result: Answer | NoAnswer) -> Again | PicsyncError:
    """Decide what an unsuccessful request means: repeat it, or raise the returned error."""
    if isinstance(result, NoAnswer):
        network = "Check this machine's network, and the proxy or emulator if you use one."
        hint = result.hint or ("" if result.sent else network)
        lost = TransientError(f"{operation}: {result.reason}.", hint=hint)
        return Again(lost) if operation.repeatable or not result.sent else lost
    status = result.status
    if status in RETRIED_STATUSES or status >= 500:
        again_in_s = result.retry_after_s
        passing = TransientError(
            f"{operation}: the service answered {status}.", retry_after_s=again_in_s, status=status
        )
        retriable = status in RETRIED_STATUSES and (operation.repeatable or status == 429)
        return Again(passing, result.retry_after_s) if retriable else passing
    kind = NotFoundError if status in (404, 410) else RefusedError
    return kind(f"{operation}: the service refused ({status}).", status=status, excerpt=result.excerpt)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110: seconds, or a date), or None.

    At most MAX_RETRY_AFTER_S, whatever the server asks for.
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(MAX_RETRY_AFTER_S, float(text))
    try:
        at = parsedate_to_datetime(text)
        # RFC 5322 writes "-0000" for UTC of unknown place; Python makes that a naive time.
        wait_s = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(MAX_RETRY_AFTER_S, max(0.0, wait_s))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and for how long, one request is retried."""

    attempts: int = 5
    first_wait_s: float = 1.0
    max_wait_s: float = 60.0
    budget_s: float = 180.0
    """Most seconds spent waiting for one request; a Retry-After beyond it is left to the next cycle."""
    rate_limited_wait_s: float = 0.0
    """Least wait after a 429 that names no time (Google asks for 30 s)."""
    account_waits: bool = False
    """Whether a 429 delays all requests of the account: refused ones count against its limit, too."""


class _Again(Exception):  # noqa: N818 - private signal
    def __init__(self, verdict: Again, *, rate_limited: bool, of_account: bool = False) -> None:
        super().__init__()
        self.verdict = verdict
        self.rate_limited = rate_limited
        self.of_account = of_account


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


class Retrier:
    """Runs attempts under one policy and emits an event for each retry."""

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        emit: Emit,
        pace: Pace | None = None,
        sleep: Callable[[float], Awaitable[None]] = _sleep,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep to `pace`, which those who ask the same services share."""
        self.policy = policy
        self.pace = pace or Pace()
        self._emit = emit
        self._sleep = sleep
        self._jitter = jitter
        self._clock = clock

    async def pause(self, seconds: float) -> None:
        """Wait, for callers that look again at what became of a request."""
        await self._sleep(seconds)

    async def run(self, operation: Operation, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what `attempt` returns, repeating it as the policy allows.

        An attempt reports failure by WireError, or by ProtocolError for an answer that came whole but makes
        no sense; that is repeated like a 5xx, except for a ForeignAddressError. Raises TransientError,
        RefusedError or ProtocolError.
        """
        limit = self.pace.limit(operation.service, operation.stage)

        waited_s = served = 0.0
        for number in range(1, self.policy.attempts + 1):
            try:
                async with limit.slot() as slot:
                    waited_s += await self._await_account(operation, served, waited_s)
                    return await self._attempt(operation, attempt, slot)
            except _Again as again:
                wait_s = self._wait_s(again, number)
                if again.of_account and self.policy.account_waits:
                    served = self._clock() + wait_s
                    self.pace.pause(operation.service, served)
                if number == self.policy.attempts or waited_s + wait_s > self.policy.budget_s:
                    raise again.verdict.error from again.__cause__
                reason = again.verdict.error.message
            self._emit(RetryScheduled(operation.service, operation.name, wait_s, reason))
            waited_s += wait_s
            await self._sleep(wait_s)
        raise ValueError("a retry policy needs at least one attempt")

    async def _await_account(self, operation: Operation, served: float, waited_s: float) -> float:
        """Wait while the account is paused; return for how many seconds.

        `served` is the end of a pause that the request has waited for already. Raises TransientError if the
        pause exceeds what is left of the budget.
        """
        began_s = waited_s
        while (until := self.pace.paused_until(operation.service)) > max(served, self._clock()):
            left_s = until - self._clock()
            if waited_s + left_s > self.policy.budget_s:
                raise TransientError(
                    f"{operation}: the service accepts no requests for {left_s:.0f} s.",
                    retry_after_s=left_s,
                    status=429,
                )
            await self._sleep(left_s)
            waited_s, served = waited_s + left_s, until
        return waited_s - began_s

    async def _attempt(self, operation: Operation, attempt: Callable[[], Awaitable[T]], slot: Slot) -> T:
        began = self._clock()
        outcome = RequestOutcome.FAILED
        try:
            result = await attempt()
        except WireError as error:
            if _is_overload(error.result):
                slot.refused()
            verdict = judge(operation, error.result)
            if isinstance(error.result, NoAnswer) and not error.result.sent:
                outcome = RequestOutcome.UNSENT
            if isinstance(verdict, RefusedError):
                outcome = RequestOutcome.REFUSED
            if isinstance(verdict, Again):
                limited = isinstance(error.result, Answer) and error.result.status == 429
                whole = isinstance(error.result, Answer) and limited and error.result.of_account
                raise _Again(verdict, rate_limited=limited, of_account=whole) from error
            raise verdict from error
        except ProtocolError as error:
            if operation.repeatable and not isinstance(error, ForeignAddressError):
                raise _Again(Again(error), rate_limited=False) from error
            raise
        except asyncio.CancelledError:
            outcome = RequestOutcome.CANCELLED
            raise
        else:
            outcome = RequestOutcome.SUCCESS
            slot.succeeded(operation.name, self._clock() - began)
            return result
        finally:
            duration_s = self._clock() - began
            self._emit(RequestFinished(operation.service, operation.name, outcome, duration_s))

    def _wait_s(self, again: _Again, number: int) -> float:
        """Return the seconds to wait after the failed attempt of this number."""
        ceiling = min(self.policy.max_wait_s, self.policy.first_wait_s * 2.0 ** (number - 1))
        backoff = ceiling * (0.5 + self._jitter() / 2)
        if again.verdict.after_s is not None:
            return max(again.verdict.after_s, backoff)
        return max(backoff, self.policy.rate_limited_wait_s) if again.rate_limited else backoff


def _is_overload(result: Answer | NoAnswer) -> bool:
    return isinstance(result, NoAnswer) or result.status in OVERLOAD_STATUSES
