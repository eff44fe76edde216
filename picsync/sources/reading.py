"""Reads files from storage that may fail for a moment; for sources that need no HTTP of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from picsync.core.errors import TransientError
from picsync.http.pace import ConcurrencyLimit

READ_ATTEMPTS = 3
"""A server restart makes open files stale; opening them again helps."""


async def read_again(
    read: Callable[[], Awaitable[None]],
    limit: ConcurrencyLimit,
    *,
    pause: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Call `read` in a slot of the limit, up to `READ_ATTEMPTS` times while it raises TransientError.

    Each call reads from the beginning. `pause` is awaited between two of them, without a slot. Raises what
    the last call raised.
    """
    for attempt in range(1, READ_ATTEMPTS + 1):
        try:
            async with limit.slot() as slot:
                await read()
                slot.succeeded("read", 0.0)
        except TransientError:
            if attempt == READ_ATTEMPTS:
                raise
            if pause is not None:
                await pause()
        else:
            return
