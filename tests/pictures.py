"""Pictures with a valid structure and the content that a test wants."""

from __future__ import annotations


def jpeg(content: bytes | str) -> bytes:
    """Return a JPEG without any pixels: a comment, a scan of nothing, and the end."""
    comment = content.encode() if isinstance(content, str) else content
    return b"\xff\xd8\xff\xfe%b%b\xff\xda\0\2\xff\xd9" % ((len(comment) + 2).to_bytes(2), comment)


def fitting_jpeg(content: bytes | str, width: int = 16, height: int = 16) -> bytes:
    """Return a baseline JPEG in 4:2:0, as every frame shows it; its scan has nothing."""
    frame = b"\xff\xc0\0\x11\x08%b%b\x03\x01\x22\0\x02\x11\x01\x03\x11\x01" % (
        height.to_bytes(2),
        width.to_bytes(2),
    )
    return jpeg(content).replace(
        b"\xff\xda\0\2", frame + b"\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0", 1
    )
