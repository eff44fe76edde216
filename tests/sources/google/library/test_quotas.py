"""The behaviour once a daily quota of Google for requests or downloads is used up."""

from __future__ import annotations

import pytest

from picsync.core.errors import LimitError, TransientError
from picsync.http.retry import Answer, NoAnswer, WireError
from picsync.sources.google.library.quotas import REST_S, Quota


def failing(result: Answer | NoAnswer) -> TransientError:
    error = TransientError("It failed.")
    error.__cause__ = WireError(result)
    return error


async def test_lasting_429_is_explained_and_pauses_requests() -> None:
    now_s, asked = 0.0, 0

    quota = Quota("3 requests", lambda: now_s)

    async def work() -> str:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise failing(Answer(429))
        return "served"

    for at_s in (0.0, REST_S - 1):
        now_s = at_s
        with pytest.raises(LimitError, match=r"daily quota of 3 requests.* used up.*midnight Pacific"):
            await quota.spend(work)
    assert asked == 1
    now_s = REST_S
    assert await quota.spend(work) == "served"


@pytest.mark.parametrize("result", [Answer(503), Answer(500), NoAnswer("cut", sent=True)], ids=str)
async def test_other_trouble_passes_through(result: Answer | NoAnswer) -> None:
    quota = Quota("3 requests", lambda: 0.0)
    error = failing(result)

    async def work() -> None:
        raise error

    for _ in range(2):
        with pytest.raises(TransientError) as raised:
            await quota.spend(work)
        assert raised.value is error
