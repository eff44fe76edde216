"""The emulated Dropbox: login, files, sharing, long poll and webhooks of its users."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from picsync.emulators.dropbox.access import Access
from picsync.emulators.dropbox.account import ALL_SCOPES, Accounts, App, Grant, User
from picsync.emulators.dropbox.calls import API, CONTENT, NOTIFY, Calls, answered
from picsync.emulators.dropbox.files import LINK_HOST, Files
from picsync.emulators.dropbox.home import home_page, picture
from picsync.emulators.dropbox.listing import Listing
from picsync.emulators.dropbox.oauth import OAuth
from picsync.emulators.dropbox.options import DropboxOptions
from picsync.emulators.dropbox.sharing import PAGE_HOST, SharedLink, Sharing
from picsync.emulators.dropbox.tree import Entry, File, Folder, content_of
from picsync.emulators.dropbox.uploads import Uploads
from picsync.emulators.dropbox.users import Users
from picsync.emulators.dropbox.webhooks import Webhooks
from picsync.emulators.dropbox.writing import Jobs, Lock, Writing
from picsync.emulators.google.content import Content
from picsync.emulators.service import PARAMS


class Dropbox:
    """Dropbox with one user, `owner`, and one app, `app`; a `Service` for the emulator's server."""

    def __init__(self, options: DropboxOptions | None = None) -> None:
        self.options = options or DropboxOptions()
        self.accounts = Accounts(self.options)
        self.access = Access(self.accounts)
        self.oauth = OAuth(self.accounts, self.access)
        self.sharing = Sharing(self.options)
        self.webhooks = Webhooks(self.accounts)
        lock = Lock(self.options)
        self.jobs = jobs = Jobs(self.options)
        self.listing = Listing(self.options, self.sharing)
        self.files = Files(self.options, self.sharing)
        self.uploads = Uploads(self.options, lock, jobs)
        self.calls = Calls(self.access, self._refresh)
        for group in (
            self.listing,
            self.files,
            Writing(self.options, lock, jobs),
            self.uploads,
            self.sharing,
            Users(self.options, self.oauth),
        ):
            self.calls.add(*group.calls())
        self.owner = self.add_user("Anna")
        self.app = self.add_app()

    # --- Data --------------------------------------------------------------------------------------------

    def add_user(self, name: str) -> User:
        """Add a user with an empty Dropbox."""
        user = self.accounts.add_user(name)
        self.webhooks.watch(user)
        return user

    def add_app(self, *, folder: str = "", scopes: Iterable[str] = ALL_SCOPES) -> App:
        """Register an app; with `folder` it sees only `/Apps/<folder>`."""
        app = App(secrets.token_hex(8), secrets.token_hex(8), frozenset(scopes), folder)
        self.accounts.apps[app.key] = app
        return app

    def log_in(
        self, scopes: Iterable[str] = ALL_SCOPES, *, app: App | None = None, user: User | None = None
    ) -> Grant:
        """Let a user give an app access, offline."""
        return self.accounts.grant(user or self.owner, app or self.app, tuple(scopes))

    def issue(self, grant: Grant, *, expired: bool = False) -> str:
        """Return an access token."""
        return self.accounts.issue(grant, expired=expired)

    def revoke_all(self) -> None:
        """Let all users disconnect all apps."""
        for grant in self.accounts.grants:
            grant.revoked = True

    def expire_access_tokens(self) -> None:
        """Expire all access tokens now; refresh tokens stay valid."""
        self.accounts.tokens = {
            token: type(each)(each.grant, self.options.now(), each.scopes)
            for token, each in self.accounts.tokens.items()
        }

    def reset_cursors(self) -> None:
        """Void all cursors issued so far."""
        self.listing.reset()

    def put(
        self, path: str, content: bytes | Path | Content, *, user: User | None = None, **fields: Any
    ) -> File:
        """Let a user store a file, or a new version of it; `fields` are those of `Tree.write`."""
        return (user or self.owner).tree.write(path, content_of(content), **fields)

    def create_folder(self, path: str, *, user: User | None = None) -> Folder:
        """Let a user create a folder."""
        return (user or self.owner).tree.create_folder(path)

    def find(self, path: str, *, user: User | None = None) -> Entry | None:
        """Return what is at a path."""
        return (user or self.owner).tree.find(path)

    def move(self, entry: Entry, path: str, *, user: User | None = None) -> None:
        """Let a user move or rename a file or folder."""
        (user or self.owner).tree.move(entry, path)

    def copy(self, entry: Entry, path: str, *, user: User | None = None) -> Entry:
        """Let a user copy a file or folder."""
        return (user or self.owner).tree.copy(entry, path)

    def delete(self, entry: Entry, *, user: User | None = None) -> None:
        """Let a user delete a file or folder."""
        (user or self.owner).tree.delete(entry)

    def share(self, entry: Entry, *, user: User | None = None, **fields: Any) -> SharedLink:
        """Let a user share a file or folder by link; `fields` are those of `SharedLink`."""
        return self.sharing.share(user or self.owner, entry, **fields)

    def directory_folder(self, directory: Path, path: str) -> None:
        """Let a folder follow a directory of this machine: every request reads its files again."""
        self.owner.tree.follow(directory, path)

    def _refresh(self) -> None:
        for user in self.accounts.users:
            if user.tree.followed:
                user.tree.refresh()

    # --- Requests ----------------------------------------------------------------------------------------

    def routes(self) -> Mapping[str, Sequence[web.RouteDef]]:
        """Return the routes of all hosts."""
        return {
            PAGE_HOST: [
                web.get("/oauth2/authorize", self.oauth.authorize),
                web.get("/home", self._home_page),
                web.get("/home/{rev}", self._home_picture),
                web.get("/scl/{sort}/{key}/{name}", self._shared_page),
                web.route("*", "/{path:.*}", _no_page),
            ],
            API: [web.post("/oauth2/token", answered(self.oauth.token)), *self.calls.routes(API)],
            CONTENT: self.calls.routes(CONTENT),
            NOTIFY: self.calls.routes(NOTIFY),
            LINK_HOST: self.files.link_routes(),
        }

    async def _home_page(self, _request: web.Request) -> web.StreamResponse:
        """Show all files of the owner."""
        self._refresh()
        text = home_page(self.owner.tree.entries.values())
        return web.Response(text=text, content_type="text/html")

    async def _home_picture(self, request: web.Request) -> web.StreamResponse:
        found = picture(self.owner.tree.entries.values(), request[PARAMS]["rev"])
        return found if found is not None else await _no_page(request)

    async def _shared_page(self, request: web.Request) -> web.StreamResponse:
        link: SharedLink | None = self.sharing.find(str(request.rel_url))
        if link is None or not link.is_alive(self.options.now()):
            return await _no_page(request)
        return _page("Dropbox", 200)


async def _no_page(_request: web.Request) -> web.StreamResponse:
    return _page("This item was deleted, or you do not have access to it.", 404)


def _page(text: str, status: int) -> web.Response:
    page = f"<!DOCTYPE html><html><head><title>{text}</title></head><body></body></html>"
    return web.Response(text=page, status=status, content_type="text/html")
