"""Results that all workers of a test run share: all have to collect the same tests, and one computes them."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_RUN = "PYTEST_XDIST_TESTRUNUID"
"""The variable by which a worker knows its run."""


def shared(name: str, compute: Callable[[], T]) -> T:
    """Return what the first worker of a run has computed under a name; the others wait for it.

    The value is pickled. Outside of workers, it is computed.
    """
    run = os.environ.get(_RUN)
    if run is None:
        return compute()
    folder = _folder(run)
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / name
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            made = folder / f"{name}.new"
            made.write_bytes(pickle.dumps(compute()))
            made.rename(file)
    found: T = pickle.loads(file.read_bytes())  # noqa: S301 - our own, of this run
    return found


def forget(run: str) -> None:
    """Remove the results of a run, once all workers have ended."""
    shutil.rmtree(_folder(run), ignore_errors=True)


def _folder(run: str) -> Path:
    return Path(tempfile.gettempdir()) / f"picsync-tests-{run}"
