"""Loading large libraries, some of them only once the process has something to wait for."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Import in this context what the process will keep.

    All that is made by loading stays, so no one looks for garbage among it, now or later: that would take a
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
