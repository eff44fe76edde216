"""How the emulated Google Photos behaves: friendly by default, hostile where a test asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from picsync.emulators.google.sharingoptions import SharingOptions


class Era(StrEnum):
    """Which Library API it is."""

    LEGACY = "legacy"
    """Before 2025-03-31: the scopes `photoslibrary` and `photoslibrary.readonly` show the whole library."""
    Y2025 = "2025"
    """Since then: those scopes answer 403, and an app sees only what its own client id created."""


@dataclass(slots=True)
class PickerOptions:
    """Settings of the Picker API; all may be changed while the server runs."""

    enabled: bool = True
    """False: the project has not enabled it."""
    poll_s: float = 5.0
    timeout_s: float = 1799.9
    """How long a program is told to go on asking."""
    session_s: float = 7 * 86_400.0
    """How long a session lives; seven days were seen."""
    sessions: int = 10
    """How many a user may have at a time; Google does not say the number."""
    has_account: bool = True
    """False: the user has never used Google Photos."""


@dataclass(slots=True)
class GoogleOptions:
    """Settings; all may be changed while the server runs."""

    era: Era = Era.Y2025
    now: Callable[[], float] = time.time
    """Seconds since the epoch; drives every expiry and the daily quotas."""

    # Login
    deny: bool = False
    """The user presses Cancel at the consent."""
    untick: frozenset[str] = frozenset()
    """Scopes that the user unticks at the consent."""
    access_token_s: int = 3599
    refresh_token_s: int | None = None
    """Lifetime of refresh tokens; 604800 (7 days) for an app in testing. None: they do not expire."""
    code_s: int = 600
    accept_unknown_clients: bool = False
    """Take any client id and secret, for programs with a built-in client."""

    # The Picker API
    picker: PickerOptions = field(default_factory=PickerOptions)

    # The API
    service_enabled: bool = True
    """False: the project has not enabled the Library API."""
    requests_per_day: int | None = 10_000
    media_requests_per_day: int | None = 75_000
    """Fetches from base URLs, counted apart."""
    upload_directory: Path | None = None
    """Where uploaded bytes go; None keeps them in memory."""
    video_processing_s: float = 0.0
    """How long an uploaded video stays PROCESSING."""

    # Listings
    coerce_page_size: bool = False
    """A page size above the maximum is lowered instead of refused."""
    page_cap: int | None = None
    """The most entries that a page ever holds, whatever was asked for."""
    empty_page_every: int = 0
    """Every nth page holds nothing but a token; 0: none does."""
    final_empty_page: bool = False
    """The last page with entries carries a token that leads to an empty one."""
    repeat_entries: int = 0
    """How many entries of the page before each further page begins with."""
    stuck_token_from: int | None = None
    """From this page on (the first is 0) the same token comes again and again."""
    count_offset: int = 0
    """What `mediaItemsCount` is off by."""

    # Bytes
    base_url_s: float = 3600.0

    sharing: SharingOptions = field(default_factory=SharingOptions)
    """How albums shared by link answer."""
