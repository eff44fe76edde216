"""What the page of a web frame is told: the frame's settings, overridden by the URL's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from picsync.frames.web.options import ShowSettings
from picsync.observe.words import printable

OWN_PARAMETERS = frozenset({"token", "keep"})
"""Parameters that are no settings."""
MAX_IGNORED = 10
_MAX_IGNORED = 60
POLL_S = 10
"""How often a browser without server-sent events asks what is new, in seconds."""


def show_settings(configured: ShowSettings, query: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the settings, and the parameters that are none of them or have an invalid value."""
    found = configured.values()
    ignored = []
    for name, text in query.items():
        if name in OWN_PARAMETERS:
            continue
        try:
            read = ShowSettings.model_validate({name: text}, by_alias=True, by_name=False)
            found[name] = read.values()[name]
        except ValidationError:
            ignored.append(printable(f"{name}={text}"[:_MAX_IGNORED]))
    return found, ignored[:MAX_IGNORED]
