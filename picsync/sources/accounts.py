"""A source of an account that has a name of its own: what it lists belongs to that account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from picsync.core.errors import LoginNeeded
from picsync.core.model import Finding, Listing, MediaItem, SourceAlbum
from picsync.sources.base import Sink, Source, SourceCapabilities, TellsChanges


class AccountSource:
    """Puts the account's name into the items of a source, and takes it out of those it is asked for.

    So the IDs of two accounts of a kind never mix, in the cache or in a plan, and no kind has to know.
    """

    def __init__(self, source: Source, account: str, *, login_command: bool = False) -> None:
        self.source = source
        """The source itself."""
        self._kind = source.capabilities.kind
        self._account = account
        self._login_command = login_command

    @property
    def capabilities(self) -> SourceCapabilities:
        """The source's, with the account in its title."""
        own = self.source.capabilities
        return replace(own, title=f"{own.title} ({self._account})")

    async def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield the source's albums."""
        with self._named():
            async for album in self.source.albums():
                yield album

    async def list(self, album_id: str) -> Listing:
        """Return the source's listing as one of the account."""
        with self._named():
            listing = await self.source.list(album_id)
        items = tuple(replace(item, source=self._account) for item in listing.items)
        return replace(listing, source=self._account, items=items)

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Download an item by the name that the source knows it by."""
        with self._named():
            await self.source.download(replace(item, source=self._kind), sink)

    async def examine(self) -> Sequence[Finding]:
        """Return what the source finds, with the account in each subject."""
        with self._named():
            found = await self.source.examine()
        return [replace(one, subject=f"{one.subject} ({self._account})") for one in found]

    async def aclose(self) -> None:
        """Close the source."""
        await self.source.aclose()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say in a login error which account the commands in its hint are for."""
        try:
            yield
        except LoginNeeded as error:
            if self._login_command:
                error.hint = f"{error.hint} Add `--account {self._account}` to the command.".lstrip()
            raise


class _Telling(AccountSource):
    def __init__(self, source: TellsChanges, account: str, *, login_command: bool) -> None:
        super().__init__(source, account, login_command=login_command)  # type: ignore[arg-type] # it is both
        self._telling = source

    async def changed(self, album_id: str) -> None:
        """Return once the source says that an album has changed."""
        await self._telling.changed(album_id)


def with_account(source: Source, account: str, *, login_command: bool = False) -> Source:
    """Return the source as that of an account with a name of its own.

    `login_command` tells whether the hints of login errors name commands that take `--account`.
    """
    if isinstance(source, TellsChanges):
        return _Telling(source, account, login_command=login_command)
    return AccountSource(source, account, login_command=login_command)
