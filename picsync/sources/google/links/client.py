"""The requests: resolve a short link, read an album's first page, read further pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx

from picsync.core.errors import NotFoundError, ProtocolError, RefusedError
from picsync.http.client import Hosts, HttpClient
from picsync.http.pace import Stage
from picsync.http.retry import Operation, Retrier
from picsync.sources.google.links import addresses
from picsync.sources.google.links.addresses import NOT_SHARED, SHARE_IT
from picsync.sources.google.links.markup import NotUnderstood, call_result, data_blocks, decode
from picsync.sources.google.links.options import ADVICE, PAGE_HOST, SHORT_HOST, AlbumAddress
from picsync.sources.google.links.wire import (
    CHANGED_HINT,
    AlbumPage,
    Allowed,
    album_data,
    album_page,
    require_empty,
)

TITLE = "Google Photos link"
PAGES = Stage("api", start=2, cap=2)
"""Album pages. They are made for browsers, which open few."""

OPEN_SHORT_LINK = Operation(TITLE, "open_short_link", stage=PAGES)
READ_ALBUM_PAGE = Operation(TITLE, "read_album_page", stage=PAGES)
READ_FURTHER_PAGE = Operation(TITLE, "read_further_page", stage=PAGES)

_PLAIN = "picsync/2"
"""A short link shows browsers a page that opens the app, and redirects other clients (observed)."""
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) picsync/2"
"""Clients that do not look like a browser may get a page of scripts without data (observed)."""
_HEADERS: Mapping[str, str] = {
    "user-agent": _BROWSER,
    # Nothing that is read depends on the language; without one some clients get another page (observed).
    "accept-language": "en",
    # Declares that unnecessary cookies are refused; without it Europe gets a consent page (observed).
    "cookie": "SOCS=CAI",
}
_CALL = "snAcKc"
_CALL_PATH = "/_/PhotosUi/data/batchexecute"
_RESULT, _ERROR = 2, 5
"""Positions in a call's result: JSON as text, or null followed by a list with an error number."""
_MISSING = (404, 410)


class SharedAlbums:
    """The calls; each raises TransientError, RefusedError, NotFoundError or ProtocolError."""

    def __init__(self, retrier: Retrier, hosts: Hosts, allowed: Allowed, timeout: httpx.Timeout) -> None:
        """Create the client; `allowed` says which hosts may serve an item's bytes."""
        self._hosts = hosts
        self._allowed = allowed
        self._http = HttpClient(retrier, allowed=hosts.allowed(SHORT_HOST, PAGE_HOST), timeout=timeout)
        # No cookie of Google's is needed, so none is kept.
        self._http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))

    async def resolve(self, code: str) -> AlbumAddress:
        """Return where a short link leads; raises NotFoundError if it does not exist."""

        def read(response: httpx.Response) -> AlbumAddress:
            if not response.has_redirect_location:
                raise ProtocolError(
                    f"{OPEN_SHORT_LINK}: expected a redirect, but got a page.",
                    hint="Open the link in a browser, and replace it in picsync.yaml by the address that the"
                    f" browser then shows, https://{PAGE_HOST}/share/<album>?key=<key>.",
                )
            return addresses.album_address(self._hosts, OPEN_SHORT_LINK, response)

        try:
            return await self._http.request(
                OPEN_SHORT_LINK,
                "GET",
                f"{self._hosts.url(SHORT_HOST)}/{code}",
                read,
                redirects=True,
                headers={"user-agent": _PLAIN},
            )
        except NotFoundError as error:
            if error.status not in _MISSING:
                raise
            raise NotFoundError(
                "The short link does not exist.", status=error.status, hint=f"{ADVICE} into picsync.yaml."
            ) from error

    async def first_page(self, address: AlbumAddress) -> AlbumPage:
        """Return an album's first page; raises NotFoundError if the album is not shared by link."""
        url = f"{self._hosts.url(PAGE_HOST)}/share/{address.album_key}"
        read = partial(self._read_page, address)
        try:
            return await self._http.request(
                READ_ALBUM_PAGE,
                "GET",
                url,
                read,
                redirects=True,
                params={"key": address.auth_key},
                headers=_HEADERS,
            )
        except NotFoundError as error:
            raise NotFoundError(NOT_SHARED, status=error.status, hint=SHARE_IT) from error

    async def further_page(self, address: AlbumAddress, token: str) -> AlbumPage:
        """Return the page that a token stands for."""
        asked = json.dumps([address.album_key, token, None, address.auth_key])
        return await self._http.request(
            READ_FURTHER_PAGE,
            "POST",
            self._hosts.url(PAGE_HOST) + _CALL_PATH,
            partial(self._read_result, address),
            params={"rpcids": _CALL, "rt": "c"},
            data={"f.req": json.dumps([[[_CALL, asked, None, "generic"]]])},
            headers=_HEADERS,
        )

    async def aclose(self) -> None:
        """Close all connections; safe to call twice."""
        await self._http.aclose()

    def _read_page(self, address: AlbumAddress, response: httpx.Response) -> AlbumPage:
        if response.is_redirect:
            host, url = addresses.leads_to(self._hosts, response)
            if host == PAGE_HOST and AlbumAddress.parse(url):
                raise ProtocolError(f"{READ_ALBUM_PAGE}: it redirects to another album's page.")
            raise addresses.redirect_error(READ_ALBUM_PAGE, host, response.status_code)
        try:
            blocks = list(data_blocks(_text(response)))
            data = album_data(blocks, address.album_key)
            page = album_page(data, address, self._allowed)
            if not (page.items or page.problem):
                require_empty(data, address, blocks)
        except NotUnderstood as error:
            raise _changed(READ_ALBUM_PAGE, f"the album page's format has changed: {error}.") from error
        return page

    def _read_result(self, address: AlbumAddress, response: httpx.Response) -> AlbumPage:
        try:
            result = call_result(_text(response), _CALL)
            text = result[_RESULT] if len(result) > _RESULT else None
            if not isinstance(text, str):
                raise _refused(result)
            return album_page(decode(text), address, self._allowed)
        except NotUnderstood as error:
            raise _changed(READ_FURTHER_PAGE, f"the response's format has changed: {error}.") from error


def _text(response: httpx.Response) -> str:
    # Not decoded by the announced charset: some of Python's codecs are not for text.
    return response.content.decode("utf-8", errors="replace")


def _changed(operation: Operation, message: str) -> ProtocolError:
    return ProtocolError(f"{operation}: {message}", hint=CHANGED_HINT)


def _refused(result: list[Any]) -> RefusedError | ProtocolError:
    """Return the error for a result that contains an error number instead of data."""
    match result[_ERROR:]:
        case [[5, *_], *_]:
            return NotFoundError(NOT_SHARED, status=200, hint=SHARE_IT)
        case [[int(number), *_], *_] if abs(number) < 10**9:
            return RefusedError(
                f"{READ_FURTHER_PAGE}: Google refuses the request (error {number}).", status=200
            )
        case _:
            return _changed(READ_FURTHER_PAGE, "the response has neither data nor an error number.")
