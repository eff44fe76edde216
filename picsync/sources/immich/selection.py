"""Search conditions, in both forms of Immich's search.

The flat form works in all versions from 2.7 on and is deprecated since 3.2; its pages are numbered. The
filter form, since 3.2, uses a cursor. Both request the timeline's visibility explicitly, since its default
has changed between versions. The filter form also excludes the trash explicitly: unlike the flat form, it
omits nothing by default.

If the disk of an external library is not mounted, Immich marks its assets as offline and moves them to the
trash. Neither search finds them then, so they are searched for separately.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from picsync.core.values import dataclass

LARGEST_PAGE = 1000
TIMELINE, ARCHIVE = "timeline", "archive"

_LISTS = {"album": "albumIds", "person": "personIds", "tag": "tagIds"}


@dataclass(frozen=True, slots=True)
class Selection:
    """The assets of one album, person or tag, or all favourites."""

    kind: str
    """`album`, `person`, `tag` or `favorites`."""
    chosen_id: str = ""
    """Empty for favourites."""
    visibility: str = TIMELINE
    offline: bool = False
    """Only assets whose files are missing; they are in the trash."""
    ratings: bool = False
    """Whether to request the ratings, which come with all other metadata."""

    def missing(self) -> Selection:
        """Return the same selection, of assets whose files are missing on the server's disk."""
        return replace(self, offline=True)

    def archived(self) -> Selection:
        """Return the same selection, of archived assets."""
        return replace(self, visibility=ARCHIVE)

    def flat(self) -> Mapping[str, Any]:
        """Return the flat form."""
        what = {"isFavorite": True} if self.kind == "favorites" else {_LISTS[self.kind]: [self.chosen_id]}
        missing = {"isOffline": True, "withDeleted": True} if self.offline else {}
        return {**what, "visibility": self.visibility, **missing}

    def flat_page(self, number: int) -> Mapping[str, Any]:
        """Return the search for a page; the first is 1."""
        return {**self.flat(), "order": "asc", "size": LARGEST_PAGE, "page": number, **self._metadata()}

    def _metadata(self) -> Mapping[str, Any]:
        return {"withExif": True} if self.ratings else {}

    def statistics(self, *, by_filter: bool) -> Mapping[str, Any]:
        """Return the request body for the search statistics."""
        return {"filter": self.filter_page(None)["filter"]} if by_filter else self.flat()

    def filter_page(self, cursor: str | None) -> Mapping[str, Any]:
        """Return the search for the page at a cursor; None for the first page."""
        what = (
            {"isFavorite": {"eq": True}}
            if self.kind == "favorites"
            else {_LISTS[self.kind]: {"any": [self.chosen_id]}}
        )
        kept: Mapping[str, Any] = {"trashedAt": {"eq": None}}
        if self.offline:
            kept = {"isOffline": {"eq": True}, "trashedAt": {"ne": None}}
        body = {
            "filter": {**what, "visibility": {"eq": self.visibility}, **kept},
            "orderBy": {"field": "fileCreatedAt", "direction": "asc"},
            "size": LARGEST_PAGE,
            **self._metadata(),
        }
        return body if cursor is None else {**body, "cursor": cursor}
