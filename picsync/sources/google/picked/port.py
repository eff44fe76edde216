"""The port of a service on whose pages the user picks pictures for an app without other access."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime
from typing import Protocol

from picsync.core.model import MediaItem
from picsync.core.values import dataclass
from picsync.sources.base import Sink


@dataclass(frozen=True, slots=True)
class PickingSession:
    """One picking session of the user."""

    session_id: str
    url: str = field(repr=False)
    """The page for the user; useless once they have pressed Done."""
    done: bool
    """Whether the user has pressed Done."""
    poll_after_s: float = 5.0
    """How long to wait before polling again."""
    patience_s: float = 0.0
    """How long to keep polling; 0 if the service does not say."""
    expires_at: datetime | None = None
    """Aware UTC. Until then the picked items can be listed and downloaded."""


class Picker(Protocol):
    """Such a service. Every method raises LoginNeeded, TransientError, RefusedError and ProtocolError."""

    async def begin(self) -> PickingSession:
        """Start a session."""

    async def session(self, session_id: str) -> PickingSession:
        """Return a session's state; raises NotFoundError if it has ended."""

    async def picked(self, session_id: str) -> Sequence[MediaItem]:
        """Return everything that was picked, each item once, or raise an error."""

    async def download(self, session_id: str, item: MediaItem, sink: Sink) -> None:
        """Write an item's complete original to `sink`; raises ItemError if it is unavailable."""

    async def end(self, session_id: str) -> None:
        """End a session; succeeds if it has already ended."""
