"""The notifier with the real Apprise library, over loopback HTTP."""

from __future__ import annotations

import ast
import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from picsync.core.events import ConfigRefused, CycleOutcome, ItemFailed, LoginRefused
from picsync.observe.notify import Notifier, check_notify, deliver
from picsync.observe.notify.notices import Level, Message
from picsync.observe.status import Status
from tests.observe.notify.builders import HOUR, INTERVALS, NETWORK, held, rule, status_of

SECRETS = ("hunter2", "somebody", "secretpath", "secretquery")
REFUSED = ConfigRefused(("x",))


@dataclass
class Receiver:
    """A server that takes in what Apprise's json:// sends."""

    port: int = 0
    status: int = 200
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    letters: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)

    @property
    def url(self) -> SecretStr:
        return SecretStr(f"json://somebody:hunter2@127.0.0.1:{self.port}/secretpath?-key=secretquery")

    async def take(self, request: web.Request) -> web.Response:
        assert (request.path, request.query["key"]) == ("/secretpath", "secretquery")
        self.letters.put_nowait(await request.json())
        await self.answers.wait()
        return web.Response(status=self.status)


@asynccontextmanager
async def serving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    receiver.answers.set()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        receiver.answers.set()
        await runner.cleanup()


@dataclass
class Board:
    """How things stand, as the tests say."""

    status: Status = field(default_factory=status_of)

    def __call__(self) -> Status:
        return self.status


@asynccontextmanager
async def notifying(board: Board, *receivers: Receiver, **options: Any) -> AsyncIterator[Notifier]:
    notifier = Notifier(board, **{"settle_s": 0, **options})
    notifier.expect([receiver.url for receiver in receivers], INTERVALS)
    try:
        yield notifier
    finally:
        await notifier.aclose(30)


async def idle(notifier: Notifier) -> None:
    """Wait until nothing is under way."""
    if notifier._task is not None:
        await notifier._task


def no_secrets(caplog: pytest.LogCaptureFixture, *others: object) -> None:
    shown = " ".join([caplog.text, *map(repr, others), *map(str, others)])
    assert [secret for secret in SECRETS if secret in shown] == []
    assert str(SECRETS[0]) not in "".join(str(record.__dict__) for record in caplog.records)


MESSAGE = Message("A title", "A <body> & more", Level.WARNING)


async def test_problems_are_told_once_and_their_end_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    board = Board()
    async with serving() as receiver, notifying(board, receiver) as notifier:
        board.status = status_of(rule("A", CycleOutcome.HELD, hold=held()), logins={"Nixplay": False})
        for _ in range(3):
            notifier.read(LoginRefused("Nixplay", "no"))
            notifier.read(ItemFailed("A", "x.jpg", NETWORK))
        await idle(notifier)
        notifier.read(LoginRefused("Nixplay", "no"))
        await idle(notifier)
        board.status = status_of(rule("A"), logins={"Nixplay": True})
        notifier.read(REFUSED)
        await idle(notifier)
        problems, well = receiver.letters.get_nowait(), receiver.letters.get_nowait()
        assert receiver.letters.empty()
        assert (problems["title"], problems["type"]) == ("picsync needs you: 2 problems", "warning")
        assert problems["message"].startswith(
            "- Nixplay requires you to log in.\n- Album A: 20 photos of 40 not"
        )
        assert (well["title"], well["type"]) == ("picsync: all problems are resolved", "success")
        no_secrets(caplog, notifier, receiver.url)
        assert "Sent a notification to json://...: picsync needs you: 2 problems." in caplog.text


async def test_a_failing_receiver_is_logged_once_and_delays_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    board = Board(status_of(problems=["x"]))
    async with serving() as bad, serving() as good, notifying(board, bad, good) as notifier:
        bad.status = 500
        for minutes in (0, 1, 16):
            board.status = status_of(problems=["x"], after=timedelta(minutes=minutes))
            notifier.read(REFUSED)
            await idle(notifier)
        assert (bad.letters.qsize(), good.letters.qsize()) == (2, 1)
        assert caplog.text.count("Could not send a notification to json://...: it is unreachable") == 1
        bad.status = 200
        board.status = status_of(after=2 * HOUR)
        notifier.read(REFUSED)
        await idle(notifier)
        # The bad one never learnt of the problem, so it is not told of its end.
        assert (bad.letters.qsize(), good.letters.qsize()) == (2, 2)
        no_secrets(caplog)


async def test_changes_during_a_delivery_are_sent_after_it() -> None:
    board = Board(status_of(problems=["x"]))
    async with serving() as receiver, notifying(board, receiver) as notifier:
        receiver.answers.clear()
        notifier.read(REFUSED)
        assert "1 problem" in (await receiver.letters.get())["title"]
        board.status = status_of()
        notifier.read(REFUSED)
        receiver.answers.set()
        await idle(notifier)
        assert receiver.letters.get_nowait()["title"] == "picsync: all problems are resolved"


async def test_a_short_problem_is_not_reported() -> None:
    board = Board(status_of(problems=["x"]))
    async with serving() as receiver, notifying(board, receiver, settle_s=600) as notifier:
        notifier.read(REFUSED)
        board.status = status_of()
        notifier.read(REFUSED)
        await notifier.aclose(30)
        assert receiver.letters.empty()


async def test_closing_sends_what_is_waiting_and_nothing_after_it() -> None:
    board = Board(status_of(problems=["x"]))
    async with serving() as receiver, notifying(board, receiver, settle_s=600) as notifier:
        notifier.read(REFUSED)
        await notifier.aclose(30)
        assert receiver.letters.qsize() == 1
        board.status = status_of()
        notifier.read(REFUSED)
        assert receiver.letters.qsize() == 1


async def test_closing_gives_up_on_a_receiver_that_hangs() -> None:
    board = Board(status_of(problems=["x"]))
    async with serving() as receiver, notifying(board, receiver) as notifier:
        receiver.answers.clear()
        notifier.read(REFUSED)
        await receiver.letters.get()
        async with asyncio.timeout(2):
            await notifier.aclose(0.05)


async def test_only_new_receivers_are_told_known_problems() -> None:
    board = Board(status_of(problems=["x"]))
    async with serving() as one, serving() as two, notifying(board, one) as notifier:
        notifier.read(REFUSED)
        await idle(notifier)
        notifier.expect([one.url, two.url], INTERVALS)
        notifier.read(REFUSED)
        await idle(notifier)
        assert (one.letters.qsize(), two.letters.qsize()) == (1, 1)


async def test_a_bug_in_telling_ends_no_cycle(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(url: SecretStr, message: Message) -> None:
        raise ZeroDivisionError

    board = Board(status_of(problems=["x"]))
    async with serving() as receiver, notifying(board, receiver, deliver=broken) as notifier:
        notifier.read(REFUSED)
        await idle(notifier)
        assert "Notifications have stopped." in caplog.text
        no_secrets(caplog)


async def test_without_receivers_nothing_is_started() -> None:
    async with notifying(Board(status_of(problems=["x"]))) as notifier:
        notifier.read(REFUSED)
        assert notifier._task is None


async def test_a_message_arrives_as_it_is() -> None:
    async with serving() as receiver:
        await deliver(receiver.url, MESSAGE)
        letter = receiver.letters.get_nowait()
        assert (letter["title"], letter["message"], letter["type"]) == (
            MESSAGE.title,
            MESSAGE.body,
            "warning",
        )


async def test_a_receiver_that_hangs_is_left_in_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving() as receiver:
        receiver.answers.clear()
        with pytest.raises(Exception, match=r"^json://\.\.\.: it did not respond within 2 s\.$") as caught:
            await deliver(receiver.url, MESSAGE, limit_s=2)
        no_secrets(caplog, caught.value, caught.value.__cause__, caught.value.__context__)


async def test_a_receiver_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving() as receiver:
        pass
    with pytest.raises(Exception, match=r"^json://\.\.\.: it is unreachable, or refuses") as caught:
        await deliver(receiver.url, MESSAGE)
    no_secrets(caplog, caught.value)


def test_checking_urls_names_index_and_scheme_only(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    urls = [
        SecretStr("json://somebody:hunter2@localhost/secretpath"),
        SecretStr("nosuch://somebody:hunter2@localhost"),
        SecretStr("mailto://hunter2"),
    ]
    problems = check_notify(urls, "picsync.yaml")
    assert [(one.file, one.field, one.message[:37]) for one in problems] == [
        ("picsync.yaml", "notify[1]", "nosuch://... is not an Apprise URL, o"),
        ("picsync.yaml", "notify[2]", "mailto://... is not an Apprise URL, o"),
    ]
    no_secrets(caplog, problems, *capfd.readouterr())


def test_a_missing_library_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    monkeypatch.delitem(__import__("sys").modules, "apprise", raising=False)
    [problem] = check_notify([SecretStr("json://x")], "picsync.yaml")
    assert str(problem) == (
        "picsync.yaml: notify: needs the Apprise library. In the folder of picsync's source, run:"
        f" {sys.executable} -m pip install '.[notify]'"
    )
    assert check_notify([], "picsync.yaml") == []


async def test_the_courier_inherits_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The child itself writes down what it sees, in place of delivering."""
    monkeypatch.setenv("PICSYNC_NIXPLAY__PASSWORD", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    seen = tmp_path / "environ"
    program = f"import os; open({str(seen)!r}, 'w').write(repr(dict(os.environ)))"
    monkeypatch.setattr("picsync.observe.notify.delivery._COMMAND", (sys.executable, "-c", program))
    await deliver(SecretStr("json://x"), Message("t", "b", Level.INFO))
    environ = ast.literal_eval(seen.read_text())
    assert "hunter2" not in repr(environ)
    assert environ["HTTPS_PROXY"] == "http://127.0.0.1:1"
    assert not {"PYTHONPATH", *(name for name in environ if name.startswith("PICSYNC_"))} & set(environ)
    check_notify([SecretStr("json://x")], "file")
    assert "hunter2" not in seen.read_text()
