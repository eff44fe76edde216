"""Settings of the emulated public album pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Consent(StrEnum):
    """When a visitor is redirected to the cookie consent page, as in the European Union."""

    NEVER = "never"
    COOKIELESS = "cookieless"
    """Unless the request has the cookie SOCS."""
    ALWAYS = "always"


class Scripts(StrEnum):
    """Who gets a page of scripts without data instead of an album's page."""

    NOBODY = "nobody"
    OTHERS = "others"
    """Visitors whose User-Agent is not a browser's (observed)."""
    EVERYBODY = "everybody"


class Unshared(StrEnum):
    """The response for an album whose link is switched off."""

    NOT_FOUND = "404"
    LOGIN = "login"
    """A redirect to Google's sign-in."""


@dataclass(slots=True)
class SharingOptions:
    """Settings; all may be changed while the server runs."""

    # Access
    consent: Consent = Consent.NEVER
    scripts: Scripts = Scripts.NOBODY
    unshared: Unshared = Unshared.NOT_FOUND
    interstitial_for_browsers: bool = True
    """A short link shows browsers a page that opens the app, and redirects other clients (observed)."""
    requests_per_minute: int | None = None
    """Further requests get a 429 and a page about unusual traffic."""

    # The data
    page_items: int = 300
    data_key: str = "ds:1"
    """The block that contains the album; the number varies (observed)."""
    item_keys_per_album: bool = True
    """Whether the same picture has different keys in different shared albums; unknown."""
    sizes: bool = True
    """Whether photos have a size; often they do (observed)."""
    count: bool = True
    """Whether the item count is present at all."""
    count_offset: int = 0
    """Error of the item count."""
    empty_as_null: bool = False
    """Whether an empty album has null instead of an empty list; unknown."""
    last_token: str | None = ""
    """The token on the last page: empty or null (observed)."""
    final_empty_page: bool = False
    """The last page with items has a token that leads to an empty page."""
    stuck_token_from: int | None = None
    """From this page on (the first is 0), the same token is repeated."""
    reshape: Callable[[Any, int], Any] | None = None
    """Converts the data to a future format; its second argument is the page's number."""
    rewrite: Callable[[str], str] | None = None
    """Converts the HTML to a future format."""
    before_page: Callable[[int], None] | None = None
    """Called with a page's number before it is built, to change the album in between."""

    # Bytes
    changing_urls: bool = True
    """Whether a picture's URL differs each time; over months it does (observed)."""
    url_s: float | None = None
    """How long a URL is valid; years (observed)."""

    @classmethod
    def of(cls, variants: Iterable[str]) -> SharingOptions:
        """Return the options for variants of the page, by their names in `VARIANTS`."""
        options = cls()
        for name in variants:
            match VARIANTS[name]:
                case Consent() as consent:
                    options.consent = consent
                case Scripts() as scripts:
                    options.scripts = scripts
        return options


VARIANTS: Mapping[str, Consent | Scripts] = {
    "consent": Consent.COOKIELESS,
    "consent-always": Consent.ALWAYS,
    "scripts": Scripts.OTHERS,
    "scripts-always": Scripts.EVERYBODY,
}
"""Pages that may replace an album's page, by their names on the command line."""
