"""Logs in to Google Photos: OAuth's flow for installed apps.

Google redirects the browser to a port on the loopback address. If the browser runs on this machine, picsync
receives the request. If it does not (container, NAS), the browser shows an error page, and the user pastes
that page's address instead. picsync waits for both; the first valid response counts.
"""

from __future__ import annotations

import http.server
import logging
import secrets
import threading
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import requests
from google_auth_oauthlib.flow import InstalledAppFlow
from oauthlib.oauth2 import OAuth2Error  # type: ignore[import-untyped] # it ships no types
from requests.adapters import HTTPAdapter

from picsync.core.errors import LoginNeeded, ProtocolError, TransientError
from picsync.core.text import pasted
from picsync.http.allowed import PORTS
from picsync.http.certificates import refused_certificate
from picsync.http.client import Hosts
from picsync.http.cookies import unwarned
from picsync.http.network import current
from picsync.system.localtime import day
from picsync.vendors.google.credentials import LOGIN_COMMAND
from picsync.vendors.google.refusals import token_refusal
from picsync.vendors.google.tokens import READ_SCOPE, TOKEN_HOST, GoogleLogin

SCOPES = (READ_SCOPE,)

CONSENT_HOST = "accounts.google.com"
_AUTH_URL = f"https://{CONSENT_HOST}/o/oauth2/v2/auth"
_TOKEN_URL = f"https://{TOKEN_HOST}/token"
_TIMEOUT_S = 60.0
_SILENCE_S = 10.0
"""Timeout for a browser that connects and sends nothing; each such connection has a thread."""

# At the debug level, it logs the code and the client secret.
logging.getLogger("requests_oauthlib").setLevel(logging.INFO)

_DONE_PAGE = b"picsync has what it needs. You may close this window."
_OTHER_PAGE = b"This page only waits for Google's answer to picsync."

Answer = Mapping[str, str]
"""The query of the URL to which Google redirected the browser."""


def login(
    client_id: str,
    client_secret: str,
    *,
    hosts: Hosts,
    open_browser: bool,
    ask: Callable[[str], str],
    say: Callable[[str], None],
    scopes: Sequence[str] = SCOPES,
) -> GoogleLogin:
    """Guide the user through Google's consent to `scopes` and return the login; blocks until done.

    `ask` shows a prompt and returns a line, raising EOFError if there is no terminal; it runs in a thread,
    which is abandoned if the browser is faster. Raises LoginNeeded if consent is denied or insufficient, or
    Google refuses the client; TransientError, ProtocolError.
    """
    flow = _flow(client_id, client_secret, hosts, scopes)
    # PKCE's code verifier makes the code useless to anyone else who sees it.
    state = secrets.token_urlsafe(24)
    answers: SimpleQueue[Answer] = SimpleQueue()
    with _listening(state, answers) as port:
        flow.redirect_uri = f"http://127.0.0.1:{port}/"
        url, _ = flow.authorization_url(state=state, access_type="offline", prompt="consent")
        url = hosts.url(CONSENT_HOST) + url.removeprefix(f"https://{CONSENT_HOST}")
        say(f"Open this page in a browser and allow picsync to read from Google Photos:\n\n{url}\n")
        if open_browser:
            webbrowser.open(url)
        threading.Thread(target=_ask, args=(state, answers, ask, say), daemon=True).start()
        answer = answers.get()
    return _exchange(flow, answer, scopes, say)


def _flow(client_id: str, client_secret: str, hosts: Hosts, scopes: Sequence[str]) -> Any:
    client = {
        "client_id": client_id,
        "client_secret": client_secret,
        "auth_uri": _AUTH_URL,
        "token_uri": _TOKEN_URL,
    }
    flow = InstalledAppFlow.from_client_config({"installed": client}, scopes=list(scopes))
    # A redirect of the exchange would forward the code and the client secret.
    flow.oauth2session.max_redirects = 0
    # It would look for proxies, authorities and passwords (.netrc) by its own rules.
    flow.oauth2session.trust_env = False
    proxy = current().proxy("https", TOKEN_HOST, PORTS["https"])
    if proxy is not None:
        login = (
            f"{quote(proxy.username, safe='')}:{quote(proxy.password, safe='')}@" if proxy.username else ""
        )
        flow.oauth2session.proxies = {"https": proxy.url.replace("://", f"://{login}", 1)}
    flow.oauth2session.mount("https://", _VerifyingAdapter())
    if hosts.emulator:
        # oauthlib requires https, rightly; so it keeps Google's URL, and only the connection goes to the
        # emulator.
        flow.oauth2session.mount(f"https://{TOKEN_HOST}", _ToEmulator(hosts.url(TOKEN_HOST)))
    return flow


class _VerifyingAdapter(HTTPAdapter):
    """Uses the same certificate verification as all other clients of this process."""

    def build_connection_pool_key_attributes(self, request: requests.PreparedRequest, *_args: Any) -> Any:
        """Return the parameters of a connection; despite the method's name, not only its key."""
        host, made_with = super().build_connection_pool_key_attributes(request, verify=True)
        return host, {**made_with, "ssl_context": current().context}

    def cert_verify(self, conn: Any, *_args: Any) -> None:
        """Ignore requests' own authorities: the TLS context contains all of them."""
        conn.cert_reqs = "CERT_REQUIRED"


class _ToEmulator(HTTPAdapter):
    """Sends the requests for one host to an emulator."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        request.url = self._prefix + (request.url or "").removeprefix(f"https://{TOKEN_HOST}")
        return super().send(request, *args, **options)


@contextmanager
def _listening(state: str, answers: SimpleQueue[Answer]) -> Iterator[int]:
    """Wait for the browser on a free loopback port; yields the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = _SILENCE_S

        def do_GET(self) -> None:
            answer = read_answer(self.path, state)
            body = _OTHER_PAGE if answer is None else _DONE_PAGE
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            if answer is not None:
                answers.put(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
            """Log nothing: the URL contains the code."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _ask(
    state: str, answers: SimpleQueue[Answer], ask: Callable[[str], str], say: Callable[[str], None]
) -> None:
    prompt = "If the browser cannot load the page it ends on, paste that page's address here: "
    while True:
        try:
            line = ask(prompt)
        except EOFError:
            return
        answer = read_answer(line, state)
        if answer is not None:
            answers.put(answer)
            return
        say("This is not the address that Google sent the browser to. It begins with http://127.0.0.1:")


def read_answer(address: str, state: str) -> Answer | None:
    """Return Google's response from a URL, or None if it does not belong to this `state`."""
    try:
        query = {name: values[0] for name, values in parse_qs(urlsplit(pasted(address)).query).items()}
    except ValueError:
        return None
    mine = secrets.compare_digest(query.get("state", "").encode(), state.encode())
    return query if mine and ("code" in query or "error" in query) else None


def _exchange(flow: Any, answer: Answer, scopes: Sequence[str], say: Callable[[str], None]) -> GoogleLogin:
    if "error" in answer:
        raise _denied(answer["error"])
    try:
        with unwarned():
            token = flow.fetch_token(code=answer["code"], include_client_id=True, timeout=_TIMEOUT_S)
    except requests.RequestException as error:
        refused = refused_certificate(error)
        reason = refused.reason if refused else type(error).__name__
        advice = f"{refused.hint} Then try" if refused else "Try"
        raise TransientError(
            f"Google did not answer ({reason}), so there is no login yet.",
            hint=f"{advice} `{LOGIN_COMMAND}` again.",
        ) from error
    except OAuth2Error as error:
        raise _refused(error) from error
    except Warning as error:
        # oauthlib raises a plain Warning if the granted permissions differ from the requested ones.
        token = getattr(error, "token", {})
    except Exception as error:
        # Exceptions of these libraries for invalid responses, such as a charset that is not for text.
        raise _not_understood() from error
    return _granted(flow.client_config, token, scopes, say)


def _denied(reason: str) -> LoginNeeded:
    what = (
        "Google says that access was denied." if reason == "access_denied" else f"Google says: {reason[:80]}."
    )
    return LoginNeeded(
        f"There is no login: {what}", hint=f"Run `{LOGIN_COMMAND}` again and grant all permissions."
    )


def _not_understood() -> ProtocolError:
    return ProtocolError(
        "Google's response to the login cannot be parsed.", hint=f"Try `{LOGIN_COMMAND}` again."
    )


def _refused(error: OAuth2Error) -> LoginNeeded | ProtocolError:
    if error.error == "missing_token":
        return _not_understood()
    if error.error == "invalid_grant":
        return LoginNeeded(
            "Google no longer accepts this consent: it is valid only once, and for a few minutes.",
            hint=f"Run `{LOGIN_COMMAND}` again.",
        )
    return token_refusal(error.error)


_CENTURY_S = 100 * 365 * 86400


def _granted(
    client: Mapping[str, str], token: Mapping[str, Any], asked: Sequence[str], say: Callable[[str], None]
) -> GoogleLogin:
    scopes: object = token.get("scope")
    granted = scopes.split() if isinstance(scopes, str) else scopes if isinstance(scopes, list) else []
    missing = [scope for scope in asked if scope not in granted]
    if missing:
        raise LoginNeeded(
            "Google did not grant all permissions that picsync needs.",
            hint=f"Run `{LOGIN_COMMAND}` again and tick every box on Google's page.",
        )
    if not token.get("access_token") or not token.get("refresh_token"):
        raise LoginNeeded(
            "Google issued no permanent login (no refresh token).",
            hint="Remove picsync at https://myaccount.google.com/connections, then log in again.",
        )
    ends_in_s = token.get("refresh_token_expires_in")
    if isinstance(ends_in_s, int) and 0 <= ends_in_s < _CENTURY_S:
        ends_at = datetime.now(UTC) + timedelta(seconds=ends_in_s)
        say(
            f"This login ends on {day(ends_at)}. Google does this while the Cloud project's publishing "
            "status is Testing: press `Publish app` on its OAuth consent screen and log in again."
        )
    expires_at = token.get("expires_at")
    return GoogleLogin(
        client["client_id"],
        client["client_secret"],
        refresh_token=str(token["refresh_token"]),
        access_token=str(token["access_token"]),
        expiry=_moment(expires_at),
    )


def _moment(seconds: object) -> datetime | None:
    if not isinstance(seconds, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
