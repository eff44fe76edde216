"""A service in whose own pages the user picks single pictures, for an app that may see nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from picsync.core.model import MediaItem
from picsync.sources.base import Sink


@dataclass(frozen=True, slots=True)
class PickingSession:
    """One time that the user picks."""

    session_id: str
    url: str = field(repr=False)
    """The page for the person; of no use once they have pressed Done."""
    done: bool
    """Whether they have."""
    poll_after_s: float = 5.0
    """How long to wait before asking again."""
    patience_s: float = 0.0
    """How long to go on asking; 0 where the service does not say."""
    expires_at: datetime | None = None
    """Aware UTC. Until then the picked items can be listed and downloaded."""


class Picker(Protocol):
    """Such a service. Every method raises LoginNeeded, TransientError, RefusedError and ProtocolError."""

    async def begin(self) -> PickingSession:
        """Begin a session."""

    async def session(self, session_id: str) -> PickingSession:
        """Return how a session stands; raises NotFoundError if it is over."""

    async def picked(self, session_id: str) -> Sequence[MediaItem]:
        """Return everything that was picked, each item once; it is all or an error."""

    async def download(self, session_id: str, item: MediaItem, sink: Sink) -> None:
        """Bring an item's original into `sink`, whole; raises ItemError if that is not to be had."""

    async def end(self, session_id: str) -> None:
        """End a session; fine if it is over."""
