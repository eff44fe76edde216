"""Sends news of the family's photos to the receivers of notifications. Imported only if they are wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import SecretStr

from picsync.core.errors import StateError, TransientError
from picsync.core.events import Emit
from picsync.family.news import News, Newsroom, Wanted, decide
from picsync.observe.notify import Level, Message, deliver, label
from picsync.system.crash import crashed

log = logging.getLogger("picsync.notify")

CHECK_S = 900.0
"""Seconds between two looks, and until an undelivered message is tried again."""
CLOSE_S = 5.0
"""How long, in seconds, a message may be delivered when the process ends; within the grace period."""


class NewsSender:
    """Looks from time to time whether there is news, and sends it to each receiver once."""

    def __init__(
        self,
        newsroom: Newsroom,
        urls: Sequence[SecretStr],
        wanted: Wanted,
        pages: str,
        emit: Emit,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`pages` is the URL of the family's pages with a slash at its end; empty if unknown."""
        self._newsroom = newsroom
        self._urls = tuple(dict.fromkeys(urls))
        self._wanted = wanted
        self._pages = pages
        self._emit = emit
        self._now = now
        self._keys: dict[SecretStr, str] = {}
        self._failing: set[SecretStr] = set()
        self._unreadable = False
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send news."""
        if self._wanted.anything:
            self._task = asyncio.create_task(self._run())

    async def aclose(self, wait_s: float = CLOSE_S) -> None:
        """Begin no message; one that is under way gets `wait_s` seconds."""
        self._closing.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=wait_s)
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while not self._closing.is_set():
            await self.send()
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_S):
                    await self._closing.wait()

    async def send(self) -> None:
        """Send what is due to each receiver; problems are logged, and the next call tries again."""
        try:
            for url in self._urls:
                if self._closing.is_set():
                    return
                await self._send(url)
        except StateError as error:
            if not self._unreadable:
                log.warning(
                    "No news of the photos is sent for now. %s", error, extra={"action": "news_failed"}
                )
            self._unreadable = True
        except Exception as error:  # noqa: BLE001 - photos are more important than news
            self._emit(crashed(error, "News of the photos was not sent. picsync tries again."))
        else:
            self._unreadable = False

    async def _send(self, url: SecretStr) -> None:
        if url not in self._keys:
            self._keys[url] = await self._newsroom.key(url.get_secret_value())
        receiver, now = self._keys[url], self._now()
        told, found = await self._newsroom.look(receiver, self._wanted, now)
        news, known = decide(self._wanted, told, found, now, pages=self._pages)
        if news is not None and not await self._deliver(url, news):
            return
        if known != told:
            await self._newsroom.tell(receiver, known)

    async def _deliver(self, url: SecretStr, news: News) -> bool:
        try:
            await deliver(url, Message(news.title, news.body, Level.INFO))
        except TransientError as error:
            if url not in self._failing:
                text = f"Could not send news of the photos to {error.message} picsync keeps trying."
                log.warning(text, extra={"action": "news_failed"})
            self._failing.add(url)
            return False
        self._failing.discard(url)
        log.info("Sent news of the photos to %s.", label(url), extra={"action": "news_sent"})
        return True
