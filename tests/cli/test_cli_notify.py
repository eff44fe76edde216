"""`picsync notify test`, and the ping of a single cycle."""

from __future__ import annotations

from picsync.emulators.requestlog import RequestLog
from tests.cli.command_line import CommandLine


def pings(log: RequestLog) -> int:
    return sum(record.path.endswith("/state") for record in log.records)


def test_there_is_nothing_to_try(cli: CommandLine) -> None:
    cli.run("notify", "test").assert_message(2, "has neither `notify` nor `ping`", "doc/notifications.md")


def test_each_receiver_and_the_monitor_is_tried(cli: CommandLine) -> None:
    # The page of the frame answers a GET and refuses a POST.
    cli.write_config(head=[
        "every: 1h", f"ping: {cli.server.url}/state",
        f"notify: json://{cli.server.url.removeprefix('http://')}/state",
    ])  # fmt: skip
    result = cli.run("notify", "test")
    result.assert_message(1, "json://...: it is unreachable, or refuses the message", "Check `notify`")
    assert "ping: the monitor accepted it." in result.out


def test_a_monitor_that_is_not_there(cli: CommandLine) -> None:
    cli.write_config(head=[f"ping: {cli.server.url}/nothing-here"])
    cli.run("notify", "test").assert_message(1, "ping: Monitor ping", "Check `ping`")


def test_a_single_good_cycle_pings(cli: CommandLine) -> None:
    cli.write_config(head=[f"ping: {cli.server.url}/nothing-here"])
    cli.add(1)
    cli.run("sync", "--once").assert_message(0, "Could not ping the monitor")
    cli.write_config(head=[f"ping: {cli.server.url}/state"])
    assert "Could not ping" not in cli.run("sync", "--once").err
