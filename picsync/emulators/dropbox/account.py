"""Users, registered apps, and the access that users have given to apps."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field

from picsync.emulators.dropbox.options import DropboxOptions
from picsync.emulators.dropbox.tree import Tree

ALL_SCOPES = (
    "account_info.read",
    "files.content.read",
    "files.content.write",
    "files.metadata.read",
    "files.metadata.write",
    "sharing.read",
    "sharing.write",
)


@dataclass(slots=True, eq=False)
class User:
    """A person with a Dropbox."""

    name: str
    uid: str
    account_id: str
    tree: Tree

    @property
    def email(self) -> str:
        """The address of the account."""
        return f"{self.name.lower()}@example.org"


@dataclass(slots=True, eq=False)
class App:
    """An app in the App Console."""

    key: str
    secret: str
    scopes: frozenset[str] = frozenset(ALL_SCOPES)
    """What is ticked in the console."""
    folder: str = ""
    """Name of its folder in `/Apps`; empty for an app with full access."""
    redirect_uris: tuple[str, ...] = ()
    webhooks: list[str] = field(default_factory=list)

    @property
    def root(self) -> str:
        """The folder that it sees as its root, as shown."""
        return f"/Apps/{self.folder}" if self.folder else ""


@dataclass(slots=True, eq=False)
class Grant:
    """A user's consent to an app."""

    user: User
    app: App
    scopes: tuple[str, ...]
    refresh_token: str
    """Empty if the login was not offline."""
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class AuthCode:
    """A code from the consent page, valid once."""

    user: User
    app: App
    scopes: tuple[str, ...]
    redirect_uri: str
    expires_at: float
    challenge: str
    method: str
    offline: bool

    def verifies(self, verifier: str) -> bool:
        """Return whether this is the verifier of the challenge."""
        if self.method == "plain":
            return verifier == self.challenge
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        return digest.rstrip(b"=").decode() == self.challenge


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An issued access token."""

    grant: Grant
    expires_at: float
    scopes: tuple[str, ...]


class Accounts:
    """Everything that concerns logins."""

    def __init__(self, options: DropboxOptions) -> None:
        self.options = options
        self.users: list[User] = []
        self.apps: dict[str, App] = {}
        self.codes: dict[str, AuthCode] = {}
        self.grants: list[Grant] = []
        self.tokens: dict[str, AccessToken] = {}

    def add_user(self, name: str) -> User:
        """Add a user with an empty Dropbox."""
        number = 12345 + len(self.users)
        user = User(name, str(number), f"dbid:{secrets.token_urlsafe(26)}", Tree(self.options, str(number)))
        self.users.append(user)
        return user

    def grant(self, user: User, app: App, scopes: tuple[str, ...], *, offline: bool = True) -> Grant:
        """Let a user agree."""
        grant = Grant(user, app, scopes, secrets.token_urlsafe(48) if offline else "")
        self.grants.append(grant)
        if app.folder and not user.tree.is_folder(app.root):
            user.tree.create_folder(app.root)
        return grant

    def issue(self, grant: Grant, scopes: tuple[str, ...] | None = None, *, expired: bool = False) -> str:
        """Return a new access token of a grant."""
        token = f"sl.u.{secrets.token_urlsafe(96)}"
        life_s = -1.0 if expired else self.options.access_token_s
        self.tokens[token] = AccessToken(grant, self.options.now() + life_s, scopes or grant.scopes)
        return token

    def find_grant(self, refresh_token: str) -> Grant | None:
        """Return the grant of a refresh token unless it was revoked."""
        for grant in self.grants:
            if refresh_token and grant.refresh_token == refresh_token and not grant.revoked:
                return grant
        return None
