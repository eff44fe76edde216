"""Settings of the emulated Immich: friendly by default, hostile if a test asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

Version = tuple[int, int, int]

V2_7: Version = (2, 7, 5)
V3_0: Version = (3, 0, 3)
V3_2: Version = (3, 2, 2)
V3_3: Version = (3, 3, 5)
FUTURE: Version = (4, 0, 0)


class Future(StrEnum):
    """Possible behaviour of an unknown future major version."""

    SAME = "same"
    """Like 3.2."""
    FILTER_ONLY = "filter_only"
    """The flat search, deprecated in 3.2, no longer exists."""
    FLAT_ONLY = "flat_only"
    """The filter form is refused."""
    RESHAPED = "reshaped"
    """A search responds with 200 in a new format."""
    UNFILTERED = "unfiltered"
    """A search ignores unknown conditions, and so returns the whole library."""


@dataclass(slots=True)
class ImmichOptions:
    """Settings; all may be changed while the server runs."""

    version: Version = V3_3
    prerelease: int | None = None
    future: Future = Future.SAME
    """Behaviour of versions from 4.0 on."""
    now: Callable[[], float] = time.time
    """Seconds since the epoch; determines expiry, previews and the proxy's limit."""

    # Listings
    page_cap: int | None = None
    """Maximum number of items per page, regardless of the requested size."""
    empty_search: bool = False
    """Searches respond with 200 and no items, and claim that there are no more pages."""
    empty_statistics: bool = False
    """Their statistics also return 0."""
    early_end: int = 0
    """After this number of pages, a search claims that there are no more; 0: never."""
    repeat_first_page: bool = False
    """Every page repeats the first one."""

    # Pictures
    preview_format: str = "JPEG"
    """`JPEG` or `WEBP`, as configured by the administrator."""
    preview_edge: int = 1440
    preview_delay_s: float = 0.0
    """How long a preview is missing after an upload or edit."""
    fullsize: bool = False
    """Whether full-size conversions are made of formats that browsers cannot show."""
    transcode: bool = True
    """Whether videos other than MP4 are transcoded."""

    # The reverse proxy
    proxy_login: bool = False
    """Every request gets a 200 with the proxy's own login page."""
    requests_per_minute: int | None = None
    """Requests beyond this limit get the proxy's 429."""
    link_search: bool = True
    """False: a shared link's album cannot be searched, as in some builds of 3.0."""

    @property
    def strict(self) -> bool:
        """Whether bodies are validated strictly, since 3.0."""
        return self.version >= (3, 0, 0)

    @property
    def takes_filter(self) -> bool:
        """Whether the search supports the filter form, since 3.2."""
        return self.version >= (3, 2, 0) and not self.is_future(Future.FLAT_ONLY)

    def is_future(self, future: Future) -> bool:
        """Whether it is a future version with this behaviour."""
        return self.version >= (4, 0, 0) and self.future is future
