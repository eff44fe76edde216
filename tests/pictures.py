"""Pictures that are whole as far as their structure tells, and hold what a test wants."""

from __future__ import annotations

import struct


def jpeg(content: bytes | str, width: int = 16, height: int = 16) -> bytes:
    """Return a baseline JPEG in 4:2:0, which every frame shows as it is: a comment, and a scan of nothing."""
    comment = content.encode() if isinstance(content, str) else content
    frame = struct.pack(">HBHHB", 17, 8, height, width, 3) + b"\x01\x22\0\x02\x11\x01\x03\x11\x01"
    scan = b"\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0"
    return b"\xff\xd8\xff\xfe%b%b\xff\xc0%b\xff\xda%b\xff\xd9" % (
        (len(comment) + 2).to_bytes(2),
        comment,
        frame,
        scan,
    )
