"""Proxies and authorities: read from the environment once, and used by every client."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from picsync.core.errors import ConfigError, PicsyncError
from picsync.http import authorities, network
from picsync.http.network import Exceptions, Network, Proxy
from tests.security.stacks import AUTHORITY, STACKS, Stack

PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def network_as_before() -> Iterator[None]:
    """Undo what a test does to the network of this process."""
    with network.using(None):
        yield


def read(**environ: str) -> Network:
    return Network.read(environ)


def test_without_variables_everything_is_direct() -> None:
    assert read().proxy("https", "api.nixplay.com", 443) is None


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_is_read_by_each_of_its_names(name: str) -> None:
    assert read(**{name: PROXY}).proxy("https", "a.example", 443) == Proxy("http", "proxy.example", 3128)


def test_each_scheme_has_its_proxy() -> None:
    found = read(HTTPS_PROXY="one:1", HTTP_PROXY="http://two:2/")
    assert found.proxy("https", "a.example", 443) == Proxy("http", "one", 1)
    assert found.proxy("http", "a.example", 80) == Proxy("http", "two", 2)


def test_a_password_may_have_any_character_if_it_is_encoded() -> None:
    found = read(HTTPS_PROXY="http://u:p%23%40%2F@[::1]:3128").proxy("https", "a.example", 443)
    assert found == Proxy("http", "::1", 3128, "u", "p#@/")
    assert "p#@/" not in repr(found)


@pytest.mark.parametrize(
    "value",
    ["socks5://a:1", "http://u:geh#eim@a:1", "http://u:geh@eim@a:1", "http://a:99999", "http://", "http://[::1",
     "http://xn--0/", "http://a:1/path", "http://a:0", "http://a b:1", "http://u:geheim@:1"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
def test_invalid_proxy_is_named_without_its_password(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**{name: value})
    (problem,) = caught.value.problems
    assert problem.field == name
    assert "http://<host>:<port>" in problem.message
    assert "geh" not in str(problem)


@pytest.mark.parametrize(
    ("listed", "host", "port", "direct"),
    [
        ("nas", "nas", 80, True),
        ("nas", "nasty", 80, False),
        ("example.org", "photos.example.org", 443, True),
        (".example.org", "example.org", 443, True),
        ("*.example.org", "a.example.org", 443, True),
        ("example.org", "badexample.org", 443, False),
        ("nas:2283", "nas", 2283, True),
        ("nas:2283", "nas", 80, False),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "11.1.2.3", 80, False),
        ("fd00::/8", "fd12::1", 80, True),
        ("fd00::/8", "fe80::1", 80, False),
        ("[::1]", "::1", 80, True),
        ("[::1]:81", "::1", 81, True),
        ("[::1]:81", "::1", 80, False),
        ("::1", "::1", 80, True),
        ("127.0.0.1/8,  localhost\tlocal", "a.local", 80, True),
        ("*", "anything", 1, True),
        ("NAS", "nas", 80, True),
        ("", "nas", 80, False),
    ],
)
def test_exceptions(listed: str, host: str, port: int, direct: bool) -> None:
    assert Exceptions.parse(listed).cover(host, port) is direct


def test_an_exception_that_is_nothing_is_refused_by_name() -> None:
    with pytest.raises(ConfigError) as caught:
        read(NO_PROXY="10.0.0.0/99,ok")
    (problem,) = caught.value.problems
    assert (problem.field, "'10.0.0.0/99'" in problem.message) == ("NO_PROXY", True)


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\x00\xff", "folder"])
@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "caCertificates"])
def test_a_file_without_certificates_is_refused_by_name(tmp_path: Path, name: str, content: object) -> None:
    path = tmp_path / "ca.pem"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.mkdir()
    own = str(path) if name == "caCertificates" else None
    with pytest.raises(ConfigError) as caught:
        Network.read({} if own else {name: str(path)}, own)
    (problem,) = caught.value.problems
    assert problem.field == name
    assert str(path) in problem.message


@pytest.mark.parametrize("folder", ["/nowhere", "x/" * 3_000, "a" * 5_000, "\udcff"])
def test_a_folder_of_certificates_that_is_missing_is_refused(folder: str) -> None:
    with pytest.raises(ConfigError, match="SSL_CERT_DIR") as caught:
        read(SSL_CERT_DIR=folder)
    assert len(str(caught.value)) < 1_000


def test_a_refused_environment_leaves_the_network_as_it_was() -> None:
    before = network.use(environ={})
    with pytest.raises(ConfigError):
        network.use(environ={"HTTPS_PROXY": "socks5://a:1"})
    assert network.current() is before


def test_validating_settings_does_not_change_the_network(tmp_path: Path) -> None:
    before = network.use(environ={})
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with network.using(str(tmp_path / "ca.pem")):
        assert network.current().own_authorities
    assert network.current() is before
    with pytest.raises(ConfigError), network.using(str(tmp_path / "absent.pem")):
        pass
    assert network.current() is before


def test_authorities_may_be_read_ahead(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    AUTHORITY.cert_pem.write_to_path(str(bundle))
    environ = {"SSL_CERT_FILE": str(bundle)}
    authorities.begin(environ)
    assert authorities.count(str(bundle)) == 1
    first = Network.read(environ).context
    own = Network.read(environ, str(bundle)).context
    assert first is not own
    assert [each.cert_store_stats()["x509"] for each in (first, own)] == [1, 1]


def test_a_file_that_is_read_ahead_in_vain_is_refused_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pem", tmp_path / "empty.pem"):
        authorities.begin({"SSL_CERT_FILE": str(path)})
        with pytest.raises(ConfigError, match=path.name):
            read(SSL_CERT_FILE=str(path))
        path.with_name("empty.pem").touch()


def test_authorities_are_read_once_for_all_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = read()
    first = found.context
    # As the journal of a cache beside the settings does.
    (tmp_path / "another").touch()
    os.utime(tmp_path, (1, 1))
    assert found.context is first


def test_keys_of_connections_are_written_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", "/nowhere/keys")
    assert read().context.keylog_filename is None


@dataclass
class ProxyServer:
    """A proxy that notes what it is asked for, and connects to nobody."""

    port: int = 0
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def proxy() -> AsyncIterator[ProxyServer]:
    made = ProxyServer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


@pytest.mark.parametrize("name", STACKS)
async def test_every_library_goes_through_the_proxy(name: str) -> None:
    stack: Stack = STACKS[name]
    async with proxy() as server:
        network.use(environ={"HTTPS_PROXY": f"http://user:p%23w@127.0.0.1:{server.port}"})
        with pytest.raises(PicsyncError):
            await stack.talk()
    assert server.heads[0].startswith(f"CONNECT {stack.host}:443 HTTP/1.")
    login = base64.b64encode(b"user:p#w").decode()
    assert f"proxy-authorization: basic {login}".lower() in server.heads[0].lower()


@pytest.mark.parametrize("name", STACKS)
async def test_no_library_goes_through_the_proxy_where_it_is_not_to(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack: Stack = STACKS[name]
    async with proxy() as server:
        for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{server.port}")
        monkeypatch.setenv("NO_PROXY", "nixplay.com,googleapis.com,10.0.0.0/8,[::1]")
        network.use()
        with pytest.raises(PicsyncError):
            await stack.talk()
    assert server.heads == []
