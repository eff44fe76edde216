"""The pages of a web frame as HTML, and the files that they load.

`frame_page` is the picture frame, `pairing_page` shows the code of a browser that has no token yet,
`error_page` says what is wrong. Everything dynamic is in the page's settings, as JSON: scripts and styles are
files of this package, without a build step, below a URL that changes with their content.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from picsync.observe.words import printable
from picsync.web.assets import Asset, assets_of

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *"
)
"""Nothing external, and no inline script: WebViews of 2013 know no hashes in a policy. Any page may embed the
frame, because it is meant to be put into dashboards."""

DEFAULT_INTERVAL_S = 30

_ART = Markup(
    '<svg class="art" viewBox="0 0 120 90" aria-hidden="true">'
    '<rect x="6" y="6" width="108" height="78" rx="7"/>'
    '<circle cx="84" cy="30" r="8"/><path d="M14 74l30-36 20 24 12-12 30 24"/></svg>'
)
_ICON = "data:image/svg+xml," + quote(
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>"
    "<rect x='2' y='5' width='28' height='22' rx='3' fill='#3b3a37'/>"
    "<rect x='6' y='9' width='20' height='14' fill='#e9e2d6'/></svg>"
)


def assets() -> Mapping[str, Asset]:
    """Return the files by name. `sw.js` is served below the frame's own path, the others under `build()`."""
    return assets_of(__package__).files


def build() -> str:
    """Return a digest of everything that a page consists of: pages with another one reload themselves."""
    return assets_of(__package__).build


_JINJA = Environment(
    loader=PackageLoader(__package__, "assets"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def frame_page(settings: Mapping[str, Any]) -> str:
    """Return the frame, for a browser that may see its photos."""
    return _render("frame.html", settings, token=settings.get("token") or "", interval=_interval(settings))


def pairing_page(settings: Mapping[str, Any]) -> str:
    """Return the page that shows the code `settings["pair"]["code"]` and waits until it has been entered."""
    return _render("pairing.html", settings, code=str(settings["pair"]["code"]))


def error_page(title: str, text: str, settings: Mapping[str, Any]) -> str:
    """Return a page that says what happened (`title`) and what to do (`text`, with code in backticks)."""
    return _render("error.html", settings, title=printable(title), parts=printable(text).split("`"))


def _render(template: str, settings: Mapping[str, Any], **values: Any) -> str:
    base = str(settings.get("base") or "/frame/")
    known = {
        "art": _ART,
        "assets": f"{base.rpartition('/')[0]}/assets/{build()}",
        "base": base,
        "icon": _ICON,
        "settings": _json(settings),
        "title": printable(str(settings.get("title") or settings.get("name") or "picsync")),
    }
    return _JINJA.get_template(template).render(known | values)


def _json(settings: Mapping[str, Any]) -> Markup:
    """Return the settings as the content of a script element, which no value can end."""
    text = json.dumps(dict(settings), ensure_ascii=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - markup characters are escaped above


def _interval(settings: Mapping[str, Any]) -> int:
    seconds = settings.get("interval")
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return DEFAULT_INTERVAL_S
    return max(3, round(seconds))
