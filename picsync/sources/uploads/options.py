"""An entry under `sources: {uploads: [...]}`: the name of an album."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from picsync.core.skipping import skipped_folder

MAX_ALBUM = 60


def _album(value: str) -> str:
    name = " ".join(value.split())
    if not any(each.isalnum() for each in name) or len(name) > MAX_ALBUM:
        raise ValueError(f"must be the name of an album of the library, of 1 to {MAX_ALBUM} characters")
    if re.search(r'[/\\:*?"<>|\0]', name) or skipped_folder(name) or name.endswith("."):
        raise ValueError("must be the name of an album of the library: no slash, and no dot at either end")
    return name


UploadsEntry: TypeAlias = Annotated[str, AfterValidator(_album)]
