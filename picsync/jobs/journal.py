"""The journal of an organizing rule: what it is about to do, so that a crash leaves nothing open.

A batch is noted before its first move. Once it is known which moves have happened, their lines for the log
are noted together with the length that the log has at that moment. Then they are written, and the note is
removed. Whenever the process ends, the next pass asks the store which moves have happened, and the log which
lines it has; so each file is in one place, and each move in the log once.

The functions block while they access the disk, and raise CacheError.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from picsync.core.errors import CacheError
from picsync.core.values import dataclass
from picsync.stores.base import Entry, Move
from picsync.system.files import (
    PART,
    PRIVATE_FOLDER,
    flush_folder,
    open_regular,
    read_regular,
    reason,
    remedy,
    replace_file,
)

FOLDER = "organize"
"""Next to the cache."""
MAX_BYTES = 64 * 2**20
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Intent:
    """A move of a batch."""

    move: Move
    unit: int
    """Equal for files that belong together."""


@dataclass(frozen=True, slots=True)
class LogNote:
    """Lines that are about to be added to the log."""

    path: str
    size_bytes: int
    """Length of the log before."""
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """What was about to be done."""

    when: str
    """The date in the lines of the log."""
    intents: tuple[Intent, ...]
    log: LogNote | None = None
    """None as long as it is not known which moves have happened."""


class Journal:
    """The journal of one rule."""

    def __init__(self, own_folder: Path, rule: str) -> None:
        """`own_folder` is that of the cache; `rule` is the rule's name."""
        name = hashlib.sha256(rule.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._path = own_folder / FOLDER / f"{name}.json"

    def read(self) -> Note | None:
        """Return what a crash has left open, None if nothing; removes what it has left half written."""
        with _explained(self._path):
            for left in self._path.parent.glob(f".{self._path.name}.*{PART}"):
                left.unlink(missing_ok=True)
            try:
                content = read_regular(self._path, MAX_BYTES)
            except FileNotFoundError:
                return None
        try:
            return _note(json.loads(content))
        except (ValueError, KeyError, TypeError) as error:
            # It is written atomically, so somebody else has damaged it.
            raise CacheError(
                f"{self._path} is damaged, so it is not known which files an interrupted pass has moved.",
                hint="Look at the log of the rule, and remove the file.",
            ) from error

    def write(self, note: Note) -> None:
        """Replace the note; it is on disk on return."""
        with _explained(self._path):
            self._path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            replace_file(self._path, [json.dumps(_plain(note)).encode()])

    def clear(self) -> None:
        """Remove the note."""
        with _explained(self._path):
            self._path.unlink(missing_ok=True)
            flush_folder(self._path.parent)


@contextmanager
def account_lock(own_folder: Path, account: str) -> Iterator[bool]:
    """Lock an account against other processes for the context; yields False if another one has it.

    The system releases the lock when a process ends, however it ends.
    """
    name = hashlib.sha256(account.encode()).hexdigest()[:32]
    path = own_folder / FOLDER / f"{name}.lock"
    with _explained(path):
        path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        number = open_regular(path, os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(number)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CacheError(f"{path}: {reason(error)}.", hint=remedy(error, path)) from error


def _plain(note: Note) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "when": note.when,
        "moves": [
            {
                "path": intent.move.entry.path,
                "key": intent.move.entry.key,
                "id": intent.move.entry.id,
                "rev": intent.move.entry.rev,
                "size": intent.move.entry.size_bytes,
                "hash": intent.move.entry.content_hash,
                "modified": intent.move.entry.modified_at and intent.move.entry.modified_at.isoformat(),
                "to": intent.move.to,
                "token": intent.move.token,
                "unit": intent.unit,
            }
            for intent in note.intents
        ],
        "log": note.log
        and {"path": note.log.path, "size": note.log.size_bytes, "lines": list(note.log.lines)},
    }


def _note(plain: dict[str, Any]) -> Note:
    if plain["format"] != FORMAT:
        raise ValueError("written by another picsync")
    log = plain["log"]
    return Note(
        str(plain["when"]),
        tuple(map(_intent, plain["moves"])),
        log and LogNote(str(log["path"]), int(log["size"]), tuple(map(str, log["lines"]))),
    )


def _intent(plain: dict[str, Any]) -> Intent:
    entry = Entry(
        str(plain["path"]),
        key=str(plain["key"]),
        id=str(plain["id"]),
        rev=str(plain["rev"]),
        size_bytes=int(plain["size"]),
        modified_at=datetime.fromisoformat(plain["modified"]) if plain["modified"] else None,
        content_hash=str(plain["hash"]),
    )
    return Intent(Move(entry, str(plain["to"]), str(plain["token"])), int(plain["unit"]))


def missing_text(lines: Sequence[str], added: bytes, *, joined: bool) -> bytes:
    """Return what is to be added to a log so that it has each line once.

    `added` is what follows the place where the log ended when the lines were noted; a crash may have left a
    part of them there. `joined` tells that the text before that place does not end its line.
    """
    *whole, rest = added.split(b"\n")
    counts = Counter(whole)
    left = []
    for line in lines:
        written = line.encode("utf-8", "backslashreplace")
        if counts[written[:-1]] > 0:
            counts[written[:-1]] -= 1
        else:
            left.append(written)
    text = b"".join(left)
    if not text:
        return text
    if rest and text.startswith(rest):
        return text[len(rest) :]
    return b"\n" + text if rest or (joined and not added) else text
