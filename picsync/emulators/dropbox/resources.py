"""The JSON of files, folders and deletions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from picsync.emulators.dropbox.access import View
from picsync.emulators.dropbox.options import DropboxOptions
from picsync.emulators.dropbox.tree import Change, Entry, File

TIME = "%Y-%m-%dT%H:%M:%SZ"


def time_json(at: float) -> str:
    """Return a time in whole seconds, UTC."""
    return datetime.fromtimestamp(int(at), UTC).strftime(TIME)


def metadata_json(entry: Entry, view: View, options: DropboxOptions) -> dict[str, Any]:
    """Return a file or folder with its tag."""
    body: dict[str, Any] = {".tag": "file" if isinstance(entry, File) else "folder", "name": entry.name}
    if view.with_paths:
        body |= {"path_lower": view.shown(entry.key), "path_display": view.shown(entry.path)}
    body["id"] = entry.entry_id
    if isinstance(entry, File):
        body |= {
            "client_modified": time_json(entry.client_modified),
            "server_modified": time_json(entry.server_modified),
            "rev": entry.rev,
            "size": entry.size,
            "is_downloadable": True,
            "content_hash": entry.content_hash,
        }
        if options.without_hash:
            del body["content_hash"]
    return body


def untagged(body: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata for a call that always returns the same type."""
    return {name: value for name, value in body.items() if name != ".tag"}


def deleted_json(change: Change, view: View) -> dict[str, Any]:
    """Return a deletion with its tag."""
    body = {".tag": "deleted", "name": change.path.rpartition("/")[2]}
    if view.with_paths:
        body |= {"path_lower": view.shown(change.key), "path_display": view.shown(change.path)}
    return body
