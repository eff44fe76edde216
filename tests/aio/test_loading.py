from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from picsync.aio.loading import deferring, loading


def test_garbage_is_collected_again_when_the_last_one_has_loaded() -> None:
    # As two threads do it.
    first, second = loading(), loading()
    with first:
        second.__enter__()
        assert not gc.isenabled()
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import a package whose module `heavy` is deferred."""
    package = tmp_path / "some_library"
    package.mkdir()
    (package / "__init__.py").write_text("from some_library import heavy, light\n", "utf-8")
    (package / "light.py").write_text("executed = True\n", "utf-8")
    (package / "heavy.py").write_text(
        "import some_library\nsome_library.executed = True\nanswer = 42\n", "utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    finders = list(sys.meta_path)
    with deferring("some_library.heavy"):
        import some_library  # type: ignore[import-not-found]
    assert sys.meta_path == finders
    yield some_library
    for name in [name for name in sys.modules if name.startswith("some_library")]:
        del sys.modules[name]


def test_a_deferred_module_is_executed_when_it_is_used(library: ModuleType) -> None:
    assert library.light.executed
    assert not hasattr(library, "executed")
    assert library.heavy.answer == 42
    assert library.executed
