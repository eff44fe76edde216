"""Paths in a Dropbox: their form, their lower case, and names that it refuses."""

from __future__ import annotations

import re

from picsync.emulators.dropbox.errors import Tagged, malformed, tagged

READ = re.compile(r"(/(.|[\r\n])*)?|id:.*|(ns:[0-9]+(/.*)?)", re.DOTALL)
REVISION = re.compile(r"(/(.|[\r\n])*|id:.*)|(rev:[0-9a-f]{9,})|(ns:[0-9]+(/.*)?)", re.DOTALL)
WRITE = re.compile(r"(/(.|[\r\n])*)|(ns:[0-9]+(/.*)?)|(id:.*)", re.DOTALL)
"""The patterns of the API's specification for each sort of argument."""

MAX_NAME = 255
_DISALLOWED = frozenset({"desktop.ini", "thumbs.db", ".ds_store", "icon\r", ".dropbox", ".dropbox.attr"})
_DISALLOWED_BEGINNINGS = ("~$", ".~")


def lower(text: str) -> str:
    """Return the text in Dropbox's lower case: one character for each, whatever stands next to it."""
    return "".join(each.lower()[0] for each in text)


def check_form(call: str, field: str, value: str, pattern: re.Pattern[str]) -> None:
    """Raise the 400 for a path that does not match the pattern of its argument."""
    if not pattern.fullmatch(value):
        raise malformed(call, f"{field}: {value!r} did not match pattern {pattern.pattern!r}")


def problem(path: str) -> Tagged | None:
    """Return the lookup or write error of an absolute path that cannot exist."""
    names = path.split("/")[1:]
    if any(name in ("", ".", "..") or len(name) > MAX_NAME or "\0" in name for name in names):
        return tagged("malformed_path")
    return None


def is_unfit(path: str) -> bool:
    """Return whether a name in the path has a backslash, or a space at its end.

    Dropbox's help pages forbid both; reports say that it answers `malformed_path`.
    """
    return any("\\" in name or name.endswith(" ") for name in path.split("/"))


def is_disallowed(path: str) -> bool:
    """Return whether Dropbox refuses to store anything under the path's last name."""
    name = lower(path.rpartition("/")[2])
    # The facts name beginnings; a name that is longer only by its beginning is refused, too.
    return name in _DISALLOWED or name.startswith(_DISALLOWED_BEGINNINGS)
