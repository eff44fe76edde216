"""A policy for clients whose test servers take whatever port they are given."""

from __future__ import annotations

import httpx

from picsync.http.allowed import AllowedHosts


class LoopbackHosts(AllowedHosts):
    """Allows every port of this machine."""

    def __init__(self) -> None:
        super().__init__(origin="http://127.0.0.1")

    def allow(self, url: httpx.URL) -> bool:
        return url.host == "127.0.0.1"
