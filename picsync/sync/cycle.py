"""One cycle of one album rule: observe, plan, act, report. Read `run_cycle` top to bottom.

It remembers nothing but digests: whatever an earlier cycle meant to do, this one goes by what the services
report now. If picsync is killed at any moment, the next cycle ends in the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from functools import partial

from picsync.core.capacity import held, rank
from picsync.core.choice import LeftOut
from picsync.core.errors import (
    FailureCode,
    LoginNeeded,
    NoSourceError,
    PicsyncError,
    at_account,
)
from picsync.core.events import (
    About,
    ChangesPlanned,
    CycleFinished,
    CycleOutcome,
    CycleReport,
    CycleStarted,
    Failure,
    Notice,
    NoticeKind,
    TransfersPlanned,
)
from picsync.core.identity import item_key
from picsync.core.model import (
    Certainty,
    Digest,
    FrameAlbum,
    MediaItem,
)
from picsync.core.plan import (
    Plan,
    Situation,
    deletes_wait_for_content,
    plan_changes,
    plan_transfers,
)
from picsync.core.pools import Claim
from picsync.core.recipe import ORIGINAL, Recipe
from picsync.core.select import (
    Candidate,
    Overflow,
    count_skipped,
    frees_places,
    learned,
    wanted,
)
from picsync.core.values import dataclass
from picsync.frames.base import (
    Frame,
    KeepsOrder,
    RecordsItems,
)
from picsync.frames.dryrun import unchanged
from picsync.sync.captions import Captioner
from picsync.sync.choosing import Looks
from picsync.sync.deciding import Deciding
from picsync.sync.findings import Findings
from picsync.sync.observing import Observation, Seen
from picsync.sync.publish import delete
from picsync.sync.publishing import Publishing
from picsync.sync.rule import AlbumRule
from picsync.sync.transfer import (
    Tools,
    Transferrer,
    TransferResult,
)

CONFIRM_WAITS_S = (1.0, 2.0, 4.0, 8.0)
"""Waits between looks for confirmed uploads in the frame's listing: 15 s in all, three times as long as the
5 s that a known client gives Nixplay. Only a listing that lags behind makes a cycle wait at all."""
REMARKS = 5
"""Different remarks about photos that one cycle reports."""
UNORDERED_FOR = timedelta(days=1)
"""Time after which a frame that did not keep an order is tried again."""


def _never() -> bool:
    return False


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
        cycle.findings.failures.append(Failure(album_rule.name, error, About.RULE))
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
        async with cycle.observation.looking(early=False) as seen:
            await cycle.deciding.decide(seen)
    except PicsyncError as error:
        cycle.findings.failures.append(Failure(album_rule.name, error, About.RULE))
        return Preview(album_rule.name, failures=cycle.findings.failures)
    there = frozenset(photo.digest for photo in seen.photos.items)
    return Preview(
        album_rule.name, cycle.deciding.candidates, there, cycle.findings.failures, album_rule.recipe
    )


class _Cycle:
    def __init__(self, album_rule: AlbumRule, tools: Tools, stopping: Callable[[], bool]) -> None:
        frame = tools.frames[album_rule.frame]
        self.album_rule = album_rule
        self.tools = tools
        self.stopping = stopping
        self.frame: Frame = unchanged(frame) if album_rule.dry_run else frame
        self.findings = Findings()
        self.observation = Observation(album_rule, tools, self.frame, self.findings)
        looks = Looks(
            album_rule.name,
            tools,
            group=album_rule.album,
            algorithm=frame.capabilities.digest_algorithm,
            stopping=stopping,
            may_download=not album_rule.dry_run,
        )
        self.deciding = Deciding(self.observation, looks)
        playlist_frame = self.observation.playlist_frame
        self.publishing = None if playlist_frame is None else Publishing(self.observation, playlist_frame)
        """None if the frame shows albums rather than playlists."""
        self.transferred = TransferResult()
        self.plan = Plan()
        self.deleted = 0
        self.on_frame: int | None = None
        self.captions_written = 0

    async def run(self) -> None:
        if not any(self.album_rule.sources.values()):
            raise NoSourceError(self.album_rule.name)
        if self.publishing is None:
            await self._close_the_difference()
            return
        async with aclosing(self.publishing.playlists):
            await self._close_the_difference()

    async def _close_the_difference(self) -> None:
        async with self.observation.looking(early=not self.album_rule.dry_run) as seen:
            await self.deciding.decide(seen)
            await self._transfer(seen)
            await self.observation.confirm(seen)
        if seen.doubt is not None:
            fetched, self.transferred = self.transferred, TransferResult()
            await self.deciding.decide(seen)
            await self._transfer(seen)
            self.transferred.downloaded_count += fetched.downloaded_count
            self.transferred.downloaded_bytes += fetched.downloaded_bytes
        self.plan = plan_changes(self.album_rule.rule, self._situation(seen))
        if self.plan.deletes:
            # After uploads the photos were looked at twice already.
            await self.observation.look_again(seen, photos_too=not self.transferred.uploaded)
            self.plan = plan_changes(self.album_rule.rule, self._situation(seen))
        if seen.photos.problem is not None and self.plan.hold is None:
            self.findings.notices.append(Notice(NoticeKind.FRAME_LISTING_DOUBTFUL, said=seen.photos.problem))
        self.tools.emit(ChangesPlanned(self.album_rule.name, self.plan))
        if await self._publish(seen):
            await self._delete(seen)
        if self.transferred.uploaded or self.deleted:
            gone = set(self.plan.deletes[: self.deleted])
            self.deciding.measure([photo for photo in seen.photos.items if photo not in gone])
        await self._record_items(seen)
        await self._settle(seen)
        self._tell_family(seen)
        await self._caption(seen)
        await self._arrange(seen)

    # --- transfer -------------------------------------------------------------------------------------

    async def _transfer(self, seen: Seen) -> None:
        rule = self.album_rule
        # Where nothing may be deleted, a replaced photo would stay beside the new one.
        replacements = rule.rule.replace_per_cycle if rule.rule.delete else 0
        if self.deciding.storage is not None and replacements:
            replacements = self.deciding.storage.replacements(replacements)
        transfers = plan_transfers(self.deciding.candidates, seen.photos, replacements)
        if rule.place in self.tools.seen_to_fit:
            # One that is wanted less would take the room, and give it up to another in the next cycle.
            ranks = self.deciding.ranks()
            transfers = tuple(sorted(transfers, key=lambda transfer: rank(transfer.item, ranks)))
        chosen = (each for each in self.deciding.candidates if each.skip is None and not each.outdated)
        right = {each.digest for each in chosen if each.digest is not None}
        shown = self.deciding.shown(seen.photos, right)
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
            rejected=self.observation.rejected,
            wording=rule.wording,
            judgements=self.observation.judgements,
            room_bytes=self.deciding.storage.room.size_bytes if self.deciding.storage else None,
            replacements=replacements,
            closing=partial(self._begin_playlist, seen),
        )
        learn = deletes_wait_for_content(
            rule.rule, self.deciding.candidates, self.observation.listings, seen.photos
        )
        self.transferred = done = await transferrer.run(
            partial(self._open_album, seen, len(transfers)), transfers, shown, learn=learn
        )
        if done.no_album is not None and done.no_album is seen.doubt:
            return  # What was fetched is in the cache now; everything else is decided again.
        await self._take_over(done, seen)

    def _begin_playlist(self, seen: Seen) -> None:
        if self.publishing is not None:
            self.publishing.begin(seen)

    async def _open_album(self, seen: Seen, upcoming: int) -> FrameAlbum:
        """Return the frame's album, which is created if it is new."""
        if seen.observing is not None:
            await self.observation.confirm(seen)
            if seen.doubt is not None:
                raise seen.doubt
        if seen.album is None:
            with at_account(self.album_rule.frame):
                seen.album = await self.frame.create_album(self.album_rule.album, upcoming=upcoming)
        return seen.album

    async def _take_over(self, done: TransferResult, seen: Seen) -> None:
        """Take over what the transfers have shown."""
        left_out = (
            self.deciding.storage.left_out + self.deciding.storage.later if self.deciding.storage else 0
        )
        self.findings.failures += [
            replace(each, waiting=each.waiting.plus(left_out)) if each.waiting else each
            for each in done.failures
        ]
        self._note_remarks(done.notes)
        if done.no_album is not None:
            raise done.no_album
        before = self.deciding.candidates
        self.deciding.candidates = learned(before, done.lesson)
        if done.uploaded:
            await self._observe_again(seen)
        limited = self.album_rule.choice is not None or self.deciding.storage is not None
        if limited and frees_places(before, self.deciding.candidates):
            # What was to give up its place stays.
            await self.deciding.decide(seen)
            self.deciding.candidates = learned(self.deciding.candidates, done.lesson)
        self.deciding.note_fullness(seen.photos, self.transferred)

    def _note_remarks(self, notes: Mapping[MediaItem, str]) -> None:
        """Report each remark about photos once, with the number of other photos that it is true of."""
        by_text: dict[str, list[MediaItem]] = {}
        for item, said in notes.items():
            # Beyond a few different ones, only the number of photos is reported.
            text = said if said in by_text or len(by_text) < REMARKS else next(reversed(by_text))
            by_text.setdefault(text, []).append(item)
        for said, (item, *others) in by_text.items():
            name = item.filename or item.item_id
            self.findings.notices.append(Notice(NoticeKind.PHOTO_NOTE, name, len(others), said=said))

    async def _observe_again(self, seen: Seen) -> None:
        for wait_s in (*CONFIRM_WAITS_S, None):
            await self.observation.see_photos(seen)
            unlisted = self.transferred.uploaded - {photo.digest for photo in seen.photos.items}
            if not unlisted:
                return
            if wait_s is not None:
                await self.tools.sleep(wait_s)
        title = self.frame.capabilities.title
        self.findings.notices.append(Notice(NoticeKind.UPLOADS_UNLISTED, count=len(unlisted), frame=title))

    # --- change ---------------------------------------------------------------------------------------

    def _situation(self, seen: Seen) -> Situation:
        self.on_frame = len(seen.photos.items)
        return Situation(
            candidates=self.deciding.candidates,
            listings=self.observation.listings,
            photos=seen.photos,
            playlists=seen.playlists,
            shows_albums=self.publishing is None,
            playlist_limit=self.frame.capabilities.playlist_limit,
            ordered=self._ordered(),
            storage_full=self.transferred.storage_full,
        )

    def _ordered(self) -> bool:
        """Whether photos are to be shown in the order of the rule's choice."""
        choice = self.album_rule.choice
        if choice is None or not choice.ordered:
            return False
        if self.publishing is None and not self.frame.capabilities.keeps_order:
            return False
        seen_at = self.tools.unordered.get(self.album_rule.place)
        return seen_at is None or self.tools.now() - seen_at >= UNORDERED_FOR

    async def _publish(self, seen: Seen) -> bool:
        """Bring the playlists up to date, if the frame has any; return whether deleting may follow."""
        return self.publishing is None or await self.publishing.publish(seen, self.plan)

    async def _settle(self, seen: Seen) -> None:
        """Tell sources that put items away what this frame shows, and what it cannot show."""
        rule = self.album_rule
        if rule.dry_run or not rule.settles or (self.publishing is not None and self.publishing.failed):
            return
        there = {photo.digest for photo in seen.photos.items}
        if self.plan.overflow and rule.rule.overflow is Overflow.ERROR:
            there &= {photo.digest for photo in self.plan.shown}
        self.findings.failures += await self.tools.settling.note(
            rule.name,
            self.tools.sources,
            self.observation.listings,
            self.deciding.candidates,
            there,
            self.transferred.errors,
            frame=self.frame.capabilities.title,
        )

    async def _delete(self, seen: Seen) -> None:
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
        self.findings.failures += map(self.observation.at_frame, result.failures)
        if self.album_rule.pool is not None and self.deciding.storage is not None and not result.failures:
            gone = set(self.plan.deletes[: result.deleted])
            left = held([photo for photo in seen.photos.items if photo not in gone])
            self.tools.claims[self.album_rule.place] = Claim(left, self.deciding.storage.needed)

    async def _record_items(self, seen: Seen) -> None:
        """Tell a frame that wants to know it which items its photos show."""
        if seen.album is None or not isinstance(self.frame, RecordsItems):
            return
        there = {photo.digest for photo in seen.photos.items}
        items = {
            item_key(each.item): each.digest for each in self.deciding.candidates if each.digest in there
        }
        with at_account(self.album_rule.frame):
            await self.frame.record_items(seen.album, {key: one for key, one in items.items() if one})

    def _tell_family(self, seen: Seen) -> None:
        """Tell the family's pages what the frame shows."""
        rule, judges = self.album_rule, self.tools.judges
        if judges is None or not rule.judged or rule.dry_run:
            return
        gone = {photo.photo_id for photo in self.plan.deletes[: self.deleted]}
        there = {photo.digest for photo in seen.photos.items if photo.photo_id not in gone}
        if self.publishing is not None:
            there &= {photo.digest for photo in self.plan.shown}
        judges.shown(
            rule.name,
            rule.frame,
            frozenset(item_key(each.item) for each in self.deciding.candidates if each.digest in there),
        )

    async def _caption(self, seen: Seen) -> None:
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
            judgements=self.observation.judgements,
        )
        photos = [photo for photo in seen.photos.items if photo.photo_id not in gone]
        result = await captioner.run(seen.album, photos, self.deciding.candidates)
        self.captions_written = result.written
        if result.missing:
            title, said = self.frame.capabilities.title, "" if result.error is None else str(result.error)
            notice = Notice(NoticeKind.CAPTIONS_MISSING, count=result.missing, frame=title, said=said)
            self.findings.notices.append(notice)

    async def _arrange(self, seen: Seen) -> None:
        """Have a frame without playlists show its photos in the wanted order."""
        frame = self.frame
        if self.plan.order and seen.album is not None and isinstance(frame, KeepsOrder):
            with at_account(self.album_rule.frame):
                await frame.arrange(seen.album, self.plan.order)

    # --- report ---------------------------------------------------------------------------------------

    def report(self, duration_s: float) -> CycleReport:
        done = self.transferred
        skipped = count_skipped(self.deciding.candidates)
        published = () if self.publishing is None else self.publishing.results
        assigned = {} if self.publishing is None else self.publishing.assigned
        return CycleReport(
            rule=self.album_rule.name,
            outcome=self._outcome(),
            dry_run=self.album_rule.dry_run,
            duration_s=duration_s,
            listed=len(self.deciding.candidates),
            wanted=len(wanted(self.deciding.candidates)),
            certainty=Certainty.least(listing.certainty for listing in self.observation.listings)
            if self.observation.listings
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
            playlists_edited=sum(result.edited for result in published),
            entries_added=sum(result.added for result in published),
            entries_removed=sum(result.removed for result in published),
            captions_written=self.captions_written,
            on_frame=self.on_frame,
            in_playlist=self.on_frame if self.publishing is None else self.publishing.entries,
            assigned=_least(assigned.values()),
            playlist=next(iter(assigned), ""),
            unassigned=tuple(name for name, shown in assigned.items() if shown is False),
            overflow=self.plan.overflow,
            hold=self.plan.hold,
            storage=self.deciding.storage,
            failures=tuple(self.findings.failures),
            notices=tuple(self.findings.notices),
        )

    def _outcome(self) -> CycleOutcome:
        errors = [failure.error for failure in self.findings.failures]
        if any(isinstance(error, LoginNeeded) for error in errors):
            return CycleOutcome.LOGIN_NEEDED
        # A photo that cannot be used is reported once, and then counted as skipped; no cycle can do more.
        if any(error.code is not FailureCode.ITEM_UNUSABLE for error in errors):
            return CycleOutcome.FAILED
        if self.plan.hold is not None and self.plan.hold.needs_person:
            return CycleOutcome.HELD
        return CycleOutcome.STOPPED if self.stopping() else CycleOutcome.DONE


def _least(said: Collection[bool | None]) -> bool | None:
    """Return whether frames show all playlists; None if that is not known, or there are none."""
    if False in said:
        return False
    return None if None in said or not said else True
