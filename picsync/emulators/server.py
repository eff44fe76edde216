"""One port that serves every host of every emulated service.

A request is dispatched by its Host header, or, if that names no service (`localhost`, an IP address, the name
of a container), by its first path segment. On its own address the server also has a control interface
(`/_emulator/...`, see `control`) and the caller's pages.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler
from yarl import URL

from picsync.emulators.control import control_routes
from picsync.emulators.faults import Fault, FaultKind, Faults
from picsync.emulators.requestlog import Record, RequestLog
from picsync.emulators.service import BY_NAME, PARAMS, TRANSFER, Service
from picsync.emulators.wire import Sleep, WireWriter, reset
from picsync.emulators.wireprofile import Wire
from picsync.serving import crosssite
from picsync.serving.server import HttpServer, Limits

MAX_BODY_BYTES = 512 * 2**20
"""Largest request body; above any photo or video that the tests send."""
LIMITS = Limits(stall_s=300.0, connections=1_000)
"""Listen backlog: tests open many connections, and stall some of them."""
LOGGED_BODY_BYTES = 64 * 2**10
LOGGED_TYPES = ("application/json", "application/x-www-form-urlencoded")
_CLIENT_POLL_S = 0.05
_LOOK_AGAIN_S = 0.001
_DRIPPING = {
    FaultKind.DRIP: b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n",
    FaultKind.DRIP_HEAD: b"HTTP/1.1 200 OK\r\nServer:",
}


@dataclass
class _Late:
    request: web.Request
    host: str
    requests: int
    """Number of requests that still have to be handled before it."""


class _Host:
    """The routes of one host. aiohttp takes long to compile them, and most tests use few hosts."""

    def __init__(self) -> None:
        self.routes: list[web.RouteDef] = []

    @cached_property
    def dispatcher(self) -> web.UrlDispatcher:
        made = web.UrlDispatcher()
        made.add_routes(self.routes)
        return made


class EmulatorServer:
    """Serves emulated services on one port, over TLS if given a context; an async context manager.

    A `trickle` fault waits with `sleep`; `wire` simulates latency and bandwidth. `pages` are served on the
    server's own address. It may be started again after `close`, on the same port if that is given; log and
    faults are kept.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        ssl_context: ssl.SSLContext | None = None,
        pages: Sequence[web.RouteDef] = (),
        faults: Faults | None = None,
        log: RequestLog | None = None,
        sleep: Sleep = asyncio.sleep,
        wire: Wire | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.wire = wire or Wire()
        """May be replaced between requests."""
        self.faults = faults or Faults()
        self.log = log or RequestLog()
        self._ssl_context = ssl_context
        self._limits = limits or LIMITS
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}
        for service in services:
            for host, routes in service.routes().items():
                self._hosts.setdefault(host, _Host()).routes.extend(routes)
        self._own = web.UrlDispatcher()
        self._own.add_routes([*control_routes(self.log, self.faults), *pages])
        self._server: HttpServer | None = None
        self._closing = asyncio.Event()
        self._late: list[_Late] = []
        self.hanging = asyncio.Event()
        """Set whenever a request begins to hang, after its effect, if any; the caller clears it."""
        self._address = ("", 0)

    @property
    def port(self) -> int:
        """The port it listens on, after `start`."""
        return self._address[1]

    @property
    def url(self) -> str:
        """Its own address, without trailing slash, for clients on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._address[0], self._address[0])  # noqa: S104
        return str(URL.build(scheme="https" if self._ssl_context else "http", host=host, port=self.port))

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 selects a free one. Raises OSError if the address is unavailable."""
        self._closing.clear()
        server = HttpServer("emulator", limits=self._limits, ssl_context=self._ssl_context)
        handler = web.Server(self._handle, request_factory=_make_request, access_log=None)
        await server.start(handler, host, port)
        self._server = server
        self._address = (host, server.port)

    async def close(self) -> None:
        """Stop listening and close every connection, including hanging ones."""
        self._closing.set()
        if self._server is not None:
            await self._server.close()
            self._server = None

    async def refuse(self) -> None:
        """Refuse new connections until `listen_again`; existing ones are kept."""
        assert self._server is not None  # noqa: S101 - only called while it is running
        await self._server.refuse()

    async def listen_again(self) -> None:
        """Accept connections at the same address again."""
        assert self._server is not None  # noqa: S101 - only called while it is running
        await self._server.listen_again()

    async def drained(self) -> None:
        """Wait until everything that killed clients had sent is logged and has ended.

        No one else may be connected.
        """
        assert self._server is not None  # noqa: S101 - only called while it is running
        # Connections are accepted in order: those of the killed clients come before this one.
        reader, writer = await asyncio.open_connection(*self._address)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        await reader.read()
        writer.close()
        await writer.wait_closed()
        while self._server.connections:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(_LOOK_AGAIN_S)
        await self.log.wait_for(lambda log: all(record.done for record in log.records))

    async def settle(self) -> None:
        """Let every late request take effect now."""
        while self._late:
            await self._take_effect(self._late.pop(0))

    async def _take_effect(self, late: _Late) -> None:
        await _dispatch(self._hosts[late.host].dispatcher, late.request)

    async def __aenter__(self) -> Self:
        if self._server is None:
            await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request, web.Request)  # noqa: S101 - created by _make_request
        refusal = crosssite.refusal(request, [*self._hosts, self._address[0]])
        if refusal:
            return web.Response(status=403, text=refusal)
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        name = (request.url.host or "").lower()
        if name in self._hosts:
            return await self._serve_admitted(name, self._marked(request.clone(), by_name=True))
        first, _, rest = request.rel_url.raw_path.removeprefix("/").partition("/")
        if first.lower() in self._hosts:
            query = request.rel_url.raw_query_string
            inner = request.clone(rel_url=URL.build(path=f"/{rest}", query_string=query, encoded=True))
            return await self._serve_admitted(first.lower(), self._marked(inner, by_name=False))
        return await _dispatch(self._own, self._marked(request.clone(), by_name=False))

    @staticmethod
    def _marked(request: web.Request, *, by_name: bool) -> web.Request:
        request[BY_NAME] = by_name
        return request

    async def _serve_admitted(self, host: str, request: web.Request) -> web.StreamResponse:
        async with self.wire.admitted():
            return await self._serve(host, request)

    async def _serve(self, host: str, request: web.Request) -> web.StreamResponse:
        record = self.log.begin(
            request.method, host, request.path, request.rel_url.raw_query_string, request.headers
        )
        writer = request.writer
        assert isinstance(writer, WireWriter)  # noqa: S101 - created by _make_request
        writer.transfer = request[TRANSFER] = self.wire.request(host)
        try:
            await self._log_body(request, record)
            for late in self._late:
                late.requests -= 1
            for late in [each for each in self._late if each.requests < 0]:
                self._late.remove(late)
                await self._take_effect(late)
            fault = self.faults.draw(request.method, host, request.path)
            if fault is None:
                response = await _dispatch(self._hosts[host].dispatcher, request)
            else:
                record.fault = fault.kind
                response = await self._apply(fault, host, request, writer)
            if request.transport is not None and not request.transport.is_closing():
                record.status = response.status
                await response.prepare(request)
                await response.write_eof()
        except ConnectionError:
            # The client has disconnected, or a fault has truncated the response; nobody is left to respond
            # to.
            response = web.Response()
        finally:
            record.bytes_in = request.content.total_bytes
            record.bytes_out = writer.body_bytes
            self.log.end(record)
        return response

    @staticmethod
    async def _log_body(request: web.Request, record: Record) -> None:
        size = request.content_length
        if size and size <= LOGGED_BODY_BYTES and request.content_type in LOGGED_TYPES:
            record.body = await request.read()

    async def _apply(
        self, fault: Fault, host: str, request: web.Request, writer: WireWriter
    ) -> web.StreamResponse:
        if fault.after:
            writer.discard = True
            await _finish(await _dispatch(self._hosts[host].dispatcher, request), request)
            writer.discard = False
        match fault.kind:
            case FaultKind.RESET_BEFORE | FaultKind.RESET_AFTER:
                reset(request)
                return web.Response()
            case FaultKind.LATE:
                await request.read()
                self._late.append(_Late(request, host, fault.requests))
                reset(request)
                return web.Response()
            case FaultKind.HANG:
                await self._hang(request)
                return web.Response()
            case FaultKind.DRIP | FaultKind.DRIP_HEAD:
                await _drain(request)
                await self._hang(request, _DRIPPING[fault.kind])
                return web.Response()
            case FaultKind.TRICKLE:
                writer.trickle(fault.chunk_bytes, fault.delay_s, self._sleep)
            case FaultKind.TRUNCATE:
                writer.truncate()
            case _:
                await _drain(request)
                return _scripted(fault)
        return await _dispatch(self._hosts[host].dispatcher, request)

    async def _hang(self, request: web.Request, begun: bytes = b"") -> None:
        self.hanging.set()
        # aiohttp does not tell a running handler that its client has disconnected; hence the polling.
        while request.transport is not None and not request.transport.is_closing():
            if begun:
                request.transport.write(begun)
                begun = b" "
            try:
                await asyncio.wait_for(self._closing.wait(), _CLIENT_POLL_S)
            except TimeoutError:
                continue
            reset(request)


async def _dispatch(router: web.UrlDispatcher, request: web.Request) -> web.StreamResponse:
    match = await router.resolve(request)
    if match.http_exception is not None:
        return web.Response(status=match.http_exception.status, text=match.http_exception.text)
    request[PARAMS] = dict(match)
    try:
        return await match.handler(request)
    except web.HTTPException as error:
        return web.Response(status=error.status, body=error.body, headers=error.headers)


async def _finish(response: web.StreamResponse, request: web.Request) -> None:
    await response.prepare(request)
    await response.write_eof()


async def _drain(request: web.Request) -> None:
    while await request.content.readany():
        continue


def _scripted(fault: Fault) -> web.Response:
    headers = {"Content-Type": fault.content_type, **fault.headers}
    body = fault.body.encode() if isinstance(fault.body, str) else fault.body
    status = fault.status
    if fault.kind is FaultKind.REDIRECT:
        status, headers["Location"] = 302, fault.location
    elif fault.kind is FaultKind.BODY:
        status = 200
    return web.Response(status=status, body=body, headers=headers)


def _make_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.Request:
    loop = asyncio.get_running_loop()
    wire = WireWriter(writer)
    return web.Request(message, payload, protocol, wire, task, loop, client_max_size=MAX_BODY_BYTES)
