"""Distinguishes an emptied folder from one whose share is not mounted; both look the same.

The contents of each file system in a folder are stored. If one suddenly is empty, is missing, or was replaced
by another one with much less in it, the listing is incomplete until the user confirms the change.
"""

from __future__ import annotations

from collections.abc import Mapping

from picsync.core.values import dataclass
from picsync.sources.folder.walk import shown


@dataclass(frozen=True, slots=True)
class Volume:
    """The contents of a file system in a folder."""

    filesystem: str
    """Its type and origin; empty if unknown."""
    held: int
    """Number of pictures and videos."""


def mount_problems(root: str, before: Mapping[str, Volume], now: Mapping[str, Volume]) -> list[str]:
    """Return why `now` should not be trusted, compared with `before`; usually nothing.

    Both are by path relative to `root`, empty for the folder itself.
    """
    found = []
    for path, was in before.items():
        if not was.held:
            continue
        where, seen = shown(f"{root}/{path}" if path else root), now.get(path)
        showed = f"it contained {was.held} picture{'' if was.held == 1 else 's'} before"
        on = f" on {shown(was.filesystem)}" if was.filesystem else ""
        if seen is None:
            found.append(f"Nothing is mounted at {where} any more; {showed}{on}.")
        elif not seen.held:
            found.append(f"The folder {where} contains no pictures; {showed}{on}.")
        elif _differ(was.filesystem, seen.filesystem) and seen.held * 2 < was.held:
            found.append(
                f"The folder {where} is now on another file system ({shown(seen.filesystem)}) and contains"
                f" only {seen.held}; {showed}{on}."
            )
    if found:
        found.append("Mount the missing volume. If this is intended, set `mayBeEmpty: true` for the folder.")
    return found


def _differ(one: str, other: str) -> bool:
    return bool(one and other and one != other)
