"""Fixtures for every test, and how the suite runs: on all processors, with the same inputs each time."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from tests.fork_server import ForkServer
from tests.shared_results import forget

# If there is no event loop yet, Python 3.11 creates one on request, as pytest-asyncio does between two tests;
# nobody would close it. Setting it to None prevents that.
asyncio.set_event_loop(None)

# Times are displayed in the machine's zone.
os.environ["TZ"] = "UTC"
time.tzset()

# The suite uses the same inputs each time; `python -m tests.campaign` uses others, by its seed.
settings.register_profile("suite", derandomize=True, database=None, deadline=None, print_blob=True)
settings.register_profile("campaign", derandomize=False, database=None, deadline=None, print_blob=True)
# For runs in which only the first failure matters, not the smallest one.
settings.register_profile("mutants", settings.get_profile("suite"), phases=(Phase.explicit, Phase.generate))
settings.load_profile("suite")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run in this process if only files or single tests are named: workers take longer to start.

    Otherwise there is one more worker than processors: a fifth of the time, a worker waits for processes and
    for what takes a real second.
    """
    places = [Path(each.split("::")[0]) for each in config.args]
    return 0 if all(place.is_file() for place in places) else len(os.sched_getaffinity(0)) + 1


_RUNS: set[str] = set()


def pytest_testnodedown(node: object) -> None:
    """Remember the run whose workers end."""
    _RUNS.add(getattr(node, "workerinput", {}).get("testrunuid", ""))


def pytest_sessionfinish() -> None:
    """Remove what the workers of this run have shared, once all of them have ended."""
    for run in _RUNS:
        forget(run)


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """Return the server that starts picsync as a process; one for each worker."""
    with ForkServer() as started:
        yield started


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[None]:
    """Root may do anything, so these tests become somebody else for a moment."""
    if os.geteuid() != 0:
        yield
        return
    opened_up = []
    for folder in (tmp_path, *tmp_path.parents):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & 0o005 != 0o005:
            opened_up.append((folder, mode))
            folder.chmod(mode | 0o055)
    os.seteuid(65534)
    yield
    os.seteuid(0)
    for folder, mode in opened_up:
        folder.chmod(mode)
