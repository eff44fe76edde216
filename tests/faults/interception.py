"""Rewrites responses, and calls observers for each incoming request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from picsync.emulators.nixplay.hosts import APP
from picsync.emulators.requestlog import Record, RequestLog
from picsync.emulators.service import Service
from picsync.http.retry import Operation
from tests.faults.operations import PLACES, operation_of

FOLLOWED = (APP, "video-downloads.googleusercontent.com")
"""Requests for redirects to other hosts; not requests of picsync."""

Rewriting = Callable[[bytes], bytes]


@dataclass(eq=False)
class Rewrite:
    """Replaces the bodies of successful responses of one kind."""

    operation: Operation
    rewriting: Rewriting
    count: int | None = None
    """Number of responses that it still replaces; None for all."""
    hits: int = 0

    def due(self, operation: Operation) -> bool:
        return operation == self.operation and self.hits != self.count


class Wire:
    """The layer between the services and the server."""

    def __init__(self) -> None:
        self.rewrites: list[Rewrite] = []
        self.answers: dict[Operation, list[bytes]] = {}
        """Bodies of the successful responses, before they were rewritten."""

    def route(self, host: str, route: web.RouteDef) -> web.RouteDef:
        async def handler(request: web.Request) -> web.StreamResponse:
            response: web.StreamResponse = await route.handler(request)
            if isinstance(response, web.Response) and response.status < 300:
                self._rewritten(host, request, response)
            return response

        return web.RouteDef(route.method, route.path, handler, route.kwargs)

    def _rewritten(self, host: str, request: web.Request, response: web.Response) -> None:
        if host in FOLLOWED or not isinstance(response.body, bytes):
            return
        operation = operation_of(request.method, host, request.path)
        self.answers.setdefault(operation, []).append(response.body)
        for rewrite in self.rewrites:
            if rewrite.due(operation):
                rewrite.hits += 1
                response.body = rewrite.rewriting(response.body)
                return


class Wired:
    """A service behind a Wire."""

    def __init__(self, service: Service, wire: Wire) -> None:
        self._service = service
        self._wire = wire

    def routes(self) -> Mapping[str, Sequence[web.RouteDef]]:
        routes = self._service.routes()
        return {host: [self._wire.route(host, each) for each in own] for host, own in routes.items()}


class WatchedLog(RequestLog):
    """Calls every observer when a request arrives, before it is handled."""

    def __init__(self) -> None:
        super().__init__()
        self.observers: list[Callable[[Operation], None]] = []

    def begin(self, method: str, host: str, path: str, query: str, headers: Mapping[str, Any]) -> Record:
        record = super().begin(method, host, path, query, headers)
        if host in FOLLOWED:
            return record
        kind = operation_of(method, host, path)
        for observer in list(self.observers):
            observer(kind)
        return record

    def asked(self, operation: Operation) -> int:
        """Count the requests of one kind."""
        place = PLACES[operation]
        return sum(place.matches(each.method, each.host, each.path) for each in self.records)
