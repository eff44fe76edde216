from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme
from aiohttp import web

from picsync.http.body import MAX_ERROR_BYTES
from picsync.http.network import using
from picsync.serving.server import HttpServer
from picsync.vendors.google.connections import Http


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_server_over_tls_at_a_port_of_its_own(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # It would read the public authorities for each connection.
    monkeypatch.delattr("httplib2._build_ssl_context")
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    app = web.Application()
    app.add_routes([web.get("/", _ok)])
    server = HttpServer("test server", ssl_context=context)
    await server.start(app, "127.0.0.1", 0)
    client = Http(10.0)
    try:
        with authority.cert_pem.tempfile() as file, using(file):
            response, body = await asyncio.to_thread(client.request, f"https://{host}:{server.port}/")
    finally:
        client.close()
        await server.close()
    assert (response.status, body) == (200, b"ok")


@pytest.mark.parametrize(("size", "times"), [(MAX_ERROR_BYTES // 2, 1), (10 * MAX_ERROR_BYTES, 3)])
@pytest.mark.parametrize("chunked", [False, True])
async def test_only_the_beginning_of_an_error_is_received(size: int, times: int, chunked: bool) -> None:
    connections = set()

    async def refuse(request: web.Request) -> web.Response:
        connections.add(request.transport)
        response = web.Response(status=500, body=b"x" * size)
        if chunked:
            response.enable_chunked_encoding()
        return response

    app = web.Application()
    app.add_routes([web.get("/", refuse)])
    server = HttpServer("test server")
    await server.start(app, "127.0.0.1", 0)
    client = Http(10.0)
    try:
        for _ in range(3):
            response, body = await asyncio.to_thread(client.request, f"http://127.0.0.1:{server.port}/")
            assert (response.status, body) == (500, b"x" * min(size, MAX_ERROR_BYTES))
    finally:
        client.close()
        await server.close()
    # What is left of an error must not be taken for the next response.
    assert len(connections) == times


async def _ok(_request: web.Request) -> web.Response:
    return web.Response(text="ok")
