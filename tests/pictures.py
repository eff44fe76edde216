"""Pictures with a valid structure and the content that a test wants."""

from __future__ import annotations


def jpeg(content: bytes | str) -> bytes:
    """Return a JPEG without any pixels: a comment, a scan of nothing, and the end."""
    comment = content.encode() if isinstance(content, str) else content
    return b"\xff\xd8\xff\xfe%b%b\xff\xda\0\2\xff\xd9" % ((len(comment) + 2).to_bytes(2), comment)
