"""One cycle of one album rule: observe, plan, act, report. Read `run_cycle` top to bottom.

It remembers nothing but digests: whatever an earlier cycle meant to do, this one goes by what the services
report now. If picsync is killed at any moment, the next cycle ends in the same place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import field, replace
from datetime import timedelta
from functools import partial
from itertools import count

from picsync.aio.tasks import cancel_and_wait, run_all, unwrap_group
from picsync.core.capacity import TYPICAL_BYTES, Capacity, Storage, held, plan_storage, rank
from picsync.core.caption import Wording
from picsync.core.choice import Choice, LeftOut
from picsync.core.errors import (
    FailureCode,
    ListingError,
    LoginNeeded,
    NoSourceError,
    PicsyncError,
    PlaylistFullError,
    ProtocolError,
    at_account,
)
from picsync.core.events import (
    About,
    CacheRead,
    ChangesPlanned,
    CycleFinished,
    CycleOutcome,
    CycleReport,
    CycleStarted,
    Failure,
    Listed,
    Notice,
    NoticeKind,
    TransfersPlanned,
)
from picsync.core.identity import Shown, item_key, plain_name
from picsync.core.judgements import NO_JUDGEMENTS, Judgements
from picsync.core.model import (
    DEFAULT_FRAME,
    Certainty,
    Digest,
    FrameAlbum,
    Listing,
    MediaItem,
    MediaKind,
    Photos,
    Playlist,
    job_name,
)
from picsync.core.model import Mapping as DigestMapping
from picsync.core.pairing import Pairing, may_pair, pair_up
from picsync.core.plan import (
    Content,
    Plan,
    Rule,
    Situation,
    deletes_wait_for_content,
    parts_needed,
    plan_changes,
    plan_transfers,
)
from picsync.core.pools import Claim, Pool
from picsync.core.recipe import ORIGINAL, Recipe
from picsync.core.rejected import NOTHING_REJECTED, Rejected
from picsync.core.select import (
    UNUSABLE_FOR,
    Accepted,
    Candidate,
    Overflow,
    candidates,
    count_skipped,
    learned,
    wanted,
)
from picsync.core.values import dataclass
from picsync.frames.base import (
    Assigns,
    DeniesTwice,
    Frame,
    KeepsOrder,
    PlaylistFrame,
    RecordsItems,
    Rejects,
    TellsRoom,
)
from picsync.frames.dryrun import unchanged
from picsync.sources.base import Rates, Spools
from picsync.sync.captions import Captioner
from picsync.sync.choosing import Choosing, Looks
from picsync.sync.publish import Playlists, PublishResult, delete, publish
from picsync.sync.settling import take_in
from picsync.sync.transfer import (
    Tools,
    Transferrer,
    TransferResult,
    load,
    mapping_of,
    recipe_of_pair,
    recipes_by,
)

CONFIRM_WAITS_S = (1.0, 2.0, 4.0, 8.0)
"""Waits between looks for confirmed uploads in the frame's listing: 15 s in all, three times as long as the
5 s that a known client gives Nixplay. Only a listing that lags behind makes a cycle wait at all."""
REMARKS = 5
"""Different remarks about photos that one cycle reports."""
UNORDERED_FOR = timedelta(days=1)
"""Time after which a frame that did not keep an order is tried again."""


@dataclass(frozen=True, slots=True)
class AlbumRule:
    """One entry of `albums:`: what to plan by, and where the photos come from."""

    rule: Rule
    sources: Mapping[str, Sequence[str]]
    """Name of a source's account -> album IDs."""
    frame: str = DEFAULT_FRAME
    """Name of the frame."""
    choice: Choice | None = None
    """Which photos are shown; None: all."""
    dry_run: bool = False
    recipe: Recipe = ORIGINAL
    """How originals become what the frame is sent."""
    replace: bool = False
    """Whether photos that were sent without the recipe are to be replaced, too."""
    capacity: Capacity = field(default_factory=Capacity)
    """The rule's part of the frame's capacity, as far as that is configured."""
    pool: Pool | None = None
    """The whole capacity, if there is one and other rules fill the same frame; None otherwise."""
    wording: Wording | None = None
    """Of the captions that the frame shows as text; None if it is to show none of its own."""
    share: float = 1.0
    """The rule's part of the frame's free space, 0 to 1."""
    judged: bool = True
    """Whether what the family says of photos counts: not where they are judged."""
    settles: bool = True
    """Whether sources that put their items away wait for this frame."""

    @property
    def name(self) -> str:
        """What operators call it: the rule's name, with the frame's if that is not the default one."""
        return job_name(self.rule.name, self.frame)

    @property
    def album(self) -> str:
        """Name of the frame album."""
        return self.rule.name

    @property
    def place(self) -> tuple[str, str]:
        """The frame and its album."""
        return self.frame, self.album


def _never() -> bool:
    return False


def _lacks(photos: Photos, chosen: Sequence[Candidate]) -> bool:
    """Whether the frame lacks a photo that is wanted."""
    there = {photo.digest for photo in photos.items}
    return any(each.skip is None and each.digest not in there for each in chosen)


async def run_cycle(
    album_rule: AlbumRule, tools: Tools, *, stopping: Callable[[], bool] = _never
) -> CycleReport:
    """Synchronize one frame album and its playlist with the rule's sources, and report.

    Errors of the services, the cache and the disk end up in the report; anything raised is a bug. Once
    `stopping` returns True no new item is taken up, and nothing is deleted.
    """
    began = tools.clock()
    tools.emit(CycleStarted(album_rule.name, album_rule.dry_run))
    cycle = _Cycle(album_rule, tools, stopping)
    try:
        async with tools.originals.cycle(album_rule.album, album_rule.name):
            await cycle.run()
    except PicsyncError as error:
        cycle.failures.append(Failure(album_rule.name, error, About.RULE))
    report = cycle.report(tools.clock() - began)
    tools.emit(CycleFinished(report))
    return report


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would show, as far as it is known without downloads."""

    rule: str
    candidates: Sequence[Candidate] = ()
    on_frame: frozenset[Digest] = frozenset()
    """Content of the frame's photos."""
    failures: Sequence[Failure] = ()
    recipe: Recipe = ORIGINAL


async def preview(album_rule: AlbumRule, tools: Tools) -> Preview:
    """List the rule's sources and its frame, and decide what is shown; downloads and changes nothing.

    What fails is among the failures; then the rest may be incomplete, or missing.
    """
    cycle = _Cycle(replace(album_rule, dry_run=True), tools, _never)
    try:
        async with cycle.looking(early=False) as seen:
            await cycle.decide(seen)
    except PicsyncError as error:
        cycle.failures.append(Failure(album_rule.name, error, About.RULE))
        return Preview(album_rule.name, failures=cycle.failures)
    there = frozenset(photo.digest for photo in seen.photos.items)
    return Preview(album_rule.name, cycle.candidates, there, cycle.failures, album_rule.recipe)


@dataclass(slots=True)
class _Seen:
    """The frame's side."""

    album: FrameAlbum | None
    """None until there is something to put into it."""
    photos: Photos
    playlists: Sequence[Playlist]
    observing: asyncio.Task[_Seen] | None = None
    """Where the frame's first answer alone says that the album is new: what confirms it."""
    doubt: PicsyncError | None = None
    """The contradiction, if the frame has the album after all."""


@dataclass(slots=True)
class _Cycle:
    album_rule: AlbumRule
    tools: Tools
    stopping: Callable[[], bool]
    frame: Frame = field(init=False)
    playlist_frame: PlaylistFrame | None = field(init=False)
    """The frame, if it shows playlists rather than albums."""
    listings: list[Listing] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    transferred: TransferResult = field(default_factory=TransferResult)
    plan: Plan = field(default_factory=Plan)
    published: list[PublishResult] = field(default_factory=list)
    deleted: int = 0
    on_frame: int | None = None
    in_playlist: int | None = None
    assigned: dict[str, bool | None] = field(default_factory=dict)
    """Name of a playlist that is to hold photos -> whether a frame shows it, as far as the service says."""
    failures: list[Failure] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    storage: Storage | None = None
    """How the frame's storage is used, where it is limited."""
    rejected: Rejected = NOTHING_REJECTED
    """What the viewers of the frame do not want."""
    judgements: Judgements = NO_JUDGEMENTS
    """What the family says of photos."""
    captions_written: int = 0

    looks: Looks = field(init=False)
    order: Sequence[MediaItem] | None = None
    """The chosen items, those first that are wanted most; None if the rule does not choose."""

    def __post_init__(self) -> None:
        frame = self.tools.frames[self.album_rule.frame]
        self.frame = unchanged(frame) if self.album_rule.dry_run else frame
        self.looks = Looks(
            self.album_rule.name,
            self.tools,
            group=self.album_rule.album,
            algorithm=frame.capabilities.digest_algorithm,
            stopping=self.stopping,
            may_download=not self.album_rule.dry_run,
        )
        self.playlist_frame = self.frame if isinstance(self.frame, PlaylistFrame) else None

    async def run(self) -> None:
        if not any(self.album_rule.sources.values()):
            raise NoSourceError(self.album_rule.name)
        if self.playlist_frame is None:
            await self._close_the_difference(None)
            return
        async with aclosing(Playlists(self.playlist_frame, self.album_rule.rule.playlist_name)) as playlists:
            await self._close_the_difference(playlists)

    async def decide(self, seen: _Seen) -> None:
        """Decide which items should be on the frame."""
        chosen = await self._choose(await self._resolve(seen.photos), seen.photos)
        self.candidates = await self._fitting(await self._pair(chosen, seen.photos), seen.photos)

    async def _close_the_difference(self, playlists: Playlists | None) -> None:
        async with self.looking(early=not self.album_rule.dry_run) as seen:
            await self.decide(seen)
            await self._transfer(seen, playlists)
            await self._confirm(seen)
        if seen.doubt is not None:
            fetched, self.transferred = self.transferred, TransferResult()
            await self.decide(seen)
            await self._transfer(seen, playlists)
            self.transferred.downloaded_count += fetched.downloaded_count
            self.transferred.downloaded_bytes += fetched.downloaded_bytes
        self.plan = plan_changes(self.album_rule.rule, self._situation(seen))
        if self.plan.deletes:
            await self._look_again(seen)
            self.plan = plan_changes(self.album_rule.rule, self._situation(seen))
        if seen.photos.problem is not None and self.plan.hold is None:
            self.notices.append(Notice(NoticeKind.FRAME_LISTING_DOUBTFUL, said=seen.photos.problem))
        self.tools.emit(ChangesPlanned(self.album_rule.name, self.plan))
        if await self._publish(seen, playlists):
            await self._delete(seen)
        await self._record_items(seen)
        await self._settle(seen)
        self._tell_family(seen)
        await self._caption(seen)
        await self._arrange(seen)

    # --- look -----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def looking(self, *, early: bool) -> AsyncIterator[_Seen]:
        """List both sides, and yield the frame's; what the family says of photos is read, too.

        With `early`, that is a new album as soon as the frame's first answer says so. Then `_confirm` has to
        follow; what waits for the second answer is fetched meanwhile.
        """
        denied = asyncio.Event()

        async def observe() -> _Seen:
            with at_account(self.album_rule.frame):
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
                await asyncio.to_thread(load, self.album_rule.recipe)

        observing = asyncio.create_task(observe())
        try:
            await run_all(observed(), self._list(), self._listen())
            if denied.is_set() and not observing.done():
                yield _Seen(None, Photos(), (), observing)
            else:
                yield await observing
        finally:
            await cancel_and_wait(observing)

    async def _listen(self) -> None:
        """Read what the family says of photos. Raises StateError: then nothing may be sent, or deleted."""
        rule, judges = self.album_rule, self.tools.judges
        if judges is not None and rule.judged:
            ratings = rule.choice is not None and rule.choice.rates
            self.judgements = await judges.judgements(ratings=ratings, captions=rule.wording is not None)

    async def _confirm(self, seen: _Seen) -> None:
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
            seen.doubt = ProtocolError(f"{title} did not list the album {self.album_rule.album!r} at first.")

    async def _list(self) -> None:

        async def one(kind: str, album_id: str, place: int) -> None:
            error: PicsyncError | None = None
            try:
                with at_account(kind):
                    listing = await self._listed(kind, album_id)
            except LoginNeeded as needed:
                # The user has to act at this source; what the others have goes on.
                listing, error = Listing(kind, album_id, problem=needed.message), needed
            self.tools.emit(Listed(self.album_rule.name, listing))
            listings[place] = listing
            if listing.note:
                self.notices.append(Notice(NoticeKind.SOURCE_NOTE, said=listing.note))
            if listing.problem is not None:
                # The subject of the failure names the album.
                problem = listing.problem.removeprefix(f"{album_id}: ")
                self._not_listed(kind, album_id, error or ListingError(problem, listing.cause))

        albums = [(kind, album_id) for kind, ids in self.album_rule.sources.items() for album_id in ids]
        listings = [Listing(kind, album_id, problem="") for kind, album_id in albums]
        if not self.album_rule.dry_run:
            take_in(self.tools.sources, albums)
        if self.album_rule.choice is not None and self.album_rule.choice.rates:
            for kind, album_id in albums:
                if isinstance(source := self.tools.sources[kind], Rates):
                    source.list_ratings(album_id)
        try:
            await run_all(*(one(kind, album_id, place) for place, (kind, album_id) in enumerate(albums)))
        finally:
            self.listings = listings

    def _not_listed(self, account: str, album_id: str, error: PicsyncError) -> None:
        """Note that an album was not listed completely; several that fail alike are one failure."""
        for place, known in enumerate(self.failures):
            if known.account == account and (type(known.error), known.error.args) == (
                type(error),
                error.args,
            ):
                self.failures[place] = replace(known, more=known.more + 1)
                return
        self.failures.append(Failure(album_id, error, About.SOURCE_ALBUM, account))

    async def _listed(self, account: str, album_id: str) -> Listing:
        listing = await self.tools.listings.list(self.tools.sources[account], account, album_id)
        return listing.seen_by(self.album_rule.name)

    async def _look_again(self, seen: _Seen) -> None:
        """List sources and frame once more before anything is deleted.

        Pages are no snapshot: an item added while they are read moves another from one page to the one that
        was read already, and with one removed besides even the number of items fits. And one wrong answer
        of the frame's would have the wrong photos deleted.
        """

        async def photos() -> None:
            # After uploads it was looked at twice already.
            if not self.transferred.uploaded:
                await self._see_photos(seen)

        async def listings() -> None:
            if not await self._listed_alike():
                self.notices.append(Notice(NoticeKind.SOURCE_CHANGED))
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

    async def _observe(self, denied: Callable[[], None]) -> _Seen:
        with unwrap_group():
            async with asyncio.TaskGroup() as group:
                album = group.create_task(self._album(denied))
                first = group.create_task(self._part(1))
        found, photos = album.result()
        return _Seen(found, photos, await self._playlists(photos, first.result()))

    async def _album(self, denied: Callable[[], None]) -> tuple[FrameAlbum | None, Photos]:
        # A dry run asks the frame itself, which then records nothing.
        frame = self.tools.frames[self.album_rule.frame]
        if isinstance(frame, Rejects):
            self.rejected = await frame.rejected(record=not self.album_rule.dry_run)
            self._note_rejected()
        name = self.album_rule.album
        if isinstance(self.frame, DeniesTwice):
            album = await self.frame.look_for_album(name, denied)
        else:
            album = await self.frame.find_album(name)
        return album, Photos() if album is None else await self.frame.photos(album)

    def _note_rejected(self) -> None:
        new, title = self.rejected.new, self.frame.capabilities.title
        if new:
            name = plain_name(new[0].filename) or new[0].rejection_id
            self.notices.append(Notice(NoticeKind.PHOTO_REJECTED, name, len(new) - 1, frame=title))
        if self.rejected.lost:
            lost, total = self.rejected.lost, self.rejected.total
            self.notices.append(Notice(NoticeKind.PHOTOS_LOST, count=lost, shown=total, frame=title))

    async def _part(self, number: int) -> Sequence[Playlist]:
        if self.playlist_frame is None:
            return ()
        return await self.playlist_frame.playlists(self.album_rule.rule.part_name(number))

    async def _playlists(self, photos: Photos, first: Sequence[Playlist]) -> list[Playlist]:
        rule, limit = self.album_rule.rule, self.frame.capabilities.playlist_limit
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

    async def _resolve(self, photos: Photos) -> list[Candidate]:
        items = list(dict.fromkeys(item for listing in self.listings for item in listing.items))
        algorithm = self.frame.capabilities.digest_algorithm
        cache, recipe = self.tools.cache, self.album_rule.recipe
        known = await cache.lookup(items, recipe=recipes_by(recipe, algorithm), algorithm=algorithm)
        # A spool lists what has failed only if it is to be tried again.
        spools = {name for name in self.album_rule.sources if isinstance(self.tools.sources[name], Spools)}
        known = {
            item: mapping
            for item, mapping in known.items()
            if mapping.unusable is None or item.source not in spools
        }
        self.rejected = replace(self.rejected, hidden=self.judgements.hidden)
        shown = self._shown(photos)
        originals: dict[MediaItem, DigestMapping] = {}
        if recipe.convert:
            unseen = [item for item in items if item not in known or known[item].digest not in shown.digests]
            unchanged = recipes_by(ORIGINAL, algorithm)
            originals = await cache.lookup(unseen, recipe=unchanged, algorithm=algorithm)
        remembered = known | originals
        for source in self.album_rule.sources:
            listed = sum(item.source == source for item in items)
            hits = sum(item.source == source for item in remembered)
            self.tools.emit(CacheRead(source, hits, listed - hits))
        found = candidates(items, known, originals, shown, self._accepted(), self.tools.now(), self.rejected)
        await self._remember(found, known, originals)
        return found

    async def _remember(
        self,
        found: Sequence[Candidate],
        known: Mapping[MediaItem, DigestMapping],
        originals: Mapping[MediaItem, DigestMapping],
    ) -> None:
        """Record what only the names of the frame's photos have told: the cache was lost."""
        recipe, now, told = self.album_rule.recipe, self.tools.now(), []
        for each in found:
            if each.recognised and each.digest is not None and each.item not in known:
                told.append(mapping_of(each.item, each.digest, recipe, now))
            if not recipe.convert or each.content is None or each.item.digest is not None:
                continue
            if each.item not in originals and each.item not in known:
                told.append(mapping_of(each.item, each.content, ORIGINAL, now))
        if told:
            await self.tools.cache.record_all(told)

    def _shown(self, photos: Photos) -> Shown:
        return Shown(photos.items, self.album_rule.recipe, replace=self.album_rule.replace)

    async def _choose(self, found: list[Candidate], photos: Photos) -> list[Candidate]:
        choice = self.album_rule.choice
        if choice is None:
            return found
        made = await Choosing(choice, self.looks, self.judgements).choose(found, self.listings, photos)
        self.order = made.order
        return made.candidates

    async def _pair(self, chosen: list[Candidate], photos: Photos) -> list[Candidate]:
        """Return the candidates: in pairs as far as these are to share a photo."""
        rule, cache = self.album_rule, self.tools.cache
        makes_pairs = may_pair(rule.recipe)
        if not makes_pairs and not any(each.paired for each in chosen):
            return chosen
        shown = self._shown(photos)
        by = Pairing(
            portrait=self._is_portrait,
            # Where nothing may be deleted, a photo would stay beside the pair that shows it.
            replacements=rule.rule.replace_per_cycle if rule.rule.delete else 0,
            complete=all(listing.complete for listing in self.listings),
        )
        if makes_pairs:
            await self._learn_shapes(chosen, photos, shown)
        paired = pair_up(chosen, shown, by)
        new = {each.pair for each in paired if each.pair is not None and each.digest is None}
        if not new:
            return paired
        beside = dict(new)
        known = await cache.lookup(
            list(beside),
            recipe=lambda item: recipe_of_pair(rule.recipe, beside[item]),
            algorithm=self.frame.capabilities.digest_algorithm,
        )
        now = self.tools.now()
        apart = {
            (left, beside[left])
            for left, made in known.items()
            if made.digest is None and made.recorded_at and now - made.recorded_at < UNUSABLE_FOR
        }
        if apart:
            paired = pair_up(chosen, shown, replace(by, apart=apart))
        return [
            replace(each, digest=known[each.pair[0]].digest)
            if each.pair is not None and each.digest is None and each.pair[0] in known
            else each
            for each in paired
        ]

    async def _learn_shapes(self, chosen: list[Candidate], photos: Photos, shown: Shown) -> None:
        """Find out which of the photos are portraits, as far as the listings don't tell.

        The picture of one that is on the frame is not fetched for that; it stays as it is.
        """
        facts = self.looks.facts
        items = [each.item for each in chosen if each.skip is None and shown.converts(each.item)]
        facts |= await self.tools.cache.facts([item for item in items if item not in facts])

        def is_unknown(each: Candidate) -> bool:
            stored = facts.get(each.item)
            told = each.item.facts.width or (stored and (stored.width or stored.examined_at))
            return not told and each.digest not in shown.digests and shown.converts(each.item)

        if any(each.skip is None and is_unknown(each) for each in chosen):
            fitting = await self._fitting(chosen, photos)
            await self.looks.look_at(
                [each.item for each in fitting if each.skip is None and is_unknown(each)]
            )

    def _is_portrait(self, item: MediaItem) -> bool:
        """Whether a picture is known to be a portrait; what it says itself counts more than a listing."""
        stored, listed = self.looks.facts.get(item), item.facts
        width, height = (stored.width, stored.height) if stored else (None, None)
        if not width or not height:
            width, height = listed.width, listed.height
        return bool(width and height and width < height)

    async def _fitting(self, chosen: list[Candidate], photos: Photos) -> list[Candidate]:
        """Return the candidates; those that the frame has no room for are skipped."""
        rule = self.album_rule
        seen_to_fit = self.tools.seen_to_fit.get(rule.place)
        typical_bytes, free_space = TYPICAL_BYTES, None
        if isinstance(self.frame, TellsRoom) and _lacks(photos, chosen):
            with at_account(rule.frame):
                free = await self.frame.free_bytes()
            if free is not None:
                # The disk itself refuses what is too much, so what is not known does not count.
                typical_bytes = 0
                used = held(photos.items).size_bytes or 0
                free_space = Capacity(used + int(free * rule.share))
        if rule.pool is not None and _lacks(photos, chosen):
            await self._see_others(rule.pool)
        capacity = rule.capacity
        if rule.pool is not None:
            capacity = rule.pool.limit(rule.place, held(photos.items), self.tools.claims)
        if capacity.unlimited and seen_to_fit is None and free_space is None:
            return chosen
        complete = all(listing.complete for listing in self.listings)
        fitting, self.storage = plan_storage(
            chosen,
            photos.items,
            rule.recipe,
            capacity,
            seen_to_fit,
            complete=complete,
            typical_bytes=typical_bytes,
            ranks=self._ranks(),
            free=free_space,
            deletes=rule.rule.delete,
        )
        if rule.pool is not None:
            now, planned = self.storage.used, self.storage.planned
            claimed = now if rule.dry_run else planned.at_least(now)
            self.tools.claims[rule.place] = Claim(claimed, self.storage.needed)
        return fitting

    async def _see_others(self, pool: Pool) -> None:
        """Find out what other rules have of the frame that ran no cycle since picsync was started."""
        for place in pool.others(self.album_rule.place):
            if place in self.tools.claims:
                continue
            frame = self.tools.frames[place[0]]
            # Without it, their whole part is reserved.
            with suppress(PicsyncError), at_account(place[0]):
                album = await frame.find_album(place[1])
                found = Photos() if album is None else await frame.photos(album)
                if found.problem is None:
                    self.tools.claims.setdefault(place, Claim(held(found.items)))

    def _ranks(self) -> Mapping[MediaItem, int] | None:
        return None if self.order is None else {item: place for place, item in enumerate(self.order)}

    def _note_fullness(self, photos: Photos) -> None:
        """Remember what fits on a frame that turned out to be full, until more fits."""
        place = self.album_rule.place
        if self.transferred.storage_full:
            self.tools.seen_to_fit[place] = held(photos.items)
        elif self.transferred.uploaded_count:
            self.tools.seen_to_fit.pop(place, None)

    def _accepted(self) -> Accepted:
        capabilities = self.frame.capabilities
        videos = self.album_rule.rule.videos and capabilities.accepts_kind(MediaKind.VIDEO)
        able = {name for name in self.album_rule.sources if self.tools.sources[name].capabilities.videos}
        accepted = frozenset(able if videos else ())
        return Accepted(capabilities.mime_types, accepted, any_picture=self.album_rule.recipe.convert)

    # --- transfer -------------------------------------------------------------------------------------

    async def _transfer(self, seen: _Seen, playlists: Playlists | None) -> None:
        rule = self.album_rule
        # Where nothing may be deleted, a replaced photo would stay beside the new one.
        replacements = rule.rule.replace_per_cycle if rule.rule.delete else 0
        if self.storage is not None and replacements:
            replacements = self.storage.replacements(replacements)
        transfers = plan_transfers(self.candidates, seen.photos, replacements)
        if rule.place in self.tools.seen_to_fit:
            # One that is wanted less would take the room, and give it up to another in the next cycle.
            ranks = self._ranks()
            transfers = tuple(sorted(transfers, key=lambda transfer: rank(transfer.item, ranks)))
        shown = self._shown(seen.photos)
        items = [item for transfer in transfers for item in transfer.items]
        converted = sum(1 for item in items if shown.converts(item))
        self.tools.emit(TransfersPlanned(rule.name, transfers, converted))
        if not transfers:
            return

        transferrer = Transferrer(
            rule.name,
            self.tools,
            group=rule.album,
            frame=self.frame,
            account=rule.frame,
            stopping=self.stopping,
            dry_run=rule.dry_run,
            recipe=rule.recipe,
            rejected=self.rejected,
            wording=rule.wording,
            judgements=self.judgements,
            room_bytes=self.storage.room.size_bytes if self.storage else None,
            closing=partial(self._create_playlist, seen, playlists),
        )
        learn = deletes_wait_for_content(rule.rule, self.candidates, self.listings, seen.photos)
        self.transferred = done = await transferrer.run(
            partial(self._open_album, seen, len(transfers)), transfers, shown, learn=learn
        )
        if done.no_album is not None and done.no_album is seen.doubt:
            return  # What was fetched is in the cache now; everything else is decided again.
        await self._take_over(done, seen)

    def _create_playlist(self, seen: _Seen, playlists: Playlists | None) -> None:
        if playlists is not None and not self._has_playlist(seen):
            playlists.begin()

    async def _open_album(self, seen: _Seen, upcoming: int) -> FrameAlbum:
        """Return the frame's album, which is created if it is new."""
        if seen.observing is not None:
            await self._confirm(seen)
            if seen.doubt is not None:
                raise seen.doubt
        if seen.album is None:
            with at_account(self.album_rule.frame):
                seen.album = await self.frame.create_album(self.album_rule.album, upcoming=upcoming)
        return seen.album

    async def _take_over(self, done: TransferResult, seen: _Seen) -> None:
        """Take over what the transfers have shown."""
        left_out = self.storage.left_out + self.storage.later if self.storage else 0
        self.failures += [
            replace(each, waiting=each.waiting.plus(left_out)) if each.waiting else each
            for each in done.failures
        ]
        self._note_remarks(done.notes)
        if done.no_album is not None:
            raise done.no_album
        self.candidates = learned(self.candidates, done.lesson)
        if done.uploaded:
            await self._observe_again(seen)
        self._note_fullness(seen.photos)

    def _note_remarks(self, notes: Mapping[MediaItem, str]) -> None:
        """Report each remark about photos once, with the number of other photos that it is true of."""
        by_text: dict[str, list[MediaItem]] = {}
        for item, said in notes.items():
            # Beyond a few different ones, only the number of photos is reported.
            text = said if said in by_text or len(by_text) < REMARKS else next(reversed(by_text))
            by_text.setdefault(text, []).append(item)
        for said, (item, *others) in by_text.items():
            name = item.filename or item.item_id
            self.notices.append(Notice(NoticeKind.PHOTO_NOTE, name, len(others), said=said))

    def _has_playlist(self, seen: _Seen) -> bool:
        return any(playlist.name == self.album_rule.rule.playlist_name for playlist in seen.playlists)

    async def _observe_again(self, seen: _Seen) -> None:
        for wait_s in (*CONFIRM_WAITS_S, None):
            await self._see_photos(seen)
            unlisted = self.transferred.uploaded - {photo.digest for photo in seen.photos.items}
            if not unlisted:
                return
            if wait_s is not None:
                await self.tools.sleep(wait_s)
        title = self.frame.capabilities.title
        self.notices.append(Notice(NoticeKind.UPLOADS_UNLISTED, count=len(unlisted), frame=title))

    async def _see_photos(self, seen: _Seen) -> None:
        if seen.album is not None:
            with at_account(self.album_rule.frame):
                seen.photos = (await self.frame.photos(seen.album)).after(seen.photos)

    # --- change ---------------------------------------------------------------------------------------

    def _situation(self, seen: _Seen) -> Situation:
        self.on_frame = len(seen.photos.items)
        return Situation(
            candidates=self.candidates,
            listings=self.listings,
            photos=seen.photos,
            playlists=seen.playlists,
            shows_albums=self.playlist_frame is None,
            playlist_limit=self.frame.capabilities.playlist_limit,
            ordered=self._ordered(),
            storage_full=self.transferred.storage_full,
        )

    def _ordered(self) -> bool:
        """Whether photos are to be shown in the order of the rule's choice."""
        choice = self.album_rule.choice
        if choice is None or not choice.ordered:
            return False
        if self.playlist_frame is None and not self.frame.capabilities.keeps_order:
            return False
        seen_at = self.tools.unordered.get(self.album_rule.place)
        return seen_at is None or self.tools.now() - seen_at >= UNORDERED_FOR

    async def _publish(self, seen: _Seen, playlists: Playlists | None) -> bool:
        """Bring the playlists up to date; return whether deleting may follow."""
        if playlists is None or self.playlist_frame is None:
            self.in_playlist = self.on_frame
            return True
        for content in self.plan.contents:
            self._notice(content, [playlist for playlist in seen.playlists if playlist.name == content.name])
        if self.plan.overflow:
            self._overflowing()
        current = {playlist.name: playlist for playlist in reversed(seen.playlists)}
        counts = {name: len(playlist.items) for name, playlist in current.items()}
        published = True
        for edit in self.plan.edits:
            name = edit.content.name
            if not published and (edit.playlist is None or not edit.content.photos):
                break  # Parts are made in order, and given up once the others have taken over.
            result = await publish(
                self.playlist_frame,
                self.album_rule.name,
                edit,
                create=playlists.create,
                seen=self.plan.seen,
                emit=self.tools.emit,
                sleep=self.tools.sleep,
            )
            self.published.append(result)
            if result.created and not self.album_rule.dry_run:
                self.assigned[result.created] = False
                title, asked = self.frame.capabilities.title, "" if name == result.created else name
                self.notices.append(Notice(NoticeKind.PLAYLIST_NEW, result.created, frame=title, asked=asked))
            if result.playlist is not None:
                current[name], counts[name] = result.playlist, len(result.playlist.items)
            if result.failure is not None:
                self.failures.append(self._at_frame(result.failure))
                published = False
            if result.unordered:
                self.tools.unordered[self.album_rule.place] = self.tools.now()
                title = self.frame.capabilities.title
                self.notices.append(Notice(NoticeKind.ORDER_NOT_KEPT, name, frame=title))
        self.in_playlist = sum(counts.values())
        await self._assign([current[each.name] for each in self.plan.contents if each.name in current])
        return published

    async def _assign(self, playlists: Sequence[Playlist]) -> None:
        """Have devices show the playlists, if the frame is to choose which ones."""
        if not isinstance(self.frame, Assigns):
            return
        for playlist in playlists:
            if not playlist.items:
                continue
            name, title = playlist.shown_name, self.frame.capabilities.title
            try:
                assigned = await self.frame.assign(playlist)
            except LoginNeeded:
                raise
            except PicsyncError as error:
                self.failures.append(self._at_frame(Failure(name, error, About.PLAYLIST)))
                return
            if assigned is None:
                return
            self.assigned[name] = assigned.shown
            # What is done here needs not be done by hand.
            by_hand = (NoticeKind.PLAYLIST_NEW, NoticeKind.PLAYLIST_UNASSIGNED)
            self.notices = [
                each
                for each in self.notices
                if not (each.kind in by_hand and each.name == name and (assigned.shown or assigned.remark))
            ]
            if assigned.remark:
                notice = Notice(NoticeKind.PLAYLIST_NOT_SHOWN, name, frame=title, said=assigned.remark)
                self.notices.append(notice)

    def _notice(self, content: Content, playlists: Sequence[Playlist]) -> None:
        """Note what is odd about the playlists that have the name of `content`."""
        name = " and ".join(dict.fromkeys(playlist.shown_name for playlist in playlists))
        if len(playlists) > 1:
            self.notices.append(Notice(NoticeKind.PLAYLIST_DUPLICATE, name, len(playlists)))
        if content.photos or content.name == self.album_rule.rule.playlist_name:
            said = [playlist.assigned for playlist in playlists]
            if playlists and content.photos:
                self.assigned[name] = True if any(said) else None if None in said else False
            if playlists and not any(said) and None not in said:
                self.notices.append(Notice(NoticeKind.PLAYLIST_UNASSIGNED, name))
        elif any(playlist.items for playlist in playlists):
            self.notices.append(Notice(NoticeKind.PLAYLIST_UNUSED, name))

    def _overflowing(self) -> None:
        name, shown, left_out = self.album_rule.rule.playlist_name, len(self.plan.shown), self.plan.overflow
        match self.album_rule.rule.overflow:
            case Overflow.ERROR:
                error = PlaylistFullError(shown, left_out)
                self.failures.append(Failure(name, error, About.PLAYLIST))
            case Overflow.NEWEST:
                self.notices.append(Notice(NoticeKind.PLAYLIST_FULL_NEWEST, name, left_out, shown))
            case Overflow.SPLIT:
                self.notices.append(Notice(NoticeKind.PLAYLIST_FULL_SPLIT, name, left_out, shown))

    async def _settle(self, seen: _Seen) -> None:
        """Tell sources that put items away what this frame shows, and what it cannot show."""
        rule = self.album_rule
        if rule.dry_run or not rule.settles or any(result.failure is not None for result in self.published):
            return
        there = {photo.digest for photo in seen.photos.items}
        if self.plan.overflow and rule.rule.overflow is Overflow.ERROR:
            there &= {photo.digest for photo in self.plan.shown}
        self.failures += await self.tools.settling.note(
            rule.name,
            self.tools.sources,
            self.listings,
            self.candidates,
            there,
            self.transferred.errors,
            frame=self.frame.capabilities.title,
        )

    def _at_frame(self, failure: Failure) -> Failure:
        return replace(failure, account=failure.account or self.album_rule.frame)

    async def _delete(self, seen: _Seen) -> None:
        if not self.plan.deletes or seen.album is None:
            return
        result = await delete(
            self.frame,
            self.album_rule.name,
            seen.album,
            self.plan.deletes,
            emit=self.tools.emit,
            stopping=self.stopping,
        )
        self.deleted = result.deleted
        self.on_frame = len(seen.photos.items) - result.deleted
        if self.playlist_frame is None:
            self.in_playlist = self.on_frame
        self.failures += map(self._at_frame, result.failures)
        if self.album_rule.pool is not None and self.storage is not None and not result.failures:
            gone = set(self.plan.deletes[: result.deleted])
            left = held([photo for photo in seen.photos.items if photo not in gone])
            self.tools.claims[self.album_rule.place] = Claim(left, self.storage.needed)

    async def _record_items(self, seen: _Seen) -> None:
        """Tell a frame that wants to know it which items its photos show."""
        if seen.album is None or not isinstance(self.frame, RecordsItems):
            return
        there = {photo.digest for photo in seen.photos.items}
        items = {item_key(each.item): each.digest for each in self.candidates if each.digest in there}
        with at_account(self.album_rule.frame):
            await self.frame.record_items(seen.album, {key: one for key, one in items.items() if one})

    def _tell_family(self, seen: _Seen) -> None:
        """Tell the family's pages what the frame shows."""
        rule, judges = self.album_rule, self.tools.judges
        if judges is None or not rule.judged or rule.dry_run:
            return
        gone = {photo.photo_id for photo in self.plan.deletes[: self.deleted]}
        there = {photo.digest for photo in seen.photos.items if photo.photo_id not in gone}
        if self.playlist_frame is not None:
            there &= {photo.digest for photo in self.plan.shown}
        judges.shown(
            rule.name,
            rule.frame,
            frozenset(item_key(each.item) for each in self.candidates if each.digest in there),
        )

    async def _caption(self, seen: _Seen) -> None:
        """Bring the captions up to date that the frame shows as text."""
        rule = self.album_rule
        if rule.wording is None or seen.album is None or self.stopping():
            return
        gone = {photo.photo_id for photo in self.plan.deletes}
        captioner = Captioner(
            rule.name,
            self.tools,
            rule.wording,
            group=rule.album,
            frame=self.frame,
            account=rule.frame,
            stopping=self.stopping,
            dry_run=rule.dry_run,
            downloads=rule.rule.replace_per_cycle,
            judgements=self.judgements,
        )
        photos = [photo for photo in seen.photos.items if photo.photo_id not in gone]
        result = await captioner.run(seen.album, photos, self.candidates)
        self.captions_written = result.written
        if result.missing:
            title, said = self.frame.capabilities.title, "" if result.error is None else str(result.error)
            notice = Notice(NoticeKind.CAPTIONS_MISSING, count=result.missing, frame=title, said=said)
            self.notices.append(notice)

    async def _arrange(self, seen: _Seen) -> None:
        """Have a frame without playlists show its photos in the wanted order."""
        frame = self.frame
        if self.plan.order and seen.album is not None and isinstance(frame, KeepsOrder):
            with at_account(self.album_rule.frame):
                await frame.arrange(seen.album, self.plan.order)

    # --- report ---------------------------------------------------------------------------------------

    def report(self, duration_s: float) -> CycleReport:
        done = self.transferred
        skipped = count_skipped(self.candidates)
        return CycleReport(
            rule=self.album_rule.name,
            outcome=self._outcome(),
            dry_run=self.album_rule.dry_run,
            duration_s=duration_s,
            listed=len(self.candidates),
            wanted=len(wanted(self.candidates)),
            certainty=Certainty.least(listing.certainty for listing in self.listings)
            if self.listings
            else Certainty.PARTIAL,
            skipped=skipped.reasons,
            formats=skipped.formats,
            left_out={}
            if self.album_rule.choice is None
            else dict.fromkeys(LeftOut, 0) | dict(skipped.left_out),
            downloaded=done.downloaded_count,
            downloaded_bytes=done.downloaded_bytes,
            uploaded=done.uploaded_count,
            uploaded_bytes=done.uploaded_bytes,
            already_there=done.already_there,
            deleted=self.deleted,
            playlists_edited=sum(result.edited for result in self.published),
            entries_added=sum(result.added for result in self.published),
            entries_removed=sum(result.removed for result in self.published),
            captions_written=self.captions_written,
            on_frame=self.on_frame,
            in_playlist=self.in_playlist,
            assigned=self._assigned(),
            playlist=next(iter(self.assigned), ""),
            unassigned=tuple(name for name, shown in self.assigned.items() if shown is False),
            overflow=self.plan.overflow,
            hold=self.plan.hold,
            storage=self.storage,
            failures=tuple(self.failures),
            notices=tuple(self.notices),
        )

    def _assigned(self) -> bool | None:
        said = self.assigned.values()
        if False in said:
            return False
        return None if None in said or not said else True

    def _outcome(self) -> CycleOutcome:
        errors = [failure.error for failure in self.failures]
        if any(isinstance(error, LoginNeeded) for error in errors):
            return CycleOutcome.LOGIN_NEEDED
        # A photo that cannot be used is reported once, and then counted as skipped; no cycle can do more.
        if any(error.code is not FailureCode.ITEM_UNUSABLE for error in errors):
            return CycleOutcome.FAILED
        if self.plan.hold is not None and self.plan.hold.needs_person:
            return CycleOutcome.HELD
        return CycleOutcome.STOPPED if self.stopping() else CycleOutcome.DONE
