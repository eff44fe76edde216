"""The record of when files came to `done`: a line of text for each, since no file tells when it was moved."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

RECORD = ".picsync-done.txt"
MAX_RECORD_BYTES = 64 * 2**20


def read_record(content: bytes) -> dict[str, datetime]:
    """Return path below `done` -> since when a file is there; lines that are damaged are left out."""
    found: dict[str, datetime] = {}
    for line in content.decode(errors="replace").splitlines():
        when, _, path = line.partition(" ")
        try:
            moment, name = datetime.fromisoformat(when), json.loads(path)
        except ValueError:
            continue
        if isinstance(name, str) and moment.tzinfo is not None:
            found[name] = moment
    return found


def recorded(since: Mapping[str, datetime], paths: Iterable[str], now: datetime) -> dict[str, datetime]:
    """Return since when each of the files at `paths` is done: as it is known, or since `now`.

    A clock can be wrong, such as that of a machine without a battery before it has asked for the time. If
    most of the known times are later than `now`, the clock is behind: new files get the latest known time,
    and do not leave the album early. Otherwise the clock was ahead before: times later than `now` become
    `now`.
    """
    later = sum(moment > now for moment in since.values())
    if 2 * later > len(since):
        latest = max(since.values())
        return {path: since.get(path, latest) for path in paths}
    return {path: min(since.get(path, now), now) for path in paths}


def write_record(record: Mapping[str, datetime]) -> bytes:
    """Return the text of a record."""
    lines = (
        f"{moment.astimezone(UTC).isoformat(timespec='seconds')} {json.dumps(path)}\n"
        for path, moment in sorted(record.items(), key=lambda one: (one[1], one[0]))
    )
    return "".join(lines).encode()
