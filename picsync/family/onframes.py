"""Which frames show a photo now, as the cycles say. Kept in memory: every cycle says it again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import sqlalchemy as sa

from picsync.family.state import tables
from picsync.family.state.database import State


class OnFrames:
    """What the frames show; nothing until their first cycle has ended."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._shown: dict[str, tuple[str, Collection[str]]] = {}
        """Rule on a frame -> the frame, and the keys of the items that it shows of the rule."""

    def note(self, rule: str, frame: str, items: Collection[str]) -> None:
        """Take note of what a rule has on a frame now, by the keys of the items."""
        self._shown[rule] = (frame, items)

    async def of(self, photos: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """Return the names of the frames that show each of the photos; those on no frame are missing.

        Raises StateError.
        """
        if not self._shown:
            return {}
        wanted = sa.select(tables.item).where(tables.item.c.photo.in_(list(photos)))
        rows = await self._state.read(lambda connection: connection.execute(wanted).all())
        found: dict[str, set[str]] = {}
        for row in rows:
            frames = {frame for frame, items in self._shown.values() if row.item in items}
            if frames:
                found.setdefault(row.photo, set()).update(frames)
        return {photo: sorted(frames) for photo, frames in found.items()}
