"""Who may see which web frame: tokens, of which only hashes are stored, and the secret behind picture URLs.

Everything is in one private file in the cache's request folder. The running picsync and commands change
it: each change happens under a lock, and replaces the file. A damaged file counts as empty, so that every
device has to be let in again. All methods block.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from picsync.core.errors import CacheError
from picsync.core.values import dataclass
from picsync.system.files import (
    PRIVATE_FOLDER,
    open_regular,
    read_regular,
    reason,
    remedy,
    replace_file,
)

FILE = "frames.json"
_LOCK = "frames.lock"
TOKEN_BYTES = 24
"""Random bytes of a token; 32 characters."""
MAX_TOKENS = 500
"""Devices of one frame; each needs one token."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_ID_BYTES = 4
_MAX_BYTES = 4_000_000


class Way(StrEnum):
    """How a device was let in."""

    LINK = "link"
    """By a link with the token."""
    CODE = "code"
    """By a pairing code."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is stored of a token."""

    token_id: str
    """A short name for commands and logs; no secret."""
    sha256: str
    way: Way
    created_at: datetime
    """Aware UTC."""


@dataclass(frozen=True, slots=True)
class Grants:
    """What is stored for one frame."""

    secret: bytes
    tokens: Mapping[str, Token] = field(default_factory=dict)
    """By hash."""


@dataclass(slots=True)
class Access:
    """The file of a cache."""

    folder: Path
    """The request folder."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _frames: dict[str, Grants] = field(default_factory=dict)
    _seen: tuple[int, int, int, int] | None = None
    _unsaved: dict[str, bytes] = field(default_factory=dict)
    """Secrets that could not be stored."""

    def secret(self, frame: str) -> bytes:
        """Return the secret behind a frame's picture URLs, creating it if necessary."""
        found = self._read().get(frame)
        if found is not None:
            return found.secret
        try:
            with self._changing() as frames:
                frames.setdefault(frame, _new())
                return frames[frame].secret
        except CacheError:
            # The URLs are valid until picsync restarts.
            return self._unsaved.setdefault(frame, secrets.token_bytes(32))

    def token(self, frame: str, text: str) -> Token | None:
        """Return what is known of a token that somebody sent; None if it does not let into the frame."""
        found = self._read().get(frame)
        if found is None or not _TOKEN.fullmatch(text):
            return None
        return found.tokens.get(_hash(text))

    def tokens(self, frame: str) -> list[Token]:
        """Return all tokens of a frame, the oldest first."""
        found = self._read().get(frame)
        return sorted(found.tokens.values(), key=lambda token: token.created_at) if found else []

    def grant(self, frame: str, way: Way) -> str:
        """Create a token for a frame and return it; it is stored nowhere. Raises CacheError."""
        text = secrets.token_urlsafe(TOKEN_BYTES)
        with self._changing() as frames:
            grants = frames.get(frame, _new())
            ids = {token.token_id for token in grants.tokens.values()}
            if len(ids) >= MAX_TOKENS:
                raise CacheError(
                    f"The frame {frame} has {MAX_TOKENS} tokens, which is the limit.",
                    hint=f"`picsync frame tokens {frame}` lists them; `picsync frame revoke` removes some.",
                )
            token_id = secrets.token_hex(_ID_BYTES)
            while token_id in ids:
                token_id = secrets.token_hex(_ID_BYTES)
            token = Token(token_id, _hash(text), way, self.now())
            frames[frame] = Grants(grants.secret, {**grants.tokens, token.sha256: token})
        return text

    def revoke(self, frame: str, ids: Collection[str] | None) -> list[Token]:
        """Remove the tokens with these IDs, or all, and return them; raises CacheError.

        After the last one, every picture gets another URL: nobody is left who needs the old ones.
        """
        with self._changing() as frames:
            grants = frames.get(frame)
            if grants is None:
                return []
            gone = [one for one in grants.tokens.values() if ids is None or one.token_id in ids]
            left = {one.sha256: one for one in grants.tokens.values() if one not in gone}
            if gone:
                frames[frame] = Grants(grants.secret if left else secrets.token_bytes(32), left)
            return gone

    # --- the file ---------------------------------------------------------------------------------------

    def _read(self) -> Mapping[str, Grants]:
        try:
            found = (self.folder / FILE).stat()
            seen = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            self._frames, self._seen = {}, None
            return self._frames
        except OSError as error:
            raise self._unusable(error) from error
        if seen != self._seen:
            self._frames, self._seen = self._load(), seen
        return self._frames

    def _load(self) -> dict[str, Grants]:
        try:
            content = read_regular(self.folder / FILE, _MAX_BYTES)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unusable(error) from error
        try:
            frames = json.loads(content)["frames"]
            return {str(name): _grants(entry) for name, entry in frames.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Grants]]:
        """Yield what is stored, and store what it is at the end, while nobody else changes it."""
        try:
            self.folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            if os.geteuid() == 0:
                owner = self.folder.parent.stat()
                os.chown(self.folder, owner.st_uid, owner.st_gid)
            lock = open_regular(self.folder / _LOCK, os.O_RDWR | os.O_CREAT)
            try:
                if os.geteuid() == 0:
                    os.fchown(lock, owner.st_uid, owner.st_gid)
                fcntl.flock(lock, fcntl.LOCK_EX)
                frames = self._load()
                before = dict(frames)
                yield frames
                if frames != before:
                    content = json.dumps({"format": 1, "frames": {n: _json(f) for n, f in frames.items()}})
                    replace_file(self.folder / FILE, [content.encode(), b"\n"], owner_of=self.folder.parent)
                    self._seen = None
            finally:
                os.close(lock)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> CacheError:
        path = self.folder / FILE
        return CacheError(f"The file {path} cannot be used: {reason(error)}.", hint=remedy(error, path))


def _new() -> Grants:
    return Grants(secrets.token_bytes(32))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _json(grants: Grants) -> dict[str, Any]:
    tokens = [
        {"id": one.token_id, "sha256": one.sha256, "way": one.way, "created": one.created_at.isoformat()}
        for one in grants.tokens.values()
    ]
    return {"secret": grants.secret.hex(), "tokens": tokens}


def _grants(entry: Mapping[str, Any]) -> Grants:
    """Return a stored entry; raises ValueError, KeyError or TypeError for a damaged one."""
    secret = bytes.fromhex(entry["secret"])
    if len(secret) != 32:
        raise ValueError("not a secret")
    tokens = {}
    for one in entry["tokens"]:
        created_at = datetime.fromisoformat(one["created"]).astimezone(UTC)
        tokens[str(one["sha256"])] = Token(str(one["id"]), str(one["sha256"]), Way(one["way"]), created_at)
    return Grants(secret, tokens)
