"""A service returns the memory of its cycles."""

from __future__ import annotations

import asyncio
import inspect

from picsync.core.events import CycleFinished, Event
from picsync.run.process import LongRun, RunContext
from picsync.run.scheduler import Stop
from picsync.run.settings import SettingsFiles
from picsync.system.memory import return_freed_memory
from tests.cli.command_line import CommandLine

PATIENCE_S = 60.0


async def order_of_a_run(cli: CommandLine, *, tidy_after_s: float) -> list[str]:
    """Run until the memory is returned, or until the first cycle has ended if that would be much later."""
    happened: list[str] = []
    stop, done = Stop(), asyncio.Event()

    def read(event: Event) -> None:
        if isinstance(event, CycleFinished):
            happened.append("cycle")
            if tidy_after_s > 0:
                done.set()

    def tidy() -> None:
        happened.append("tidy")
        done.set()

    files = SettingsFiles(cli.config, {}, [cli.credentials])
    context = RunContext(str(cli.cache), read, lambda _message: None, stop)
    long_run = LongRun(files, context, tidy=tidy, tidy_after_s=tidy_after_s)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        running = group.create_task(long_run.run(files.load()))
        await done.wait()
        stop.ask()
        await running
    return happened


def test_memory_is_returned_after_a_cycle(cli: CommandLine) -> None:
    cli.add(1)
    cli.write_config(head=["every: 1h"])
    assert asyncio.run(order_of_a_run(cli, tidy_after_s=0.0)) == ["cycle", "tidy"]


def test_a_stop_does_not_wait_for_it(cli: CommandLine) -> None:
    cli.write_config(head=["every: 1h"])
    assert asyncio.run(order_of_a_run(cli, tidy_after_s=3_600.0)) == ["cycle"]


def test_a_service_returns_it_to_the_system() -> None:
    tidy = inspect.signature(LongRun).parameters["tidy"]
    assert tidy.default is return_freed_memory
