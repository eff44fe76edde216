"""Logs in to Dropbox: OAuth with PKCE, without a redirect.

Dropbox shows a code on its page, which the user pastes. So this works on any machine, and needs no secret.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import field
from functools import partial
from typing import Self
from urllib.parse import urlencode

from picsync.core.errors import LoginNeeded
from picsync.core.text import pasted
from picsync.core.values import dataclass
from picsync.http.client import Hosts, HttpClient
from picsync.http.retry import Operation, Retrier
from picsync.vendors.dropbox import wire
from picsync.vendors.dropbox.client import API_HOST, HOSTS
from picsync.vendors.dropbox.credentials import TITLE
from picsync.vendors.dropbox.tokens import token_refusal

WEB_HOST = "www.dropbox.com"
LOG_IN = Operation(TITLE, "log_in", repeatable=False)
_REFUSALS = {
    "invalid_grant": (
        "There is no login: Dropbox does not accept this code.",
        "A code is valid once, and for a few minutes: log in again.",
    ),
    "invalid_client": (
        "There is no login: Dropbox knows no app with this key.",
        "Copy the app key from the App Console of Dropbox (Settings), then log in again.",
    ),
}
_CODE = re.compile(r"[!-~]{10,500}")


@dataclass(frozen=True, slots=True)
class Consent:
    """A request for the user's consent, and the secret with which its code is redeemed."""

    app_key: str
    scopes: tuple[str, ...]
    verifier: str = field(repr=False)

    @classmethod
    def of(cls, app_key: str, scopes: Iterable[str]) -> Self:
        """Return a new one."""
        return cls(app_key, tuple(sorted(scopes)), secrets.token_urlsafe(48))

    def url(self, hosts: Hosts) -> str:
        """Return the address of the page on which the user consents."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "client_id": self.app_key,
            "response_type": "code",
            "token_access_type": "offline",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "scope": " ".join(self.scopes),
        }
        return f"{hosts.url(WEB_HOST)}/oauth2/authorize?{urlencode(query)}"


def ask_for_code(
    consent: Consent, hosts: Hosts, *, ask: Callable[[str], str], say: Callable[[str], None]
) -> str:
    """Guide the user through Dropbox's consent; return the pasted code.

    Blocks, outside any event loop, so that Ctrl-C ends it. `ask` shows a prompt and returns a line, raising
    EOFError if there is none. Raises LoginNeeded then.
    """
    say(
        "Open this page in a browser on any device, allow picsync to use your Dropbox, and copy the code that"
        f" the page shows:\n\n{consent.url(hosts)}\n"
    )
    while True:
        try:
            code = pasted(ask("Paste the code here: "))
        except EOFError:
            message = "There is no login, since no code was pasted."
            raise LoginNeeded(message, hint="Log in again, and paste the code that Dropbox shows.") from None
        if _CODE.fullmatch(code):
            return code
        say("This is not a code of Dropbox: it has only letters, digits and signs, and no spaces.")


async def redeem(consent: Consent, code: str, *, hosts: Hosts, retrier: Retrier) -> str:
    """Exchange a code for a login; return the refresh token.

    Raises LoginNeeded if Dropbox refuses, or has not granted all permissions; TransientError, ProtocolError.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": consent.verifier,
        "client_id": consent.app_key,
    }
    http = HttpClient(
        retrier,
        allowed=hosts.allowed(*HOSTS),
        refusal=lambda _operation, _response, answer, content: token_refusal(answer, content, _REFUSALS),
    )
    try:
        answer = await http.request(
            LOG_IN,
            "POST",
            f"{hosts.url(API_HOST)}/oauth2/token",
            partial(wire.parse, LOG_IN, wire.TOKEN),
            data=form,
        )
    finally:
        await http.aclose()
    missing = sorted(set(consent.scopes) - set(answer.scope.split())) if answer.scope else []
    if missing:
        raise LoginNeeded(
            f"Dropbox did not grant all permissions: {', '.join(missing)} is missing.",
            hint="Tick it in the App Console of Dropbox (Permissions, Submit), then log in again.",
        )
    if not answer.refresh_token:
        raise LoginNeeded("Dropbox issued no permanent login.", hint="Log in again.")
    return answer.refresh_token
