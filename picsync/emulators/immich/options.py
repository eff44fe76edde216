"""How the emulated Immich behaves: friendly by default, hostile where a test asks for it."""

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
    """What a major version that nobody has seen yet might do."""

    SAME = "same"
    """As 3.2."""
    FILTER_ONLY = "filter_only"
    """The flat search, deprecated in 3.2, is gone."""
    FLAT_ONLY = "flat_only"
    """The filter form is refused."""
    RESHAPED = "reshaped"
    """A search answers 200 in a shape of its own."""
    UNFILTERED = "unfiltered"
    """A search ignores what it does not know, and so gives the whole library."""


@dataclass(slots=True)
class ImmichOptions:
    """Settings; all may be changed while the server runs."""

    version: Version = V3_3
    prerelease: int | None = None
    future: Future = Future.SAME
    """What versions from 4.0 on do."""
    now: Callable[[], float] = time.time
    """Seconds since the epoch; drives expiry, previews and the proxy's limit."""

    # Listings
    page_cap: int | None = None
    """The most items that a page ever holds, whatever was asked for."""
    empty_search: bool = False
    """Searches answer 200 with no items, and say that there are no more pages."""
    empty_statistics: bool = False
    """Their statistics say 0, too."""
    early_end: int = 0
    """After so many pages a search says that there are no more; 0: it tells the truth."""
    repeat_first_page: bool = False
    """Every page is the first one again."""

    # Pictures
    preview_format: str = "JPEG"
    """`JPEG` or `WEBP`, as the administrator set it."""
    preview_edge: int = 1440
    preview_delay_s: float = 0.0
    """How long after an upload or edit there is no preview."""
    fullsize: bool = False
    """Whether full-size conversions are made of what browsers cannot show."""
    transcode: bool = True
    """Whether videos that are no MP4 are transcoded."""

    # The proxy in front
    proxy_login: bool = False
    """Everything is answered 200 with the proxy's own login page."""
    requests_per_minute: int | None = None
    """What is beyond gets the proxy's 429."""
    link_search: bool = True
    """False: a shared link's album cannot be searched, as in some builds of 3.0."""

    @property
    def strict(self) -> bool:
        """Whether bodies are validated strictly, since 3.0."""
        return self.version >= (3, 0, 0)

    @property
    def takes_filter(self) -> bool:
        """Whether a search takes the filter form, since 3.2."""
        return self.version >= (3, 2, 0) and not self.is_future(Future.FLAT_ONLY)

    def is_future(self, future: Future) -> bool:
        """Whether it is a version of the future that behaves like that."""
        return self.version >= (4, 0, 0) and self.future is future
