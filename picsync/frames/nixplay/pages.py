"""Reading a listing to its end, page by page, without trusting the pages.

Pages shift while something is added or removed, may be shorter than asked for, and the largest size that
the service takes is not known. So entries are collected by id, a short page is not the end unless the
number announced elsewhere is reached, and a refused size is replaced by a smaller one for good.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from picsync.errors import ProtocolError, RefusedError

SIZES = (500, 100)
"""What the web app asks for (observed), and what other clients do."""

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
    """Collects listings; remembers which page size the service takes."""

    def __init__(self) -> None:
        self._size = SIZES[0]

    async def collect(
        self,
        fetch: Callable[[Page], Awaitable[Sequence[E]]],
        *,
        announced: int | None,
        progress: Callable[[int], object] = lambda _: None,
    ) -> list[E]:
        """Return all entries, each once, in order; `progress` is told how many there are so far.

        If they are fewer than announced they are read a second time, in small pages: an empty page may have
        come by mistake, or large pages were cut short without counting by the cut.
        """
        try:
            entries = await _collect(fetch, self._size, announced, progress)
        except RefusedError as error:
            if error.status != 400 or self._size == SIZES[-1]:
                raise
            self._size = SIZES[-1]
            entries = await _collect(fetch, self._size, announced, progress)
        if announced is not None and len(entries) < announced:
            entries = await _collect(fetch, SIZES[-1], announced, progress)
        return entries


async def _collect(
    fetch: Callable[[Page], Awaitable[Sequence[E]]],
    size: int,
    announced: int | None,
    progress: Callable[[int], object],
) -> list[E]:
    found: dict[str, E] = {}
    page = Page(1, 0, size)
    while page.number <= MAX_PAGES:
        entries = await fetch(page)
        before = len(found)
        for entry in entries:
            found.setdefault(entry.id, entry)
        progress(len(found))
        # A page without news is past the end, or the service ignores which one it is asked for.
        if len(found) == before or (len(found) == announced and len(entries) < size):
            return list(found.values())
        page = Page(page.number + 1, page.offset + len(entries), size)
    raise ProtocolError("The pages of a listing of Nixplay's do not end.")
