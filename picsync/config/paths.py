"""Paths of folders in settings."""

from __future__ import annotations

import os
from typing import Annotated, TypeAlias

from pydantic import AfterValidator


def absolute(value: str) -> str:
    """Return the normalised form of an absolute path; raises ValueError for another one."""
    path = os.path.expanduser(value)  # noqa: PTH111 - Path raises for an unknown `~user`
    if not os.path.isabs(path):  # noqa: PTH117 - it is a string
        raise ValueError(
            f"must be an absolute path such as /photos, or begin with `~/`, not {value[:60]!r}: where picsync"
            " is started from differs between a terminal, a container and a service"
        )
    if "\0" in path:
        raise ValueError("must not contain a NUL")
    # POSIX keeps two slashes at the beginning, which mean the same as one on all systems of picsync.
    return "/" + os.path.normpath(path).lstrip("/")


AbsolutePath: TypeAlias = Annotated[str, AfterValidator(absolute)]
"""A normalised absolute path; `~` is the home directory."""
