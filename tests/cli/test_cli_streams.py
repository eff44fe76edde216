"""Closed, full and unread standard streams: picsync does its work all the same."""

from __future__ import annotations

import json
import os
import pty
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from picsync.emulators.google import generated_jpeg
from tests.cli.command_line import CommandLine

EMOJI = "Ömas Fest 🎂.jpg"
ENCODINGS = ["ascii:strict", "latin-1:strict", "ascii", "cp1252:strict"]


def closed(number: int) -> dict[str, Callable[[], None]]:
    """Options for a process that begins without a standard stream."""
    return {"preexec_fn": lambda: os.close(number)}


def without_reader() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("log_format", ["human", "json"])
@pytest.mark.parametrize("trouble", ["closed", "no reader", "full"])
def test_a_log_that_goes_nowhere(cli: CommandLine, trouble: str, log_format: str) -> None:
    cli.add(2)
    cli.write_config(head=["every: 200ms"])
    if trouble == "closed":
        process = cli.start("sync", "-v", "--log-format", log_format, **closed(2))
    else:
        number = without_reader() if trouble == "no reader" else os.open("/dev/full", os.O_WRONLY)
        process = cli.start("sync", "-v", "--log-format", log_format, stderr=number)
        os.close(number)
    cli.wait_for(lambda log: log.count(path="mediaItems:search") >= 3)
    process.signal(signal.SIGTERM)
    assert process.end().code == 0
    assert (cli.on_frame(), cli.in_playlist()) == (2, 2)
    with closing(sqlite3.connect(cli.cache)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the log is not in it"


def test_a_log_whose_reader_goes_later(cli: CommandLine) -> None:
    cli.write_config(head=["every: 200ms"])
    process = cli.start("sync", "-v")
    process.error_line("nothing to do")
    assert process.popen.stderr is not None
    process.popen.stderr.close()
    process.popen.stderr = None
    cli.add(1)
    before = cli.on_loop(count(cli))
    cli.wait_for(lambda log: log.count(path="mediaItems:search") >= before + 3)
    process.signal(signal.SIGTERM)
    assert process.end().code == 0
    assert cli.on_frame() == 1


async def count(cli: CommandLine) -> int:
    return cli.server.log.count(path="mediaItems:search")


@pytest.mark.parametrize("log_format", ["human", "json"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_names_that_the_encoding_lacks(cli: CommandLine, encoding: str, log_format: str) -> None:
    cli.google.add_item(cli.album, EMOJI, generated_jpeg(1, 5000))
    env = {"PYTHONIOENCODING": encoding, "LANG": "C", "LC_ALL": "C"}
    plan = cli.start("sync", "--dry-run", env=env, errors="replace").end()
    plan.assert_message(0)
    assert "mas Fest" in plan.out
    result = cli.start("sync", "-v", "--log-format", log_format, env=env, errors="replace").end()
    result.assert_message(0, "mas Fest", "1 photo uploaded")
    if log_format == "json":
        said = [json.loads(line)["message"] for line in result.err.splitlines()]
        assert any(EMOJI in message for message in said), "JSON keeps every character"
    assert cli.on_frame() == 1


def test_json_keeps_every_character_in_any_encoding(cli: CommandLine) -> None:
    cli.google.add_item(cli.album, EMOJI, generated_jpeg(1, 5000))
    for encoding in ENCODINGS:
        result = cli.start(
            "list", "googlephotos", cli.album.album_id, "--json", env={"PYTHONIOENCODING": encoding}
        ).end()
        assert result.code == 0, result
        assert EMOJI in json.dumps(json.loads(result.out), ensure_ascii=False)


@pytest.mark.parametrize("encoding", ["ascii:strict", "utf-8"])
def test_progress_bars_on_a_terminal_without_the_characters(cli: CommandLine, encoding: str) -> None:
    cli.google.add_item(cli.album, EMOJI, generated_jpeg(1, 5000))
    ours, theirs = pty.openpty()
    env = {"PYTHONIOENCODING": encoding, "TERM": "xterm", "LANG": "C"}
    process = cli.start("sync", "-v", env=env, stderr=theirs)
    os.close(theirs)
    said = b""
    with suppress(OSError):  # EIO: the other end was closed.
        while chunk := os.read(ours, 65536):
            said += chunk
    os.close(ours)
    assert process.end().code == 0, said
    assert b"mas Fest" in said
    assert b"Traceback" not in said
    assert cli.on_frame() == 1


def test_a_terminal_that_is_closed(cli: CommandLine) -> None:
    cli.write_config(head=["every: 200ms"])
    ours, theirs = pty.openpty()
    process = cli.start("sync", "-v", env={"TERM": "xterm"}, stderr=theirs, start_new_session=True)
    os.close(theirs)
    cli.wait_for(lambda log: log.count(path="mediaItems:search") >= 1)
    os.close(ours)
    cli.add(1)
    before = cli.on_loop(count(cli))
    cli.wait_for(lambda log: log.count(path="mediaItems:search") >= before + 3)
    process.signal(signal.SIGTERM)
    assert process.end().code == 0
    assert cli.on_frame() == 1


def test_a_plan_that_cannot_be_printed(cli: CommandLine) -> None:
    cli.add(2)
    with Path("/dev/full").open("w") as full:
        result = cli.start("sync", "--dry-run", stdout=full).end()
    result_err = " ".join((result.err or "").split())
    assert result.code == 4
    assert "The output could not be written: No space left on device. Free some space." in result_err
    assert "bug" not in result_err
    writer = without_reader()
    result = cli.start("sync", "--dry-run", stdout=writer).end()
    os.close(writer)
    assert result.code == 1
    assert "bug" not in result.err
    assert "Exception ignored" not in result.err
    result = cli.start("sync", "--dry-run", **closed(1)).end()
    result.assert_message(1, "The output could not be written")


def test_a_cycle_needs_no_standard_output(cli: CommandLine) -> None:
    cli.start("sync", **closed(1)).end().assert_message(0)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("arguments", [["--version"], ["sources"], ["init"]], ids=" ".join)
def test_commands_without_a_standard_stream(cli: CommandLine, arguments: list[str], number: int) -> None:
    result = cli.start(*arguments, **closed(number)).end()
    assert "Traceback" not in result.out + result.err
    assert result.code in {0, 1, 2, 130}
    assert number != 1 or result.code != 0, "the result is lost"
