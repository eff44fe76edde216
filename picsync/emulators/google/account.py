"""OAuth clients, grants and tokens of the only user."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from picsync.emulators.google.options import GoogleOptions

SCOPE_PREFIX = "https://www.googleapis.com/auth/"
REFRESH_TOKENS_PER_CLIENT = 100
"""Google's limit per user and client; a further grant silently ends the oldest."""


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth client of a Cloud project."""

    client_id: str
    client_secret: str
    kind: str = "desktop"
    """`desktop`, `web` or `device`."""
    redirect_uris: tuple[str, ...] = ()
    """Allowed redirect URIs of a web client; a desktop client may use any loopback address."""


@dataclass(slots=True, eq=False)
class Grant:
    """What the user allowed a client; valid as long as its refresh token."""

    client_id: str
    scopes: tuple[str, ...]
    refresh_token: str
    expires_at: float | None
    revoked: bool = False


@dataclass(slots=True)
class AuthCode:
    """An authorisation code between consent and exchange."""

    client_id: str
    scopes: tuple[str, ...]
    redirect_uri: str
    expires_at: float
    challenge: str = ""
    method: str = "plain"
    offline: bool = True

    def verifies(self, verifier: str) -> bool:
        """Return whether a PKCE verifier belongs to the challenge."""
        if self.method == "S256":
            raw = hashlib.sha256(verifier.encode()).digest()
            verifier = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        return secrets.compare_digest(verifier.encode(), self.challenge.encode())


@dataclass(slots=True)
class DeviceCode:
    """A login on a device that waits for the user."""

    client_id: str
    scopes: tuple[str, ...]
    user_code: str
    expires_at: float
    next_poll_at: float = 0.0
    answer: bool | None = None
    """True after the user has agreed, False after a refusal."""


@dataclass(slots=True)
class Account:
    """The user's account: the clients and their grants."""

    options: GoogleOptions
    email: str = "user@example.com"
    clients: dict[str, Client] = field(default_factory=dict)
    codes: dict[str, AuthCode] = field(default_factory=dict)
    device_codes: dict[str, DeviceCode] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    """By refresh token, oldest first."""
    access_tokens: dict[str, tuple[Grant, float]] = field(default_factory=dict)
    """Token -> its grant and its expiry."""

    def client(self, client_id: str, client_secret: str | None = None) -> Client | None:
        """Return the client if it exists and the secret, if given, is correct."""
        client = self.clients.get(client_id)
        if client is None and client_id and self.options.accept_unknown_clients:
            return Client(client_id, client_secret or "")
        if client is None or client_secret not in (None, client.client_secret):
            return None
        return client

    def grant(self, client_id: str, scopes: Iterable[str]) -> Grant:
        """Record a consent and issue a refresh token."""
        life = self.options.refresh_token_s
        expires_at = None if life is None else self.options.now() + life
        grant = Grant(client_id, tuple(scopes), f"1//0e{secrets.token_urlsafe(64)}", expires_at)
        self.grants[grant.refresh_token] = grant
        alive = [each for each in self.grants.values() if each.client_id == client_id and not each.revoked]
        for oldest in alive[:-REFRESH_TOKENS_PER_CLIENT]:
            oldest.revoked = True
        return grant

    def access_token(self, grant: Grant, *, expired: bool = False) -> str:
        """Issue an access token."""
        token = f"ya29.a0{secrets.token_urlsafe(120)}"
        expires_at = self.options.now() + (-60 if expired else self.options.access_token_s)
        self.access_tokens[token] = (grant, expires_at)
        return token

    def alive(self, grant: Grant) -> bool:
        """Return whether the user's consent is still valid."""
        return not grant.revoked and (grant.expires_at is None or grant.expires_at > self.options.now())

    def holder(self, token: str) -> Grant | None:
        """Return the grant behind a valid access token."""
        grant, expires_at = self.access_tokens.get(token, (None, 0.0))
        if grant is None or grant.revoked or expires_at <= self.options.now():
            return None
        return grant

    def revoke(self, token: str) -> bool:
        """End the consent behind an access or refresh token; False if there is none."""
        grant = self.grants.get(token) or self.holder(token)
        if grant is None or not self.alive(grant):
            return False
        grant.revoked = True
        return True
