"""What the page of a web frame is told: the frame's settings, overridden by the URL's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from picsync.frames.web.options import ShowSettings

OWN_PARAMETERS = frozenset({"token", "keep"})
"""Parameters that are no settings."""
MAX_IGNORED = 10
_MAX_NAME = 40
POLL_S = 10
"""How often a browser without server-sent events asks what is new, in seconds."""


def base(frame: str) -> str:
    """Return the path of a frame's page."""
    return f"/frame/{quote(frame, safe='')}"


def show_settings(configured: ShowSettings, query: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the settings and the names of the parameters that are none, or have an invalid value."""
    found = configured.values()
    ignored = []
    for name, text in query.items():
        if name in OWN_PARAMETERS:
            continue
        try:
            read = ShowSettings.model_validate({name: text}, by_alias=True, by_name=False)
            found[name] = read.values()[name]
        except ValidationError:
            ignored.append("".join(each if each.isprintable() else "?" for each in name[:_MAX_NAME]))
    return found, ignored[:MAX_IGNORED]
