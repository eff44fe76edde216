"""Albums and media items as tables and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from picsync.cli.output import print_json, print_table
from picsync.observe.words import counted, printable, size
from picsync.system.localtime import day, to_minute

if TYPE_CHECKING:
    from picsync.core.model import Listing, MediaItem, SourceAlbum

FEW = 3
"""Number of file names at each end of a summary."""


def print_albums(albums: Sequence[SourceAlbum], *, as_json: bool) -> None:
    """Print source albums."""
    if as_json:
        print_json([{"id": a.album_id, "title": a.title, "item_count": a.item_count} for a in albums])
        return
    rows = [("" if a.item_count is None else a.item_count, a.album_id, a.title) for a in albums]
    print_table(["ITEMS", "ID", "TITLE"], rows)


def items_json(items: Sequence[MediaItem]) -> list[dict[str, Any]]:
    """Return media items as JSON values."""
    return [
        {
            "id": item.item_id,
            "filename": item.filename,
            "kind": item.kind.value,
            "mime_type": item.mime_type,
            "taken_at": item.taken_at,
            "size_bytes": item.size_bytes,
        }
        for item in items
    ]


def print_items(items: Sequence[MediaItem]) -> None:
    """Print media items, one per line."""
    rows = [(to_minute(item.taken_at), item.kind, item.filename, item.item_id) for item in items]
    print_table(["TAKEN", "KIND", "FILE NAME", "ID"], rows)


def summary_lines(listing: Listing) -> Iterator[str]:
    """Yield a summary of a listing in a few lines: counts, dates, sizes and names."""
    from picsync.frames.nixplay.frame import CAPABILITIES
    from picsync.media.formats import called

    items = listing.items
    if not items:
        return
    videos = sum(item.kind.value == "video" for item in items)
    kinds = [counted(len(items) - videos, "photo")] if videos < len(items) else []
    yield f"  {', '.join([*kinds, *([counted(videos, 'video')] if videos else [])])}"
    dates = sorted(item.taken_at for item in items if item.taken_at is not None)
    if dates:
        rest = f"; {len(items) - len(dates):,} without a date" if len(dates) < len(items) else ""
        first, last = day(dates[0]), day(dates[-1])
        yield f"  taken {f'on {first}' if first == last else f'between {first} and {last}'}{rest}"
    sizes = [item.size_bytes for item in items if item.size_bytes is not None]
    if sizes:
        rest = f", and {len(items) - len(sizes):,} of unknown size" if len(sizes) < len(items) else ""
        yield f"  {size(sum(sizes))}{rest}; the largest is {size(max(sizes))}"
    else:
        yield "  sizes are unknown before the download"
    if listing.unrecognised:
        yield f"  {counted(listing.unrecognised, 'file')} not usable: empty, or neither a picture nor a video"
    refused = [item.mime_type for item in items if not CAPABILITIES.accepts(item.mime_type)]
    skipped = Counter(map(called, refused))
    if skipped:
        formats = ", ".join(f"{count:,} {printable(name)}" for name, count in skipped.most_common())
        yield f"  not shown, since {CAPABILITIES.title} does not support the format: {formats}"
    names = [printable(item.filename or item.item_id) for item in items]
    shown = [*names[:FEW], "...", *names[-FEW:]] if len(names) > 2 * FEW else names
    yield f"  {', '.join(shown)}"
