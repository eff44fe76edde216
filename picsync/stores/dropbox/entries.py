"""What Dropbox says of a file or folder, as an entry of a store."""

from __future__ import annotations

from picsync.core.errors import RefusedError
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


def require_text(path: str) -> None:
    """Raise RefusedError for a path that is no text: one in a batch would fail the whole batch."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise RefusedError(
            f"{path}: the name is not in UTF-8, which Dropbox needs.", status=0, hint="Rename the file."
        ) from None
