"""Base URLs: bearer URLs that expire, differ in every response, and do not contain the item's ID."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import itertools
import secrets
import struct

_BODY = struct.Struct(">QQ")
_NONCE = struct.Struct(">Q")
_MAC_BYTES = 16


class BaseUrls:
    """Creates and reads the opaque part of base URLs; keeps no state per URL."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._nonces = itertools.count(secrets.randbits(32))

    def issue(self, number: int, at: float) -> str:
        """Return a token for an item's internal number, issued at a time."""
        nonce = _NONCE.pack(next(self._nonces))
        body = _xor(_BODY.pack(number, int(at * 1000)), self._digest(b"stream" + nonce, _BODY.size))
        mac = self._digest(b"mac" + nonce + body, _MAC_BYTES)
        # Real ones are much longer, so that clients that truncate URLs fail.
        padding = self._digest(b"pad" + nonce, 60)
        return base64.urlsafe_b64encode(nonce + body + mac + padding).decode().rstrip("=")

    def read(self, token: str) -> tuple[int, float] | None:
        """Return the item's number and the time of issue; None for an unknown token."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        nonce, rest = raw[: _NONCE.size], raw[_NONCE.size :]
        body, mac = rest[: _BODY.size], rest[_BODY.size : _BODY.size + _MAC_BYTES]
        if not hmac.compare_digest(mac, self._digest(b"mac" + nonce + body, _MAC_BYTES)):
            return None
        number, at_ms = _BODY.unpack(_xor(body, self._digest(b"stream" + nonce, _BODY.size)))
        return number, at_ms / 1000

    def _digest(self, message: bytes, size: int) -> bytes:
        return hashlib.blake2b(message, key=self._key, digest_size=size).digest()


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
