"""Settings of the emulated Dropbox: friendly by default, hostile if a test asks for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum


class Contention(StrEnum):
    """How a write is refused while another one holds the namespace's lock."""

    STATUS_429 = "429"
    """429 with the reason `too_many_write_operations`."""
    STATUS_409 = "409"
    """409 with the call's own error."""


class Refusal429(StrEnum):
    """The form of a 429."""

    JSON = "json"
    """With a JSON body and the header `Retry-After`."""
    TEXT = "text"
    """With a text body and without the header."""


@dataclass(slots=True)
class DropboxOptions:
    """Settings; all may be changed while the server runs."""

    now: Callable[[], float] = time.time
    """Seconds since the epoch; determines every expiry and modification time."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    """Waits for commits and between the attempts of a webhook call."""

    # Login
    access_token_s: int = 14400
    code_s: int = 600
    deny: bool = False
    """The user presses Cancel on the consent page."""

    # Listings
    page_cap: int | None = None
    """Maximum number of entries per page, regardless of the requested limit."""
    empty_page_every: int = 0
    """Every nth page is empty and announces more; 0: none."""
    repeat_entries: bool = False
    """Each entry comes twice on its page."""
    unknown_deletions: bool = False
    """Each page begins with a deletion of a path that nobody knows."""
    without_hash: bool = False
    """Entries have no `content_hash`."""

    # Long poll
    backoff_s: int | None = None
    """What a long poll without changes asks the client to wait."""
    longest_poll_s: float | None = None
    """Maximum time that a long poll waits, whatever the client asks for."""
    poll_s: float = 1.0
    """How often directories that serve as folders are read during a long poll."""

    # Writing
    space_bytes: int = 2 * 2**30
    others_bytes: int | None = None
    """What the others in the user's team use of that; None: the user is in no team."""
    member_bytes: int = 0
    """The user's own limit in the team; 0: none."""
    member_limit: str = "off"
    """What happens at it: `off`, `alert_only` or `stop_sync`; only the last refuses writes."""
    commit_s: float = 0.0
    """How long a write holds the lock of its namespace."""
    contention: Contention = Contention.STATUS_429
    locked_writes: int = 0
    """How many of the next writes find the lock taken."""
    locked_entries: int = 0
    """How many of the next entries of batches find it taken."""
    slow_jobs: int = 0
    """How often an asynchronous job answers `in_progress` before it is complete."""
    moves_at_launch: int | None = None
    """How many entries of a batch of moves are carried out before its launch is answered; the others follow
    once a test calls `Jobs.finish`. None for all."""
    jobs_at_once: bool = False
    """Batches answer `complete` at once instead of with a job."""
    refuse_identical: bool = False
    """An upload of identical bytes is a conflict, too."""

    unfit_names: bool = False
    """Names with a backslash, or a space at their end, are stored."""

    # Limits
    requests_per_minute: int | None = None
    """Requests of a user beyond this limit get 429."""
    refusal: Refusal429 = Refusal429.JSON
    retry_after_s: int = 15

    # Webhooks
    webhook_attempts: int = 5
    webhook_gap_s: float = 10.0
    """Pause after the first failed call; it doubles with each further one."""
