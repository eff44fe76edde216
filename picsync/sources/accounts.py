"""Wraps the source of a named account, so that its items carry the account's name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from picsync.core.errors import ItemError, LoginNeeded
from picsync.core.model import Finding, Listing, MediaItem, SourceAlbum
from picsync.sources.base import (
    ListingMemory,
    NoticesChanges,
    Rates,
    Remembers,
    Sink,
    Source,
    SourceCapabilities,
    Thumbnails,
)


class AccountSource:
    """Replaces the kind by the account's name in listed items, and back in requested ones.

    The IDs of two accounts of the same kind therefore never mix, in the cache or in a plan, and no kind has
    to know about accounts.
    """

    def __init__(self, source: Source, account: str, *, login_command: str = "") -> None:
        self.source = source
        """The wrapped source."""
        self._kind = source.capabilities.kind
        self._account = account
        self._login_command = login_command

    @property
    def capabilities(self) -> SourceCapabilities:
        """The source's capabilities, with the account in the title."""
        own = self.source.capabilities
        return replace(own, title=f"{own.title} ({self._account})")

    async def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield the source's albums."""
        with self._named():
            async for album in self.source.albums():
                yield album

    async def list(self, album_id: str) -> Listing:
        """Return the source's listing, attributed to the account."""
        with self._named():
            listing = await self.source.list(album_id)
        items = tuple(replace(item, source=self._account) for item in listing.items)
        return replace(listing, source=self._account, items=items)

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Download an item, under the name that the source itself uses."""
        with self._named():
            await self.source.download(replace(item, source=self._kind), sink)

    def list_ratings(self, album_id: str) -> None:
        """Have the source's listings contain ratings, if it has some."""
        if isinstance(self.source, Rates):
            self.source.list_ratings(album_id)

    async def thumbnail(self, item: MediaItem, sink: Sink) -> None:
        """Write the source's small version of an item."""
        if not isinstance(self.source, Thumbnails):
            raise ItemError("This source has no small versions.")
        with self._named():
            await self.source.thumbnail(replace(item, source=self._kind), sink)

    def remember_in(self, memory: ListingMemory) -> None:
        """Have the source keep its listings in `memory`, if it can; that is already the account's."""
        if isinstance(self.source, Remembers):
            self.source.remember_in(memory)

    async def examine(self) -> Sequence[Finding]:
        """Return the source's findings, with the account in each subject."""
        with self._named():
            found = await self.source.examine()
        return [replace(one, subject=f"{one.subject} ({self._account})") for one in found]

    async def aclose(self) -> None:
        """Close the source."""
        await self.source.aclose()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the account in the command that a login error's hint tells to run."""
        try:
            yield
        except LoginNeeded as error:
            error.hint = hint_of_account(error.hint, self._login_command, self._account)
            raise


class _NoticingAccountSource(AccountSource):
    def __init__(self, source: NoticesChanges, account: str, *, login_command: str) -> None:
        super().__init__(source, account, login_command=login_command)  # type: ignore[arg-type] # it is both
        self._noticing = source

    async def changed(self, album_id: str) -> None:
        """Return once an album has changed."""
        await self._noticing.changed(album_id)


def hint_of_account(hint: str, command: str, account: str) -> str:
    """Return a hint in which `command` is the one for the account, however often it was named already."""
    option = f"{command} --account {account}"
    return hint.replace(option, command).replace(command, option) if command else hint


def with_account(source: Source, account: str, *, login_command: str = "") -> Source:
    """Return the source, attributed to a named account.

    `login_command` is the command that the hints of login errors name, if it takes `--account`.
    """
    if isinstance(source, NoticesChanges):
        return _NoticingAccountSource(source, account, login_command=login_command)
    return AccountSource(source, account, login_command=login_command)
