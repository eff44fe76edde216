"""Addresses that users paste, validated once, as strictly as the HTTP library will be when it uses them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from picsync.core.text import pasted

if TYPE_CHECKING:
    import httpx

MAX_CHARACTERS = 4000
"""Of a whole address; browsers and proxies take hardly more."""

_UNFIT = re.compile(r"[\s\x00-\x1f\x7f\\]")


def web_address(text: str, example: str, *, scheme: str = "") -> httpx.URL:
    """Return the http or https address that a user wrote or pasted, ready to be requested.

    What was copied along with it is removed, and `HTTP://` is the same as `http://`. `scheme` is assumed
    where none is written; without it a missing scheme is an error. Raises ValueError with a message for
    the user, which names the fault and `example`, and quotes nothing: the address may hold a secret.
    """
    import httpx

    bare = pasted(text)
    if scheme and "://" not in bare:
        bare = f"{scheme}://{bare.removeprefix('//')}"
    wrong = ValueError(f"must be an address such as `{example}`")
    if len(bare) > MAX_CHARACTERS or _UNFIT.search(bare):
        raise wrong
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)", bare)
    if found is None or found[1].lower() not in {"http", "https"}:
        raise ValueError(f"must begin with `http://` or `https://`, as in `{example}`")
    if "@" in found[2]:
        raise ValueError("must not have a user name or password in it (`user:password@`)")
    try:
        # These are the parsers that see the address when it is requested, and each refuses others. A host's
        # name is decoded when it is read, not when the URL is made; the resolver encodes it once more.
        split, url = urlsplit(bare), httpx.URL(bare)
        usable = bool(url.host and url.raw_host and split.hostname) and url.port != 0 and split.port != 0
        httpx.Request("GET", url)
        url.raw_host.decode("ascii").encode("idna")
    except (httpx.InvalidURL, ValueError):  # UnicodeError, IDNAError and the library's own are among these
        raise wrong from None
    if not usable:
        raise wrong
    return url


def base_address(text: str, example: str, what: str) -> httpx.URL:
    """Return a web address below which others are, of which a query or a fragment can be no part.

    `what` says in messages what the address must be. Raises ValueError as `web_address` does.
    """
    url = web_address(text, example)
    if url.query or url.fragment:
        raise ValueError(f"must be {what}, without anything after `?` or `#`")
    return url


def emulator_address(text: str) -> str:
    """Return an emulator's address that a user wrote or pasted, without trailing slash.

    Raises ValueError with a message for the user.
    """
    form = "must be a URL of the form `http://<host>:<port>`"
    try:
        url = web_address(text, "http://127.0.0.1:8080")
        port = urlsplit(pasted(text)).port
    except ValueError:
        raise ValueError(form) from None
    if port is None or url.path.strip("/") or url.query or url.fragment:
        raise ValueError(form)
    return str(url.copy_with(path="/")).rstrip("/")


def decoded(element: str) -> str:
    """Return one element of a pasted address's path with its percent-encoding undone, exactly once.

    For an element that becomes a parameter, which is encoded again when it is sent. Raises ValueError.
    """
    try:
        return unquote(element, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("has a percent-encoding that is not UTF-8; copy the address again") from None
