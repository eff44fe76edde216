"""Loads large libraries without garbage collection, some of them only when needed."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Import, in this context, modules that the process will keep.

    Their objects stay alive, so garbage collection is off and skips them later. Otherwise it would take a
    sixth of the time before the first request.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
