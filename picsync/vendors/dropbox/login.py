"""Logs in to Dropbox: OAuth with PKCE, without a redirect.

Dropbox shows a code on its page, which the user pastes. So this works on any machine, and needs no secret.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from functools import partial
from urllib.parse import urlencode

from picsync.core.errors import LoginNeeded
from picsync.core.text import pasted
from picsync.http.client import Hosts, HttpClient
from picsync.http.retry import Operation, Retrier
from picsync.vendors.dropbox import wire
from picsync.vendors.dropbox.client import API_HOST, HOSTS
from picsync.vendors.dropbox.credentials import LOGIN_COMMAND, TITLE
from picsync.vendors.dropbox.tokens import token_refusal

WEB_HOST = "www.dropbox.com"
LOG_IN = Operation(TITLE, "log_in", repeatable=False)
_CODE = re.compile(r"[!-~]{10,500}")


async def login(
    app_key: str,
    scopes: Iterable[str],
    *,
    hosts: Hosts,
    retrier: Retrier,
    ask: Callable[[str], str],
    say: Callable[[str], None],
) -> str:
    """Guide the user through Dropbox's consent to `scopes`; return the refresh token.

    `ask` shows a prompt and returns a line, raising EOFError if there is no terminal. Raises LoginNeeded if
    there is no consent, or Dropbox refuses; TransientError, ProtocolError.
    """
    wanted, verifier = sorted(scopes), secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "client_id": app_key,
        "response_type": "code",
        "token_access_type": "offline",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "scope": " ".join(wanted),
    }
    say(
        "Open this page in a browser on any device, allow picsync to use your Dropbox, and copy the code that"
        f" the page shows:\n\n{hosts.url(WEB_HOST)}/oauth2/authorize?{urlencode(query)}\n"
    )
    code = await asyncio.to_thread(_code, ask, say)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": verifier,
        "client_id": app_key,
    }
    http = HttpClient(
        retrier,
        allowed=hosts.allowed(*HOSTS),
        refusal=lambda _operation, _response, answer, content: token_refusal(answer, content),
    )
    try:
        answer = await http.request(
            LOG_IN,
            "POST",
            f"{hosts.url(API_HOST)}/oauth2/token",
            partial(wire.parse, LOG_IN, wire.TOKEN),
            data=form,
        )
    except LoginNeeded as error:
        raise LoginNeeded(
            f"There is no login. {error.message}",
            hint=f"A code is valid once, and for a few minutes: run `{LOGIN_COMMAND}` again.",
        ) from error
    finally:
        await http.aclose()
    missing = sorted(set(wanted) - set(answer.scope.split())) if answer.scope else []
    if missing:
        raise LoginNeeded(
            f"Dropbox did not grant all permissions: {', '.join(missing)} is missing.",
            hint="Tick it in the App Console of Dropbox (Permissions, Submit), then run"
            f" `{LOGIN_COMMAND}` again.",
        )
    if not answer.refresh_token:
        raise LoginNeeded("Dropbox issued no permanent login.", hint=f"Run `{LOGIN_COMMAND}` again.")
    return answer.refresh_token


def _code(ask: Callable[[str], str], say: Callable[[str], None]) -> str:
    while True:
        try:
            code = pasted(ask("Paste the code here: "))
        except EOFError:
            raise LoginNeeded(
                "There is no login, since no code was pasted.", hint=f"Run `{LOGIN_COMMAND}` at a terminal."
            ) from None
        if _CODE.fullmatch(code):
            return code
        say("This is not a code of Dropbox: it has only letters, digits and signs, and no spaces.")
