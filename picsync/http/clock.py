"""What time it is elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from picsync.core.errors import TransientError
from picsync.http.allowed import AllowedHosts
from picsync.http.client import UnusableAnswer, no_answer, send
from picsync.http.network import current
from picsync.http.transport import Transport

_TIMEOUT = httpx.Timeout(15.0)


async def offset_of(
    url: str, allowed: AllowedHosts, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> timedelta:
    """Return how far the server at `url` is ahead of this machine's clock, to about a second.

    Any answer will do, a refusal too. Raises TransientError if none comes, or none that tells the time.
    """
    target = httpx.URL(f"{url}/")
    if not allowed.allow(target):
        raise TransientError("Refusing to read the time from an unlisted host.")
    async with Transport(current()) as transport:
        before = now()
        try:
            response = await send(
                transport, httpx.Request("GET", target, extensions={"timeout": _TIMEOUT.as_dict()})
            )
            told = response.headers.get("date", "")
            await response.aclose()
        except httpx.TransportError as error:
            raise TransientError(f"The time cannot be read: {no_answer(error).reason}.") from error
        except UnusableAnswer as error:
            raise TransientError(f"The time cannot be read: {error}.") from error
        after = now()
    try:
        there = parsedate_to_datetime(told)
        return there.replace(tzinfo=there.tzinfo or UTC) - (before + (after - before) / 2)
    except (ValueError, TypeError, IndexError, OverflowError):
        raise TransientError("The server does not report the time.") from None
