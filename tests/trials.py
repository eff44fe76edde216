"""How each kind of source and frame is tried: what the contract suites and the fault matrix need for it.

A kind is declared in the module that opens it; beside the tests of that module is a `trial.py` with
`TRIALS`, by the kind's name. So a kind that is in the registry is in both suites, and one without a trial
fails the test that says so.
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
    from tests.faults.cells import Cell
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
    """Of a kind that sends requests: all of them. The fault matrix plays troubles of each."""
    album: Callable[[World], SourceAlbum] | None = None
    """Of a source that sends requests: an album at the emulated service, for the fault matrix."""
    cells: Callable[[], Sequence[Cell]] = _no_cells
    """Of a kind that sends no requests: its cells of the fault matrix."""


def trial_of(kind: AnyKind) -> Trial:
    """Return how a kind is tried; raises AssertionError, saying what to write, if that is not declared."""
    package, _, _ = kind.open.__module__.replace("picsync.", "tests.", 1).rpartition(".")
    name = f"{package}.trial"
    file = f"{name.replace('.', '/')}.py"
    missing = f"write {file} with `TRIALS = {{{kind.name!r}: Trial(...)}}`; see tests/trials.py"
    assert find_spec(name) is not None, missing
    trials: Mapping[str, Trial] = import_module(name).TRIALS
    assert kind.name in trials, missing
    return trials[kind.name]


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
