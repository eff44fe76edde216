"""Positions of items and enrichments in an album.

An enrichment (text, place, map) is positioned after an item. If that item leaves the album, the enrichment
counts as being at the beginning: no call of the API shows its position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from picsync.emulators.google.errors import ApiError, invalid
from picsync.emulators.google.library import Album, Enrichment, Item


def place(album: Album, items: Sequence[Item], position: Mapping[str, Any]) -> None:
    """Insert items that are not in the album yet; raises ApiError for an unknown position."""
    after, rank = _resolve(album, position)
    new = list(dict.fromkeys(item for item in items if item not in album.items))
    index = 0 if after is None else album.items.index(after) + 1
    if not new:
        return
    for enrichment in album.enrichments[rank:]:
        if _anchor(album, enrichment) is after:
            enrichment.after = new[-1]
    album.items[index:index] = new


def enrich(album: Album, enrichment: Enrichment, position: Mapping[str, Any]) -> None:
    """Insert an enrichment; raises ApiError for an unknown position."""
    if position.get("position", "POSITION_TYPE_UNSPECIFIED") == "POSITION_TYPE_UNSPECIFIED":
        raise invalid("Request must specify an album position.")
    enrichment.after, rank = _resolve(album, position)
    album.enrichments.insert(rank, enrichment)


def _resolve(album: Album, position: Mapping[str, Any]) -> tuple[Item | None, int]:
    """Return the item before a position, and how many enrichments come before it."""
    match position.get("position", "LAST_IN_ALBUM"):
        case "FIRST_IN_ALBUM":
            return None, 0
        case "AFTER_MEDIA_ITEM":
            wanted = position.get("relativeMediaItemId")
            item = next((item for item in album.items if item.item_id == wanted), None)
            if item is None:
                raise _unknown("media item")
            index = album.items.index(item)
            anchors = [_anchor(album, each) for each in album.enrichments]
            earlier = [each is None or album.items.index(each) < index for each in anchors]
            return item, sum(earlier)
        case "AFTER_ENRICHMENT_ITEM":
            wanted = position.get("relativeEnrichmentItemId")
            for rank, enrichment in enumerate(album.enrichments):
                if enrichment.enrichment_id == wanted:
                    return _anchor(album, enrichment), rank + 1
            raise _unknown("enrichment item")
        case _:
            return (album.items[-1] if album.items else None), len(album.enrichments)


def _anchor(album: Album, enrichment: Enrichment) -> Item | None:
    return enrichment.after if enrichment.after in album.items else None


def _unknown(what: str) -> ApiError:
    return invalid(f"Invalid album position: the album does not have this {what}.")
