"""The retry policy: what is repeated, when, and what is raised in the end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.errors import NotFoundError, PicsyncError, ProtocolError, RefusedError, TransientError
from picsync.core.events import Event, RetryScheduled
from picsync.http.retry import (
    Again,
    Answer,
    NoAnswer,
    Operation,
    Retrier,
    RetryPolicy,
    WireError,
    judge,
    parse_retry_after,
)

READ = Operation("Service", "list_things")
WRITE = Operation("Service", "make_thing", repeatable=False)


class Scripted:
    """Attempts that fail as told and then succeed; sleeping only writes down for how long."""

    def __init__(self, *results: Answer | NoAnswer | Exception, policy: RetryPolicy | None = None) -> None:
        self.results = list(results)
        self.waits: list[float] = []
        self.events: list[Event] = []
        self.retrier = Retrier(
            policy or RetryPolicy(), emit=self.events.append, sleep=self._sleep, jitter=lambda: 1.0
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def attempt(self) -> str:
        if not self.results:
            return "done"
        result = self.results.pop(0)
        raise result if isinstance(result, Exception) else WireError(result)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_answers_that_time_may_change_are_asked_for_again(status: int) -> None:
    scripted = Scripted(Answer(status), Answer(status))
    assert await scripted.retrier.run(READ, scripted.attempt) == "done"
    assert scripted.waits == [1.0, 2.0]
    assert [event.wait_s for event in scripted.events if isinstance(event, RetryScheduled)] == [1.0, 2.0]


@pytest.mark.parametrize("status", [300, 302, 400, 401, 403, 404, 409, 410, 413, 422])
async def test_refusals_are_not(status: int) -> None:
    scripted = Scripted(Answer(status, excerpt="why"))
    with pytest.raises(RefusedError) as caught:
        await scripted.retrier.run(READ, scripted.attempt)
    assert caught.value.status == status
    assert caught.value.excerpt == "why"
    assert isinstance(caught.value, NotFoundError) == (status in (404, 410))
    assert scripted.waits == []


async def test_a_write_is_repeated_only_if_nothing_can_have_happened() -> None:
    scripted = Scripted(NoAnswer("refused", sent=False), Answer(429))
    assert await scripted.retrier.run(WRITE, scripted.attempt) == "done"
    for lost in (NoAnswer("broke off", sent=True), Answer(503), Answer(500)):
        scripted = Scripted(lost)
        with pytest.raises(TransientError):
            await scripted.retrier.run(WRITE, scripted.attempt)
        assert scripted.waits == []


async def test_retry_after_is_honoured_within_the_budget() -> None:
    scripted = Scripted(Answer(503, retry_after_s=17))
    await scripted.retrier.run(READ, scripted.attempt)
    assert scripted.waits == [17]
    scripted = Scripted(Answer(429, retry_after_s=3600))
    with pytest.raises(TransientError) as caught:
        await scripted.retrier.run(READ, scripted.attempt)
    assert caught.value.retry_after_s == 3600
    assert scripted.waits == []


async def test_rate_limit_without_a_time_waits_the_documented_time() -> None:
    scripted = Scripted(Answer(429), Answer(503), policy=RetryPolicy(rate_limited_wait_s=30))
    await scripted.retrier.run(READ, scripted.attempt)
    assert scripted.waits == [30, 2.0]


async def test_attempts_end() -> None:
    scripted = Scripted(*[Answer(503)] * 9)
    with pytest.raises(TransientError, match="503"):
        await scripted.retrier.run(READ, scripted.attempt)
    assert len(scripted.results) == 9 - RetryPolicy().attempts


async def test_malformed_response_is_retried_if_that_is_safe() -> None:
    scripted = Scripted(ProtocolError("HTML"))
    assert await scripted.retrier.run(READ, scripted.attempt) == "done"
    scripted = Scripted(ProtocolError("HTML"))
    with pytest.raises(ProtocolError):
        await scripted.retrier.run(WRITE, scripted.attempt)


async def test_a_bug_is_not_an_answer() -> None:
    scripted = Scripted(KeyError("bug"))
    with pytest.raises(KeyError):
        await scripted.retrier.run(READ, scripted.attempt)


@given(
    st.sampled_from([READ, WRITE]),
    st.one_of(
        st.builds(Answer, st.integers(300, 599), st.none() | st.floats(0, 1e6)),
        st.builds(NoAnswer, st.just("lost"), st.booleans()),
    ),
)
def test_every_result_has_a_verdict(operation: Operation, result: Answer | NoAnswer) -> None:
    verdict = judge(operation, result)
    unknown_outcome = (isinstance(result, NoAnswer) and result.sent) or (
        isinstance(result, Answer) and result.status >= 500
    )
    if not operation.repeatable and unknown_outcome:
        assert isinstance(verdict, TransientError)
    assert isinstance(verdict, Again | PicsyncError)


@given(st.text())
def test_any_retry_after_is_a_time_or_nothing(text: str) -> None:
    seconds = parse_retry_after(text, datetime(2026, 1, 1, tzinfo=UTC))
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 7 ", 7),
        ("-3", None),
        ("soon", None),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Thu, 01 Jan 2026 00:01:00 -0000", 60),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0),
        ("9" * 400, 86_400),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, datetime(2026, 1, 1, tzinfo=UTC)) == seconds


class Account:
    """Requests that share one account; sleeping moves the clock."""

    def __init__(self, *, account_waits: bool = True) -> None:
        self.now = 1000.0
        self.sent: list[tuple[str, float]] = []
        self.refused: dict[str, Answer] = {}
        self.retrier = Retrier(
            RetryPolicy(rate_limited_wait_s=5.0, account_waits=account_waits),
            emit=lambda _event: None,
            sleep=self._sleep,
            jitter=lambda: 1.0,
            clock=lambda: self.now,
        )

    async def _sleep(self, seconds: float) -> None:
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)

    async def ask(self, name: str) -> str:
        async def attempt() -> str:
            self.sent.append((name, self.now))
            if (answer := self.refused.pop(name, None)) is not None:
                raise WireError(answer)
            return name

        return await self.retrier.run(Operation("Service", name), attempt)


async def test_a_429_delays_the_other_requests_of_the_account() -> None:
    account = Account()
    account.refused["first"] = Answer(429, retry_after_s=30.0)
    first = asyncio.ensure_future(account.ask("first"))
    await asyncio.sleep(0)
    assert await account.ask("second") == "second"
    assert await first == "first"
    assert [at for _, at in account.sent] == [1000.0, 1030.0, 1030.0]


async def test_a_429_of_a_lock_or_without_this_policy_delays_only_its_own_request() -> None:
    for account, of_account in ((Account(), False), (Account(account_waits=False), True)):
        account.refused["first"] = Answer(429, retry_after_s=30.0, of_account=of_account)
        first = asyncio.ensure_future(account.ask("first"))
        await asyncio.sleep(0)
        await account.ask("second")
        assert account.sent[1] == ("second", 1000.0)
        await first


async def test_a_pause_beyond_the_budget_fails_at_once_without_a_request() -> None:
    account = Account()
    account.refused["first"] = Answer(429, retry_after_s=3600.0)
    with pytest.raises(TransientError) as one:
        await account.ask("first")
    assert one.value.retry_after_s == 3600.0
    account.now += 600.0
    with pytest.raises(TransientError, match="accepts no requests for 3000 s") as other:
        await account.ask("second")
    assert other.value.retry_after_s == 3000.0
    assert [name for name, _ in account.sent] == ["first"]
    account.now += 3000.0
    assert await account.ask("second") == "second"
