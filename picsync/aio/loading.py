"""Loads large libraries without garbage collection, some of them only when needed."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

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
