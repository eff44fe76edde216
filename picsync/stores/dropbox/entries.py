"""What Dropbox says of a file or folder, as an entry of a store."""

from __future__ import annotations

from picsync.stores.base import Entry, EntryKind
from picsync.vendors.dropbox.wire import Metadata


def entry_of(found: Metadata, path: str) -> Entry:
    """Return the entry; `path` is how the store shows its path."""
    if found.tag == "folder":
        return Entry(path, EntryKind.FOLDER, found.key, found.id)
    if found.tag != "file" or not found.is_downloadable:
        return Entry(path, EntryKind.OTHER, found.key, found.id)
    return Entry(
        path,
        EntryKind.FILE,
        found.key,
        found.id,
        found.rev,
        found.size,
        found.modified_at,
        found.content_hash or "",
    )
