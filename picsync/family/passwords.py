"""Passwords as they are stored: scrypt of the standard library, which needs no further package.

The cost is one of those that OWASP recommends for scrypt: 16 MiB, about 0.2 s. Those that need more memory
protect no better, and picsync runs on small machines.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata

MIN_LENGTH = 10
MAX_LENGTH = 200
_COST, _BLOCK, _PARALLEL = 14, 8, 5
"""Logarithm of N, r and p."""
_SALT_BYTES = 16
_MAX_BYTES = 64 << 20
"""Memory that stored parameters may ask for."""


class WeakPasswordError(ValueError):
    """A password is too short or too simple; the message says which."""


def check(password: str, name: str) -> None:
    """Raise WeakPasswordError for a password that somebody called `name` must not use."""
    if not MIN_LENGTH <= len(_normal(password)) <= MAX_LENGTH:
        raise WeakPasswordError(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    if len(set(password)) < MIN_LENGTH // 2:
        raise WeakPasswordError("it has too few different characters")
    if _normal(password).casefold() == _normal(name).casefold():
        raise WeakPasswordError("it is the name")


def stored(password: str) -> str:
    """Return a password as it is stored. Takes 0.2 s of a processor."""
    salt = secrets.token_bytes(_SALT_BYTES)
    derived = _derived(password, salt, _COST, _BLOCK, _PARALLEL)
    return f"scrypt${_COST}${_BLOCK}${_PARALLEL}${salt.hex()}${derived.hex()}"


def matches(password: str, known: str | None) -> bool:
    """Whether a password is the one that was stored. Without one, it takes as long, and the answer is no."""
    if known is None:
        _derived(password, bytes(_SALT_BYTES), _COST, _BLOCK, _PARALLEL)
        return False
    try:
        _, cost, block, parallel, salt, derived = known.split("$")
        found = _derived(password, bytes.fromhex(salt), int(cost), int(block), int(parallel))
        return hmac.compare_digest(found, bytes.fromhex(derived))
    except ValueError:
        return False  # It was written by another version, or is damaged.


def _derived(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    content = _normal(password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(content, salt=salt, n=1 << cost, r=block, p=parallel, maxmem=_MAX_BYTES, dklen=32)


def _normal(password: str) -> str:
    """Return a password as all keyboards write it: an accent is one character or two."""
    return unicodedata.normalize("NFKC", password)
