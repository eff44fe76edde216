"""Splits HEIF pictures that consist of tiles (ISO/IEC 23008-12, derived image `grid`) into rows of tiles.

Phones write large pictures as a grid. A decoder makes the whole picture of it, which takes 8 bytes per pixel;
row by row, it takes a twentieth. A row is the same file with a few numbers changed: how many rows the grid
has, its height, and which tiles belong to it. The length of nothing changes. A file in which anything is
unusual is not split.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import field

from picsync.core.values import dataclass
from picsync.media.boxes import Box, boxes

_MAX_TILES = 4_096
_FULL = 4
"""Bytes of version and flags."""
_ALPHA = (b"auxid:1\0", b"auxiliary:alpha\0")
"""Ends of the names that transparency has; it would have to be split as well."""
_TURNS = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, -1, 1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, 1, -1, 0): 8,
}
"""Where the axes of the stored picture go -> how Exif calls it."""
_QUARTER_TURN = (0, 1, -1, 0)
_MIRRORED = ((1, 0, 0, -1), (-1, 0, 0, 1))


@dataclass(frozen=True, slots=True)
class Grid:
    """A picture of tiles."""

    width: int
    height: int
    """As stored, before it is turned."""
    turned: int
    """How it is turned, as Exif says it."""
    rows: int
    row_height: int
    data: bytearray = field(repr=False)
    _columns: int
    _tiles: tuple[int, ...]
    _payload: int
    """Offset of the grid's description."""
    _reference: int
    """Offset of the list of tiles."""
    _extent: int
    """Offset of the box with the size."""

    def row(self, number: int) -> bytes:
        """Return a file with only the tiles of one row, not turned."""
        height = min(self.row_height, self.height - number * self.row_height)
        self.data[self._payload + 2] = 0
        wide = self.data[self._payload + 1] & 1
        place = self._payload + (8 if wide else 6)
        self.data[place : place + (4 if wide else 2)] = height.to_bytes(4 if wide else 2)
        self.data[self._extent + 8 : self._extent + 12] = height.to_bytes(4)
        shown = self._tiles[number * self._columns : (number + 1) * self._columns]
        others = [tile for tile in self._tiles if tile not in shown]
        source = self.data[self._reference + 8 : self._reference + 10]
        # The tiles of the other rows go into a reference of a type that no one knows.
        references = (
            struct.pack(">I4s2sH", 12 + 2 * len(shown), b"dimg", bytes(source), len(shown))
            + struct.pack(f">{len(shown)}H", *shown)
            + struct.pack(">I4s2sH", 2 * len(others), b"skip", bytes(source), len(others) - 6)
            + struct.pack(f">{len(others) - 6}H", *others[: len(others) - 6])
        )
        self.data[self._reference : self._reference + len(references)] = references
        return bytes(self.data)


def read_grid(data: bytes) -> Grid | None:
    """Return the grid that the primary picture is; None if it is none, or none that can be split."""
    try:
        return _read(data)
    except (struct.error, ValueError, KeyError, IndexError, StopIteration):
        return None


def _read(data: bytes) -> Grid | None:
    file = io.BytesIO(data)
    meta = next(box for box in boxes(file, 0, len(data)) if box.kind == b"meta")
    parts = {box.kind: box for box in boxes(file, meta.body + _FULL, meta.end)}
    if any(name in data[meta.body : meta.end] for name in _ALPHA):
        return None
    primary = _number(data, parts[b"pitm"].body + _FULL, 2 if data[parts[b"pitm"].body] == 0 else 4)
    if _kinds(data, file, parts[b"iinf"]).get(primary) != b"grid":
        return None
    reference, tiles = _tiles(data, file, parts[b"iref"], primary)
    payload = _payload(data, parts, primary)
    wide = data[payload + 1] & 1
    rows, columns = data[payload + 2] + 1, data[payload + 3] + 1
    size = struct.unpack_from(">II" if wide else ">HH", data, payload + 4)
    changed = bytearray(data)
    inner = {box.kind: box for box in boxes(file, parts[b"iprp"].body, parts[b"iprp"].end)}
    properties = list(boxes(file, inner[b"ipco"].body, inner[b"ipco"].end))
    associations = _associations(data, inner[b"ipma"])
    turn, extent = (1, 0, 0, 1), None
    for place, width, index in associations[primary]:
        box = properties[index - 1]
        match box.kind:
            case b"irot":
                for _ in range(data[box.body] & 3):
                    turn = _after(_QUARTER_TURN, turn)
            case b"imir":
                turn = _after(_MIRRORED[data[box.body] & 1], turn)
            case b"ispe":
                extent = box
                continue
            case b"clap":
                return None
            case _:
                continue
        changed[place : place + width] = bytes(width)
    tile_extent = next(
        properties[index - 1]
        for _, _, index in associations[tiles[0]]
        if properties[index - 1].kind == b"ispe"
    )
    row_height = _number(data, tile_extent.body + 8, 4)
    usual = (
        extent is not None
        and extent != tile_extent
        and len(tiles) == len(set(tiles)) == rows * columns <= _MAX_TILES
        and len(tiles) - columns > 6
        and size == struct.unpack_from(">II", data, extent.body + 4)
        and 0 < (rows - 1) * row_height < size[1] <= rows * row_height
    )
    if not usual or extent is None:
        return None
    return Grid(
        size[0],
        size[1],
        _TURNS[turn],
        rows,
        row_height,
        changed,
        columns,
        tiles,
        payload,
        reference,
        extent.body,
    )


def _after(second: tuple[int, ...], first: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the turn that two turns make together."""
    a, b, c, d = second
    e, f, g, h = first
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def _number(data: bytes, offset: int, size: int) -> int:
    if offset + size > len(data):
        raise ValueError("beyond the end")
    return int.from_bytes(data[offset : offset + size])


def _kinds(data: bytes, file: io.BytesIO, table: Box) -> dict[int, bytes]:
    """Return the kind of each item."""
    first = table.body + _FULL + (2 if data[table.body] == 0 else 4)
    found = {}
    for entry in boxes(file, first, table.end):
        size = 4 if data[entry.body] == 3 else 2
        found[_number(data, entry.body + _FULL, size)] = data[entry.body + _FULL + size + 2 :][:4]
    return found


def _tiles(data: bytes, file: io.BytesIO, table: Box, primary: int) -> tuple[int, tuple[int, ...]]:
    """Return the offset of the list of tiles, and the tiles."""
    if data[table.body] != 0:
        raise ValueError("long numbers of items")
    for box in boxes(file, table.body + _FULL, table.end):
        if (
            box.kind == b"dimg"
            and _number(data, box.body, 2) == primary
            and box.body == box.end - 4 - 2 * (count := _number(data, box.body + 2, 2))
        ):
            return box.body - 8, struct.unpack_from(f">{count}H", data, box.body + 4)
    raise ValueError("no tiles")


def _payload(data: bytes, parts: dict[bytes, Box], primary: int) -> int:
    """Return the offset of the description of the grid."""
    table = parts[b"iloc"]
    version, sizes = data[table.body], _number(data, table.body + _FULL, 2)
    offset_size, length_size, base_size, index_size = (
        sizes >> 12,
        sizes >> 8 & 15,
        sizes >> 4 & 15,
        sizes & 15,
    )
    place = table.body + _FULL + 2
    number_size = 4 if version == 2 else 2
    count = _number(data, place, number_size)
    place += number_size
    for _ in range(min(count, 4 * _MAX_TILES)):
        item = _number(data, place, number_size)
        place += number_size
        method = 0
        if version:
            method = _number(data, place, 2) & 15
            place += 2
        base = _number(data, place + 2, base_size)
        place += 2 + base_size
        extents = _number(data, place, 2)
        place += 2
        if item == primary:
            if extents != 1 or method > 1:
                break
            place += index_size if version else 0
            start = base + _number(data, place, offset_size)
            return start + (parts[b"idat"].body if method == 1 else 0)
        place += extents * (offset_size + length_size + (index_size if version else 0))
    raise ValueError("no description")


def _associations(data: bytes, table: Box) -> dict[int, list[tuple[int, int, int]]]:
    """Return the properties of each item: offset and size of each association, and the property's number."""
    number_size = 2 if data[table.body] == 0 else 4
    size = 2 if data[table.body + 3] & 1 else 1
    place = table.body + _FULL
    count = _number(data, place, 4)
    place += 4
    found: dict[int, list[tuple[int, int, int]]] = {}
    for _ in range(min(count, 4 * _MAX_TILES)):
        item = _number(data, place, number_size)
        of_item = data[place + number_size]
        place += number_size + 1
        found[item] = list(_properties(data, place, of_item, size))
        place += of_item * size
    return found


def _properties(data: bytes, place: int, count: int, size: int) -> Iterator[tuple[int, int, int]]:
    for at in range(place, place + count * size, size):
        index = _number(data, at, size) & (0x7FFF if size == 2 else 0x7F)
        if index:
            yield at, size, index
