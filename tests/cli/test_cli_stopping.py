"""`picsync sync` as a process: the loop, and how signals end it."""

from __future__ import annotations

import signal

import pytest

from picsync.emulators.faults import Fault, FaultKind
from picsync.run.scheduler import GRACE_S
from tests.cli.command_line import REAL_TIME, STRICT, CommandLine
from tests.household_services import MEDIA_HOST

LISTING = r"mediaItems:search"
HANGING = Fault(kind=FaultKind.HANG, host=MEDIA_HOST, count=None)


def test_one_cycle_as_a_process(cli: CommandLine) -> None:
    cli.add(2)
    result = cli.start("sync", command=STRICT).end()
    result.assert_message(0, "2 photos uploaded")
    assert result.out == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_loop_between_cycles(cli: CommandLine, number: signal.Signals) -> None:
    cli.add(2)
    cli.write_config(head=["every: 200ms"])
    process = cli.start("sync", command=STRICT)
    cli.wait_for(lambda log: log.count(path=LISTING) >= 3)
    process.signal(number)
    result = process.end()
    result.assert_message(0, "2 photos uploaded")
    assert result.err.count("nothing to do") == 1, "an unchanged state is said once"
    assert "Stopping: running transfers have 25 s to finish" in result.err
    assert cli.on_frame() == 2


def test_the_loop_takes_up_what_is_new(cli: CommandLine) -> None:
    cli.write_config(head=["every: 200ms"])
    process = cli.start("sync")
    cli.wait_for(lambda log: log.count(path=LISTING) >= 2)
    cli.add(1)
    process.error_line("1 photo uploaded")
    process.signal(signal.SIGTERM)
    assert process.end().code == 0
    assert (cli.on_frame(), cli.in_playlist()) == (1, 1)


def test_the_loop_survives_trouble(cli: CommandLine) -> None:
    cli.add(1)
    cli.write_config(head=["every: 200ms"])
    cli.server.faults.add(Fault(kind=FaultKind.STATUS, status=404, host=MEDIA_HOST, count=4))
    process = cli.start("sync")
    process.error_line("Google refuses the download (404)")
    process.error_line("1 photo uploaded")
    process.signal(signal.SIGTERM)
    assert process.end().code == 0


@pytest.mark.parametrize("head", [[], ["every: 1h"]], ids=["once", "loop"])
def test_what_is_in_flight_may_finish(cli: CommandLine, head: list[str]) -> None:
    cli.add(1)
    # What is not to be converted: a download whose photo still has to be is given up.
    cli.write_config(head=head, rule=["rendition: original"])
    slow = Fault(kind=FaultKind.TRICKLE, host=MEDIA_HOST, chunk_bytes=500, delay_s=0.05)
    cli.server.faults.add(slow)
    process = cli.start("sync", command=REAL_TIME)
    cli.wait_for(lambda log: log.count(host=MEDIA_HOST) == 1)
    process.signal(signal.SIGTERM)
    result = process.end()
    assert result.code == (0 if head else 130), result
    assert cli.on_frame() == 1, "what was on its way has arrived"


@pytest.mark.parametrize(("head", "code"), [([], 130), (["every: 1h"], 0)], ids=["once", "loop"])
def test_a_second_signal_ends_it_at_once(cli: CommandLine, head: list[str], code: int) -> None:
    cli.add(1)
    cli.write_config(head=head)
    cli.server.faults.add(HANGING)
    process = cli.start("sync", command=REAL_TIME)
    cli.wait_for(lambda log: log.count(host=MEDIA_HOST) == 1)
    process.signal(signal.SIGINT)
    process.error_line("Press Ctrl-C again to stop at once")
    process.signal(signal.SIGINT)
    process.end(within_s=GRACE_S - 5).assert_message(code)
    assert cli.run("cache", "status").code == 0


def test_the_time_of_grace_ends(cli: CommandLine) -> None:
    cli.add(1)
    cli.server.faults.add(HANGING)
    process = cli.start("sync")
    cli.wait_for(lambda log: log.count(host=MEDIA_HOST) == 1)
    process.signal(signal.SIGTERM)
    process.end().assert_message(130)
