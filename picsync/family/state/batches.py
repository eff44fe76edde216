"""Many short questions to the database, answered together.

A transaction has costs that do not depend on how much is done in it: a change of threads and, for writers,
the wait until the disk has it. Under load they exceed those of the work itself. So questions that arrive
while others are answered wait, and then one transaction answers all of them. A question that arrives alone
is answered at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from threading import Lock
from typing import Generic, TypeAlias, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")
_Asked: TypeAlias = tuple[Q, "asyncio.Future[A]"]

MAX_QUESTIONS = 100
"""In one transaction: the first of them wait for the last."""


class Batches(Generic[Q, A]):
    """Collects questions; call it with one to have its answer.

    `answer_all` runs in a thread. It returns an answer or an exception for each question, in order; if it
    raises, that is the answer to all of them. A caller that is cancelled leaves its question in the batch.
    """

    def __init__(
        self,
        threads: Executor,
        answer_all: Callable[[Sequence[Q]], Sequence[A | Exception]],
        *,
        most: int = MAX_QUESTIONS,
    ) -> None:
        """At most `most` questions share a transaction."""
        self._most = most
        self._threads = threads
        self._answer_all = answer_all
        self._lock = Lock()
        self._waiting: list[_Asked[Q, A]] = []
        self._running = False

    async def __call__(self, question: Q) -> A:
        """Return the answer to a question, or raise it."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append((question, future))
            start, self._running = not self._running, True
        if start:
            self._threads.submit(self._run, future.get_loop())
        return await future

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            with self._lock:
                asked = self._waiting[: self._most]
                del self._waiting[: self._most]
                if not asked:
                    self._running = False
                    return
            answers: Sequence[A | BaseException]
            try:
                answers = self._answer_all([question for question, _ in asked])
            except BaseException as error:  # noqa: BLE001 - raised where the answers are awaited
                answers = [error] * len(asked)
            loop.call_soon_threadsafe(_settle, asked, answers)


def _settle(asked: Sequence[_Asked[Q, A]], answers: Sequence[A | BaseException]) -> None:
    for (_, future), answer in zip(asked, answers, strict=True):
        if future.done():
            continue  # Who asked has left.
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)
