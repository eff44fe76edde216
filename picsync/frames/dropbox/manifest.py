"""The manifest: which files of the folder are picsync's, and which albums they belong to.

It is a JSON file in the folder. A file is entered before it is written; an entry whose file does not exist
means nothing, unless the file is known to have existed (`seen`). It also lists the photos that were rejected.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from picsync.core.errors import RefusedError
from picsync.core.model import Digest
from picsync.core.rejected import Rejection
from picsync.core.values import dataclass
from picsync.frames.folder import missing

MANIFEST = ".picsync-frame.json"
MAX_BYTES = 64 * 2**20


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore")

    md5: str
    content_hash: str
    filename: str = ""
    size: int = 0
    albums: tuple[str, ...] = ()
    seen: bool = False
    missing: AwareDatetime | None = None


class _RejectedRow(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    file: _Row
    at: AwareDatetime | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")

    version: int
    albums: tuple[str, ...] = ()
    files: dict[str, _Row] = {}
    orders: dict[str, tuple[str, ...]] = {}
    rejected: tuple[_RejectedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Own:
    """A file of picsync's."""

    digest: Digest
    """MD5: the cache has one digest of each photo, which all frames share."""
    content_hash: str
    """As Dropbox computes it; a file with another one was changed by somebody else."""
    filename: str = ""
    """The name under which it was sent, which has the key of the photo."""
    size_bytes: int = 0
    """0 until it was seen."""
    albums: frozenset[str] = frozenset()
    seen: bool = False
    """Whether the file is known to have existed as it was written: only then is its absence a request."""
    missing_since: datetime | None = None
    """Aware UTC: when its absence was noticed, until it is decided what that means."""

    @classmethod
    def of(cls, row: _Row) -> Own:
        """Return the file of a row."""
        since = row.missing and row.missing.astimezone(UTC)
        albums = frozenset(row.albums)
        return cls(Digest.md5(row.md5), row.content_hash, row.filename, row.size, albums, row.seen, since)

    def row(self) -> dict[str, Any]:
        """Return the row of a file."""
        return {
            "md5": self.digest.hex,
            "content_hash": self.content_hash,
            "filename": self.filename,
            "size": self.size_bytes,
            "albums": sorted(self.albums),
            **({"seen": True} if self.seen else {}),
            **({"missing": self.missing_since.isoformat()} if self.missing_since else {}),
        }


@dataclass(frozen=True, slots=True)
class RejectedOwn:
    """A photo that is not wanted, and the file that it had."""

    name: str
    own: Own
    rejected_at: datetime | None = None

    def rejection(self) -> Rejection:
        """Return what the engine needs to know."""
        return missing.rejection(self.own, self.rejected_at)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of the manifest."""

    albums: tuple[str, ...] = ()
    files: Mapping[str, Own] = field(default_factory=dict)
    """By name in the folder."""
    orders: Mapping[str, tuple[Digest, ...]] = field(default_factory=dict)
    """The order that was asked for, of albums that share photos with others: names can follow only one."""
    rejected: Mapping[Digest, RejectedOwn] = field(default_factory=dict)
    """Photos that are not wanted, in the order in which they were rejected."""

    @classmethod
    def parse(cls, content: bytes, path: str) -> Manifest:
        """Return a manifest; raises RefusedError if it is damaged or of a newer version."""
        hint = (
            "Remove that file: photos that are still wanted are then entered again, and files that are no"
            " longer wanted stay."
        )
        try:
            found = _File.model_validate_json(content)
            files = {name: Own.of(row) for name, row in found.files.items()}
            rejected = [
                RejectedOwn(each.name, Own.of(each.file), each.at and each.at.astimezone(UTC))
                for each in found.rejected
            ]
            orders = {album: tuple(map(Digest.md5, order)) for album, order in found.orders.items()}
        except (ValidationError, ValueError) as error:
            raise RefusedError(f"{path} is damaged.", status=0, hint=hint) from error
        if found.version != 1:
            raise RefusedError(f"{path} is of a newer picsync.", status=0, hint="Update picsync.")
        return cls(found.albums, files, orders, {each.own.digest: each for each in rejected})

    def text(self) -> bytes:
        """Return the content of the file."""
        whole = {
            "version": 1,
            "albums": list(self.albums),
            "files": {name: own.row() for name, own in sorted(self.files.items())},
            "orders": {album: [digest.hex for digest in order] for album, order in self.orders.items()},
            "rejected": [
                {
                    "name": each.name,
                    "file": each.own.row(),
                    "at": each.rejected_at.isoformat() if each.rejected_at else None,
                }
                for each in self.rejected.values()
            ],
        }
        return (json.dumps(whole, ensure_ascii=False, separators=(",", ":")) + "\n").encode(errors="replace")
