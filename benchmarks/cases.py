"""The rows of the tables."""

from __future__ import annotations

from benchmarks.running import Case

SMALL_BYTES = 3_000
"""Where no photo moves, its size does not matter."""

FIRST_OF_OTHER_KINDS = ("link-first", "immich-first", "folder-first", "picked-first")

QUICK = [
    Case("first", 100),
    Case("first", 100, "lan"),
    Case("steady", 2_000, photo_bytes=SMALL_BYTES),
    Case("link-steady", 1_000, photo_bytes=SMALL_BYTES),
    Case("immich-steady", 5_000, "lan", SMALL_BYTES),
    Case("news", 300),
    Case("lost-cache", 100),
    Case("small-albums-steady", 200, photo_bytes=SMALL_BYTES),
    Case("steady", 5_000, "lan", SMALL_BYTES),
]
"""Within four minutes."""

EVERYTHING = [
    Case("first", 300),
    Case("first", 300, serial=True),
    Case("first", 1_000),
    Case("first", 300, "lan"),
    *(Case(name, 300, wire) for name in FIRST_OF_OTHER_KINDS for wire in ("home", "lan")),
    *(Case("steady", size, photo_bytes=SMALL_BYTES) for size in (100, 2_000)),
    *(Case("steady", size, "lan", SMALL_BYTES) for size in (1_000, 5_000, 20_000, 50_000)),
    *(Case("link-steady", 1_000, wire, SMALL_BYTES) for wire in ("home", "lan")),
    Case("immich-steady", 5_000, "lan", SMALL_BYTES),
    Case("news", 300),
    Case("news", 2_000),
    Case("lost-cache", 300),
    Case("small-albums", 1_000),
    Case("small-albums-steady", 1_000, photo_bytes=SMALL_BYTES),
    Case("large", 20, "lan", 30_000_000),
]
"""Within half an hour."""
