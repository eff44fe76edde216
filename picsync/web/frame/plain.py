"""A plain page, until there is a better one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file."""

    body: bytes
    type: str


def _page(settings: Mapping[str, Any], text: str) -> str:
    data = json.dumps(settings).replace("<", "\\u003c")
    return (
        "<!doctype html><meta charset=utf-8><title>picsync</title>"
        f'<script type="application/json" id="settings">{data}</script><p>{text}'
    )


def frame_page(settings: Mapping[str, Any]) -> str:
    """Return the page of a frame."""
    return _page(settings, "The frame.")


def pairing_page(settings: Mapping[str, Any]) -> str:
    """Return the page that shows a pairing code."""
    return _page(settings, f"Code: {settings['pair']['code']}")


def assets() -> Mapping[str, Asset]:
    """Return the static files by name."""
    return {"sw.js": Asset(b"", "text/javascript")}


def build() -> str:
    """Return a digest of all assets."""
    return "plain"
