"""Dropbox's calls to a webhook, and which of them are genuine (Dropbox developer pages, "Webhooks")."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from picsync.config.credentials import Account
from picsync.config.kinds import Hook
from picsync.vendors.dropbox.credentials import KIND, DropboxLogin, require_app_secret

SIGNATURE = "X-Dropbox-Signature"
CHALLENGE = "challenge"


def _secret(account: Account) -> str:
    return account.read(DropboxLogin).app_secret.get_secret_value()


def is_genuine(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether Dropbox signed a body with the secret of the app: HMAC-SHA256 over the raw bytes, in hex."""
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    # Bytes, since a signature may contain anything.
    given = headers.get(SIGNATURE, "").encode("utf-8", "surrogateescape")
    return bool(secret) and hmac.compare_digest(wanted.encode(), given)


HOOK = Hook(
    name=KIND, challenge=CHALLENGE, require=require_app_secret, signed_with=_secret, is_genuine=is_genuine
)
