"""Colour profiles for tests, made from their published numbers."""

from __future__ import annotations

import struct

from picsync.media import icc

DISPLAY_P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}
SRGB = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.7141),
}


def parametric() -> bytes:
    """Return the curve of sRGB by its formula."""
    values = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para" + bytes(4) + struct.pack(">HH5i", 3, 0, *(round(each * 65536) for each in values))


def sampled(gamma: float, count: int = 1024) -> bytes:
    """Return a curve as a table."""
    table = [round(65535 * (at / (count - 1)) ** gamma) for at in range(count)]
    return b"curv" + bytes(4) + struct.pack(f">I{count}H", count, *table)


def matrix(primaries: dict[bytes, tuple[float, float, float]], curve: bytes | None = None) -> bytes:
    """Return a profile of a display."""
    tags = {name: _xyz(value) for name, value in primaries.items()}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve or parametric())
    return profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey(gamma: float) -> bytes:
    """Return a profile of grey."""
    curve = b"curv" + bytes(4) + struct.pack(">IHH", 1, round(gamma * 256), 0)
    return profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve})


def cmyk() -> bytes:
    """Return a profile of a printer whose inks are those that Lab values say: cyan is blue, yellow is red."""
    inks = []
    for index in range(16):
        cyan, magenta, yellow, black = index >> 3 & 1, index >> 2 & 1, index >> 1 & 1, index & 1
        if black or cyan + magenta + yellow > 1:
            inks.append((0, 128, 128))
        elif cyan:
            inks.append((80, 190, 60))
        elif magenta:
            inks.append((140, 60, 190))
        elif yellow:
            inks.append((135, 208, 195))
        else:
            inks.append((255, 128, 128))
    identity = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0))
    lut += struct.pack(">9i", *(65536 if place % 4 == 0 else 0 for place in range(9)))
    lut += identity * 4 + b"".join(map(bytes, inks)) + identity * 3
    return profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut})


def profile(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return a profile with these tags and those that are mandatory."""
    text = b"made for a test\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(81),
        b"cprt": b"text" + bytes(4) + b"none\0\0\0\0",
        b"wtpt": _xyz((0.9642, 1.0, 0.8249)),
        **tags,
    }
    at = icc.HEADER_BYTES + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += struct.pack(">4sII", name, at + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = bytearray(icc.HEADER_BYTES)
    head[0:4] = struct.pack(">I", icc.HEADER_BYTES + len(table) + len(body))
    head[8:12] = b"\x02\x40\0\0"
    head[12:24] = device + space + connection
    head[36:40] = b"acsp"
    head[68:80] = _xyz((0.9642, 1.0, 0.8249))[8:]
    return bytes(head) + table + body


def _xyz(value: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(each * 65536) for each in value))
