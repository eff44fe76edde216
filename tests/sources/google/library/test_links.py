"""The URLs of originals, when albums are listed while some URLs are renewed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from picsync.core.model import MediaItem
from picsync.sources.google.library.links import MAX_AGE_S, Link, Links

OLD, NEW = "https://example.com/old", "https://example.com/new"


def item(item_id: str) -> MediaItem:
    return MediaItem("googlephotos", item_id, url=OLD)


async def test_a_listing_that_ends_during_a_renewal_takes_no_url_away() -> None:
    now = [0.0]

    async def fetch(item_ids: Sequence[str]) -> Mapping[str, Link]:
        # Another rule lists the album anew, and the item has left it.
        links.listed("a", {"other": now[0]})
        return {item_id: Link(NEW, now[0]) for item_id in item_ids}

    links = Links(fetch, batch_size=50, clock=lambda: now[0])
    links.listed("a", {"one": 0.0})
    now[0] = MAX_AGE_S + 1
    assert (await links.link(item("one"))).url == NEW


async def test_what_no_album_holds_any_more_is_let_go() -> None:
    asked: list[str] = []

    async def fetch(item_ids: Sequence[str]) -> Mapping[str, Link]:
        asked.extend(item_ids)
        return {item_id: Link(NEW, 0.0) for item_id in item_ids}

    links = Links(fetch, batch_size=1, clock=lambda: 0.0)
    for album in ("a", "b"):
        links.listed(album, {"one": float("-inf"), "two": float("-inf")})
    await links.link(item("one"))
    await links.link(item("two"))
    links.listed("a", {})
    assert (await links.link(item("one"))).url == NEW
    assert asked == ["one", "two"]
    links.listed("b", {"two": 0.0})
    await links.link(item("one"))
    assert asked == ["one", "two", "one"]
