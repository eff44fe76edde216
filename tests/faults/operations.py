"""Every kind of request that picsync sends, by service, and how to recognise it at the wire.

The trials of the kinds have the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from picsync.http.retry import Operation
from tests.faults.tables import googlephotos
from tests.faults.tables.table import Place, Table
from tests.trials import kinds, trial_of

FRAME = "nixplay"
LIBRARY = googlephotos.LIBRARY
"""The host of Google's Library API."""

TABLES: Mapping[str, Table] = {
    kind.name: table for kind in kinds() if (table := trial_of(kind).requests) is not None
}
"""By the kind's name in picsync.yaml."""

PLACES: Mapping[Operation, Place] = {
    operation: place for table in TABLES.values() for operation, place in table.places.items()
}
SWAPS: Mapping[Operation, tuple[Operation, ...]] = {
    operation: others for table in TABLES.values() for operation, others in table.swaps.items()
}
UNREAD = frozenset().union(*(table.unread for table in TABLES.values()))
DOWNLOADS = frozenset().union(*(table.downloads for table in TABLES.values()))
WRITES = frozenset().union(*(table.writes for table in TABLES.values()))
"""Requests that may change something; only their effect can be lost with the response."""


@cache
def operation_of(method: str, host: str, path: str) -> Operation:
    """Return the kind of a request; raises LookupError for one that is in no table."""
    found = [operation for operation, place in PLACES.items() if place.matches(method, host, path)]
    if len(found) != 1:
        raise LookupError(f"{method} {host}{path} is of {len(found)} kinds")
    return found[0]
