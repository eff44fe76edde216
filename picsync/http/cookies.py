"""Cookies as services set them: those that cannot be read or sent back are left out, without a word."""

from __future__ import annotations

import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import Any

import httpx


class Cookies(httpx.Cookies):
    """The cookies of a client. Most responses set none, and are not searched for them."""

    def __init__(self) -> None:
        super().__init__(_Jar(_Sendable()))

    def extract_cookies(self, response: httpx.Response) -> None:
        """Keep the cookies that a response sets."""
        if "set-cookie" in response.headers:
            super().extract_cookies(response)


class _Sendable(DefaultCookiePolicy):
    """Takes only cookies that can be sent back: others would make every later request fail."""

    def set_ok(self, cookie: Cookie, request: urllib.request.Request) -> bool:
        """Return whether a cookie is kept."""
        text = f"{cookie.name}{cookie.value}"
        return text.isascii() and text.isprintable() and super().set_ok(cookie, request)


class _Jar(CookieJar):
    def make_cookies(self, response: Any, request: urllib.request.Request) -> list[Cookie]:
        """Return a response's cookies, none if the library stumbles over one of them."""
        with unwarned():
            return list(super().make_cookies(response, request))


@contextmanager
def unwarned() -> Iterator[None]:
    """Keep Python's cookie jar from printing a traceback, which holds what a stranger has sent."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "http.cookiejar bug!")
        yield
