from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence

import httpx
import pytest
import trustme
from aiohttp import web

from picsync.emulators.faults import Fault, FaultKind, Faults
from picsync.emulators.requestlog import RequestLog
from picsync.emulators.server import EmulatorServer
from picsync.emulators.service import by_name, origin, params

HOST = "api.example.test"


class Echo:
    """Tells what its handlers see, and counts the requests that took effect."""

    def __init__(self) -> None:
        self.effects = 0

    def routes(self) -> Mapping[str, Sequence[web.RouteDef]]:
        return {
            HOST: [
                web.post("/v1/things:search", self.see),
                web.get("/things/{id}/json/", self.see),
                web.get("/stream", self.stream),
                web.put("/sink", self.sink),
                web.route("*", "/{path:.*}", self.missing),
            ],
            "cdn.example.test": [web.get("/", self.see)],
        }

    async def see(self, request: web.Request) -> web.StreamResponse:
        self.effects += 1
        return web.json_response(
            {
                "params": dict(params(request)),
                "query": request.rel_url.raw_query_string,
                "byName": by_name(request),
                "cdn": origin(request, "cdn.example.test"),
                "padding": "x" * 200,
            }
        )

    async def stream(self, request: web.Request) -> web.StreamResponse:
        self.effects += 1
        response = web.StreamResponse()
        response.content_length = 1000
        await response.prepare(request)
        for _ in range(10):
            await response.write(b"y" * 100)
        return response

    async def sink(self, request: web.Request) -> web.StreamResponse:
        self.effects += 1
        return web.json_response({"got": len(await request.read())})

    async def missing(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=404, text="<html>no</html>", content_type="text/html")


@pytest.fixture
async def server() -> AsyncIterator[EmulatorServer]:
    async with EmulatorServer([Echo()]) as running:
        yield running


@pytest.fixture
async def client(server: EmulatorServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{server.url}/{HOST}", timeout=10) as http:
        yield http


async def test_prefix_selects_the_host_and_keeps_path_and_query(
    server: EmulatorServer, client: httpx.AsyncClient
) -> None:
    answer = await client.get("/things/a%2Fb%20c/json/?x=%2F&y=1+2")
    assert answer.json()["params"] == {"id": "a/b c"}
    assert answer.json()["query"] == "x=%2F&y=1+2"
    assert answer.json()["cdn"] == f"{server.url}/cdn.example.test"
    assert answer.json()["byName"] is False
    assert (await client.post("/v1/things:search")).status_code == 200


async def test_the_host_header_leads_to_the_host(server: EmulatorServer) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{server.url}/things/7/json/", headers={"Host": HOST})
        with_port = await http.get(f"{server.url}/things/7/json/", headers={"Host": f"{HOST}:8443"})
        root = await http.get(server.url, headers={"Host": "cdn.example.test"})
    assert answer.json()["byName"] is True
    assert answer.json()["cdn"] == "http://cdn.example.test"
    assert with_port.json()["cdn"] == "http://cdn.example.test:8443"
    assert root.status_code == 200


async def test_unknown_paths_are_left_to_the_host(server: EmulatorServer, client: httpx.AsyncClient) -> None:
    assert (await client.delete("/nothing")).text == "<html>no</html>"
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{server.url}/other.example.test/")).status_code == 404
        assert (await http.post(f"{server.url}/cdn.example.test/")).status_code == 405


async def test_tls_by_name() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", HOST).configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with EmulatorServer([Echo()], ssl_context=context) as server:
        async with httpx.AsyncClient(verify=trust) as http:
            answer = await http.get(f"{server.url}/things/7/json/", headers={"Host": HOST})
        assert server.url.startswith("https://127.0.0.1:")
        assert answer.json()["cdn"] == "https://cdn.example.test"


async def test_pages_are_served_on_the_servers_own_address() -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(text=f"page {params(request).get('name', '')}")

    async with EmulatorServer([Echo()], pages=[web.get("/", page), web.get("/demo/{name}", page)]) as server:
        async with httpx.AsyncClient(base_url=server.url) as http:
            assert (await http.get("/")).text == "page "
            assert (await http.get("/demo/x")).text == "page x"
        assert not server.log.records


async def test_status_before_and_after_the_effect() -> None:
    echo = Echo()
    async with EmulatorServer([echo]) as server:
        server.faults.add(
            Fault(kind=FaultKind.STATUS, path="/sink", status=503, headers={"Retry-After": "7"}, skip=1),
            Fault(kind=FaultKind.STATUS, path="/sink", status=502, after=True, count=1, skip=1),
        )
        async with httpx.AsyncClient(base_url=f"{server.url}/{HOST}") as http:
            answers = [await http.put("/sink", content=b"z" * 300_000) for _ in range(4)]
        assert [each.status_code for each in answers] == [200, 503, 502, 200]
        assert answers[1].headers["Retry-After"] == "7"
        assert echo.effects == 3
        assert server.faults.spent
        assert [record.fault for record in server.log.records] == ["", "status", "status", ""]
        assert server.log.bytes_in(path="sink") == 1_200_000


@pytest.mark.parametrize(
    ("kind", "effects"), [(FaultKind.RESET_BEFORE, 0), (FaultKind.RESET_AFTER, 1)], ids=str
)
@pytest.mark.parametrize("path", ["/things/1/json/", "/stream"])
async def test_resets(kind: FaultKind, effects: int, path: str) -> None:
    echo = Echo()
    async with EmulatorServer([echo]) as server:
        server.faults.add(Fault(kind=kind, host=HOST))
        async with httpx.AsyncClient(base_url=f"{server.url}/{HOST}") as http:
            with pytest.raises(httpx.ReadError):
                await http.get(path)
            assert echo.effects == effects
            assert (await http.get(path)).status_code == 200
        assert server.log.records[0].status is None
        assert server.log.records[0].bytes_out == 0


async def test_hang_ends_with_the_client_or_with_the_server() -> None:
    async with EmulatorServer([Echo()]) as server:
        server.faults.add(Fault(kind=FaultKind.HANG, count=None))
        async with httpx.AsyncClient(base_url=f"{server.url}/{HOST}") as http:
            with pytest.raises(httpx.ReadTimeout):
                await http.get("/stream", timeout=0.1)
            await server.log.wait_for(lambda log: log.records[0].done)
            waiting = asyncio.create_task(http.get("/stream", timeout=60))
            await server.log.wait_for(lambda log: len(log.records) == 2)
            await server.close()
            with pytest.raises(httpx.TransportError):
                await waiting


@pytest.mark.parametrize("path", ["/things/1/json/", "/stream"])
async def test_truncate_announces_all_and_sends_half(server: EmulatorServer, path: str) -> None:
    server.faults.add(Fault(kind=FaultKind.TRUNCATE))
    client = httpx.AsyncClient(base_url=f"{server.url}/{HOST}")
    got = 0

    async def read(answer: httpx.Response) -> None:
        nonlocal got
        async for chunk in answer.aiter_raw():
            got += len(chunk)

    async with client, client.stream("GET", path) as answer:
        announced = int(answer.headers["Content-Length"])
        with pytest.raises(httpx.RemoteProtocolError):
            await read(answer)
    assert got == announced // 2 == server.log.records[0].bytes_out


async def test_trickle_sends_everything_slowly() -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with EmulatorServer([Echo()], sleep=sleep) as server:
        server.faults.add(Fault(kind=FaultKind.TRICKLE, chunk_bytes=10, delay_s=3.0))
        async with httpx.AsyncClient(base_url=f"{server.url}/{HOST}") as http:
            answer = await http.get("/stream")
    assert answer.content == b"y" * 1000
    assert pauses == [3.0] * 100


@pytest.mark.parametrize("kind", [FaultKind.DRIP, FaultKind.DRIP_HEAD])
async def test_a_drip_goes_on_until_the_client_leaves(server: EmulatorServer, kind: FaultKind) -> None:
    server.faults.add(Fault(kind=kind))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET /stream HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    head = b"HTTP/1.1 200 OK\r\n"
    assert (await reader.readexactly(len(head))) == head
    if kind is FaultKind.DRIP:
        await reader.readuntil(b"\r\n\r\n")
    else:
        await reader.readuntil(b":")
    assert await reader.readexactly(3) == b"   "
    writer.close()
    await server.log.wait_for(lambda log: log.records[-1].done)


async def test_wrong_bodies_and_redirects(server: EmulatorServer, client: httpx.AsyncClient) -> None:
    server.faults.add(
        Fault(kind=FaultKind.BODY, path="json", body="<html>captive portal</html>"),
        Fault(kind=FaultKind.REDIRECT, path="json", location="/elsewhere"),
    )
    wrong, redirect = await client.get("/things/1/json/"), await client.get("/things/1/json/")
    assert (wrong.status_code, wrong.text) == (200, "<html>captive portal</html>")
    assert (redirect.status_code, redirect.headers["Location"]) == (302, "/elsewhere")


async def test_probability_is_repeatable() -> None:
    async def strikes() -> list[int]:
        faults = Faults()
        faults.add(Fault(kind=FaultKind.STATUS, probability=0.3, count=None))
        return [number for number in range(50) if faults.draw("GET", HOST, "/") is not None]

    assert 5 < len(await strikes()) < 25
    assert await strikes() == await strikes()


async def test_control_interface_scripts_faults_and_reads_the_log(
    server: EmulatorServer, client: httpx.AsyncClient
) -> None:
    async with httpx.AsyncClient(base_url=server.url) as control:
        fault = {"kind": "status", "status": 429, "host": HOST, "path": "^/things"}
        assert (await control.post("/_emulator/faults", json=[fault])).status_code == 201
        assert (await client.get("/things/1/json/?q=1")).status_code == 429
        assert (await client.get("/stream")).status_code == 200
        log = (await control.get("/_emulator/requests", params={"path": "things"})).json()
        assert [(each["query"], each["status"], each["fault"]) for each in log] == [("q=1", 429, "status")]
        wrong = await control.post("/_emulator/faults", content=json.dumps({"kind": "fire"}))
        assert wrong.status_code == 400
        await control.delete("/_emulator/faults")
        await control.delete("/_emulator/requests")
        assert (await control.get("/_emulator/requests")).json() == []


async def test_in_flight_and_waiting(server: EmulatorServer, client: httpx.AsyncClient) -> None:
    def three_under_way(log: RequestLog) -> bool:
        return len(log.records) == 3

    server.faults.add(Fault(kind=FaultKind.HANG, count=3))
    tasks = [asyncio.create_task(client.get("/stream")) for _ in range(3)]
    await asyncio.wait_for(server.log.wait_for(three_under_way), 10)
    assert server.log.max_in_flight[HOST] == 3
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await server.log.wait_for(lambda log: all(record.done for record in log.records))


async def test_requests_of_killed_clients_are_waited_for() -> None:
    async with EmulatorServer([Echo()]) as server:
        for number in range(1, 20):
            with socket.create_connection(("127.0.0.1", server.port)) as dying:
                dying.sendall(f"GET /{HOST}/stream HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await server.drained()
            assert [record.done for record in server.log.records] == [True] * number


async def test_hang_after_the_effect() -> None:
    echo = Echo()
    async with EmulatorServer([echo]) as server:
        server.faults.add(Fault(kind=FaultKind.HANG, after=True))
        async with httpx.AsyncClient(base_url=f"{server.url}/{HOST}") as http:
            with pytest.raises(httpx.ReadTimeout):
                await http.put("/sink", content=b"x", timeout=0.2)
        assert echo.effects == 1


async def test_an_outage_and_the_return_on_the_same_port() -> None:
    async with EmulatorServer([Echo()], log=RequestLog(limit=2)) as server:
        port = server.port
        async with httpx.AsyncClient(base_url=f"{server.url}/{HOST}") as http:
            assert (await http.get("/stream")).status_code == 200
            await server.close()
            with pytest.raises(httpx.ConnectError):
                await http.get("/stream")
            await server.start(port=port)
            for _ in range(3):
                assert (await http.get("/stream")).status_code == 200
        assert [record.index for record in server.log.records] == [2, 3]


def test_faults_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot act after"):
        Fault(kind=FaultKind.TRICKLE, after=True)
    for wrong in ({"kind": "fire"}, {"kind": "status", "colour": "red"}, {"kind": "status", "path": "("}, {}):
        with pytest.raises(ValueError):
            Fault.from_json(wrong)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": f"https://{HOST}"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": f"https://{HOST}", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 403),
    ],
)
async def test_pages_of_other_sites_are_refused(headers: dict[str, str], status: int) -> None:
    async with EmulatorServer([Echo()]) as server, httpx.AsyncClient() as client:
        control = await client.post(f"{server.url}/_emulator/faults", json=[], headers=headers)
        assert (control.status_code == 403) is (status == 403)
        if "Host" not in headers:
            answer = await client.post(f"{server.url}/{HOST}/v1/things:search", headers=headers)
            assert answer.status_code == status


async def test_the_emulators_own_page_is_let_through() -> None:
    async with EmulatorServer([Echo()]) as server, httpx.AsyncClient() as client:
        headers = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
        assert (await client.delete(f"{server.url}/_emulator/faults", headers=headers)).status_code != 403
