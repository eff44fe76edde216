"""The files that are equal on both sides of a mirror, as CSV: relative path, version there, time here.

Another program, or another cache, can so take over a mirror without reading its files: a file whose version
there and whose time and size here are unchanged is known to be equal.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from picsync.core.errors import ConfigError, Problem
from picsync.core.mirrorstate import KnownFile, MirrorState, MirrorUpdate, Side

HEADING = ("path", "rev", "mtime")
ENCODING = "utf-8"
"""Names that are not in it keep their bytes (`surrogateescape`)."""
MAX_PROBLEMS = 20

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def exported(state: MirrorState) -> Iterator[str]:
    """Yield the lines of the list, each with its end, in the order of the paths."""
    yield _line(HEADING)
    found = [one for (side, _), one in state.files.items() if side is Side.EQUAL and one.rev]
    for one in sorted(found, key=lambda one: one.path):
        mtime = "" if one.modified_at is None else str((one.modified_at - _EPOCH) // timedelta(seconds=1))
        yield _line((one.path.removeprefix("/"), one.rev, mtime))


def imported(text: str, file: str) -> MirrorUpdate:
    """Return what replaces the state of a mirror; raises ConfigError with the lines that make no sense."""
    files: dict[str, KnownFile] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    for line, row in _rows(text, file):
        found = _known(row)
        if isinstance(found, str):
            problems.append(Problem(file, line, "", found))
        elif found.path in lines:
            message = f"names the same file as line {lines[found.path]}."
            problems.append(Problem(file, line, "", message))
        else:
            lines[found.path], files[found.path] = line, found
        if len(problems) >= MAX_PROBLEMS:
            break
    if not files and not problems:
        problems.append(Problem(file, None, "", "has no files."))
    if problems:
        raise ConfigError(
            problems, hint="Each line is `path,rev,mtime`, as `picsync mirror export` writes it."
        )
    return MirrorUpdate("", "", [*files.values()], replace=True)


def _rows(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if row and not (reader.line_num == 1 and tuple(each.strip().lower() for each in row) == HEADING):
                yield reader.line_num, row
    except csv.Error as error:
        raise ConfigError([Problem(file, reader.line_num, "", f"is not CSV: {error}.")]) from None


def _known(row: list[str]) -> KnownFile | str:
    """Return the file of a row, or what is wrong with the row."""
    if len(row) != len(HEADING):
        return f"has {len(row)} fields instead of the three path, rev and mtime."
    path, rev, mtime = row[0].removeprefix("./").lstrip("/"), row[1].strip(), row[2].strip()
    if not path or "\0" in path or {"", ".", ".."}.intersection(path.split("/")):
        return f"{row[0][:80]!r} is not the path of a file below the mirrored folder."
    if not rev or "\0" in rev:
        return "has no rev."
    try:
        modified_at = _EPOCH + timedelta(seconds=int(float(mtime) // 1)) if mtime else None
    except (ValueError, OverflowError):
        return f"{mtime[:40]!r} is not a time in seconds since 1970."
    return KnownFile(Side.EQUAL, f"/{path}", modified_at=modified_at, rev=rev)


def _line(row: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()
