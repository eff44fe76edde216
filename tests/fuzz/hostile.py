"""A hostile server over raw sockets, with every client of picsync.

`python -m tests.fuzz.hostile --count 300000` plays that many responses. Each case has its own server; its
responses are determined by the seed, the client and its number, so `--replay` reproduces a failure.
Requirements: each case ends; only picsync's own errors are raised, in any thread and task; their messages are
text; the server cannot send more bytes than a response may have.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import itertools
import json
import logging
import math
import resource
import socket
import ssl
import struct
import sys
import threading
import time
import traceback
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from random import Random
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import trustme

from picsync.core.errors import PicsyncError, TransientError
from picsync.http import network
from picsync.http.client import Hosts, HttpClient, read_json
from picsync.http.clock import offset_of
from picsync.http.form import FileForm
from picsync.http.retry import MAX_RETRY_AFTER_S, Operation, Retrier, RetryPolicy
from picsync.sources.google.picked.api import GooglePicker
from picsync.stores.base import Entry, Move, Write, Written
from picsync.stores.dropbox.store import DropboxStore
from picsync.vendors.dropbox.api import DropboxApi
from picsync.vendors.dropbox.client import DropboxClient
from picsync.vendors.dropbox.tokens import Login as DropboxLogin
from picsync.vendors.google.login import login
from picsync.vendors.google.tokens import GoogleLogin
from tests.contract.source_contract import MemorySink
from tests.fuzz import (
    test_fuzz_dropbox,
    test_fuzz_google,
    test_fuzz_immich,
    test_fuzz_nixplay,
    test_fuzz_sharedlinks,
)
from tests.fuzz.mutations import Json
from tests.fuzz.rawanswers import (
    CLOSE,
    DRIP,
    ENDLESS_BYTES,
    HALF,
    KEEP,
    SILENCE,
    Answer,
    hostile,
)
from tests.fuzz.test_fuzz_sources import PICKER
from tests.fuzz.wireserver import Asked, Reply
from tests.http.loopback import LoopbackHosts

SILENCE_S = 0.3
"""Maximum silence that the clients tolerate here."""
CASE_S = 600.0
"""A case that takes longer counts as hanging. One of 5 s took 73 s beside 14 busy processes on two cores."""
AT_A_TIME = 8
SAY_LESS_THAN = 1_500
"""Characters of an error message."""

Good = Callable[[Asked], Reply]


@dataclass
class Failed:
    case: str
    what: str


@dataclass
class Server:
    """Sends what `good` returns, or something hostile, as often as `often` says."""

    rng: Random
    good: Good
    often: float
    waits: bool = True
    """Whether a client may be left waiting."""
    url: str = ""
    responses: int = 0
    taken: list[str] = field(default_factory=list)
    """Responses of which a client read more than it should."""
    documents: list[Json] = field(default_factory=lambda: [{"a": [1, {"b": "c"}]}])
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @asynccontextmanager
    async def listening(self, kind: str, tls: ssl.SSLContext) -> AsyncIterator[None]:
        talk = self._noise if kind == "noise" else self._talk
        server = await asyncio.start_server(
            talk, "127.0.0.1", 0, limit=2**21, ssl=tls if kind == "tls" else None, backlog=50
        )
        scheme = "http" if kind == "plain" else "https"
        self.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()
            for writer in list(self.writers):
                writer.transport.abort()
            while self.writers:
                await asyncio.sleep(0.001)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            while await self._one(reader, writer):
                continue
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()
            self.writers.discard(writer)

    async def _noise(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send plain text that is no handshake."""
        self.writers.add(writer)
        rng = self.rng
        try:
            self.responses += 1
            if rng.random() < 0.8:
                await reader.read(100)
            record = bytes([rng.choice([20, 21, 22, 23, 24, 99]), 3, rng.randrange(5)])
            body = rng.randbytes(rng.randrange(200))
            writer.write(
                rng.choice(
                    [
                        b"",
                        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
                        b"\x15\x03\x03\x00\x02\x02" + bytes([rng.randrange(256)]),
                        record + struct.pack("!H", len(body)) + body,
                        record + b"\xff\xff" + body,
                        body,
                    ]
                )
            )
            if self.waits and rng.random() < 0.02:
                await reader.read()
        except OSError:
            pass
        finally:
            if rng.random() < 0.5:
                writer.close()
            else:
                _reset(writer)
            self.writers.discard(writer)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        named = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        method, _, path = first.partition(" ")
        asked = Asked(method, path.partition(" ")[0])
        answer = self._answer(asked)
        self.responses += 1
        if answer.reads_first:
            await _body(reader, named)
        step = len(answer.written) // answer.pieces + 1
        for at in range(0, len(answer.written), step):
            writer.write(answer.written[at : at + step])
            await writer.drain()
            await asyncio.sleep(0)
        if answer.endless and not await self._endless(answer, writer):
            self.taken.append(f"all of an endless response: {answer.written[:500]!r} for {asked}")
        return await self._end(answer, reader, writer)

    async def _endless(self, answer: Answer, writer: asyncio.StreamWriter) -> bool:
        """Write until the client hangs up; return whether it does in time."""
        # asyncio drops what is written to an encrypted connection that the client has closed.
        encrypted = writer.get_extra_info("ssl_object") is not None
        sent = 0
        while sent < ENDLESS_BYTES and not writer.is_closing():
            if sent > (2**21 if encrypted else 2_000 * len(answer.endless)):
                return True
            writer.write(answer.endless)
            await writer.drain()
            sent += len(answer.endless)
        return sent < ENDLESS_BYTES

    async def _end(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        match answer.ending:
            case "keep":
                return True
            case "reset":
                _reset(writer)
            case "half":
                if writer.can_write_eof():
                    writer.write_eof()
                await reader.read()
            case "silence":
                await reader.read()
            case "drip":
                while not writer.is_closing():
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(SILENCE_S / 10)
            case _:
                # In order, so that what was written arrives.
                writer.close()
                await writer.wait_closed()
        return False

    def _answer(self, asked: Asked) -> Answer:
        good = self.good(asked)
        rng = self.rng
        if rng.random() >= self.often:
            lines = [b"%s: %s" % each for each in good.headers]
            head = b"\r\n".join(
                [b"HTTP/1.1 %d OK" % good.status, b"Content-Length: %d" % len(good.body), *lines]
            )
            return Answer(head + b"\r\n\r\n" + good.body)
        try:
            document = json.loads(good.body)
        except ValueError:
            document = rng.choice(self.documents)
        answer = hostile(rng, good, document, self.url.encode())
        if not self.waits or not _is_bounded(asked):
            answer.endless = b""
        if not self.waits and answer.ending in {SILENCE, DRIP, HALF, KEEP}:
            answer.ending = CLOSE
        return answer


def _is_bounded(asked: Asked) -> bool:
    """Whether a response is read into memory; originals may be as large as a frame takes."""
    return not any(part in asked.path for part in ("/bytes/", "/assets/", "lh3.", "/file"))


def _reset(writer: asyncio.StreamWriter) -> None:
    connected = writer.get_extra_info("socket")
    if connected is not None and connected.fileno() >= 0:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _body(reader: asyncio.StreamReader, named: Mapping[str, str]) -> None:
    if named.get("transfer-encoding") == "chunked":
        await reader.readuntil(b"\r\n0\r\n\r\n")
    else:
        await reader.readexactly(int(named.get("content-length", "0")))


# The clients. Each makes all its calls; `_judged` checks what is raised.


def _judged(error: PicsyncError) -> None:
    text = f"{error}"
    assert len(text) < SAY_LESS_THAN, f"{len(text)} characters: {text[:300]}"
    odd = [each for each in text if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Co"} and each != "\n"]
    assert not odd, f"{odd} in {text!r}"
    if isinstance(error, TransientError) and error.retry_after_s is not None:
        assert math.isfinite(error.retry_after_s)
        assert 0 <= error.retry_after_s <= MAX_RETRY_AFTER_S


async def _tried(call: Awaitable[object]) -> None:
    try:
        await call
    except PicsyncError as error:
        _judged(error)


async def _no_wait(_seconds: float) -> None:
    """Skip waits."""


def _retrier(_policy: RetryPolicy | None = None) -> Retrier:
    return Retrier(RetryPolicy(attempts=2), emit=lambda _event: None, sleep=_no_wait)


TIMEOUT = httpx.Timeout(SILENCE_S, pool=None)
OPERATION = Operation("Service", "list_things")
READERS: tuple[Callable[[httpx.Response], object], ...] = (
    lambda response: response.content,
    lambda response: read_json(OPERATION, response),
    lambda response: str(response.headers),
)


async def play_client(server: Server) -> None:
    """Requests and downloads of any kind by picsync.http itself."""
    rng = server.rng
    client = HttpClient(_retrier(), allowed=LoopbackHosts(), timeout=TIMEOUT)

    async def one() -> None:
        if rng.random() < 0.25:
            await _tried(client.download(OPERATION, f"{server.url}/file", _consume))
            return
        options: dict[str, Any] = rng.choice(
            [{}, {"json": {"a": 1}}, {"params": {"q": "é"}}, {"data": {"a": "b"}}]
        )
        if rng.random() < 0.1:
            form = FileForm(
                {"a": "b"}, io.BytesIO(b"x" * 300_000), 300_000, filename="é", mime_type="image/jpeg"
            )
            options = {"content": form, "headers": form.headers}
        operation = Operation("Service", "list_things", repeatable=rng.random() < 0.7)
        method = "POST" if options else rng.choice(["GET", "HEAD", "DELETE", "PUT"])
        redirects = rng.random() < 0.3
        await _tried(
            client.request(
                operation, method, f"{server.url}/x", rng.choice(READERS), redirects=redirects, **options
            )
        )

    try:
        for _ in range(15):
            await asyncio.gather(*(one() for _ in range(4)))
    finally:
        await client.aclose()


async def _consume(response: httpx.Response) -> None:
    taken = 0
    async for block in response.aiter_bytes():
        taken += len(block)


async def play_nixplay(server: Server) -> None:
    """The frame."""
    await test_fuzz_nixplay.tour(server.url, TIMEOUT, SILENCE_S)


async def play_google(server: Server) -> None:
    """The Library API, its tokens and bytes: httplib2 and httpx."""
    await test_fuzz_google.tour(server.url, SILENCE_S)


async def play_immich(server: Server) -> None:
    """Albums, people, tags, shared links."""
    await test_fuzz_immich.tour(server.url, SILENCE_S)


async def play_dropbox(server: Server) -> None:
    """Every call of a store in a Dropbox."""
    client = DropboxClient(
        DropboxLogin("key", "", "refresh"),
        hosts=Hosts(server.url),
        retrier_for=_retrier,
        timeout=httpx.Timeout(SILENCE_S, pool=None),
    )
    api = DropboxApi(client, sleep=_at_once)
    store = DropboxStore(api, sleep=_at_once)
    files = [Entry(f"/F/{name}", rev="015f9c0a2b3c4d", size_bytes=5, content_hash="0" * 64) for name in "ab"]
    moves = [Move(each, f"/G/{each.name}", each.name) for each in files]

    async def content(start: int) -> AsyncIterator[bytes]:
        yield b"bytes"[start:]

    async def all_of(found: AsyncIterator[object]) -> None:
        async for _ in found:
            pass

    async def written(outcomes: Sequence[Written]) -> None:
        _judge_all(each.error for each in outcomes)

    async def moved() -> None:
        _judge_all(each.error for each in await store.move_all(moves))

    async def deleted() -> None:
        _judge_all(await store.delete_all(files))

    try:
        await _tried(all_of(store.list("/F", recursive=True)))
        await _tried(all_of(store.changes("/F", "AAE")))
        await _tried(store.stat("/F/a"))
        await _tried(store.media_info(files[0]))
        await _tried(all_of(store.read(files[0])))
        await _tried(store.write("/F/c", content, 5))
        await _tried(store.replace(files[0], content, 5))
        await _tried(store.write_all([Write(f"/F/{name}", content, 5) for name in "de"], written))
        await _tried(store.append("/F/log", b"line", files[0]))
        await _tried(moved())
        await _tried(store.move(moves[0]))
        await _tried(store.settle(replace(moves[0], entry=replace(files[0], id="id:AAE"))))
        await _tried(deleted())
        await _tried(store.make_folder("/F/new"))
        await _tried(store.own("/F", "owner"))
        await _tried(store.examine())
        await _tried(api.space())
    finally:
        await store.aclose()


def _judge_all(errors: Iterable[PicsyncError | None]) -> None:
    for error in errors:
        if error is not None:
            _judged(error)


async def _at_once(_seconds: float) -> None:
    return


async def play_sharedlinks(server: Server) -> None:
    """A shared album."""
    await _tried(test_fuzz_sharedlinks.tour(server.url, SILENCE_S))


async def play_picker(server: Server) -> None:
    """Google's picker."""
    picker = GooglePicker(
        GoogleLogin("id", "secret", "refresh", "old", None),
        hosts=Hosts(server.url),
        retrier_for=_retrier,
        timeout_s=SILENCE_S,
    )
    try:
        await _tried(picker.begin())
        await _tried(picker.session("s"))
        try:
            items = await picker.picked("s")
        except PicsyncError as error:
            _judged(error)
            items = []
        for item in items[:2]:
            await _tried(picker.download("s", item, MemorySink()))
        await _tried(picker.end("s"))
    finally:
        await picker.aclose()


async def play_clock(server: Server) -> None:
    """The time of a service."""
    for _ in range(6):
        await _tried(offset_of(server.url, LoopbackHosts()))


async def play_login(server: Server) -> None:
    """The exchange of a consent for a token: requests, in a thread."""
    shown: list[str] = []

    def ask(_prompt: str) -> str:
        return f"http://127.0.0.1/?code=x&state={parse_qs(urlsplit(shown[0].split()[-1]).query)['state'][0]}"

    def run() -> None:
        shown.clear()
        login("id", "secret", hosts=Hosts(server.url), open_browser=False, ask=ask, say=shown.append)

    for _ in range(3):
        await _tried(asyncio.to_thread(run))


PLAYERS: dict[str, tuple[Callable[[Server], Awaitable[None]], float, int]] = {
    "client": (play_client, 1.0, 15),
    "nixplay": (play_nixplay, 0.35, 16),
    "google": (play_google, 0.35, 12),
    "immich": (play_immich, 0.35, 12),
    "dropbox": (play_dropbox, 0.35, 12),
    "sharedlinks": (play_sharedlinks, 0.4, 10),
    "picker": (play_picker, 0.35, 6),
    "clock": (play_clock, 1.0, 2),
    "login": (play_login, 0.8, 2),
}
"""The clients, the rate of hostile responses, and the share of cases."""


def _good(player: str, url: str) -> Good:
    loop: Any = SimpleNamespace(server=SimpleNamespace(url=url))
    match player:
        case "nixplay":
            return test_fuzz_nixplay.script(loop, "login", Reply(), 0)
        case "google" | "login":
            return test_fuzz_google.script(loop, "token", _said(test_fuzz_google.DOCUMENTS["token"][2]))
        case "immich":
            return test_fuzz_immich.script("version", _said(test_fuzz_immich.DOCUMENTS["version"][2]))
        case "sharedlinks":
            return test_fuzz_sharedlinks.script(loop, {})
        case "picker":
            return _picker(url)
        case "dropbox":
            return _dropbox
        case _:
            return lambda _: Reply(
                b'{"a": [1, {"b": "c"}]}', headers=[(b"Content-Type", b"application/json")]
            )


def _said(document: Json) -> Reply:
    return Reply(json.dumps(document).encode())


def _dropbox(asked: Asked) -> Reply:
    answers = {name: document for name, (_, document) in test_fuzz_dropbox.ANSWERS.items()}
    match asked.path.rpartition("/2/")[2]:
        case path if "token" in path:
            return _said(answers["token"])
        case path if "list_folder" in path:
            return _said(answers["page"] | {"has_more": False})
        case path if path.endswith("batch_v2") and "finish" in path:
            return _said({"entries": 2 * answers["batch"]["entries"]})
        case path if "batch" in path:
            return _said(answers["job"] | {"entries": 2 * answers["job"]["entries"]})
        case "files/download":
            return Reply(b"bytes", headers=[(b"Dropbox-API-Result", json.dumps(answers["file"]).encode())])
        case "upload_session/start" | "files/upload_session/start":
            return _said({"session_id": "s"})
        case path if "space" in path:
            return _said({"used": 1, "allocation": {".tag": "individual", "allocated": 9}})
        case path if path.startswith(("files/move", "files/delete", "files/create_folder")):
            return _said({"metadata": answers["file"]})
    return _said(answers["file"])


def _picker(url: str) -> Good:
    session = PICKER["session"][1] | {"mediaItemsSet": True}
    page = json.dumps(PICKER["page"][1] | {"nextPageToken": ""}).replace(
        "https://lh3.googleusercontent.com", f"{url}/bytes"
    )

    def answer(asked: Asked) -> Reply:
        if "/token" in asked.path:
            return _said(test_fuzz_google.DOCUMENTS["token"][2])
        if "/bytes/" in asked.path:
            return Reply(test_fuzz_google.BYTES, headers=[(b"Content-Type", b"image/jpeg")])
        return Reply(page.encode()) if "mediaItems" in asked.path else _said(session)

    return answer


@dataclass
class Trust:
    """An authority that picsync trusts here, and a server's certificate by it."""

    context: ssl.SSLContext
    file: str


@contextmanager
def trusting() -> Iterator[Trust]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with authority.cert_pem.tempfile() as file:
        before, network._current = network._current, None
        network.use(file, environ={})
        try:
            yield Trust(context, file)
        finally:
            network._current = before


async def play(player: str, seed: int, number: int, tls: ssl.SSLContext) -> tuple[int, list[Failed]]:
    """Play one case; return how many responses there were and what was wrong."""
    case = f"{player}:{seed}:{number}"
    rng = Random(case)
    work, often, _ = PLAYERS[player]
    # A login, for which a user waits, and a single request for the time have no short limits.
    server = Server(rng, lambda _: Reply(), often, waits=player not in {"clock", "login"})
    failed: list[Failed] = []
    kind = rng.choices(["plain", "tls", "noise"], [84, 13, 3])[0]
    async with server.listening(kind, tls):
        server.good = _good(player, server.url)
        try:
            async with asyncio.timeout(CASE_S):
                await work(server)
        except Exception:  # noqa: BLE001 - whatever is raised is the result
            failed.append(Failed(case, traceback.format_exc(limit=-8)))
    failed += [Failed(case, taken) for taken in server.taken]
    return server.responses, failed


@contextmanager
def _watched(failed: list[Failed]) -> Iterator[Callable[[Any, Mapping[str, Any]], None]]:
    """Record exceptions that nobody catches; yields a handler for the loop."""

    def note(what: object) -> None:
        failed.append(Failed("in a task or a thread", str(what)))

    def in_loop(_loop: Any, context: Mapping[str, Any]) -> None:
        error = context.get("exception")
        lines = traceback.format_exception(error) if isinstance(error, BaseException) else []
        note(f"{context.get('message')}\n{''.join(lines[-8:])}")

    def unraisable(args: Any) -> None:
        # A connection that is given up while it is made leaves its socket to the garbage collector; that
        # none of them stays open is for the tests of the long run.
        if not isinstance(args.exc_value, ResourceWarning):
            note(f"{args.err_msg} {args.exc_value!r}")

    # It logs each write to a client that has disconnected.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    before = threading.excepthook, sys.unraisablehook
    threading.excepthook = lambda args: note("".join(traceback.format_exception(args.exc_value)))
    sys.unraisablehook = unraisable
    try:
        yield in_loop
    finally:
        threading.excepthook, sys.unraisablehook = before
        logging.getLogger("asyncio").setLevel(logging.NOTSET)


@dataclass
class Played:
    """The figures."""

    responses: Counter[str] = field(default_factory=Counter)
    cases: Counter[str] = field(default_factory=Counter)
    failed: list[Failed] = field(default_factory=list)
    seconds: float = 0.0
    peak_mb: float = 0.0

    def table(self) -> str:
        lines = [f"{'client':14} {'cases':>8} {'responses':>10}"]
        lines += [f"{name:14} {self.cases[name]:8} {self.responses[name]:10}" for name in PLAYERS]
        total = f"{sum(self.cases.values())} cases, {sum(self.responses.values())} responses"
        memory = f"at most {self.peak_mb:.0f} MB of memory in a process"
        return "\n".join([*lines, f"{total}, {len(self.failed)} failures, {self.seconds:.0f} s, {memory}"])


async def campaign(seed: int, count: int, *, until: float = math.inf, only: str = "") -> Played:
    """Play cases concurrently, until there were `count` responses or the time is up."""
    played = Played()
    began = time.monotonic()
    shares = {name: share for name, (_, _, share) in PLAYERS.items() if only in name}
    order = Random(seed)
    numbers = itertools.count()

    async def lane(tls: ssl.SSLContext) -> None:
        while sum(played.responses.values()) < count and time.monotonic() < until:
            player = order.choices(list(shares), list(shares.values()))[0]
            responses, failed = await play(player, seed, next(numbers), tls)
            played.responses[player] += responses
            played.cases[player] += 1
            played.failed += failed

    with trusting() as trust, _watched(played.failed) as handler:
        asyncio.get_running_loop().set_exception_handler(handler)
        await asyncio.gather(*(lane(trust.context) for _ in range(AT_A_TIME)))
    played.seconds = time.monotonic() - began
    played.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return played


def _in_process(seed: int, count: int, seconds: float, only: str) -> Played:
    return asyncio.run(campaign(seed, count, until=time.monotonic() + seconds, only=only))


async def _replay(case: str) -> list[Failed]:
    player, seed, number = case.split(":")
    with trusting() as trust:
        return (await play(player, int(seed), int(number), trust.context))[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.hostile", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="decides what the server says")
    parser.add_argument("--count", type=int, default=10_000, help="responses to be played")
    parser.add_argument("--seconds", type=float, default=math.inf, help="at most")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--only", default="", help="part of a client's name")
    parser.add_argument("--replay", default="", help="a case as a failure names it")
    arguments = parser.parse_args()
    if arguments.replay:
        failed = asyncio.run(_replay(arguments.replay))
        print("\n".join(each.what for each in failed) or "nothing failed")
        return int(bool(failed))
    whole = Played()
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        share = math.ceil(arguments.count / arguments.jobs)
        runs = [
            pool.submit(_in_process, arguments.seed + number, share, arguments.seconds, arguments.only)
            for number in range(arguments.jobs)
        ]
        for run in runs:
            played = run.result()
            whole.responses += played.responses
            whole.cases += played.cases
            whole.failed += played.failed
            whole.seconds = max(whole.seconds, played.seconds)
            whole.peak_mb = max(whole.peak_mb, played.peak_mb)
    for failure in whole.failed[:20]:
        print(f"FAILED {failure.case}\n{failure.what}")
    print(whole.table())
    return int(bool(whole.failed))


if __name__ == "__main__":
    sys.exit(main())
