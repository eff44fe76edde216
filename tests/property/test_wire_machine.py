"""The machine over real HTTP; few examples, since each has some hundred requests."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

from tests.property.machine import SOURCE_ALBUMS, Cycles
from tests.property.wire_world import WireWorld


class WireCycles(Cycles):
    def open_world(self, limit: int | None) -> WireWorld:
        world = WireWorld(limit)
        for name in SOURCE_ALBUMS:
            world.add_source_album(name)
        return world


TestWireCycles = WireCycles.TestCase
TestWireCycles.settings = settings(
    max_examples=8,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # Requests come in an order that no seed decides, so an example may not fail twice alike.
    phases=(Phase.explicit, Phase.generate),
)
