"""How the emulated public album pages behave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Consent(StrEnum):
    """When a visitor is sent to the page that asks for consent to cookies, as in the European Union."""

    NEVER = "never"
    COOKIELESS = "cookieless"
    """Unless the request carries the cookie SOCS."""
    ALWAYS = "always"


class Scripts(StrEnum):
    """Who gets a page of scripts, without data, in place of an album's page."""

    NOBODY = "nobody"
    OTHERS = "others"
    """Visitors whose User-Agent is not a browser's (observed)."""
    EVERYBODY = "everybody"


class Unshared(StrEnum):
    """How an album answers whose link is switched off."""

    NOT_FOUND = "404"
    LOGIN = "login"
    """By a redirect to Google's sign-in."""


@dataclass(slots=True)
class SharingOptions:
    """Settings; all may be changed while the server runs."""

    # Who gets in
    consent: Consent = Consent.NEVER
    scripts: Scripts = Scripts.NOBODY
    unshared: Unshared = Unshared.NOT_FOUND
    interstitial_for_browsers: bool = True
    """A short link answers a browser with a page that opens the app, others with a redirect (observed)."""
    requests_per_minute: int | None = None
    """More are answered by 429 and a page about unusual traffic."""

    # The data
    page_items: int = 300
    data_key: str = "ds:1"
    """The block that holds the album; the number varies (observed)."""
    item_keys_per_album: bool = True
    """Whether the same picture has another key in each shared album; no one knows."""
    sizes: bool = True
    """Whether photos tell their size; often they do (observed)."""
    count: bool = True
    """Whether the number of items is told at all."""
    count_offset: int = 0
    """What the number is off by."""
    empty_as_null: bool = False
    """Whether an empty album has null in place of an empty list; no one knows."""
    last_token: str | None = ""
    """What stands for the token where no further page follows: empty or null (observed)."""
    final_empty_page: bool = False
    """The last page with items carries a token that leads to an empty one."""
    stuck_token_from: int | None = None
    """From this page on (the first is 0) the same token comes again and again."""
    reshape: Callable[[Any, int], Any] | None = None
    """Makes tomorrow's data of today's; its second argument is the page's number."""
    rewrite: Callable[[str], str] | None = None
    """Makes tomorrow's HTML of today's."""
    before_page: Callable[[int], None] | None = None
    """Called with a page's number before it is made: what others do to the album meanwhile."""

    # Bytes
    changing_urls: bool = True
    """Whether the URL of a picture is another one each time; over months it is (observed)."""
    url_s: float | None = None
    """How long a URL works; for years (observed)."""

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
"""What may come in place of an album's page, by its name on the command line."""
