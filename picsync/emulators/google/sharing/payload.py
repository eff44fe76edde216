"""A page of a shared album as the nested lists in Google's page and call."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from picsync.emulators.google.library import Item
from picsync.emulators.google.options import GoogleOptions
from picsync.emulators.google.sharing.albums import SharedAlbum, Shares

VIDEO, MOTION, CAPTION = "76647426", "146008172", "396644657"
"""Keys in an item's last element: video (duration in ms first), motion photo, text."""

_VIDEO_MS, _MOTION_MS = 12_500, 2_840
_CAPABILITIES = [[2], [8], [21], [19], [22]]
_AUTH_KEY, _COUNT = 19, 21
"""Positions in the album's description."""


class Payload:
    """Builds the data of the pages."""

    def __init__(self, shares: Shares, options: GoogleOptions, url: Callable[[Item, str], str]) -> None:
        """`url` makes the URL of an item's bytes, given the host's own URL."""
        self._shares = shares
        self._options = options
        self._url = url

    def page(self, shared: SharedAlbum, token: str | None, media_origin: str) -> Any | None:
        """Return a page's data; None if the token is invalid."""
        options = self._options.sharing
        place = (0, 0) if token is None else _read(shared, token)
        if place is None:
            return None
        offset, number = place
        if options.before_page is not None:
            options.before_page(number)
        items = shared.album.items
        end = min(offset + options.page_items, len(items))
        shown = [self._item(shared, item, media_origin) for item in items[offset:end]]
        data: Any = [
            None,
            None if options.empty_as_null and not shown else shown,
            self._token(shared, offset, end, number),
            self._album(shared),
            None,
            0,
        ]
        return data if options.reshape is None else options.reshape(data, number)

    def _token(self, shared: SharedAlbum, offset: int, end: int, number: int) -> str | None:
        options = self._options.sharing
        if options.stuck_token_from is not None and number >= options.stuck_token_from:
            return _token(shared, offset, options.stuck_token_from)
        if end < len(shared.album.items) or (options.final_empty_page and end > offset):
            return _token(shared, end, number + 1)
        return options.last_token

    def _item(self, shared: SharedAlbum, item: Item, media_origin: str) -> list[Any]:
        size = [item.content.size] if self._options.sharing.sizes and not item.is_video else None
        width, height = item.width or 1080, item.height or 1920
        taken_ms = int(item.created_at * 1000)
        return [
            self._shares.item_key(shared, item),
            [self._url(item, media_origin), width, height, *[None] * 5, [None, None, 1], size],
            taken_ms,
            self._shares.dedup_key(item),
            7_200_000,
            taken_ms + 86_400_000,
            [self._shares.owner()["key"]],
            _CAPABILITIES,
            2,
            _extras(item),
        ]

    def _album(self, shared: SharedAlbum) -> list[Any]:
        options = self._options.sharing
        owner = self._shares.owner()
        items = shared.album.items
        meta: list[Any] = [None] * (_COUNT + 1)
        meta[0] = shared.album_key
        meta[1] = shared.album.title
        meta[2] = [int(min((item.created_at for item in items), default=0) * 1000)]
        meta[5] = [owner["key"], *[None] * 10, [owner["name"]]]
        meta[_AUTH_KEY] = shared.auth_key
        count = len(items) + options.count_offset
        meta[_COUNT] = count if options.count and count else None
        return meta


def _extras(item: Item) -> dict[str, Any]:
    extras: dict[str, Any] = {"15": 1565}
    if item.is_video:
        extras[VIDEO] = [_VIDEO_MS, None, item.width or 1080, item.height or 1920, None, 4]
    if item.details.get("motion"):
        extras[MOTION] = [1, _MOTION_MS]
    if item.description:
        extras[CAPTION] = [item.description]
    return extras


def _token(shared: SharedAlbum, offset: int, number: int) -> str:
    place = f"{offset}:{number}"
    return "AH_" + base64.urlsafe_b64encode(f"{place}:{_seal(shared, place)}".encode()).decode()


def _read(shared: SharedAlbum, token: str) -> tuple[int, int] | None:
    try:
        offset, number, seal = base64.urlsafe_b64decode(token.removeprefix("AH_")).decode().split(":")
        place = int(offset), int(number)
    except (ValueError, binascii.Error):
        return None
    return place if seal == _seal(shared, f"{offset}:{number}") else None


def _seal(shared: SharedAlbum, place: str) -> str:
    return hashlib.sha256(f"{shared.auth_key}:{place}".encode()).hexdigest()[:24]


def album_items(data: Any) -> Sequence[Any]:
    """Return the items of a page's data, for tests that change them."""
    items: Sequence[Any] = data[1] or []
    return items
