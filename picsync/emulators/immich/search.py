"""`POST /search/metadata` and `/search/statistics`, with their pages and cursors."""

from __future__ import annotations

import base64
import binascii
import json
import random
from collections.abc import Mapping
from typing import Any

from picsync.emulators.immich.access import Access, Calls, Visitor
from picsync.emulators.immich.errors import ImmichError, invalid, no_access
from picsync.emulators.immich.filters import Compiler, Path, Predicate, album_ids, choice, integer
from picsync.emulators.immich.library import Asset, Library
from picsync.emulators.immich.options import V3_3, Future, ImmichOptions
from picsync.emulators.immich.resources import asset_json, link_asset_json

DEFAULT_SIZE = 250
LARGEST_SIZE = 1000
_FILTER_FORM = frozenset({"filter", "orderBy", "size", "cursor", "withExif", "withPeople", "withStacked"})
_ONLY_FILTER_FORM = frozenset({"filter", "orderBy", "cursor"})
_SUGGESTED = {
    "country": "country",
    "state": "state",
    "city": "city",
    "camera-make": "make",
    "camera-model": "model",
    "camera-lens-model": "lens_model",
}
_NARROWED = {
    "country": "country",
    "state": "state",
    "make": "make",
    "model": "model",
    "lensModel": "lens_model",
}
_ORDER_FIELDS = ("fileCreatedAt", "localDateTime", "fileSizeInBytes", "rating")


class Search(Calls):
    """Finds assets."""

    def __init__(self, library: Library, options: ImmichOptions, access: Access) -> None:
        super().__init__(library, options, access)
        self._compiler = Compiler(library, options)

    def metadata(self, visitor: Visitor, body: Mapping[str, Any]) -> Any:
        """Return one page; raises ImmichError for an invalid body."""
        fits, by_cursor = self._wanted(body)
        found = [] if self._options.empty_search else self._found(visitor, body, fits)
        size = min(self._size(body), self._options.page_cap or LARGEST_SIZE)
        descending = self._descending(body, by_cursor=by_cursor)
        found.sort(key=_place, reverse=descending)
        start = _offset(body) if by_cursor else (self._page(body) - 1) * size
        if self._options.repeat_first_page:
            start = 0
        page = found[start : start + size]
        more = start + size < len(found) and self._pages_on(start // size + 1)
        assets: dict[str, Any] = {
            "total": len(page),
            "count": len(page),
            "items": [self._item(asset, visitor, body) for asset in page],
            "facets": [],
            "nextPage": str(self._page(body) + 1) if more and not by_cursor else None,
        }
        if self._options.version >= (3, 2, 0):
            assets["nextCursor"] = _cursor(start + size) if more and by_cursor else None
        if self._options.is_future(Future.RESHAPED):
            return {"results": assets["items"], "next": assets["nextCursor"]}
        return {"albums": {"total": 0, "count": 0, "items": [], "facets": []}, "assets": assets}

    def statistics(self, visitor: Visitor, body: Mapping[str, Any]) -> Any:
        """Return the number of matches; raises ImmichError for an invalid body."""
        fits, by_filter = self._wanted(body)
        found = [] if self._options.empty_statistics else self._found(visitor, body, fits)
        if not (by_filter and self._options.version >= V3_3):
            # Counts only the user's own assets, in any album.
            found = [asset for asset in found if asset.owner == visitor.user]
        return {"total": len(found)}

    def random(self, visitor: Visitor, body: Mapping[str, Any]) -> Any:
        """Return some assets in any order; raises ImmichError for an invalid body."""
        fits, _ = self._wanted(body)
        found = self._found(visitor, body, fits)
        chosen = random.sample(found, min(self._size(body), len(found)))
        return [self._item(asset, visitor, body) for asset in chosen]

    def suggestions(self, visitor: Visitor, query: Mapping[str, str]) -> list[str | None]:
        """Return the known values of one kind of place or camera; raises ImmichError for another kind."""
        attribute = _SUGGESTED[choice(query.get("type"), tuple(_SUGGESTED), ("type",))]
        narrowed = {_NARROWED[name]: query[name] for name in _NARROWED if name in query}
        found = {
            getattr(asset, attribute)
            for asset in self._library.visible(visitor.user)
            if not asset.trashed
            and asset.visibility == "timeline"
            and all(getattr(asset, name) == value for name, value in narrowed.items() if name != attribute)
        }
        known: list[str | None] = sorted(found - {None, ""})
        return [*known, None] if query.get("includeNull") == "true" else known

    def _pages_on(self, number: int) -> bool:
        return not self._options.early_end or number < self._options.early_end

    def _wanted(self, body: Mapping[str, Any]) -> tuple[Predicate, bool]:
        """Return the predicate, and whether it uses the filter form."""
        if self._options.is_future(Future.UNFILTERED):
            return lambda asset: not asset.trashed, "filter" in body
        if _ONLY_FILTER_FORM & body.keys() and self._options.takes_filter:
            for name in body:
                if name not in _FILTER_FORM:
                    raise invalid([name], "Unrecognized key", "unrecognized_keys")
            return self._compiler.filter(body.get("filter", {})), True
        if self._options.is_future(Future.FILTER_ONLY):
            raise invalid(["filter"], "Invalid input: expected object")
        return self._compiler.flat(body), False

    def _found(self, visitor: Visitor, body: Mapping[str, Any], fits: Predicate) -> list[Asset]:
        named = album_ids(body)
        if visitor.link is not None:
            if not named or not self._options.link_search:
                raise ImmichError(
                    400, "Shared link access is only allowed in combination with an album filter"
                )
            if visitor.link.album is None or named != [visitor.link.album.album_id]:
                raise no_access("album.read")
            return [asset for asset in visitor.link.album.assets if fits(asset)]
        albums = [self._access.album(visitor, album_id) for album_id in named]
        return [asset for asset in self._library.visible(visitor.user, albums) if fits(asset)]

    def _item(self, asset: Asset, visitor: Visitor, body: Mapping[str, Any]) -> dict[str, Any]:
        if visitor.link is not None:
            return link_asset_json(asset, visitor.link, self._options, exif=bool(body.get("withExif")))
        people = self._library.shown_people(asset) if body.get("withPeople") else ()
        return asset_json(asset, self._options, exif=bool(body.get("withExif")), people=people)

    def _number(self, body: Mapping[str, Any], name: str, default: int) -> int:
        value = body.get(name, default)
        if not self._options.strict and isinstance(value, str) and value.isdecimal():
            value = int(value)
        return integer(value, (name,))

    def _size(self, body: Mapping[str, Any]) -> int:
        size = self._number(body, "size", DEFAULT_SIZE)
        if not 1 <= size <= LARGEST_SIZE:
            raise invalid(["size"], f"Too big: expected number to be <={LARGEST_SIZE}", "too_big")
        return size

    def _page(self, body: Mapping[str, Any]) -> int:
        page = self._number(body, "page", 1)
        if page < 1:
            raise invalid(["page"], "Too small: expected number to be >=1", "too_small")
        return page

    @staticmethod
    def _descending(body: Mapping[str, Any], *, by_cursor: bool) -> bool:
        if not by_cursor:
            return choice(body.get("order", "desc"), ("asc", "desc"), ("order",)) == "desc"
        order: Any = body.get("orderBy", {})
        path: Path = ("orderBy",)
        if not isinstance(order, Mapping):
            raise invalid(path, "Invalid input: expected object")
        choice(order.get("field", "fileCreatedAt"), _ORDER_FIELDS, (*path, "field"))
        return choice(order.get("direction", "desc"), ("asc", "desc"), (*path, "direction")) == "desc"


def _place(asset: Asset) -> tuple[float, str]:
    """Return the sort key of assets; the ID breaks ties."""
    return asset.taken_at, asset.asset_id


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"offset": offset}).encode()).decode()


def _offset(body: Mapping[str, Any]) -> int:
    """Return the offset of the page; additions and removals before it shift the page."""
    cursor = body.get("cursor")
    if cursor is None:
        return 0
    try:
        offset = json.loads(base64.urlsafe_b64decode(str(cursor).encode()))["offset"]
    except (ValueError, TypeError, LookupError, binascii.Error):
        offset = None
    if not isinstance(offset, int) or offset < 0:
        raise ImmichError(400, "Invalid cursor")
    return offset
