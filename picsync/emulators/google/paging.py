"""Pages of a listing, with all surprises that were observed in Google's pages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from picsync.emulators.google.errors import invalid
from picsync.emulators.google.options import GoogleOptions

T = TypeVar("T")
_MAC_BYTES = 12


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The requested page of a listing."""

    size: int
    token: str
    listing: str
    """All other parameters; a token is valid for the same listing only."""


class Pager:
    """Splits listings into pages; tokens are opaque and contain the position."""

    def __init__(self, options: GoogleOptions) -> None:
        self._options = options
        self._key = secrets.token_bytes(16)

    def size(self, value: object, *, default: int, maximum: int) -> int:
        """Return the page size for the requested one; raises ApiError if it is not allowed."""
        try:
            size = int(str(value)) if value not in (None, "") else 0
        except ValueError:
            raise invalid(f"Invalid value at 'page_size' (TYPE_INT32), \"{value}\"") from None
        if size < 0 or (size > maximum and not self._options.coerce_page_size):
            raise invalid(f"Page size must be between 0 and {maximum}.")
        return min(size or default, maximum)

    def page(self, entries: Sequence[T], request: PageRequest) -> tuple[Sequence[T], str]:
        """Return the requested page's entries and the token of the next one, empty at the end."""
        options = self._options
        offset, number = self._read(request) if request.token else (0, 0)
        if options.empty_page_every and number % options.empty_page_every == options.empty_page_every - 1:
            return (), self._token(request.listing, offset, number + 1)
        begin = max(0, offset - options.repeat_entries)
        end = begin + min(request.size, options.page_cap or request.size)
        # Repeats must not stop a listing from advancing.
        end = max(end, min(offset + 1, len(entries)))
        token = ""
        if end < len(entries) or (options.final_empty_page and entries[begin:end]):
            token = self._token(request.listing, min(end, len(entries)), number + 1)
        if options.stuck_token_from is not None and number >= options.stuck_token_from:
            token = request.token or token
        return entries[begin:end] if offset < len(entries) else (), token

    def _token(self, listing: str, offset: int, number: int) -> str:
        body = json.dumps([offset, number]).encode()
        return base64.urlsafe_b64encode(self._mac(listing, body) + body).decode().rstrip("=")

    def _read(self, request: PageRequest) -> tuple[int, int]:
        try:
            raw = base64.urlsafe_b64decode(request.token + "=" * (-len(request.token) % 4))
        except (binascii.Error, ValueError):
            raise invalid("Page token is invalid.") from None
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(request.listing, body)):
            raise invalid("Page token is invalid.")
        offset, number = json.loads(body)
        return offset, number

    def _mac(self, listing: str, body: bytes) -> bytes:
        message = listing.encode() + b"\0" + body
        return hashlib.blake2b(message, key=self._key, digest_size=_MAC_BYTES).digest()


def listing_key(method: str, client_id: str, asked: Mapping[str, Any]) -> str:
    """Return a key that identifies a listing, independent of the page."""
    return json.dumps([method, client_id, dict(asked)], sort_keys=True, default=str)
