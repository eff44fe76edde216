"""Dropbox's hash of a file's bytes: SHA-256 over the joined SHA-256 digests of its blocks."""

from __future__ import annotations

import hashlib

from picsync.emulators.google.content import Content

BLOCK_BYTES = 4 * 2**20


def content_hash(content: Content) -> str:
    """Return the hash of a file's bytes."""
    whole, block, room = hashlib.sha256(), hashlib.sha256(), BLOCK_BYTES
    for chunk in content.chunks():
        view = memoryview(chunk)
        while view:
            piece = view[:room]
            block.update(piece)
            room -= len(piece)
            view = view[len(piece) :]
            if not room:
                whole.update(block.digest())
                block, room = hashlib.sha256(), BLOCK_BYTES
    if room < BLOCK_BYTES:
        whole.update(block.digest())
    return whole.hexdigest()
