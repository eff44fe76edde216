"""What picsync.yaml may refer to, and the context in which it is validated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Any

from pydantic import BaseModel

from picsync.config.named import needs_no_entry
from picsync.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """What picsync.yaml may refer to: kinds, and accounts of the credentials file."""

    sources: Mapping[str, Any]
    """Name under `sources:`, of a kind or an account -> the type of one entry of its list."""
    frames: Mapping[str, type[BaseModel] | None] = field(default_factory=dict)
    """Kind of frame -> the model of its options, None if it has none."""
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Name of an account -> its kind."""
    without_account: Collection[str] = ()
    """Kinds of frames that belong to no account."""
    captioned: Collection[str] = ()
    """Kinds of frames that can show captions of their own."""
    stores: Collection[str] = ()
    """Kinds of accounts that hold files."""

    def is_frame(self, name: str) -> bool:
        """Whether a rule may name this frame without an entry under `frames:`."""
        kind = self.accounts.get(name, name)
        return kind in self.frames and needs_no_entry(self.frames[kind])


@dataclass(frozen=True, slots=True)
class Checks:
    """The context of validating one file."""

    known: Known
    pairs: set[tuple[str, str]] = field(default_factory=set)
    """Name and frame of the album rules seen so far."""
