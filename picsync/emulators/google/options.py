"""Settings of the emulated Google Photos: friendly by default, hostile if a test asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from picsync.emulators.google.sharingoptions import SharingOptions


class Era(StrEnum):
    """Which version of the Library API is emulated."""

    LEGACY = "legacy"
    """Before 2025-03-31: the scopes `photoslibrary` and `photoslibrary.readonly` show the whole library."""
    Y2025 = "2025"
    """Since then: those scopes cause a 403, and an app sees only what its own client ID created."""


@dataclass(slots=True)
class PickerOptions:
    """Settings of the Picker API; all may be changed while the server runs."""

    enabled: bool = True
    """False: the project has not enabled it."""
    poll_s: float = 5.0
    timeout_s: float = 1799.9
    """How long a program is told to keep polling."""
    session_s: float = 7 * 86_400.0
    """Lifetime of a session; seven days were observed."""
    sessions: int = 10
    """Maximum number of sessions per user; Google does not document it."""
    has_account: bool = True
    """False: the user has never used Google Photos."""


@dataclass(slots=True)
class GoogleOptions:
    """Settings; all may be changed while the server runs."""

    era: Era = Era.Y2025
    now: Callable[[], float] = time.time
    """Seconds since the epoch; determines every expiry and the daily quotas."""

    # Login
    deny: bool = False
    """The user presses Cancel on the consent page."""
    untick: frozenset[str] = frozenset()
    """Scopes that the user unticks on the consent page."""
    access_token_s: int = 3599
    refresh_token_s: int | None = None
    """Lifetime of refresh tokens; 604800 (7 days) for an app in testing. None: they do not expire."""
    code_s: int = 600
    accept_unknown_clients: bool = False
    """Accept any client ID and secret, for programs with a built-in client."""

    # The Picker API
    picker: PickerOptions = field(default_factory=PickerOptions)

    # The API
    service_enabled: bool = True
    """False: the project has not enabled the Library API."""
    requests_per_day: int | None = 10_000
    media_requests_per_day: int | None = 75_000
    """Downloads from base URLs, counted separately."""
    upload_directory: Path | None = None
    """Directory for uploaded bytes; None keeps them in memory."""
    video_processing_s: float = 0.0
    """How long an uploaded video stays PROCESSING."""

    # Listings
    coerce_page_size: bool = False
    """A page size above the maximum is reduced instead of refused."""
    page_cap: int | None = None
    """Maximum number of entries per page, regardless of the requested size."""
    empty_page_every: int = 0
    """Every nth page contains nothing but a token; 0: none."""
    final_empty_page: bool = False
    """The last page with entries has a token that leads to an empty page."""
    repeat_entries: int = 0
    """How many entries of the previous page are repeated at the beginning of each page."""
    stuck_token_from: int | None = None
    """From this page on (the first is 0), the same token is repeated."""
    count_offset: int = 0
    """Error of `mediaItemsCount`."""

    # Bytes
    base_url_s: float = 3600.0

    sharing: SharingOptions = field(default_factory=SharingOptions)
    """Behaviour of albums shared by link."""
