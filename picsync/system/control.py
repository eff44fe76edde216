"""Operators' requests to a running picsync, as small files next to the cache.

Files, not a socket: they survive a crash of either side, work from a shell in the same container, and need no
running process. `<cache>.requests/` holds, all written atomically and readable by their owner only:

- `held.json`: which deletes the last cycle of each rule held, so that a permission can name them.
- `allow-*.json`: the permission to delete these photos and no others, for a limited time. It stays until a
  cycle has carried it out: a killed cycle loses nothing, and since a permission names the content of
  photos, using it twice deletes nothing more.
- `sync-*.json`: a request for an immediate cycle; removed when it begins, since a restart runs every rule
  anyway.
- `ask-*.json`: a question to the running service, which replies in `answer-*.json`; the asker removes both.
- `frames.json`: who may see which web frame; `frames-seen.json`: when its devices were seen last.
- `operator-token`: the secret that permits the use of the status page's buttons.
- `wake`: a FIFO that the service reads. Opening it for writing shows whether a service is running, and a byte
  wakes it. If the file system has no FIFOs, permissions wait for the next cycle.
- `rules.json`: the names of the running service's rules.

A damaged file is removed, and the operator has to repeat the request. The functions block while they access
the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import secrets
import stat
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from picsync.core.errors import CacheError
from picsync.core.events import CycleReport
from picsync.core.model import Digest
from picsync.core.plan import Hold
from picsync.core.values import dataclass
from picsync.system.files import read_regular, reason, remedy, replace_file

ALLOWED_FOR = timedelta(days=7)
"""Lifetime of a permission; long enough for a timer that runs once a week."""

MAX_FILE_BYTES = 4_000_000
"""Maximum size of a file: the digests of an album of 50,000 photos fit."""


TOKEN_BYTES = 24
"""Random bytes of an operator token; 32 characters."""
_LEAST_TOKEN = 20
"""Minimum length of a token; a shorter one, written by hand, is ignored."""
_TOKEN_FILE = "operator-token"  # noqa: S105 - a name
_LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Question:
    """What a command asks the running service."""

    key: str
    what: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """Deletes that a rule's last cycle held for the user's decision."""

    rule: str
    digests: frozenset[Digest]
    """Digests of the photos."""
    on_frame: int = 0
    """Number of photos in the frame album at that time."""

    @property
    def key(self) -> str:
        """A key of these deletes, so that only those that were shown are allowed."""
        return sha256(" ".join(sorted(_texts(self.digests))).encode()).hexdigest()[:16]

    @classmethod
    def by(cls, report: CycleReport, hold: Hold) -> Held:
        """Return what a cycle held."""
        digests = frozenset(photo.digest for photo in hold.photos)
        return cls(report.rule, digests, report.on_frame or 0)


@dataclass(frozen=True, slots=True)
class Requests:
    """The request folder of a cache."""

    folder: Path
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @classmethod
    def beside(cls, cache: str) -> Requests:
        """Return a cache's request folder, which for a database is in the working directory."""
        if "://" in cache:
            return cls(Path("picsync.requests"))
        path = Path(os.path.realpath(Path(cache).expanduser()))
        return cls(path.with_name(path.name + ".requests"))

    # --- held deletes -----------------------------------------------------------------------------------

    def held(self) -> dict[str, Held]:
        """Return what is held, by rule; empty if no cycle has reported."""
        found = self._read(self.folder / "held.json")
        rules = found.get("rules") if isinstance(found, dict) else None
        held: dict[str, Held] = {}
        for name, each in (rules if isinstance(rules, dict) else {}).items():
            with contextlib.suppress(KeyError, TypeError, ValueError):
                held[name] = Held(name, _digests(each["photos"]), int(each["on_frame"]))
        return held

    def note(self, report: CycleReport) -> None:
        """Store what a cycle held, and remove the permissions that it has carried out.

        A cycle that ended before its decision changes nothing. Raises CacheError.
        """
        hold = report.hold
        if report.dry_run or report.in_playlist is None or (hold is not None and not hold.needs_person):
            return
        held = None if hold is None else Held.by(report, hold)
        self.note_held(report.rule, held, carried_out=report.outcome.good)

    def note_held(self, rule: str, its: Held | None, *, carried_out: bool) -> None:
        """Store what a job held, None for nothing; then, if all is done, its permissions are removed.

        Raises CacheError.
        """
        held = self.held()
        before = dict(held)
        if its is not None:
            held[rule] = its
        else:
            held.pop(rule, None)
        if held != before:
            rules = {
                name: {"photos": _texts(each.digests), "on_frame": each.on_frame}
                for name, each in sorted(held.items())
            }
            self._write_json("held.json", {"format": 1, "rules": rules})
        if its is None and carried_out:
            for path in self._allowances(rule):
                path.unlink(missing_ok=True)

    # --- requests -------------------------------------------------------------------------------------

    def allow(self, held: Held) -> None:
        """Permit the deletes that are currently held; raises CacheError."""
        until = (self.now() + ALLOWED_FOR).isoformat()
        content = {"format": 1, "rule": held.rule, "until": until, "photos": _texts(held.digests)}
        self._write_json(f"allow-{uuid.uuid4().hex}.json", content)

    def allowed(self, rule: str) -> frozenset[Digest]:
        """Return the digests of photos that a rule may delete despite the limit."""
        found: set[Digest] = set()
        for content in self._allowances(rule).values():
            found |= _digests(content["photos"])
        return frozenset(found)

    def _allowances(self, rule: str) -> dict[Path, Mapping[str, Any]]:
        found: dict[Path, Mapping[str, Any]] = {}
        for path in self._files("allow-"):
            content = self._read(path)
            try:
                sound = datetime.fromisoformat(content["until"]) > self.now() and bool(
                    _digests(content["photos"])
                )
            except (KeyError, TypeError, ValueError):
                sound = False
            if not sound:
                with contextlib.suppress(OSError):
                    path.unlink()
            elif content.get("rule") == rule:
                found[path] = content
        return found

    def ask_for_cycle(self, rule: str | None) -> Path:
        """Request a cycle of a rule, or of all; return the file, which disappears when the service reads it.

        Raises CacheError.
        """
        name = f"sync-{uuid.uuid4().hex}.json"
        self._write_json(name, {"format": 1, "rule": rule})
        return self.folder / name

    def take_asked(self, known: Iterable[str]) -> set[str]:
        """Return the rules that are to run immediately, and remove the requests."""
        rules = set(known)
        asked: set[str] = set()
        for path in self._files("sync-"):
            content = self._read(path)
            with contextlib.suppress(OSError):
                path.unlink()
            if isinstance(content, dict) and content.get("format") == 1:
                rule = content.get("rule")
                asked |= rules if rule is None else {known for known in rules if known == rule}
        return asked

    # --- questions ------------------------------------------------------------------------------------

    def ask(self, what: str, content: Mapping[str, Any], *, within_s: float) -> Mapping[str, Any] | None:
        """Ask the running service and return its answer; None if no service answers in time.

        Raises CacheError.
        """
        if not self.wake():
            return None
        key = uuid.uuid4().hex
        asked, answer = self.folder / f"ask-{key}.json", self.folder / f"answer-{key}.json"
        try:
            self._write_json(asked.name, {"format": 1, "what": what, "content": content})
            self.wake()
            deadline = time.monotonic() + within_s
            while not answer.exists():
                if time.monotonic() > deadline:
                    return None
                time.sleep(_LOOK_EVERY_S)
            found: Mapping[str, Any] = self._read(answer)
            return found
        finally:
            for path in (asked, answer):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def take_questions(self) -> list[Question]:
        """Return what commands ask, and remove the questions."""
        found = []
        for path in self._files("ask-"):
            content = self._read(path)
            with contextlib.suppress(OSError):
                path.unlink()
            asked = content.get("content")
            if content.get("format") == 1 and isinstance(asked, dict):
                key = path.stem.removeprefix("ask-")
                found.append(Question(key, str(content.get("what")), asked))
        return found

    def answer(self, question: Question, content: Mapping[str, Any]) -> None:
        """Answer a question; raises CacheError."""
        self._write_json(f"answer-{question.key}.json", content)

    # --- the operator's token ---------------------------------------------------------------------------

    def token(self) -> str | None:
        """Return the operator token; None if there is none."""
        try:
            found = read_regular(self.folder / _TOKEN_FILE, 1000).decode("ascii").strip()
        except (OSError, ValueError):
            return None
        return found if len(found) >= _LEAST_TOKEN else None

    def new_token(self) -> str:
        """Create a token that replaces the existing one, and return it; raises CacheError."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._write(_TOKEN_FILE, token + "\n")
        return token

    # --- waking ---------------------------------------------------------------------------------------

    def rules(self) -> list[str]:
        """Return the rules of the last running service; empty if unknown."""
        found = self._read(self.folder / "rules.json").get("rules")
        return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []

    def wake(self) -> bool:
        """Wake the service; return whether there is one. Also False if that is unknown.

        Raises CacheError if there may be one that this user is not allowed to wake.
        """
        path = self.folder / "wake"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except PermissionError as error:
            raise CacheError(
                f"The running picsync cannot be notified: {path}: {reason(error)}.",
                hint="Run this as the user that picsync runs as.",
            ) from error
        except OSError:
            return False
        try:
            if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                return False
            with contextlib.suppress(BlockingIOError):
                os.write(descriptor, b"!")
            return True
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def listening(
        self, rules: Iterable[str], woken: Callable[[], None], refused: Callable[[CacheError], None]
    ) -> Iterator[None]:
        """Call `woken` in the running loop whenever the service is woken, until the context ends.

        If waking is impossible, `refused` receives the reason. `rules` are those of the service.
        """
        loop = asyncio.get_running_loop()
        try:
            descriptor = self._open_fifo()
        except OSError as error:
            refused(self._cannot_be_woken(error))
            yield
            return
        for left in self._files("answer-"):
            # Of a command that was killed.
            with contextlib.suppress(OSError):
                left.unlink()
        with contextlib.suppress(CacheError):  # Only used for better messages.
            self._write_json("rules.json", {"format": 1, "rules": list(rules)})

        def read() -> None:
            with contextlib.suppress(BlockingIOError):
                os.read(descriptor, 4096)
            woken()

        loop.add_reader(descriptor, read)
        try:
            yield
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    def _open_fifo(self) -> int:
        path = self.folder / "wake"
        self._make_folder()
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        # Also opened for writing, so that no end of file occurs when a writer closes it.
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EEXIST, "The path already exists and is not a FIFO", str(path))
        return descriptor

    def _cannot_be_woken(self, error: OSError) -> CacheError:
        return CacheError(
            "`picsync sync-now` and `picsync allow-deletes` cannot wake this picsync:"
            f" {error.filename or self.folder}: {reason(error)}.",
            hint=self._what_helps(error),
        )

    def _what_helps(self, error: OSError) -> str:
        match error.errno:
            case errno.EACCES | errno.EPERM:
                # Of the command or of the service, whichever has no access.
                return "Run this as the user that picsync runs as, and give that user write access."
            case errno.EEXIST | errno.ENOTDIR:
                return f"Remove {error.filename or self.folder}."
        return remedy(error, self.folder) or "Without it, a permission waits for the next cycle."

    # --- files ----------------------------------------------------------------------------------------

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            owner = self.folder.parent.stat()
            os.chown(self.folder, owner.st_uid, owner.st_gid)

    def _files(self, prefix: str) -> list[Path]:
        try:
            return sorted(
                p for p in self.folder.iterdir() if p.name.startswith(prefix) and p.suffix == ".json"
            )
        except OSError:
            return []

    @staticmethod
    def _read(path: Path) -> Any:
        """Return a file's JSON; an empty object if there is no readable file."""
        try:
            found = json.loads(read_regular(path, MAX_FILE_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        self._write(name, json.dumps(content))

    def _write(self, name: str, text: str) -> None:
        try:
            self._make_folder()
            # If root writes a file, the owner of the surrounding folder has to be able to read it.
            replace_file(self.folder / name, [text.encode()], owner_of=self.folder.parent)
        except OSError as error:
            raise CacheError(
                f"The request folder {self.folder} cannot be written to: {reason(error)}.",
                hint=self._what_helps(error),
            ) from error


def _digests(texts: Iterable[str]) -> frozenset[Digest]:
    return frozenset(Digest(*text.split(":", 1)) for text in texts)


def _texts(digests: Iterable[Digest]) -> list[str]:
    return sorted(f"{digest.algorithm}:{digest.hex}" for digest in digests)
