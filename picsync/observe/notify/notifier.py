"""Sends notifications in the background when the status changes."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

from pydantic import SecretStr

from picsync.config import Listen
from picsync.core.errors import TransientError
from picsync.core.events import (
    AccessToken,
    ConfigApplied,
    ConfigRefused,
    CycleFinished,
    Event,
    LoggedIn,
    LoginRefused,
    PassFinished,
)
from picsync.core.values import dataclass
from picsync.observe.notify.delivery import deliver, label
from picsync.observe.notify.notices import Condition, Key, Message, Notices, conditions
from picsync.observe.status import Status

log = logging.getLogger("picsync.notify")

SETTLE_S = 60.0
"""Delay in seconds between a change and its message: changes within it are reported together, and problems
that are resolved within it are not reported."""
CLOSE_S = 5.0
"""How long, in seconds, messages may be delivered when the process ends; within the grace period."""

Deliver: TypeAlias = Callable[[SecretStr, Message], Awaitable[None]]

_TELLING = (
    CycleFinished | PassFinished | LoggedIn | AccessToken | LoginRefused | ConfigApplied | ConfigRefused
)


@dataclass(slots=True)
class _Receiver:
    url: SecretStr
    notices: Notices
    failing: bool = False


def page_address(listen: Listen, address: str | None, *, reachable: bool = True) -> str:
    """Return the URL of the status page for the user, empty if unknown.

    `address` is the setting. Without it, the listener's address or this machine's name is used, unless that
    name is not `reachable`, as in a container.
    """
    if address is not None:
        return address
    if not reachable or not listen.port:
        return ""
    host = listen.host or socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{listen.port}/"


def with_page(message: Message, page: str) -> Message:
    """Return the message with the URL of the status page below it, if there is one."""
    return replace(message, body=f"{message.body}\n\nStatus page: {page}") if page else message


class Notifier:
    """Tells each receiver about new and resolved problems; for use within an event loop.

    Nothing is stored on disk: after a restart, open problems are reported again.
    """

    def __init__(
        self, status: Callable[[], Status], *, deliver: Deliver = deliver, settle_s: float = SETTLE_S
    ) -> None:
        """`status` returns the status after the current event; `deliver` raises TransientError."""
        self._status = status
        self._deliver = deliver
        self._settle_s = settle_s
        self._page = ""
        self._intervals: Mapping[str, timedelta] = {}
        self._receivers: list[_Receiver] = []
        self._present: dict[Key, Condition] = {}
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def expect(
        self, urls: Sequence[SecretStr], intervals: Mapping[str, timedelta], *, page: str = ""
    ) -> None:
        """Set the receivers, the rules' intervals, and the address of the status page.

        Receivers that stay are told nothing twice.
        """
        self._page = page
        known = {receiver.url: receiver for receiver in self._receivers}
        self._receivers = [known.get(url) or _Receiver(url, Notices()) for url in dict.fromkeys(urls)]
        self._intervals = dict(intervals)

    def read(self, event: Event) -> None:
        """Handle an event, and start a delivery if it changed something for the receivers."""
        if not isinstance(event, _TELLING) or self._closing.is_set():
            return
        self._present = conditions(self._status(), self._intervals, self._present)
        if self._due() and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._tell_all())

    async def aclose(self, wait_s: float = CLOSE_S) -> None:
        """Stop handling events; pending messages get `wait_s` seconds."""
        self._closing.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=wait_s)
            self._task.cancel()
            await asyncio.wait({self._task})

    def _due(self) -> bool:
        now = self._status().now
        return any(receiver.notices.due(self._present, now) for receiver in self._receivers)

    async def _tell_all(self) -> None:
        try:
            while self._due():
                await self._settle()
                async with asyncio.TaskGroup() as group:
                    for receiver in self._receivers:
                        group.create_task(self._tell(receiver))
        except Exception:
            # Photos are more important than notifications: even a bug here ends no cycle. The next change
            # starts this task again.
            log.exception("Notifications have stopped.", extra={"action": "notify_stopped"})

    async def _settle(self) -> None:
        try:
            async with asyncio.timeout(self._settle_s):
                await self._closing.wait()
        except TimeoutError:
            return

    async def _tell(self, receiver: _Receiver) -> None:
        message = receiver.notices.due(self._present, self._status().now)
        if message is None:
            return
        try:
            await self._deliver(receiver.url, with_page(message, self._page))
        except TransientError as error:
            receiver.notices = receiver.notices.undelivered(message, self._status().now)
            if not receiver.failing:
                text = f"Could not send a notification to {error.message} picsync keeps trying."
                log.warning(text, extra={"action": "notify_failed"})
            receiver.failing = True
        else:
            receiver.notices = receiver.notices.delivered(message)
            receiver.failing = False
            log.info(
                "Sent a notification to %s: %s.",
                label(receiver.url),
                message.title,
                extra={"action": "notify_sent"},
            )
