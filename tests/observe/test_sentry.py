"""Reports of bugs, as a server gets them from the real SDK over loopback HTTP."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from picsync.cli.exits import Exit
from picsync.cli.logs import set_up
from picsync.cli.sync import SyncOptions, run_sync
from picsync.core.events import CycleFinished, Event
from picsync.family.library import FolderLibrary
from picsync.family.people import People
from picsync.family.pictures import Pictures
from picsync.family.state.database import State
from picsync.family.uploads.service import Uploads
from picsync.observe.sentry import CrashReports, exceptions, scrubbed
from picsync.rendering.pool import Renderer
from picsync.run.process import LongRun, RunContext
from picsync.run.scheduler import Stop
from picsync.run.settings import SettingsFiles
from picsync.system.crash import crashed, report
from tests.config.builders import RULE, config, config_problems
from tests.run.test_family import CONFIG, free_port, settings_in
from tests.web.family.sent import photo

KEY = "0123456789abcdefdeadbeef"
SECRETS = ("hunter2", "IMG_geheim.jpg", "/home/anna", "Tante Erna", socket.gethostname())


FILE = "/home/anna/IMG_geheim.jpg"
TEXT = f"{FILE} of Tante Erna, hunter2"


def missing(filename: str) -> None:
    raise FileNotFoundError(2, "not there", filename)


def broken() -> Exception:
    """Return an exception that has secrets in its text, its notes, its cause and its variables."""
    text, filename = TEXT, FILE
    try:
        try:
            missing(filename)
        except OSError as cause:
            raise KeyError(text) from cause
    except KeyError as error:
        error.add_note(text)
        return error
    raise AssertionError


@dataclass
class Server:
    """Takes envelopes."""

    port: int = 0
    status: int = 200
    envelopes: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    headers: list[str] = field(default_factory=list)

    @property
    def dsn(self) -> SecretStr:
        return SecretStr(f"http://{KEY}@127.0.0.1:{self.port}/7")

    async def take(self, request: web.Request) -> web.Response:
        # aiohttp undoes the compression, if the header says that there is one.
        body = await request.read()
        self.headers.append(str(dict(request.headers)))
        self.envelopes.put_nowait(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        return web.json_response({}, status=self.status)


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_post("/api/7/envelope/", server.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


def event_of(envelope: bytes) -> dict[str, Any]:
    """Return the only item of an envelope: a header, the item's header, the event; a line each."""
    _, about, event = envelope.strip().split(b"\n")
    assert json.loads(about)["type"] == "event"
    found: dict[str, Any] = json.loads(event)
    return found


async def test_a_bug_is_reported_once_without_values(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SENTRY_ENVIRONMENT", "Tante Erna")
    monkeypatch.setenv("SENTRY_RELEASE", "hunter2")
    monkeypatch.setattr(sys, "argv", ["picsync", "/home/anna"])
    caplog.set_level(logging.DEBUG)
    async with serving() as server:
        reports = CrashReports("3.0.0")
        reports.expect(server.dsn)
        bug = crashed(broken(), "Album Tante Erna: the cycle failed.", rule="Tante Erna")
        logging.getLogger("x").warning("IMG_geheim.jpg is a breadcrumb")
        reports.read(bug)
        reports.read(bug)
        async with asyncio.timeout(30):
            envelope = await server.envelopes.get()
        await reports.aclose(30)
        assert server.envelopes.empty()
    event = event_of(envelope)
    assert set(event) <= {"event_id", "timestamp", "level", "platform", "release", "exception", "sdk"}
    assert event["release"] == "picsync@3.0.0"
    assert [one["type"] for one in event["exception"]["values"]] == ["FileNotFoundError", "KeyError"]
    assert "value" not in event["exception"]["values"][0]
    last = event["exception"]["values"][1]["stacktrace"]["frames"][-1]
    assert (last["function"], last["in_app"]) == ("broken", False)
    assert "vars" not in last
    sent = f"{envelope.decode()} {server.headers}"
    assert "raise KeyError(text) from cause" in sent
    assert not [secret for secret in SECRETS if secret in sent]
    assert KEY not in caplog.text


async def test_exceptions_of_requests_come_from_the_log() -> None:
    async def page(_request: web.Request) -> web.Response:
        raise broken()

    async with serving() as server:
        reports = CrashReports("3.0.0")
        reports.expect(server.dsn)
        app = web.Application()
        app.router.add_get("/{name}", page)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reader, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1])
        writer.write(b"GET /IMG_geheim.jpg?hunter2 HTTP/1.1\r\nHost: x\r\n")
        writer.write(b"Cookie: s=hunter2\r\nConnection: close\r\n\r\n")
        assert b" 500 " in await reader.readline()
        writer.close()
        async with asyncio.timeout(30):
            envelope = await server.envelopes.get()
        await runner.cleanup()
        await reports.aclose(30)
    assert event_of(envelope)["exception"]["values"][-1]["type"] == "KeyError"
    assert not [secret for secret in SECRETS if secret in envelope.decode()]


async def test_a_service_reports_what_it_logs(tmp_path: Path) -> None:
    async with serving() as server:
        listen = f"web: {{listen: '127.0.0.1:{free_port()}'}}"
        said = f"every: 1h\n{listen}\nsentry: {server.dsn.get_secret_value()}\n{CONFIG}"
        settings = settings_in(tmp_path, said)
        cycle, stop = asyncio.Event(), Stop()

        def read(event: Event) -> None:
            if isinstance(event, CycleFinished):
                cycle.set()

        files = SettingsFiles(tmp_path / "picsync.yaml", {}, ())
        context = RunContext(str(tmp_path / "cache.db"), read, lambda _: None, stop)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            running = group.create_task(LongRun(files, context).run(settings))
            await cycle.wait()
            logging.getLogger("aiohttp.server").error(TEXT, exc_info=broken())
            envelope = await server.envelopes.get()
            stop.ask()
            await running
        assert server.envelopes.empty()
    assert event_of(envelope)["exception"]["values"][-1]["type"] == "KeyError"
    assert not [secret for secret in SECRETS if secret in envelope.decode()]


@pytest.fixture(params=["a test", "the command line"])
def logging_of(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set logging up: the command line keeps picsync's records from the root logger."""
    log = logging.getLogger("picsync")
    before = log.handlers, log.propagate, log.level
    if request.param == "a test":
        log.handlers, log.propagate = [], True
    else:
        set_up()
    yield
    log.handlers, log.propagate = before[:2]
    log.setLevel(before[2])


@pytest.mark.usefixtures("logging_of")
async def test_a_single_run_reports_what_it_logs(tmp_path: Path) -> None:
    """Here, what shows events to people has a bug: the run goes on, and the bug is reported once."""
    async with serving() as server:
        settings_in(tmp_path, f"sentry: {server.dsn.get_secret_value()}\n{CONFIG}")
        cycles = []

        def show(event: Event) -> None:
            if isinstance(event, CycleFinished):
                cycles.append(event)
            raise broken()

        files = SettingsFiles(tmp_path / "picsync.yaml", {}, ())
        options = SyncOptions(once=True, cache=str(tmp_path / "cache.db"))
        async with asyncio.timeout(120):
            assert await run_sync(files, options, show) is Exit.DONE
            envelope = await server.envelopes.get()
        assert cycles
        assert server.envelopes.empty()
    assert event_of(envelope)["exception"]["values"][-1]["type"] == "KeyError"
    assert not [secret for secret in SECRETS if secret in envelope.decode()]


class BrokenRenderer(Renderer):
    """Has a bug."""

    async def tell(self, *_: Any, **__: Any) -> Any:
        raise broken()


@pytest.mark.usefixtures("logging_of")
async def test_a_bug_in_an_upload_is_reported(tmp_path: Path) -> None:
    async with serving() as server:
        reports, renderer = CrashReports("3.0.0"), BrokenRenderer(1)
        reports.expect(server.dsn)
        state = await State.open(str(tmp_path / "cache.db"))
        (tmp_path / "library").mkdir()
        library = FolderLibrary(tmp_path / "library", ["Family"])
        uploads = Uploads(state, library, Pictures(tmp_path / "pictures", renderer), renderer)
        await uploads.start()

        async def blocks() -> AsyncIterator[bytes]:
            yield photo(1, size=(320, 240))

        try:
            anna = (await People(state).invite("Anna")).person
            await uploads.take(anna.person, "Family", "IMG_geheim.jpg", blocks(), None)
            async with asyncio.timeout(60):
                envelope = await server.envelopes.get()
        finally:
            await uploads.aclose()
            await renderer.aclose()
            await state.aclose()
            await reports.aclose(30)
    assert event_of(envelope)["exception"]["values"][-1]["type"] == "KeyError"
    assert not [secret for secret in SECRETS if secret in envelope.decode()]


@pytest.mark.parametrize("status", [429, 500])
async def test_a_server_that_refuses_ends_nothing(status: int) -> None:
    async with serving() as server:
        server.status = status
        reports = CrashReports("3.0.0")
        reports.expect(server.dsn)
        reports.send(report(broken()))
        async with asyncio.timeout(30):
            await server.envelopes.get()
        reports.send(report(ValueError()))
        await reports.aclose(30)
        reports.send(report(TypeError()))


async def test_nothing_is_sent_once_it_is_switched_off() -> None:
    async with serving() as server:
        reports = CrashReports("3.0.0")
        reports.expect(server.dsn)
        reports.expect(None)
        reports.send(report(broken()))
        logging.getLogger("x").error("", exc_info=broken())
        await reports.aclose(30)
        assert server.envelopes.empty()


def test_every_exception_of_a_report_is_there() -> None:
    group = ExceptionGroup("hunter2", [broken(), ValueError("hunter2")])
    found = exceptions(report(group))
    assert [one["type"] for one in found] == ["FileNotFoundError", "ValueError", "KeyError", "ExceptionGroup"]
    assert not any("value" in one for one in found)


def test_only_what_is_known_passes() -> None:
    others = ("user", "request", "server_name", "extra", "breadcrumbs", "modules", "contexts", "tags")
    event = {"level": "error", **dict.fromkeys(others, "hunter2")}
    assert scrubbed(event) == {"level": "error"}


@pytest.mark.parametrize(
    "dsn", ["geheim", "https://sentry.io/1", "https://geheim@h", "http://geheim@h:99999/1"]
)
def test_a_wrong_dsn_is_not_shown(tmp_path: Path, dsn: str) -> None:
    [problem] = config_problems(tmp_path, f"sentry: '{dsn}'\nalbums:\n{RULE}", {})
    assert "sentry: must be a DSN" in problem
    assert "geheim" not in problem


def test_a_dsn_is_a_secret(tmp_path: Path) -> None:
    loaded = config(tmp_path, f"sentry: 'https://{KEY}@o1.ingest.sentry.io/42'\nalbums:\n{RULE}", {})
    assert KEY not in f"{loaded!r} {loaded} {loaded.model_dump()} {loaded.model_dump_json()}"


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    settings_in(tmp_path, f"every: 1h\nsentry: 'http://{KEY}@127.0.0.1:1/7'\n{CONFIG}")
    code = (
        "import sys, pathlib; from picsync.run.settings import SettingsFiles;"
        f" files = SettingsFiles(pathlib.Path({str(tmp_path / 'picsync.yaml')!r}), {{}}, ()); files.load();"
        " sys.path = [one for one in sys.path if 'site-packages' not in one]; files.load()"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "sentry: needs Sentry's library." in done.stderr
    assert "pip install '.[sentry]'" in done.stderr
    assert KEY not in done.stderr


def test_it_is_loaded_only_when_set() -> None:
    code = "import sys, picsync.run.process; sys.exit('sentry_sdk' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
