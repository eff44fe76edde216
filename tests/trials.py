"""How each kind of source and frame is tried, by the contract suites, the fault matrix and the kill tests.

A kind is declared in the module that opens it; next to the tests of that module is a `trial.py` with
`TRIALS`, by the kind's name. Thus every kind in the registry is in all these suites, and a test fails for a
kind without a trial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from picsync.config.kinds import AnyKind
from picsync.emulators.world import World
from picsync.frames.kinds import FRAMES
from picsync.sources.kinds import SOURCES
from tests.run.toys import Toys

if TYPE_CHECKING:
    from tests.crash.frame_albums import FrameAlbum
    from tests.e2e.household import Household
    from tests.faults.cells import Cell
    from tests.faults.directory_source import MakeDirectory
    from tests.faults.source_albums import SourceAlbum
    from tests.faults.tables.table import Table


def _no_cells() -> Sequence[Cell]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How one kind is tried."""

    worlds: Mapping[str, Callable[[Path], AbstractAsyncContextManager[Any]]]
    """Variant -> opens, in an empty folder, what the contract is held against.

    That is a `Frame` with an empty account, or a `SourceWorld`.
    """
    requests: Table | None = None
    """For a kind that sends requests: all of them, with the faults that the fault matrix plays at each."""
    album: Callable[[World], SourceAlbum] | None = None
    """For a source that sends requests: an album at the emulated service."""
    directory: MakeDirectory | None = None
    """For a source that reads a directory: an album in one."""
    frame_album: Callable[[Household], FrameAlbum] | None = None
    """For a frame: an album on it, for the kill tests."""
    cells: Callable[[], Sequence[Cell]] = _no_cells
    """For a kind that sends no requests: its cells of the fault matrix."""


def trial_of(kind: AnyKind) -> Trial:
    """Return how a kind is tried; raises AssertionError, saying what to write, if that is not declared."""
    name = _module_of(kind)
    missing = f"write {_file_of(kind)} with `TRIALS = {{{kind.name!r}: Trial(...)}}`; see tests/trials.py"
    assert find_spec(name) is not None, missing
    trials: Mapping[str, Trial] = import_module(name).TRIALS
    assert kind.name in trials, missing
    return trials[kind.name]


def killed_as(kind: AnyKind) -> Trial:
    """Return the trial of a kind that the kill tests can play; raises AssertionError for any other."""
    trial = trial_of(kind)
    of_frame = kind.name in FRAMES and FRAMES[kind.name] is kind
    fields = ("frame_album",) if of_frame else ("album", "directory")
    needed = "` or `".join(fields)
    missing = f"the kill tests need `{needed}` in the trial of {kind.name!r} in {_file_of(kind)}"
    assert any(getattr(trial, each) is not None for each in fields), missing
    return trial


def _module_of(kind: AnyKind) -> str:
    package, _, _ = kind.open.__module__.replace("picsync.", "tests.", 1).rpartition(".")
    return f"{package}.trial"


def _file_of(kind: AnyKind) -> str:
    return f"{_module_of(kind).replace('.', '/')}.py"


def kinds() -> list[AnyKind]:
    """Return every registered kind, sources first."""
    return [*SOURCES.values(), *FRAMES.values()]


@contextmanager
def with_toys() -> Iterator[Toys]:
    """Have the toys in the registries, as kinds that nothing else knows."""
    with pytest.MonkeyPatch.context() as patch:
        toys = Toys()
        toys.register(patch)
        yield toys


def variants(registry: Mapping[str, AnyKind], which: Callable[[AnyKind], bool] = lambda _: True) -> list[Any]:
    """Return the opener of each variant of each kind, toys included, as parameters of a test."""
    with with_toys():
        return [
            pytest.param(opener, id=f"{name} {variant}".rstrip())
            for name, kind in registry.items()
            if which(kind)
            for variant, opener in trial_of(kind).worlds.items()
        ]
