"""Recognizes sRGB among ICC profiles (ICC.1), and makes the profile that cameras leave out.

Phones, cameras and programs write dozens of different profiles for the same colours, so their numbers are
compared and not their names. The bytes are untrusted; nothing is raised.
"""

from __future__ import annotations

import struct

HEADER_BYTES = 128
_MAX_TAGS = 200
_ENTRY_BYTES = 12
_SIGNATURE = b"acsp"

_SRGB = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
"""Primaries of sRGB for the profile's white (D50), as IEC 61966-2.1 has them after chromatic adaptation."""
_ADOBE_RGB = {
    b"rXYZ": (0.60974, 0.31111, 0.01947),
    b"gXYZ": (0.20528, 0.62567, 0.06087),
    b"bXYZ": (0.14919, 0.06322, 0.74457),
}
"""Those of Adobe RGB (1998)."""
_DISPLAY_P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}
"""Those of Display P3 (SMPTE EG 432-1 with the white of sRGB)."""
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""The parameters of its formula in ICC.1."""
_ADOBE_GAMMA = 563 / 256
_WHITE = (0.9642, 1.0, 0.8249)
_CLOSE = 0.004
"""Difference of primaries that nobody sees; those of Display P3 differ by 0.08."""
_CLOSE_CURVE = 0.012
"""Difference of linear light; of a plain gamma of 2.2 from sRGB it is 0.008."""


def is_valid(profile: bytes) -> bool:
    """Whether the header and the table of tags are those of a profile."""
    return _tags(profile) is not None


def is_srgb(profile: bytes) -> bool | None:
    """Whether a profile describes sRGB; None if it is damaged and describes nothing."""
    tags = _tags(profile)
    if tags is None:
        return None
    if profile[16:20] != b"RGB ":
        return False
    for name, expected in _SRGB.items():
        found = _xyz(tags.get(name, b""))
        if found is None or any(abs(a - b) > _CLOSE for a, b in zip(found, expected, strict=True)):
            return False
    return all(_is_srgb_curve(tags.get(name, b"")) for name in (b"rTRC", b"gTRC", b"bTRC"))


def adobe_rgb() -> bytes:
    """Return a profile of Adobe RGB, which cameras announce by a letter in Exif."""
    return _profile(_ADOBE_RGB, b"curv" + bytes(4) + struct.pack(">IHH", 1, round(_ADOBE_GAMMA * 256), 0))


def display_p3() -> bytes:
    """Return a profile of Display P3, which phones announce by a number in HEIF and AVIF."""
    return _profile(
        _DISPLAY_P3,
        b"para" + bytes(4) + struct.pack(">HH5i", 3, 0, *(round(each * 65536) for each in _SRGB_CURVE)),
    )


def _profile(primaries: dict[bytes, tuple[float, float, float]], curve: bytes) -> bytes:
    values = {name: _xyz_tag(value) for name, value in primaries.items()}
    values |= {b"wtpt": _xyz_tag(_WHITE)} | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    text = b"made by picsync\0"
    values[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78 + 3)
    values[b"cprt"] = b"text" + bytes(4) + b"none\0\0\0\0"
    at = HEADER_BYTES + 4 + _ENTRY_BYTES * len(values)
    table, body = struct.pack(">I", len(values)), b""
    for name, value in sorted(values.items()):
        table += struct.pack(">4sII", name, at + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = bytearray(HEADER_BYTES)
    head[0:4] = struct.pack(">I", HEADER_BYTES + len(table) + len(body))
    head[8:12] = b"\x02\x40\0\0"
    head[12:24] = b"mntrRGB XYZ "
    head[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    head[36:40] = _SIGNATURE
    head[68:80] = _xyz_tag(_WHITE)[8:]
    return bytes(head) + table + body


def _tags(profile: bytes) -> dict[bytes, bytes] | None:
    if len(profile) < HEADER_BYTES + 4 or profile[36:40] != _SIGNATURE:
        return None
    (count,) = struct.unpack_from(">I", profile, HEADER_BYTES)
    if not 0 < count <= _MAX_TAGS or len(profile) < HEADER_BYTES + 4 + _ENTRY_BYTES * count:
        return None
    table = profile[HEADER_BYTES + 4 : HEADER_BYTES + 4 + _ENTRY_BYTES * count]
    return {name: profile[at : at + size] for name, at, size in struct.iter_unpack(">4sII", table)}


def _xyz(tag: bytes) -> tuple[float, float, float] | None:
    if len(tag) < 20 or tag[:4] != b"XYZ ":
        return None
    x, y, z = struct.unpack_from(">3i", tag, 8)
    return x / 65536, y / 65536, z / 65536


def _xyz_tag(value: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(each * 65536) for each in value))


def _is_srgb_curve(tag: bytes) -> bool:
    points = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)
    try:
        return all(abs(_curve(tag, point) - _linear(point)) < _CLOSE_CURVE for point in points)
    except (struct.error, ValueError, OverflowError, ZeroDivisionError, TypeError):
        return False


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _curve(tag: bytes, value: float) -> float:
    """Return the linear light of a value by a curve; raises ValueError if the kind is unknown."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return value
        if count == 1:
            return float(value ** (struct.unpack_from(">H", tag, 12)[0] / 256))
        if count > 4096:
            raise ValueError("a curve with too many points")
        table = struct.unpack_from(f">{count}H", tag, 12)
        return float(table[round(value * (count - 1))] / 65535)
    if tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        size = {0: 1, 3: 5, 4: 7}.get(kind)
        if size is None:
            raise ValueError("an unusual curve")
        found = [each / 65536 for each in struct.unpack_from(f">{size}i", tag, 12)]
        g, a, b, c, d, e, f = found + [0.0] * (7 - size)
        if kind == 0:
            return float(value**g)
        return float((a * value + b) ** g + e if value >= d else c * value + f)
    raise ValueError("no curve")
