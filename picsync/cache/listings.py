"""The listings of one account in the cache, as sources need them."""

from __future__ import annotations

from picsync.cache.store import Cache
from picsync.core.errors import CacheError
from picsync.core.model import ListingUpdate, StoredListing


class AccountListings:
    """Stores the listings of one account."""

    def __init__(self, cache: Cache, account: str) -> None:
        self._cache = cache
        self._account = account

    async def load(self, album: str) -> StoredListing | None:
        """Return what is stored of a listing; None if nothing is, or it cannot be read."""
        try:
            return await self._cache.listing(self._account, album)
        except CacheError:
            return None  # Listing from the beginning is always right.

    async def save(self, album: str, change: ListingUpdate) -> None:
        """Store a cursor and the entries that have changed, in one transaction; raises CacheError."""
        await self._cache.record_listing(self._account, album, change)
