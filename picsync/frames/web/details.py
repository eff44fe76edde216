"""What a web frame tells of its photos beside their pixels: a journal of JSON lines, by content.

The journal is `.picsync/details.jsonl` in the frame's folder, so that it lasts as long as the photos. A
line is appended and flushed before its photo appears. It is a memo: what is missing is read from the
photo's file. Unreadable lines are ignored; a crash may truncate the last one.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from picsync.core.model import MAX_SIDE, Digest
from picsync.core.values import dataclass
from picsync.system.files import SHARED_FILE, open_regular, read_regular, replace_file, write_all

JOURNAL = "details.jsonl"
MAX_TEXT = 500
"""Characters of a text that are kept; a page shows fewer."""
_MAX_BYTES = 256 * 1024 * 1024
_COMPACT_BEYOND = 1_000
_LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of one photo."""

    mime_type: str
    """Empty if the file is no picture that a browser can show."""
    width: int = 0
    height: int = 0
    """Pixels, as shown; 0 if unknown."""
    taken: str = ""
    """Local time in ISO 8601, to the second; empty if unknown."""
    description: str = ""
    place: str = ""
    caption: str = ""
    """What the rule's template made of it; empty without one."""
    added_s: float | None = None
    """When it came to the frame, in seconds since 1970; None if only its file knows."""


class Journal:
    """The journal of one folder. All methods block, and must not run at the same time."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the one that has the journal; it need not exist yet."""
        self._path = folder / JOURNAL
        self._known: dict[Digest, Details] = {}
        self._orders: dict[str, tuple[str, ...]] = {}
        self._lines = 0
        self._clean = True
        """Whether the last line was complete."""
        self._seen: tuple[int, int, int] | None = None

    def known(self) -> Mapping[Digest, Details]:
        """Return what the journal has, read again if another process has changed it; raises OSError."""
        self._renew()
        return self._known

    def order(self, album: str) -> Mapping[str, int]:
        """Return the places of an album's photos by their digests, where it has some; raises OSError."""
        self._renew()
        return {digest: place for place, digest in enumerate(self._orders.get(album, ()))}

    def _renew(self) -> None:
        seen = self._stamp()
        if seen != self._seen:
            self._known, self._orders, self._lines, self._clean = {}, {}, 0, True
            content = b"" if seen is None else read_regular(self._path, _MAX_BYTES)
            for line in content.split(b"\n")[:-1]:
                self._lines += 1
                with suppress(ValueError, TypeError, KeyError, RecursionError):
                    read = json.loads(line)
                    if not isinstance(read, dict):
                        continue
                    if "order" in read:
                        self._orders[str(read["album"])] = tuple(map(str, read["order"]))
                    else:
                        digest, details = _read(read)
                        self._known[digest] = details
            self._clean = not content or content.endswith(b"\n")
            self._seen = seen

    def add(self, found: Mapping[Digest, Details]) -> None:
        """Append what is new of `found`; it is on disk on return. Raises OSError."""
        known = self.known()
        new = {digest: details for digest, details in found.items() if known.get(digest) != details}
        if not new:
            return
        self._append([_line(*each) for each in new.items()])
        self._known.update(new)

    def arrange(self, album: str, digests: Sequence[Digest]) -> None:
        """Append the order of an album's photos; it is on disk on return. Raises OSError."""
        self._renew()
        order = tuple(digest.hex for digest in digests)
        if self._orders.get(album, ()) != order:
            self._append([_order_line(album, order)])
            self._orders[album] = order

    def _append(self, lines: Sequence[bytes]) -> None:
        text = b"".join(lines)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = open_regular(self._path, flags, SHARED_FILE)
        try:
            # End a line that a crash truncated, so that the next one stands alone.
            write_all(descriptor, [text if self._clean else b"\n" + text])
        finally:
            os.close(descriptor)
        self._clean = True
        self._lines += len(lines)
        self._seen = self._stamp()

    def compact(self, wanted: Iterable[Digest]) -> None:
        """Rewrite the journal with only the wanted photos, if it has grown too long. Raises OSError."""
        known = self.known()
        wanted = set(wanted)
        if self._lines <= 2 * len(wanted) + _COMPACT_BEYOND:
            return
        self._known = {digest: details for digest, details in known.items() if digest in wanted}
        lines = [_line(*each) for each in self._known.items()]
        lines += [_order_line(*each) for each in self._orders.items()]
        replace_file(self._path, lines, mode=SHARED_FILE)
        self._lines, self._clean, self._seen = len(lines), True, self._stamp()

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            seen = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return seen.st_dev, seen.st_ino, seen.st_size


def _line(digest: Digest, details: Details) -> bytes:
    line = {
        "md5": digest.hex,
        "type": details.mime_type,
        "width": details.width,
        "height": details.height,
        "taken": details.taken,
        "description": details.description,
        "place": details.place,
        "caption": details.caption,
        "added": details.added_s,
    }
    told = {key: value for key, value in line.items() if value}
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


def _order_line(album: str, order: Sequence[str]) -> bytes:
    return json.dumps({"album": album, "order": order}, separators=(",", ":")).encode() + b"\n"


def _read(line: Mapping[str, Any]) -> tuple[Digest, Details]:
    """Return what a line says; raises ValueError, TypeError or KeyError for a damaged one."""
    width, height = (int(line.get(key, 0)) for key in ("width", "height"))
    if not (0 <= width <= MAX_SIDE and 0 <= height <= MAX_SIDE):
        raise ValueError("not the size of a picture")
    added = line.get("added")
    texts = [str(line.get(key, ""))[:MAX_TEXT] for key in ("description", "place", "caption")]
    details = Details(
        mime_type=str(line.get("type", "")),
        width=width,
        height=height,
        taken=local_time(str(line.get("taken", ""))),
        description=texts[0],
        place=texts[1],
        caption=texts[2],
        added_s=None if added is None else float(added),
    )
    return Digest("md5", line["md5"]), details


def local_time(text: str) -> str:
    """Return a local time as pages get it; empty for what is none."""
    with suppress(ValueError):
        if _LOCAL_TIME.fullmatch(text) and datetime.fromisoformat(text).year > 1:
            return text
    return ""
