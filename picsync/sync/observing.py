"""Lists both sides of a cycle, and reads what viewers and the family say of photos. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import field, replace
from itertools import count

from picsync.aio.tasks import cancel_and_wait, run_all, unwrap_group
from picsync.core.errors import ListingError, LoginNeeded, PicsyncError, ProtocolError, at_account
from picsync.core.events import About, Failure, Listed, Notice, NoticeKind
from picsync.core.identity import plain_name
from picsync.core.judgements import NO_JUDGEMENTS, Judgements
from picsync.core.model import FrameAlbum, Listing, Photos, Playlist
from picsync.core.plan import parts_needed
from picsync.core.rejected import NOTHING_REJECTED, Rejected
from picsync.core.select import Overflow
from picsync.core.values import dataclass
from picsync.frames.base import DeniesTwice, Frame, PlaylistFrame, Rejects
from picsync.sources.base import Rates
from picsync.sync.findings import Findings
from picsync.sync.rule import AlbumRule
from picsync.sync.settling import take_in
from picsync.sync.transfer import Tools, load


@dataclass(slots=True)
class Seen:
    """The frame's side, as it was seen last."""

    album: FrameAlbum | None
    """None until there is something to put into it."""
    photos: Photos
    playlists: Sequence[Playlist]
    observing: asyncio.Task[Seen] | None = None
    """Where the frame's first answer alone says that the album is new: what confirms it."""
    doubt: PicsyncError | None = None
    """The contradiction, if the frame has the album after all."""


@dataclass(slots=True)
class Observation:
    """What the sources have, and what is said of it."""

    rule: AlbumRule
    tools: Tools
    frame: Frame
    findings: Findings
    listings: list[Listing] = field(default_factory=list)
    rejected: Rejected = NOTHING_REJECTED
    """What the viewers of the frame do not want."""
    judgements: Judgements = NO_JUDGEMENTS
    """What the family says of photos."""

    @property
    def playlist_frame(self) -> PlaylistFrame | None:
        """The frame, if it shows playlists rather than albums."""
        return self.frame if isinstance(self.frame, PlaylistFrame) else None

    @property
    def complete(self) -> bool:
        """Whether every album was listed completely."""
        return all(listing.complete for listing in self.listings)

    @asynccontextmanager
    async def looking(self, *, early: bool) -> AsyncIterator[Seen]:
        """List both sides, and yield the frame's; what the family says of photos is read, too.

        With `early`, that is a new album as soon as the frame's first answer says so. Then `_confirm` has to
        follow; what waits for the second answer is fetched meanwhile.
        """
        denied = asyncio.Event()

        async def observe() -> Seen:
            with at_account(self.rule.frame):
                return await self._observe(denied.set if early else lambda: None)

        async def observed() -> None:
            waiting = asyncio.create_task(denied.wait())
            try:
                await asyncio.wait([observing, waiting], return_when=asyncio.FIRST_COMPLETED)
            finally:
                await cancel_and_wait(waiting)
            if observing.done():
                observing.result()
            else:
                await asyncio.to_thread(load, self.rule.recipe)

        observing = asyncio.create_task(observe())
        try:
            await run_all(observed(), self._list(), self._listen())
            if denied.is_set() and not observing.done():
                yield Seen(None, Photos(), (), observing)
            else:
                yield await observing
        finally:
            await cancel_and_wait(observing)

    async def _listen(self) -> None:
        """Read what the family says of photos. Raises StateError: then nothing may be sent, or deleted."""
        rule, judges = self.rule, self.tools.judges
        if judges is not None and rule.judged:
            ratings = rule.choice is not None and rule.choice.rates
            self.judgements = await judges.judgements(ratings=ratings, captions=rule.wording is not None)

    async def confirm(self, seen: Seen) -> None:
        """Wait until the frame has said for certain whether the album is new, and note what it has."""
        if seen.observing is None:
            return
        found = await seen.observing
        seen.album, seen.photos, seen.playlists, seen.observing = (
            found.album,
            found.photos,
            found.playlists,
            None,
        )
        if found.album is not None:
            title = self.frame.capabilities.title
            seen.doubt = ProtocolError(f"{title} did not list the album {self.rule.album!r} at first.")

    async def _list(self) -> None:
        async def one(kind: str, album_id: str, place: int) -> None:
            error: PicsyncError | None = None
            try:
                with at_account(kind):
                    listing = await self._listed(kind, album_id)
            except LoginNeeded as needed:
                # The user has to act at this source; what the others have goes on.
                listing, error = Listing(kind, album_id, problem=needed.message), needed
            self.tools.emit(Listed(self.rule.name, listing))
            listings[place] = listing
            if listing.note:
                self.findings.notices.append(Notice(NoticeKind.SOURCE_NOTE, said=listing.note))
            if listing.problem is not None:
                # The subject of the failure names the album.
                problem = listing.problem.removeprefix(f"{album_id}: ")
                self._not_listed(kind, album_id, error or ListingError(problem, listing.cause))

        albums = [(kind, album_id) for kind, ids in self.rule.sources.items() for album_id in ids]
        listings = [Listing(kind, album_id, problem="") for kind, album_id in albums]
        if not self.rule.dry_run:
            take_in(self.tools.sources, albums)
        if self.rule.choice is not None and self.rule.choice.rates:
            for kind, album_id in albums:
                if isinstance(source := self.tools.sources[kind], Rates):
                    source.list_ratings(album_id)
        try:
            await run_all(*(one(kind, album_id, place) for place, (kind, album_id) in enumerate(albums)))
        finally:
            self.listings = listings

    def _not_listed(self, account: str, album_id: str, error: PicsyncError) -> None:
        """Note that an album was not listed completely; several that fail alike are one failure."""
        for place, known in enumerate(self.findings.failures):
            if known.account == account and (type(known.error), known.error.args) == (
                type(error),
                error.args,
            ):
                self.findings.failures[place] = replace(known, more=known.more + 1)
                return
        self.findings.failures.append(Failure(album_id, error, About.SOURCE_ALBUM, account))

    async def _listed(self, account: str, album_id: str) -> Listing:
        job = self.rule.name
        listing = await self.tools.listings.list(self.tools.sources[account], account, album_id, job=job)
        return listing.seen_by(job)

    async def look_again(self, seen: Seen, *, photos_too: bool) -> None:
        """List sources and frame once more before anything is deleted.

        Pages are no snapshot: an item added while they are read moves another from one page to the one that
        was read already, and with one removed besides even the number of items fits. And one wrong answer
        of the frame's would have the wrong photos deleted.
        """

        async def photos() -> None:
            if photos_too:
                await self.see_photos(seen)

        async def listings() -> None:
            if not await self._listed_alike():
                self.findings.notices.append(Notice(NoticeKind.SOURCE_CHANGED))
                self.listings = [replace(listing, changed=True) for listing in self.listings]

        await run_all(listings(), photos())

    async def _listed_alike(self) -> bool:
        """Whether the sources list the same once more."""
        alike: list[bool] = []

        async def look(seen: Listing) -> None:
            try:
                now = await self._listed(seen.source, seen.album_id)
            except LoginNeeded:
                alike.append(False)
            else:
                alike.append(now.complete and set(now.items) == set(seen.items))

        await run_all(*(look(listing) for listing in self.listings))
        return all(alike)

    async def _observe(self, denied: Callable[[], None]) -> Seen:
        with unwrap_group():
            async with asyncio.TaskGroup() as group:
                album = group.create_task(self._album(denied))
                first = group.create_task(self._part(1))
        found, photos = album.result()
        return Seen(found, photos, await self._playlists(photos, first.result()))

    async def _album(self, denied: Callable[[], None]) -> tuple[FrameAlbum | None, Photos]:
        # A dry run asks the frame itself, which then records nothing.
        frame = self.tools.frames[self.rule.frame]
        if isinstance(frame, Rejects):
            self.rejected = await frame.rejected(record=not self.rule.dry_run)
            self._note_rejected()
        name = self.rule.album
        if isinstance(self.frame, DeniesTwice):
            album = await self.frame.look_for_album(name, denied)
        else:
            album = await self.frame.find_album(name)
        return album, Photos() if album is None else await self.frame.photos(album)

    def _note_rejected(self) -> None:
        new, title = self.rejected.new, self.frame.capabilities.title
        if new:
            name = plain_name(new[0].filename) or new[0].rejection_id
            self.findings.notices.append(Notice(NoticeKind.PHOTO_REJECTED, name, len(new) - 1, frame=title))
        if self.rejected.lost:
            lost, total = self.rejected.lost, self.rejected.total
            self.findings.notices.append(Notice(NoticeKind.PHOTOS_LOST, count=lost, shown=total, frame=title))

    async def _part(self, number: int) -> Sequence[Playlist]:
        if self.playlist_frame is None:
            return ()
        return await self.playlist_frame.playlists(self.rule.rule.part_name(number))

    async def _playlists(self, photos: Photos, first: Sequence[Playlist]) -> list[Playlist]:
        rule, limit = self.rule.rule, self.frame.capabilities.playlist_limit
        found: list[Playlist] = []
        for number in count(1):
            part = first if number == 1 else await self._part(number)
            found += part
            if rule.overflow is not Overflow.SPLIT or limit is None:
                break
            # Where a part is missing, what is beyond is looked for as far as the photos may need it.
            if not part and number >= parts_needed(len(photos.items), limit):
                break
        return found

    async def see_photos(self, seen: Seen) -> None:
        """List the frame's photos once more."""
        if seen.album is not None:
            with at_account(self.rule.frame):
                seen.photos = (await self.frame.photos(seen.album)).after(seen.photos)

    def at_frame(self, failure: Failure) -> Failure:
        """Return a failure that names the frame, unless it names another account."""
        return replace(failure, account=failure.account or self.rule.frame)
