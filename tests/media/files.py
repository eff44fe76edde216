"""Small files with the structure that cameras and programs write, but without pictures."""

from __future__ import annotations

import struct


def tiff(
    entries: dict[int, int | bytes], *, order: str = "<", inner: dict[int, int | bytes] | None = None
) -> bytes:
    """Return a TIFF file whose first directory has these tags: numbers, or texts.

    `inner` is a directory that tag 330 of the first one points to.
    """
    start = 8
    magic = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    if inner is not None:
        first = _directory({**entries, 330: 0}, order, start)
        return (
            magic
            + _directory({**entries, 330: start + len(first)}, order, start)
            + _directory(inner, order, start + len(first))
        )
    return magic + _directory(entries, order, start)


def _directory(entries: dict[int, int | bytes], order: str, at: int) -> bytes:
    table, behind = b"", b""
    after = at + 2 + 12 * len(entries) + 4
    for tag, value in sorted(entries.items()):
        if isinstance(value, bytes):
            table += struct.pack(f"{order}HHII", tag, 2, len(value) + 1, after + len(behind))
            behind += value + b"\0"
        elif value > 0xFFFF or tag == 330:
            table += struct.pack(f"{order}HHII", tag, 4, 1, value)
        else:
            table += struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0)
    return struct.pack(f"{order}H", len(entries)) + table + bytes(4) + behind


def box(kind: bytes, *contents: bytes) -> bytes:
    """Return a box of the ISO base media file format."""
    body = b"".join(contents)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    """Return the box that such a file begins with."""
    return box(b"ftyp", major, bytes(4), *compatible)


def heif(brand: tuple[bytes, ...], codings: tuple[bytes, ...]) -> bytes:
    """Return a HEIF file with an item of each coding."""
    items = [
        box(b"infe", b"\2\0\0\0", struct.pack(">HH", number, 0), coding, b"\0")
        for number, coding in enumerate(codings, start=1)
    ]
    table = box(b"iinf", bytes(4), struct.pack(">H", len(items)), *items)
    return (
        ftyp(*brand)
        + box(b"meta", bytes(4), box(b"pitm", bytes(4), b"\0\1"), table)
        + box(b"mdat", bytes(50))
    )


def movie(*, index_last: bool = True) -> bytes:
    """Return an MP4 file with an index of nothing."""
    parts = [box(b"mdat", bytes(200)), box(b"moov", box(b"mvhd", bytes(100)))]
    return ftyp(b"isom", b"mp42") + b"".join(parts if index_last else reversed(parts))
