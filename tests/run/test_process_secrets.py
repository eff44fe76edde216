"""A long run shows no secret, whatever fails: in no log, page, profile, argument, file or trace."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.nixplay.hosts import API, MONITOR, UPLOADS
from tests.cli.command_line import COMMAND, REAL_TIME, CommandLine
from tests.household_services import MEDIA_HOST, write_credentials
from tests.run.known_secrets import NOTIFY_PASSWORD, PASSWORD, Secrets, left_behind, unpacked
from tests.run.sync_process import PAGE, SyncProcess

LIBRARY, TOKENS = "photoslibrary.googleapis.com", "oauth2.googleapis.com"
PAGES = ("/metrics", "/status.json", "/", "/readyz", "/healthz")
PROFILES = ("profile?seconds=0.2", "heap", "heap?seconds=0.1", "tasks", "")
LINK, ALBUM_PAGE = "photos.app.goo.gl", "photos.google.com"
HOSTS = (API, MONITOR, UPLOADS, MEDIA_HOST, LIBRARY, TOKENS, LINK, ALBUM_PAGE)

BUGGY = """
import picsync.http.client, picsync.http.retry
def judge(operation, result):
    raise KeyError("a bug")
picsync.http.retry.judge = judge
from tests.cli.short_waits import main
main()
"""


@pytest.fixture
def secrets(cli: CommandLine) -> Secrets:
    cli.nixplay.state.accounts.clear()
    cli.nixplay.add_user("grandma", PASSWORD)
    log_in(cli)
    cli.google.share(cli.album)
    spool = cli.folder / "spool"
    spool.mkdir()
    return Secrets(cli)


def log_in(cli: CommandLine) -> None:
    """Bring a credentials file into place that opens everything, at one stroke."""
    new = cli.folder / "new"
    write_credentials(new, cli.world, expiry="2020-01-01T00:00:00Z")  # so that a token is asked for, too
    new.write_text(new.read_text("utf-8").replace("emulated-password", PASSWORD), "utf-8")
    new.replace(cli.credentials)


def start(cli: CommandLine, *, command: tuple[str, ...] = COMMAND) -> SyncProcess:
    notify = f"notify: 'json://me:{NOTIFY_PASSWORD}@127.0.0.1:1/x?token={NOTIFY_PASSWORD}'"
    cli.write_config(
        head=["every: 200ms", PAGE, "pprof: {listen: '127.0.0.1:0'}", notify],
        rule=['maxDelete: "100%"'],
        more_sources=f", sharedlinks: [{cli.google.share(cli.album).short_link}]",
    )
    env = {"TMPDIR": str(cli.folder / "spool"), "PICSYNC_LOG_FORMAT": "json"}
    return SyncProcess(cli, "-v", command=command, env=env)


def troubles(secrets: Secrets) -> Iterator[list[Fault]]:
    """Yield what goes wrong, with answers that tell our own secrets back to us."""
    echo = "\n".join(sorted(each for found in secrets.all().values() for each in found))
    for status in (401, 403, 500):
        yield [Fault(kind=FaultKind.STATUS, status=status, body=echo, count=None)]
    yield [
        Fault(kind=FaultKind.STATUS, status=status, host=host, body=echo, count=None)
        for host, status in ((MEDIA_HOST, 403), (UPLOADS, 404))
    ]
    yield [Fault(kind=FaultKind.BODY, body=echo, host=host, count=None) for host in HOSTS]
    place = f"http://127.0.0.1:1/{PASSWORD}?t={PASSWORD}"
    yield [Fault(kind=FaultKind.REDIRECT, location=place, host=host, count=None) for host in HOSTS]
    yield [Fault(kind=FaultKind.TRUNCATE, host=host, count=None) for host in HOSTS]
    yield [Fault(kind=FaultKind.RESET_AFTER, host=host, count=None) for host in HOSTS]


def test_the_long_run_tells_no_secret(cli: CommandLine, secrets: Secrets) -> None:
    told: dict[str, bytes] = {}
    cli.add(2)
    with start(cli) as picsync:
        picsync.served()

        def look(moment: str) -> None:
            for path in PAGES:
                told[f"{path} {moment}"] = picsync.ask(path).content

        def profile(moment: str) -> None:
            for path in PROFILES:
                answer = picsync.client.get(f"{profiling(picsync)}{path}")
                assert answer.status_code == 200
                told[f"{path} {moment}"] = unpacked(answer.content)

        picsync.until(lambda status: last(status, "done"))
        look("when all is well")
        profile("when all is well")
        arguments = Path(f"/proc/{picsync.process.popen.pid}/cmdline").read_bytes()
        told["arguments"] = arguments
        for number, faults in enumerate(troubles(secrets)):
            cli.add(1)
            cli.server.faults.add(*faults)
            picsync.until(lambda status: status["rules"][0]["failures_in_a_row"] or not status["ready"])
            look(f"in trouble {number}")
            told[f"tasks in trouble {number}"] = picsync.client.get(f"{profiling(picsync)}tasks").content
            cli.server.faults.clear()
            log_in(cli)  # A login that was refused is taken up again at once.
            picsync.served()
            picsync.until(lambda status: last(status, "done"))
        refuse(cli)
        picsync.until(lambda status: last(status, "login_needed"))
        look("when the login is refused")
        profile("when the login is refused")
        cli.config.write_text(cli.config.read_text("utf-8") + f"nonsense: {PASSWORD}\n", "utf-8")
        picsync.until(lambda status: status["config_problems"])
        look("with nonsense in the configuration")
        picsync.process.signal(signal.SIGTERM)
        assert picsync.end() == 0
        told["log"] = picsync.text.encode()
    assert b'"action": "retry_scheduled"' in told["log"]
    told |= left_behind(cli.folder, known={cli.config, cli.credentials})
    assert any(b"SQLite format 3" in content for content in told.values())
    assert list((cli.folder / "spool").iterdir()) == []
    secrets.assert_absent(told)


def profiling(picsync: SyncProcess) -> str:
    found: list[str] = re.findall(r"Profiling: (http://\S+/debug/pprof/)", picsync.text)
    return found[-1]


def last(status: dict[str, list[dict[str, dict[str, str] | None]]], outcome: str) -> bool:
    report = status["rules"][0]["last"]
    return report is not None and report["outcome"] == outcome


def refuse(cli: CommandLine) -> None:
    async def change() -> None:
        cli.nixplay.state.accounts["grandma"].password = "another"
        cli.nixplay._parts.sessions.expire_all()
        cli.google.revoke_all()
        cli.google.expire_access_tokens()

    cli.on_loop(change())


def test_a_notification_that_cannot_be_sent_tells_no_secret(cli: CommandLine, secrets: Secrets) -> None:
    refuse(cli)
    with start(cli, command=REAL_TIME) as picsync:
        [courier] = picsync.until_any(lambda: couriers(picsync.process.popen.pid), lambda found: found)
        assert NOTIFY_PASSWORD.encode() not in courier
        picsync.served().until(lambda status: not status["ready"] and last(status, "login_needed"))
        picsync.process.signal(signal.SIGTERM)
        assert picsync.end() == 0
        assert "Could not send a notification to json://..." in picsync.text
        assert NOTIFY_PASSWORD not in picsync.text


def couriers(pid: int) -> list[bytes]:
    """Return arguments and environment of the processes that deliver for a process."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            told = Path(f"/proc/{child}/cmdline").read_bytes() + Path(f"/proc/{child}/environ").read_bytes()
            if b"courier.py" in told:
                found.append(told)
    return found


@pytest.mark.parametrize("host", [API, UPLOADS, MEDIA_HOST, TOKENS])
def test_a_bug_leaves_a_trace_without_secrets(cli: CommandLine, secrets: Secrets, host: str) -> None:
    cli.add(2)
    assert cli.run("sync", "--once").code == 0
    cli.add(1)
    log_in(cli)
    skip = 2 if host == API else 0
    cli.server.faults.add(Fault(kind=FaultKind.STATUS, status=500, host=host, count=None, skip=skip))
    with start(cli, command=(sys.executable, "-X", "dev", "-c", BUGGY)) as picsync:
        report = picsync.said("Traceback (most recent call last)")
        assert "KeyError" in report
        assert "judge" in report
        picsync.process.signal(signal.SIGTERM)
        assert picsync.end() == 0
        assert "KeyError: 'a bug'" not in picsync.text
        files = left_behind(cli.folder, known={cli.config, cli.credentials})
        secrets.assert_absent({"trace": picsync.text.encode(), **files})


def test_a_dump_of_the_stacks_tells_no_secret(cli: CommandLine, secrets: Secrets) -> None:
    cli.add(2)
    assert cli.run("sync", "--once").code == 0
    cli.add(1)
    cli.server.faults.add(Fault(kind=FaultKind.HANG, host=UPLOADS, count=None))
    with start(cli, command=(sys.executable, "-X", "dev", *COMMAND[1:])) as picsync:
        cli.wait_for(lambda log: any(record.fault for record in log.records))
        picsync.process.signal(signal.SIGABRT)
        assert picsync.end() == -signal.SIGABRT
        assert "Fatal Python error: Aborted" in picsync.text
        files = left_behind(cli.folder, known={cli.config, cli.credentials})
        secrets.assert_absent({"dump": picsync.text.encode(), **files})
