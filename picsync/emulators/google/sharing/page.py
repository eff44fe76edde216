"""The HTML of an album's public page, and of the pages that may replace it."""

from __future__ import annotations

import html
import json
from typing import Any

from picsync.emulators.google.sharing.albums import SharedAlbum
from picsync.emulators.google.sharingoptions import SharingOptions

_NAMES = {"en": "Google Photos", "de": "Google Fotos", "fr": "Google\xa0Photos", "ja": "Google フォト"}
_SHARED = {"en": "Shared album", "de": "Geteiltes Album", "fr": "Album partagé", "ja": "共有アルバム"}
_GLOBAL = {"FdrFJe": "-123", "cfb2h": "boq_photosuiserver_20260101.00_p0", "note": 'a ] and \\"'}
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "'": "\\u0027", "=": "\\u003d"}


def script_json(value: Any) -> str:
    """Return JSON for use within a script: nothing in it ends the script or the attribute."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return "".join(_ESCAPES.get(one, one) for one in text)


def _block(key: str, number: int, value: Any) -> str:
    return (
        f"<script class=\"{key}\" nonce=\"n0nce\">AF_initDataCallback({{key: '{key}', hash: '{number}', "
        f"data:{script_json(value)}, sideChannel: {{}}}});</script>"
    )


def language_of(header: str, asked: str) -> str:
    """Return the language of a page, from `hl` in the URL or Accept-Language."""
    for tag in (asked, *header.split(",")):
        name = tag.partition(";")[0].strip().partition("-")[0].lower()
        if name in _NAMES:
            return name
    return "en"


def album_page(shared: SharedAlbum, data: Any, language: str, options: SharingOptions) -> str:
    """Return an album's page with the data of its first items."""
    title = html.escape(shared.album.title)
    request = [shared.album_key, None, None, shared.auth_key]
    requests = f"{{'{options.data_key}' : {{id:'snAcKc',ext: 98765432.1 ,request:{script_json(request)}}}}}"
    text = (
        f'<!doctype html><html lang="{language}" dir="ltr"><head><base href="https://photos.google.com/">'
        f"<title>{title} - {_NAMES[language]}</title>"
        f'<meta property="og:title" content="{title} \u00b7 {_SHARED[language]} \U0001f4f8">'
        f'<script nonce="n0nce">window.WIZ_global_data = {script_json(_GLOBAL)};</script>'
        f'<script nonce="n0nce">var AF_initDataKeys = ["ds:0","{options.data_key}","ds:5"]; '
        f"var AF_dataServiceRequests = {requests}; var AF_initDataChunkQueue = [];</script></head><body>"
        + _block("ds:0", 1, [[['x]"],['], 'y\\"]"', None, True, 1.5]])
        + _block(options.data_key, 2, data)
        + _block("ds:5", 3, [["%.@.", [f"/share/{shared.album_key}", list(range(40))]]])
        + f"<h1>{title}</h1></body></html>"
    )
    return text if options.rewrite is None else options.rewrite(text)


def scripts_page() -> str:
    """Return the page for a visitor that does not look like a browser."""
    return (
        '<!doctype html><html lang="en"><head><title>Google Photos</title><script src="/_/scs/x.js"></script>'
        "</head><body><noscript>Turn on JavaScript to use Google Photos.</noscript></body></html>"
    )


def interstitial() -> str:
    """Return the page that a short link shows a browser; its script redirects."""
    return (
        '<!doctype html><html><head><title>Google Photos</title><script src="/_/DurableDeepLinkUi/x.js">'
        "</script></head><body></body></html>"
    )


def consent_page(language: str) -> str:
    """Return the page that asks for consent to cookies."""
    return (
        f'<!doctype html><html lang="{language}"><head><title>Before you continue</title></head><body>'
        '<form action="https://consent.google.com/save" method="POST"><button>Accept all</button></form>'
        "</body></html>"
    )


def unusual_traffic_page() -> str:
    """Return the page of a 429 response."""
    return (
        "<!doctype html><html><head><title>Sorry...</title></head><body><h1>We're sorry...</h1>"
        "<p>... but your computer or network may be sending automated queries.</p></body></html>"
    )
