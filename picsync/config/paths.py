"""Folders of this machine as settings."""

from __future__ import annotations

import os
from typing import Annotated, TypeAlias

from pydantic import AfterValidator


def _absolute(value: str) -> str:
    path = os.path.expanduser(value)  # noqa: PTH111 - Path would raise for an unknown `~user`
    if not os.path.isabs(path):  # noqa: PTH117 - a text all the way
        raise ValueError(
            f"must be an absolute path such as /photos, or begin with `~/`, not {value[:60]!r}: where picsync"
            " is started from differs between a terminal, a container and a service"
        )
    if "\0" in path:
        raise ValueError("must not contain a NUL")
    # Two slashes at the beginning are kept by POSIX, and mean the same as one wherever picsync runs.
    return "/" + os.path.normpath(path).lstrip("/")


AbsolutePath: TypeAlias = Annotated[str, AfterValidator(_absolute)]
"""A normalised absolute path; `~` is the home directory."""
