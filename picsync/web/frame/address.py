"""The addresses of web frames, for people."""

from __future__ import annotations

from urllib.parse import quote

from picsync.config import Config, WebListener
from picsync.config.environment import in_container


def base_of(frame: str) -> str:
    """Return the path of a frame's page."""
    return f"/frame/{quote(frame, safe='')}"


def page_base(config: Config) -> str:
    """Return the URL below which the pages are, with a slash at its end; empty if it is unknown."""
    from picsync.observe.notify import page_address

    web = config.web or WebListener()
    found = page_address(web.listen, web.url, reachable=not in_container())
    return f"{found.rstrip('/')}/" if found else ""
