from __future__ import annotations

import gc

from picsync.aio.loading import loading


def test_garbage_is_collected_again_when_the_last_one_has_loaded() -> None:
    # As two threads do it.
    first, second = loading(), loading()
    with first:
        second.__enter__()
        assert not gc.isenabled()
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()
