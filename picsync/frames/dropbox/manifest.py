"""The manifest: which files of the folder are picsync's, and which albums they belong to.

It is a JSON file in the folder. A file is entered before it is written; an entry whose file does not exist
means nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field

from pydantic import BaseModel, ConfigDict, ValidationError

from picsync.core.errors import RefusedError
from picsync.core.model import Digest
from picsync.core.values import dataclass

MANIFEST = ".picsync-frame.json"
MAX_BYTES = 64 * 2**20


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore")

    md5: str
    content_hash: str
    filename: str = ""
    albums: tuple[str, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")

    version: int
    albums: tuple[str, ...] = ()
    files: dict[str, _Row] = {}
    orders: dict[str, tuple[str, ...]] = {}


@dataclass(frozen=True, slots=True)
class Own:
    """A file of picsync's."""

    digest: Digest
    """MD5: the cache has one digest of each photo, which all frames share."""
    content_hash: str
    """As Dropbox computes it; a file with another one was changed by somebody else."""
    filename: str = ""
    """The name under which it was sent, which has the key of the photo."""
    albums: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of the manifest."""

    albums: tuple[str, ...] = ()
    files: Mapping[str, Own] = field(default_factory=dict)
    """By name in the folder."""
    orders: Mapping[str, tuple[Digest, ...]] = field(default_factory=dict)
    """The order that was asked for, of albums that share photos with others: names can follow only one."""

    @classmethod
    def parse(cls, content: bytes, path: str) -> Manifest:
        """Return a manifest; raises RefusedError if it is damaged or of a newer version."""
        hint = (
            "Remove that file: photos that are still wanted are then entered again, and files that are no"
            " longer wanted stay."
        )
        try:
            found = _File.model_validate_json(content)
            files = {
                name: Own(Digest.md5(row.md5), row.content_hash, row.filename, frozenset(row.albums))
                for name, row in found.files.items()
            }
            orders = {album: tuple(map(Digest.md5, order)) for album, order in found.orders.items()}
        except (ValidationError, ValueError) as error:
            raise RefusedError(f"{path} is damaged.", status=0, hint=hint) from error
        if found.version != 1:
            raise RefusedError(f"{path} is of a newer picsync.", status=0, hint="Update picsync.")
        return cls(found.albums, files, orders)

    def text(self) -> bytes:
        """Return the content of the file."""
        files = {
            name: {
                "md5": own.digest.hex,
                "content_hash": own.content_hash,
                "filename": own.filename,
                "albums": sorted(own.albums),
            }
            for name, own in sorted(self.files.items())
        }
        orders = {album: [digest.hex for digest in order] for album, order in self.orders.items()}
        whole = {"version": 1, "albums": list(self.albums), "files": files, "orders": orders}
        return (json.dumps(whole, ensure_ascii=False, separators=(",", ":")) + "\n").encode(errors="replace")
