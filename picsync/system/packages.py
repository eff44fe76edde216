"""Explains how to install a missing optional extra."""

from __future__ import annotations

import shlex
import sys


def extra_advice(extra: str) -> str:
    """Return how to install an extra into this Python: from source, since no package is published."""
    return (
        f"In the folder of picsync's source, run: {shlex.quote(sys.executable)} -m pip install '.[{extra}]'"
    )
