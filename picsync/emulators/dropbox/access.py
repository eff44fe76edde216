"""Who sends a request, what it permits, and which part of a Dropbox it shows."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiohttp import web

from picsync.emulators.dropbox.account import Accounts, App, User
from picsync.emulators.dropbox.errors import DropboxError, malformed, unauthorized
from picsync.emulators.dropbox.options import Refusal429
from picsync.emulators.dropbox.paths import lower
from picsync.emulators.dropbox.tree import Entry, Tree


@dataclass(frozen=True, slots=True)
class View:
    """A folder that is seen as the root: an app's folder, a shared one, or everything."""

    tree: Tree
    root: str = ""
    """Absolute path, as shown."""
    with_paths: bool = True
    """False for a shared link: its entries have no paths."""

    def absolute(self, path: str) -> str:
        """Return the path within the user's whole Dropbox."""
        return self.root + path

    def shown(self, path: str) -> str:
        """Return an absolute path as it is seen here."""
        return path[len(self.root) :]

    def contains(self, entry: Entry) -> bool:
        """Return whether an entry can be seen here."""
        return not self.root or entry.key.startswith(f"{lower(self.root)}/")

    def resolve(self, path: str) -> str | None:
        """Return the absolute path for an argument (`/path`, `id:`, `ns:`); None if it leads nowhere."""
        if path.startswith("ns:"):
            namespace, _, rest = path[3:].partition("/")
            return self.absolute(f"/{rest}" if rest else "") if namespace == self.tree.namespace else None
        if path.startswith("id:"):
            entry_id, slash, rest = path.partition("/")
            entry = self.tree.by_id.get(entry_id)
            return f"{entry.path}{slash}{rest}" if entry is not None and self.contains(entry) else None
        return self.absolute(path)


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request."""

    app: App
    user: User | None
    """None for an app that authenticates itself only."""
    token: str = ""

    @property
    def view(self) -> View:
        """What the caller sees of the user's Dropbox."""
        assert self.user is not None  # noqa: S101 - calls that allow app authentication check it
        return View(self.user.tree, self.app.root)


class Access:
    """Authenticates requests."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._options = accounts.options
        self._minutes: dict[str, tuple[int, int]] = {}

    def caller(self, call: str, request: web.Request, scope: str, *, app_auth: bool) -> Caller:
        """Return who sends a request; raises DropboxError."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic" and app_auth:
            return Caller(self._app(call, value), None)
        if scheme != "Bearer" or not value or any(not "!" <= each <= "~" for each in value):
            raise malformed(
                call, f"Invalid authorization value in HTTP header {scheme + ' ' if scheme else ''}..."
            )
        token = self._accounts.tokens.get(value)
        if token is None or token.grant.revoked:
            raise unauthorized("invalid_access_token")
        if token.expires_at <= self._options.now():
            raise unauthorized("expired_access_token")
        app = token.grant.app
        if scope and scope not in app.scopes:
            raise malformed(
                call,
                "Your app is not permitted to access this endpoint because it does not have the required"
                f" scope '{scope}'. The owner of the app can enable the scope for the app using the"
                " Permissions tab on the App Console.",
            )
        if scope and scope not in token.scopes:
            raise unauthorized("missing_scope", required_scope=scope)
        caller = Caller(app, token.grant.user, value)
        self._check_path_root(caller, request)
        self._count(token.grant.user.uid)
        return caller

    def apps(self) -> Iterable[App]:
        """Return the registered apps."""
        return self._accounts.apps.values()

    def app_of(self, form: Mapping[str, str], request: web.Request) -> App | None:
        """Return the app that a token request names, if its secret is right or PKCE needs none."""
        key, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            key, _, secret = _decoded(value).partition(":")
        app = self._accounts.apps.get(key)
        return app if app is not None and secret in ("", app.secret) else None

    def _app(self, call: str, value: str) -> App:
        key, _, secret = _decoded(value).partition(":")
        app = self._accounts.apps.get(key)
        if app is None or secret != app.secret:
            raise malformed(call, 'Invalid app key or secret in HTTP header "Authorization".')
        return app

    @staticmethod
    def _check_path_root(caller: Caller, request: web.Request) -> None:
        header = request.headers.get("Dropbox-API-Path-Root")
        if header is None or caller.user is None:
            return
        try:
            value = json.loads(header)
        except ValueError:
            raise DropboxError(400, text="Invalid JSON in HTTP header Dropbox-API-Path-Root.") from None
        tag = value.get(".tag") if isinstance(value, dict) else None
        if tag == "home" or (
            tag in ("root", "namespace_id") and value.get(str(tag)) == caller.user.tree.namespace
        ):
            return
        raise DropboxError(422, {".tag": "no_permission"})

    def _count(self, uid: str) -> None:
        limit, minute = self._options.requests_per_minute, int(self._options.now() // 60)
        known, count = self._minutes.get(uid, (minute, 0))
        count = count + 1 if known == minute else 1
        self._minutes[uid] = (minute, count)
        if limit is not None and count > limit:
            raise too_many("too_many_requests", self._options.refusal, self._options.retry_after_s)


def too_many(reason: str, form: Refusal429, retry_after_s: int) -> DropboxError:
    """Return a 429."""
    if form is Refusal429.TEXT:
        return DropboxError(429, text="Too many requests, please slow down.")
    error = {"reason": {".tag": reason}, "retry_after": retry_after_s}
    return DropboxError(429, error, headers={"Retry-After": str(retry_after_s)})


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
