"""A policy for clients of test servers on any port."""

from __future__ import annotations

import httpx

from picsync.http.allowed import AllowedHosts


class LoopbackHosts(AllowedHosts):
    """Allows every port of this machine."""

    def __init__(self) -> None:
        super().__init__(origin="http://127.0.0.1")

    def allow(self, url: httpx.URL) -> bool:
        return url.host == "127.0.0.1"
