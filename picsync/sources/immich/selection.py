"""What is searched for, in both forms of Immich's search.

The flat form works in all versions from 2.7 on and is deprecated since 3.2; its pages are numbers. The
filter form, since 3.2, goes on by cursor. Both ask for the timeline's visibility, since the default of it
has changed between versions. The filter form also says that the trash is not wanted: unlike the flat form,
it leaves out nothing by itself.

Where the disk of an external library is not mounted, Immich marks its assets as offline and puts them into
the trash. They are in neither search then, and have to be asked for apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

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
    """Only those whose files are missing; they are in the trash."""

    def missing(self) -> Selection:
        """Return the same, of assets whose files are missing on the server's disk."""
        return replace(self, offline=True)

    def archived(self) -> Selection:
        """Return the same in the archive."""
        return replace(self, visibility=ARCHIVE)

    def flat(self) -> Mapping[str, Any]:
        """Return the flat form."""
        what = {"isFavorite": True} if self.kind == "favorites" else {_LISTS[self.kind]: [self.chosen_id]}
        missing = {"isOffline": True, "withDeleted": True} if self.offline else {}
        return {**what, "visibility": self.visibility, **missing}

    def flat_page(self, number: int) -> Mapping[str, Any]:
        """Return a search for a page, the first being 1."""
        return {**self.flat(), "order": "asc", "size": LARGEST_PAGE, "page": number}

    def statistics(self, *, by_filter: bool) -> Mapping[str, Any]:
        """Return what the search's statistics are asked with."""
        return {"filter": self.filter_page(None)["filter"]} if by_filter else self.flat()

    def filter_page(self, cursor: str | None) -> Mapping[str, Any]:
        """Return a search for the page at a cursor; None for the first one."""
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
        }
        return body if cursor is None else {**body, "cursor": cursor}
