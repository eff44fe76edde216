"""Reading a listing to its end, page by page, without trusting the pages.

Pages shift while something is added or removed, may be shorter than asked for, and the largest size that
the service takes is not known. So entries are collected by id, a short page is not the end unless the
number announced elsewhere is reached, and a size that the service does not honour is replaced by a smaller
one for good. Where the number is known the pages are asked for side by side; what does not add up then is
read once more, one page after the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from picsync.aio.tasks import gather
from picsync.core.errors import ProtocolError, RefusedError

PHOTOS = (500, 100)
"""Page sizes of an album's photos: what the web app asks for (observed), and what other clients do."""

SLIDES = (100,)
"""Of a playlist's slides: what was seen to be honoured."""

AT_ONCE = 20
"""Pages asked for side by side: more than the limit of requests lets through, few where a count is wrong."""

MAX_PAGES = 1_000
"""Far more than an account has room for: a listing with news on so many pages has no end."""


class Entry(Protocol):
    """Something with an id that is unique in its listing."""

    @property
    def id(self) -> str:
        """The id."""


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a listing to ask for."""

    number: int
    """From 1."""
    offset: int
    """Entries in the pages before it."""
    size: int


class Pager:
    """Collects listings of one kind; remembers which page size the service takes."""

    def __init__(self, sizes: Sequence[int]) -> None:
        """`sizes` are those to try, in order; the last one is known to be taken."""
        self._size, self._smallest = sizes[0], sizes[-1]
        self._honoured = self._size == self._smallest

    async def begin(self, fetch: Callable[[Page], Awaitable[Sequence[E]]]) -> Sequence[E] | None:
        """Return the first page, for `collect`; None where the service refuses its size."""
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
        """Return all entries, each once, in order; `progress` is told how many there are so far.

        `first` is what `begin` has returned, if the first page was asked for before the number was known.
        If they are fewer than announced they are read a second time, in small pages: an empty page may have
        come by mistake, or large pages were cut short without counting by the cut.
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
            entries = await reading.to_the_end(Page(1, 0, self._smallest))
        return entries

    async def _read(self, reading: _Reading[E], first: Sequence[E] | None) -> list[E]:
        if reading.announced is None:
            return await reading.to_the_end(Page(1, 0, self._size))
        if first is not None:
            reading.keep(first)
        elif self._honoured:
            return await reading.side_by_side(self._size)
        else:
            first = await reading.page(Page(1, 0, self._size))
        if len(first) >= self._size:
            self._honoured = True
        elif len(first) < reading.announced and self._size > self._smallest:
            # What came counts as a page of the smaller size only if it is one.
            whole = len(first) == self._smallest
            entries = await reading.side_by_side(self._smallest, first if whole else None)
            if whole and len(entries) >= reading.announced:
                self._size, self._honoured = self._smallest, True
            return entries
        return await reading.side_by_side(self._size, first)


@dataclass
class _Reading(Generic[E]):
    """One listing on its way."""

    fetch: Callable[[Page], Awaitable[Sequence[E]]]
    announced: int | None
    progress: Callable[[int], object]
    _found: dict[str, E] = field(default_factory=dict)

    async def page(self, page: Page) -> Sequence[E]:
        """Ask for a page, from the beginning if it is the first, and keep what is in it."""
        entries = await self.fetch(page)
        if page.number == 1:
            self._found = {}
        self.keep(entries)
        return entries

    async def side_by_side(self, size: int, first: Sequence[E] | None = None) -> list[E]:
        """Ask for all pages that the announced entries need at once, then for what follows.

        There is always one that has to be short or empty, since that is what tells the end. `first` is the
        first page if that has come already.
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
        return await self.to_the_end(Page(number, came, size))

    async def to_the_end(self, page: Page) -> list[E]:
        """Ask for one page after the other, from `page` on, until one has no news."""
        while page.number <= MAX_PAGES:
            before = 0 if page.number == 1 else len(self._found)
            entries = await self.page(page)
            # A page without news is past the end, or the service ignores which one it is asked for.
            ended = len(self._found) == self.announced and len(entries) < page.size
            if len(self._found) == before or ended:
                return list(self._found.values())
            page = Page(page.number + 1, page.offset + len(entries), page.size)
        raise ProtocolError("The pages of a Nixplay listing do not end.")

    def keep(self, entries: Sequence[E]) -> None:
        """Add what is new of a page."""
        for entry in entries:
            self._found.setdefault(entry.id, entry)
        self.progress(len(self._found))
