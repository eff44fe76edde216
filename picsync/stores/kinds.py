"""The kinds of stores that a place in picsync.yaml may name.

A new kind needs its own package, and one entry here.
"""

from __future__ import annotations

from picsync.config.kinds import Kind
from picsync.stores.base import Store
from picsync.stores.dropbox.kind import STORE as DROPBOX
from picsync.stores.local.kind import STORE as LOCAL

STORES: dict[str, Kind[Store]] = {kind.name: kind for kind in (LOCAL, DROPBOX)}
"""By name."""
