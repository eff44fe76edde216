"""What is searched for, in both forms of Immich's search.

The flat form works in all versions from 2.7 to 3.2, where it is deprecated; its pages are numbers. The
filter form, since 3.2, goes on by cursor: an asset that comes or goes meanwhile shifts no other. Both ask
for the timeline's visibility, since the default of it has changed between versions.
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

    def archived(self) -> Selection:
        """Return the same in the archive."""
        return replace(self, visibility=ARCHIVE)

    def flat(self) -> Mapping[str, Any]:
        """Return the flat form."""
        what = {"isFavorite": True} if self.kind == "favorites" else {_LISTS[self.kind]: [self.chosen_id]}
        return {**what, "visibility": self.visibility}

    def flat_page(self, number: int) -> Mapping[str, Any]:
        """Return a search for a page, the first being 1."""
        return {**self.flat(), "order": "asc", "size": LARGEST_PAGE, "page": number}

    def filter_page(self, cursor: str | None) -> Mapping[str, Any]:
        """Return a search for the page at a cursor; None for the first one."""
        what = (
            {"isFavorite": {"eq": True}}
            if self.kind == "favorites"
            else {_LISTS[self.kind]: {"any": [self.chosen_id]}}
        )
        body = {
            "filter": {**what, "visibility": {"eq": self.visibility}},
            "order": {"field": "fileCreatedAt", "direction": "asc"},
            "size": LARGEST_PAGE,
        }
        return body if cursor is None else {**body, "cursor": cursor}
