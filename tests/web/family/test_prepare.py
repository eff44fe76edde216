"""What is loaded before the first request."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import asyncio
import sys

from picsync.web.family.app import application, prepare
from picsync.web.family.pages import _JINJA

app = application(None)
asyncio.run(prepare(app))
names = set(_JINJA.list_templates(extensions=["html"]))
assert names and {name for _, name in _JINJA.cache.keys()} == names
before = set(sys.modules)
asyncio.run(prepare(app))
assert set(sys.modules) == before, set(sys.modules) - before
"""


def test_nothing_is_left_to_load_for_the_first_request() -> None:
    # In a process of its own: here, other tests have loaded templates.
    subprocess.run([sys.executable, "-c", _PROGRAM], check=True)
