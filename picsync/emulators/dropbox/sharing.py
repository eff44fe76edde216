"""Shared links."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from picsync.emulators.dropbox.access import View
from picsync.emulators.dropbox.account import User
from picsync.emulators.dropbox.arguments import FLAG, TEXT, moment, pattern, struct, union
from picsync.emulators.dropbox.calls import CONTENT, Asked, Call, Style, result_header
from picsync.emulators.dropbox.errors import refused, tagged
from picsync.emulators.dropbox.options import DropboxOptions
from picsync.emulators.dropbox.paths import READ
from picsync.emulators.dropbox.resources import metadata_json, time_json
from picsync.emulators.dropbox.tree import Entry, File
from picsync.emulators.google import ranges

PAGE_HOST = "www.dropbox.com"


@dataclass(slots=True, eq=False)
class SharedLink:
    """A link to a file or folder."""

    owner: User
    entry: Entry
    url: str
    password: str = ""
    expires_at: float | None = None
    revoked: bool = False

    def is_alive(self, now: float) -> bool:
        """Return whether it leads anywhere."""
        there = self.owner.tree.by_id.get(self.entry.entry_id) is self.entry
        return not self.revoked and there and (self.expires_at is None or now < self.expires_at)

    def opens(self, password: str) -> bool:
        """Return whether this is the password, if it has one."""
        return not self.password or password == self.password

    def view(self) -> View | None:
        """Return what it shows of a folder; None for a file."""
        if isinstance(self.entry, File):
            return None
        return View(self.owner.tree, self.entry.path, with_paths=False)


class Sharing:
    """All shared links, and the calls about them."""

    def __init__(self, options: DropboxOptions) -> None:
        self._options = options
        self.links: list[SharedLink] = []

    def calls(self) -> Sequence[Call]:
        """Return the calls."""
        read = {"url!": TEXT, "path": pattern(READ), "link_password": TEXT}
        settings = {
            "require_password": FLAG,
            "link_password": TEXT,
            "expires": moment,
            "audience": union("public", "team", "no_one", "password", "members"),
            "access": union("viewer", "editor", "max", "default"),
            "requested_visibility": union("public", "team_only", "password"),
            "allow_download": FLAG,
        }
        create = {"path!": pattern(READ), "settings": struct(settings)}
        listed = {"path": pattern(READ), "cursor": TEXT, "direct_only": FLAG}
        return (
            Call(
                name="sharing/get_shared_link_metadata", handle=self.metadata, scope="sharing.read",
                fields=read, app_auth=True,
            ),
            Call(
                name="sharing/get_shared_link_file", handle=self.file, scope="sharing.read", fields=read,
                app_auth=True, host=CONTENT, style=Style.DOWNLOAD,
            ),
            Call(
                name="sharing/create_shared_link_with_settings", handle=self.create, scope="sharing.write",
                fields=create,
            ),
            Call(
                name="sharing/list_shared_links", handle=self.list_links, scope="sharing.read", fields=listed
            ),
            Call(
                name="sharing/revoke_shared_link", handle=self.revoke, scope="sharing.write",
                fields={"url!": TEXT},
            ),
        )  # fmt: skip

    def share(self, owner: User, entry: Entry, **fields: Any) -> SharedLink:
        """Create a link; `fields` are those of `SharedLink`."""
        sort = "fi" if isinstance(entry, File) else "fo"
        name = f"{quote(entry.name)}" if isinstance(entry, File) else secrets.token_urlsafe(21)
        address = f"https://{PAGE_HOST}/scl/{sort}/{secrets.token_hex(11)}/{name}"
        link = SharedLink(owner, entry, f"{address}?rlkey={secrets.token_hex(12)}&dl=0", **fields)
        self.links.append(link)
        return link

    def find(self, url: str) -> SharedLink | None:
        """Return the link with this address, whatever its query says besides the key."""
        return next((link for link in self.links if _key(link.url) == _key(url)), None)

    async def metadata(self, asked: Asked) -> Any:
        """Describe what a link shows."""
        link, entry = self._opened(asked)
        return self._link_json(link, entry)

    async def file(self, asked: Asked) -> Any:
        """Send a file that a link shows."""
        link, entry = self._opened(asked)
        if not isinstance(entry, File):
            raise refused("shared_link_is_directory")
        headers = {
            "Content-Type": "application/octet-stream",
            "ETag": f'W/"{entry.rev}"',
            **result_header(self._link_json(link, entry)),
        }
        return await ranges.send(asked.request, entry.content, headers)

    async def create(self, asked: Asked) -> Any:
        """Create a link to the user's own file or folder."""
        view, user = asked.caller.view, asked.caller.user
        assert user is not None  # noqa: S101 - the call allows users only
        place = view.resolve(asked.argument["path"])
        entry = None if place is None else view.tree.find(place)
        if entry is None:
            raise refused("path", "not_found")
        for link in self.links:
            if link.entry is entry and link.is_alive(self._options.now()):
                error = tagged("metadata")
                error["metadata"] = self._link_json(link, entry)
                raise refused("shared_link_already_exists", shared_link_already_exists=error)
        settings = asked.argument.get("settings", {})
        link = self.share(
            user, entry, password=settings.get("link_password", ""), expires_at=settings.get("expires")
        )
        return self._link_json(link, entry)

    async def list_links(self, asked: Asked) -> Any:
        """List the user's links, of one path if given."""
        view, path = asked.caller.view, asked.argument.get("path")
        place = None if path is None else view.resolve(path)
        if path is not None and (place is None or view.tree.find(place) is None):
            raise refused("path", "not_found")
        links = [
            link
            for link in self.links
            if link.owner is asked.caller.user
            and link.is_alive(self._options.now())
            and (place is None or link.entry is view.tree.find(place))
        ]
        return {"links": [self._link_json(link, link.entry) for link in links], "has_more": False}

    async def revoke(self, asked: Asked) -> Any:
        """End a link."""
        link = self.find(asked.argument["url"])
        if link is None or link.revoked or link.owner is not asked.caller.user:
            raise refused("shared_link_not_found")
        link.revoked = True

    def _opened(self, asked: Asked) -> tuple[SharedLink, Entry]:
        argument = asked.argument
        link = self.find(argument["url"])
        if link is None or not link.is_alive(self._options.now()):
            raise refused("shared_link_not_found")
        if not link.opens(argument.get("link_password", "")):
            raise refused("shared_link_access_denied")
        path = argument.get("path", "")
        if path in ("", "/"):
            return link, link.entry
        view = link.view()
        place = None if view is None else view.resolve(path)
        entry = None if view is None or place is None else view.tree.find(place)
        if entry is None:
            raise refused("shared_link_not_found")
        return link, entry

    def _link_json(self, link: SharedLink, entry: Entry) -> dict[str, Any]:
        view = View(link.owner.tree, with_paths=False)
        body = metadata_json(entry, view, self._options)
        for name in ("content_hash", "is_downloadable"):
            body.pop(name, None)
        body["url"] = link.url
        body["link_permissions"] = {
            "can_revoke": False,
            "resolved_visibility": {".tag": "password" if link.password else "public"},
            "visibility_policies": [],
            "can_set_expiry": False,
            "can_remove_expiry": False,
            "allow_download": True,
            "can_allow_download": True,
            "can_disallow_download": False,
            "allow_comments": True,
            "team_restricts_comments": False,
        }
        if link.expires_at is not None:
            body["expires"] = time_json(link.expires_at)
        return body


def _key(url: str) -> tuple[str, str]:
    split = urlsplit(url)
    query = dict(each.partition("=")[::2] for each in split.query.split("&"))
    return split.path, query.get("rlkey", "")
