"""Loads large libraries without garbage collection, some of them only when needed."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

_guard = threading.Lock()
_inside = 0
"""How many contexts are open, in all threads: the last one to end switches garbage collection on again."""
_was_on = True


@contextmanager
def loading() -> Iterator[None]:
    """Import, in this context, modules that the process will keep.

    Their objects stay alive, so garbage collection is off and skips them later. Otherwise it would take a
    sixth of the time before the first request.
    """
    global _inside, _was_on
    with _guard:
        if not _inside:
            _was_on = gc.isenabled()
            gc.disable()
        _inside += 1
    try:
        yield
    finally:
        with _guard:
            _inside -= 1
            if not _inside:
                gc.freeze()
                if _was_on:
                    gc.enable()


@contextmanager
def deferring(*names: str) -> Iterator[None]:
    """In this context, execute these modules only when something in them is used.

    For modules that a library imports and that picsync's use of it does not need.
    """
    finder = _Deferring(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Deferring(MetaPathFinder):
    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in self._names else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec
