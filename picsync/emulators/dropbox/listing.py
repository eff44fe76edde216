"""Listings with cursors, and the long poll.

A cursor stands for a position: what is left of the first listing, and the number of changes that it has
seen. It can be used any number of times. Changes come as the present state of each changed path, in the order
of their last change.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from picsync.emulators.dropbox.access import View
from picsync.emulators.dropbox.arguments import FLAG, TEXT, pattern, struct, within
from picsync.emulators.dropbox.calls import NOTIFY, Asked, Call
from picsync.emulators.dropbox.errors import malformed, refused, unauthorized
from picsync.emulators.dropbox.options import DropboxOptions
from picsync.emulators.dropbox.paths import READ, lower, problem
from picsync.emulators.dropbox.resources import deleted_json, metadata_json
from picsync.emulators.dropbox.sharing import SharedLink, Sharing
from picsync.emulators.dropbox.tree import Change

PAGE = 2000
"""Entries per page unless the client asks for fewer."""

_ARGUMENT = {
    "path!": pattern(READ),
    "recursive": FLAG,
    "include_media_info": FLAG,
    "include_deleted": FLAG,
    "include_has_explicit_shared_members": FLAG,
    "include_mounted_folders": FLAG,
    "include_non_downloadable_files": FLAG,
    "include_restorable_info": FLAG,
    "limit": within(1, 2000),
    "shared_link": struct({"url!": TEXT, "password": TEXT}),
}
_CURSOR = {"cursor!": TEXT}


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in a listing and its changes."""

    view: View
    path: str
    """Absolute path of the listed folder."""
    recursive: bool
    deleted: bool
    media_info: bool
    limit: int
    link: SharedLink | None
    password: str
    pending: Sequence[str]
    """Paths of the first listing that are still to be sent."""
    start: int
    """How many of them have been sent."""
    seen: int
    """How many changes of the tree it contains."""
    page: int = 0


class Listing:
    """The calls that list."""

    def __init__(self, options: DropboxOptions, sharing: Sharing) -> None:
        self._options = options
        self._sharing = sharing
        self._cursors: dict[str, Cursor] = {}
        self._void: set[str] = set()

    def calls(self) -> Sequence[Call]:
        """Return the calls."""
        scope = "files.metadata.read"
        return (
            Call(
                name="files/list_folder", handle=self.begin, scope=scope, fields=_ARGUMENT, app_auth=True
            ),
            Call(
                name="files/list_folder/continue", handle=self.go_on, scope=scope, fields=_CURSOR,
                app_auth=True,
            ),
            Call(
                name="files/list_folder/get_latest_cursor", handle=self.latest, scope=scope, fields=_ARGUMENT
            ),
            Call(
                name="files/list_folder/longpoll", handle=self.longpoll, anonymous=True, host=NOTIFY,
                fields={**_CURSOR, "timeout": within(30, 480)},
            ),
        )  # fmt: skip

    def reset(self) -> None:
        """Void all cursors issued so far."""
        self._void |= set(self._cursors)

    async def begin(self, asked: Asked) -> Any:
        """Return the first page of a listing."""
        return self._page(self._cursor(asked, "files/list_folder"))

    async def latest(self, asked: Asked) -> Any:
        """Return a cursor for the present state."""
        cursor = self._cursor(asked, "files/list_folder/get_latest_cursor")
        return {"cursor": self._keep(replace(cursor, pending=()))}

    async def go_on(self, asked: Asked) -> Any:
        """Return the page after a cursor."""
        cursor = self._known(asked.argument["cursor"], "files/list_folder/continue")
        if cursor.link is not None and not cursor.link.is_alive(self._options.now()):
            raise refused("path", "not_found")
        if not cursor.view.tree.is_folder(cursor.path):
            raise refused("path", "not_found")
        return self._page(cursor)

    async def longpoll(self, asked: Asked) -> Any:
        """Return once something has changed, or after the timeout."""
        name = "files/list_folder/longpoll"
        cursor = self._known(asked.argument["cursor"], name)
        if cursor.media_info or cursor.link is not None:
            raise malformed(name, "cursor: cannot be used with this call")
        loop, tree = asyncio.get_running_loop(), cursor.view.tree
        longest_s = self._options.longest_poll_s
        wait_s = float(asked.argument.get("timeout", 30))
        until = loop.time() + (wait_s if longest_s is None else min(wait_s, longest_s))
        while not self._has_changes(cursor):
            changed, left_s = tree.changed, until - loop.time()
            if left_s <= 0:
                backoff = {} if self._options.backoff_s is None else {"backoff": self._options.backoff_s}
                return {"changes": False, **backoff}
            try:
                # A directory that serves as a folder tells nobody of its changes.
                step_s = min(left_s, self._options.poll_s) if tree.followed else left_s
                await asyncio.wait_for(changed.wait(), step_s)
            except TimeoutError:
                tree.refresh()
        return {"changes": True}

    def _cursor(self, asked: Asked, call: str) -> Cursor:
        argument = asked.argument
        path, link, password = argument["path"], None, ""
        if path == "/":
            raise malformed(
                call, 'request body: path: Specify the root folder as an empty string rather than as "/".'
            )
        if "shared_link" in argument:
            if argument.get("recursive"):
                raise malformed(call, "request body: recursive is not supported with shared_link")
            password = argument["shared_link"].get("password", "")
            link = self._sharing.find(argument["shared_link"]["url"])
            if link is None or not link.is_alive(self._options.now()) or not link.opens(password):
                raise refused("path", "not_found")
            view = link.view()
            if view is None:
                raise refused("path", "not_folder")
        elif asked.caller.user is None:
            raise unauthorized("missing_scope", required_scope="files.metadata.read")
        else:
            view = asked.caller.view
        place = view.resolve(path)
        wrong = problem(place) if place else None
        if wrong is not None:
            raise refused("path", str(wrong[".tag"]))
        if place is None or not view.tree.is_folder(place):
            there = None if place is None else view.tree.find(place)
            raise refused("path", "not_found" if there is None else "not_folder")
        recursive = bool(argument.get("recursive"))
        cursor = Cursor(
            view, place, recursive, bool(argument.get("include_deleted")),
            bool(argument.get("include_media_info")), argument.get("limit", PAGE), link, password,
            (), 0, len(view.tree.changes),
        )  # fmt: skip
        return replace(cursor, pending=tuple(self._first(cursor)))

    @staticmethod
    def _first(cursor: Cursor) -> Iterator[str]:
        tree = cursor.view.tree
        if cursor.recursive:
            if (own := tree.find(cursor.path)) is not None and cursor.path != cursor.view.root:
                yield own.key
            yield from (entry.key for entry in tree.below(cursor.path))
        else:
            yield from list(tree.children[lower(cursor.path)])
        if cursor.deleted:
            yield from [key for key in tree.deleted if _concerns(cursor, key)]

    def _known(self, name: str, call: str) -> Cursor:
        if name in self._void:
            raise refused("reset")
        cursor = self._cursors.get(name)
        if cursor is None:
            raise malformed(call, 'request body: cursor: Invalid "cursor" parameter')
        return cursor

    def _keep(self, cursor: Cursor) -> str:
        name = f"AA{secrets.token_urlsafe(72)}"
        self._cursors[name] = cursor
        return name

    def _page(self, cursor: Cursor) -> Mapping[str, Any]:
        options, tree = self._options, cursor.view.tree
        size = min(cursor.limit, options.page_cap or cursor.limit)
        page = cursor.page + 1
        if options.empty_page_every and page % options.empty_page_every == 0:
            return {"entries": [], "cursor": self._keep(replace(cursor, page=page)), "has_more": True}
        keys = cursor.pending[cursor.start : cursor.start + size]
        entries: list[dict[str, Any]] = []
        for key in keys:
            if (entry := tree.entries.get(key)) is not None:
                entries.append(metadata_json(entry, cursor.view, options))
            elif cursor.deleted and key in tree.deleted:
                entries.append(deleted_json(tree.deleted[key], cursor.view))
        after = replace(cursor, start=cursor.start + len(keys), page=page)
        if after.start >= len(after.pending):
            after = replace(after, pending=(), start=0)
            changes = self._changes(after)
            entries += [self._change(change, cursor.view) for change in changes[: size - len(keys)]]
            left = changes[size - len(keys) :]
            # The rest of the changes are sent as the rest of a listing is, deletions included.
            after = replace(after, seen=len(tree.changes))
            if left:
                after = replace(after, pending=tuple(change.key for change in left), deleted=True)
        more = bool(after.pending)
        return {"entries": self._spoiled(entries, cursor), "cursor": self._keep(after), "has_more": more}

    def _spoiled(self, entries: list[dict[str, Any]], cursor: Cursor) -> list[dict[str, Any]]:
        if self._options.repeat_entries:
            entries = [entry for entry in entries for _ in range(2)]
        if self._options.unknown_deletions:
            path = f"{cursor.path}/Unknown \u007f \U0001f984.jpg"
            entries = [deleted_json(Change(lower(path), path), cursor.view), *entries]
        return entries

    def _change(self, change: Change, view: View) -> dict[str, Any]:
        entry = view.tree.entries.get(change.key)
        return deleted_json(change, view) if entry is None else metadata_json(entry, view, self._options)

    @staticmethod
    def _changes(cursor: Cursor) -> list[Change]:
        last: dict[str, Change] = {}
        for change in cursor.view.tree.changes[cursor.seen :]:
            if _concerns(cursor, change.key):
                last.pop(change.key, None)
                last[change.key] = change
        return list(last.values())

    def _has_changes(self, cursor: Cursor) -> bool:
        if cursor.pending or not cursor.view.tree.is_folder(cursor.path):
            return True
        return any(_concerns(cursor, change.key) for change in cursor.view.tree.changes[cursor.seen :])


def _concerns(cursor: Cursor, key: str) -> bool:
    root = lower(cursor.path)
    if not key.startswith(f"{root}/"):
        return False
    return cursor.recursive or "/" not in key[len(root) + 1 :]
