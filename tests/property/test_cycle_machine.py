"""The machine in memory, where every turn of the loop is the same each time."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.property.machine import SOURCE_ALBUMS, Cycles
from tests.property.memory_world import MemoryWorld


class MemoryCycles(Cycles):
    def open_world(self, limit: int | None) -> MemoryWorld:
        world = MemoryWorld(limit)
        for name in SOURCE_ALBUMS:
            world.source.put_album(name)
        return world


TestMemoryCycles = MemoryCycles.TestCase
TestMemoryCycles.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
