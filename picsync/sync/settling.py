"""Tells sources that put items away (`Spools`) what all frames show, and what a frame cannot show."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field

from picsync.core.errors import FormatError, ItemError, PicsyncError, at_account
from picsync.core.events import About, Failure
from picsync.core.model import Digest, Listing, MediaItem
from picsync.core.select import Candidate, Skip, settled
from picsync.core.values import dataclass
from picsync.sources.base import Source, Spools


def take_in(sources: Mapping[str, Source], albums: Iterable[tuple[str, str]]) -> None:
    """Have listings take in what has arrived, where the source does so."""
    for account, album_id in albums:
        if isinstance(source := sources[account], Spools):
            source.take_in(album_id)


@dataclass(frozen=True, slots=True)
class Settling:
    """What each job has said last; kept in memory only, since every cycle says it again."""

    readers: Mapping[tuple[str, str], Collection[str]] = field(default_factory=dict)
    """Account and album -> the jobs that read it; without an entry, only the one that calls."""
    _settled: dict[tuple[str, str], dict[str, Collection[MediaItem]]] = field(default_factory=dict)

    async def note(
        self,
        job: str,
        sources: Mapping[str, Source],
        listings: Sequence[Listing],
        found: Sequence[Candidate],
        there: Collection[Digest],
        errors: Mapping[MediaItem, PicsyncError],
        *,
        frame: str,
    ) -> list[Failure]:
        """Tell the sources of a job what its frame shows; return the failures that are not known yet.

        `there` is what the frame shows now, `errors` is why transfers failed, `frame` is its title.
        """
        failures: list[Failure] = []
        for listing in listings:
            source, album = sources[listing.source], (listing.source, listing.album_id)
            if not isinstance(source, Spools):
                continue
            items = set(listing.items)
            mine = [each for each in found if each.item in items]
            final = {item: error for item, error in errors.items() if item in items and _is_final(error)}
            unsuited = {each.item: error for each in mine if (error := _unsuited(each, frame)) is not None}
            failures += [Failure(item.filename, error) for item, error in unsuited.items()]
            try:
                with at_account(listing.source):
                    await self._tell(job, source, album, settled(mine, there), final | unsuited)
            except PicsyncError as error:
                failures.append(Failure(listing.album_id, error, About.SOURCE_ALBUM, listing.source))
        return failures

    async def _tell(
        self,
        job: str,
        source: Spools,
        album: tuple[str, str],
        items: Collection[MediaItem],
        errors: Mapping[MediaItem, PicsyncError],
    ) -> None:
        said = self._settled.setdefault(album, {})
        said[job] = items
        everyone = {*self.readers.get(album, ()), job}
        for_all = set.intersection(*(set(said.get(reader, ())) for reader in everyone))
        if errors:
            await source.failed(album[1], job, errors)
        if for_all:
            await source.shown(album[1], for_all)


def _is_final(error: PicsyncError) -> bool:
    """Whether an item that failed with this error is left alone until the user wants it tried again."""
    if error.transient:
        return False
    # Others of this type say that the item was not as it was listed.
    return type(error) is not ItemError or error.unusable


def _unsuited(candidate: Candidate, frame: str) -> ItemError | None:
    """Return why a frame cannot show an item that is not even tried."""
    match candidate.skip:
        case Skip.FORMAT:
            return FormatError(candidate.item.mime_type, frame)
        case Skip.VIDEO:
            return ItemError(
                f"It is a video, and the rule or {frame} shows none.",
                unusable=True,
                hint="Set `videos: true` in the rule, if the frame can show videos.",
            )
    return None
