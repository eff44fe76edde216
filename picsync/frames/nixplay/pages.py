"""Reads a listing to its end, page by page, without trusting the pages.

Pages shift while entries are added or removed, may be shorter than requested, and the largest size that the
service accepts is not known. So entries are collected by ID, a short page is not the end unless the announced
number is reached, and a size that the service does not honour is permanently replaced by a smaller one. If
the number is known, the pages are requested concurrently; if the result does not match it, the listing is
read once more, sequentially.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import field
from typing import Generic, Protocol, TypeVar

from picsync.aio.tasks import gather
from picsync.core.errors import ProtocolError, RefusedError
from picsync.core.values import dataclass

PHOTOS = (500, 100)
"""Page sizes of an album's photos: that of the web app (observed), and that of other clients."""

SLIDES = (100,)
"""Page sizes of a playlist's slides: observed to be honoured."""

AT_ONCE = 20
"""Concurrently requested pages: more than the request limit admits, but few if a count is wrong."""

MAX_PAGES = 1_000
"""Far more than an account can hold: a listing with new entries on so many pages never ends."""


class Entry(Protocol):
    """An entry with an ID that is unique in its listing."""

    @property
    def id(self) -> str:
        """The id."""


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True, slots=True)
class Page:
    """The part of a listing to request."""

    number: int
    """From 1."""
    offset: int
    """Number of entries in the pages before it."""
    size: int


class Pager:
    """Collects listings of one kind; remembers which page size the service accepts."""

    def __init__(self, sizes: Sequence[int]) -> None:
        """`sizes` are tried in order; the last one is known to be accepted."""
        self._size, self._smallest = sizes[0], sizes[-1]
        self._honoured = self._size == self._smallest

    async def begin(self, fetch: Callable[[Page], Awaitable[Sequence[E]]]) -> Sequence[E] | None:
        """Return the first page, for `collect`; None if the service refuses its size."""
        try:
            return await fetch(Page(1, 0, self._size))
        except RefusedError as error:
            if error.status != 400:
                raise
            return None

    async def collect(
        self,
        fetch: Callable[[Page], Awaitable[Sequence[E]]],
        *,
        announced: int | None,
        first: Sequence[E] | None = None,
        progress: Callable[[int], object] = lambda _: None,
    ) -> list[E]:
        """Return all entries, each once, in order; `progress` is called with their number so far.

        `first` is the result of `begin`, if the first page was requested before the number was known. If
        there are fewer entries than announced, they are read again in small pages: an empty page may be an
        error, or large pages were truncated without skipping accordingly.
        """
        reading = _Reading(fetch, announced, progress)
        try:
            entries = await self._read(reading, first)
        except RefusedError as error:
            if error.status != 400 or self._size == self._smallest:
                raise
            self._size = self._smallest
            entries = await self._read(reading, None)
        if announced is not None and len(entries) < announced:
            entries = await reading.sequentially(Page(1, 0, self._smallest))
        return entries

    async def _read(self, reading: _Reading[E], first: Sequence[E] | None) -> list[E]:
        if reading.announced is None:
            return await reading.sequentially(Page(1, 0, self._size))
        if first is not None:
            reading.keep(first)
        elif self._honoured:
            return await reading.concurrently(self._size)
        else:
            first = await reading.page(Page(1, 0, self._size))
        if len(first) >= self._size:
            self._honoured = True
        elif len(first) < reading.announced and self._size > self._smallest:
            # The response counts as a page of the smaller size only if it has that size.
            whole = len(first) == self._smallest
            entries = await reading.concurrently(self._smallest, first if whole else None)
            if whole and len(entries) >= reading.announced:
                self._size, self._honoured = self._smallest, True
            return entries
        return await reading.concurrently(self._size, first)


@dataclass
class _Reading(Generic[E]):
    """One listing in progress."""

    fetch: Callable[[Page], Awaitable[Sequence[E]]]
    announced: int | None
    progress: Callable[[int], object]
    _found: dict[str, E] = field(default_factory=dict)

    async def page(self, page: Page) -> Sequence[E]:
        """Request a page, discarding previous ones if it is the first, and keep its entries."""
        entries = await self.fetch(page)
        if page.number == 1:
            self._found = {}
        self.keep(entries)
        return entries

    async def concurrently(self, size: int, first: Sequence[E] | None = None) -> list[E]:
        """Request all pages for the announced entries concurrently, then what follows.

        The last page must be short or empty, since only that marks the end. `first` is the first page, if it
        was already received.
        """
        if first is None:
            self._found = {}
        last = min((self.announced or 0) // size + 1, MAX_PAGES)
        number, came = (1, 0) if first is None else (2, len(first))
        short = first is not None and came < size
        while number <= last:
            wave = range(number, min(last, number + AT_ONCE - 1) + 1)
            pages = await gather(*(self.fetch(Page(each, (each - 1) * size, size)) for each in wave))
            for entries in pages:
                self.keep(entries)
            came, short = came + sum(map(len, pages)), any(len(entries) < size for entries in pages)
            number = wave.stop
            if short:
                break
        if short and len(self._found) == self.announced:
            return list(self._found.values())
        return await self.sequentially(Page(number, came, size))

    async def sequentially(self, page: Page) -> list[E]:
        """Request one page after the other, from `page` on, until one has no new entries."""
        while page.number <= MAX_PAGES:
            before = 0 if page.number == 1 else len(self._found)
            entries = await self.page(page)
            # A page without new entries is past the end, or the service ignores the page number.
            ended = len(self._found) == self.announced and len(entries) < page.size
            if len(self._found) == before or ended:
                return list(self._found.values())
            page = Page(page.number + 1, page.offset + len(entries), page.size)
        raise ProtocolError("The pages of a Nixplay listing do not end.")

    def keep(self, entries: Sequence[E]) -> None:
        """Add a page's new entries."""
        for entry in entries:
            self._found.setdefault(entry.id, entry)
        self.progress(len(self._found))
