"""The port for the operator, Kubernetes and Prometheus: aiohttp with pure functions of a Status."""

from __future__ import annotations

import json
from collections.abc import Callable

from aiohttp import web

from picsync.observe.health import obstacles
from picsync.observe.status import Status
from picsync.observe.summary import obstacle_sentence
from picsync.observe.words import printable
from picsync.serving.server import HttpServer, Limits
from picsync.web.listening import unavailable
from picsync.web.operator import Operator
from picsync.web.pages import POLICY, status_page
from picsync.web.pictures import FramePictures
from picsync.web.statusjson import as_json

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format. The newer 1.0.0, which differs only for names outside of [a-zA-Z0-9_:], is only
sent on request."""

_FIELD = "prometheus.listen"
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_NOT_HERE = "Not found. Try /, /status.json, /metrics, /healthz or /readyz.\n"


class WebServer:
    """Serves status page, JSON, health and metrics, with current values for each request."""

    def __init__(
        self,
        status: Callable[[], Status],
        metrics: Callable[[], bytes],
        alive: Callable[[], bool],
        limits: Limits | None = None,
        *,
        operator: Operator | None = None,
        pictures: FramePictures | None = None,
    ) -> None:
        """`metrics` returns Prometheus' text format; `alive` whether the service makes progress.

        Without an `operator` the page has no buttons, and shows him no `pictures`.
        """
        self._status = status
        self._metrics = metrics
        self._alive = alive
        self._operator = operator
        self._pictures = pictures
        self._server = HttpServer("status page", limits=limits)

    @property
    def port(self) -> int:
        """The port it listens on, after `start`."""
        return self._server.port

    async def start(self, host: str, port: int) -> None:
        """Listen; no host means all addresses, port 0 a free one. Raises ListenError if it is unavailable."""
        # Without middlewares, since aiohttp never frees an application that has some.
        app = web.Application()
        app.on_response_prepare.append(self._prepare)
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/status.json", self._json),
                web.get("/metrics", self._prometheus),
                web.get("/healthz", self._health),
                web.get("/readyz", self._readiness),
                web.get("/pictures/{key:[0-9a-f]{32}}.jpg", self._picture),
                web.get("/{path:.*}", self._nothing),
            ]
        )
        if self._operator is not None:
            app.add_routes([web.post("/operator", self._operator.post)])
        try:
            await self._server.start(app, host, port)
        except OSError as error:
            without = ", or remove `prometheus:`; then there is no status page"
            raise unavailable(host, port, error, field=_FIELD, without=without) from error

    async def close(self) -> None:
        """Stop listening and close every connection, even if its client does not read; safe to call twice."""
        await self._server.close()
        if self._pictures is not None:
            await self._pictures.aclose()

    async def _prepare(self, _request: web.Request, response: web.StreamResponse) -> None:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)

    async def _nothing(self, _request: web.Request) -> web.Response:
        return web.Response(status=404, text=_NOT_HERE)

    async def _page(self, request: web.Request) -> web.Response:
        # With no-referrer, browsers would not send the page's Origin with its own forms.
        headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"}
        operating = await self._operator.look(request) if self._operator is not None else None
        status = self._status()
        shown = operating is not None and operating.signed_in and self._pictures is not None
        pictures = await self._pictures.of(status.rules) if shown and self._pictures else {}
        page = status_page(status, operating, pictures)
        return web.Response(text=page, content_type="text/html", headers=headers)

    async def _picture(self, request: web.Request) -> web.Response:
        """Send a small picture to the operator's browser; nobody else learns whether there is one."""
        operating = await self._operator.look(request) if self._operator is not None else None
        if operating is None or not operating.signed_in or self._pictures is None:
            return await self._nothing(request)
        made = await self._pictures.small(request.match_info["key"])
        if made is None:
            return await self._nothing(request)
        # The address has the digest of the photo's bytes.
        headers = {"Cache-Control": "private, max-age=86400, immutable"}
        return web.Response(body=made, content_type="image/jpeg", headers=headers)

    async def _json(self, _request: web.Request) -> web.Response:
        text = json.dumps(as_json(self._status()), indent=2)
        return web.Response(text=text + "\n", content_type="application/json")

    async def _prometheus(self, request: web.Request) -> web.Response:
        headers = {"Content-Type": METRICS_TYPE, "Vary": "Accept-Encoding"}
        response = web.Response(body=self._metrics(), headers=headers)
        if "gzip" in request.headers.get("Accept-Encoding", "").lower():
            response.enable_compression(web.ContentCoding.gzip)
        return response

    async def _health(self, _request: web.Request) -> web.Response:
        if self._alive():
            return web.Response(text="ok\n")
        return web.Response(status=503, text="picsync no longer makes progress. Restart it.\n")

    async def _readiness(self, _request: web.Request) -> web.Response:
        reasons = obstacles(self._status())
        if not reasons:
            return web.Response(text="ok\n")
        return web.Response(
            status=503, text="".join(f"{printable(obstacle_sentence(reason))}\n" for reason in reasons)
        )
