"""Takes media items to a frame album: bounded stages, an outcome for each item. Decides nothing.

Downloads and uploads overlap: each worker takes one media item all the way. `http/pace` decides how many
downloads and uploads run concurrently. What was learnt is recorded the moment it is known.

Content that is known and not on the frame has been fetched before, in vain if the frame's storage was full.
So such items go first, and one by one until one of them has gone up: while the storage stays full, a cycle
fetches one original, and after its refusal only what no cycle has fetched yet and deletes wait for.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, closing, suppress
from dataclasses import field, replace
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from picsync.aio.tasks import run_all
from picsync.core.capacity import Capacity
from picsync.core.caption import (
    NOTHING,
    NOTHING_KNOWN,
    AboutPhoto,
    Captions,
    Details,
    Told,
    Wording,
    clean,
)
from picsync.core.errors import (
    ContentError,
    Defect,
    FormatError,
    ItemError,
    LimitError,
    LoginNeeded,
    NoRoomError,
    PicsyncError,
    QuotaError,
    Scope,
    SpoolError,
    at_account,
)
from picsync.core.events import (
    About,
    CacheWritten,
    Emit,
    Failure,
    ItemConverted,
    ItemDownloaded,
    ItemFailed,
    ItemUploaded,
    Waiting,
)
from picsync.core.identity import (
    FITTING_BYTES,
    MAX_EXTENSION,
    ORIGINAL_BYTES,
    Match,
    PhotoKey,
    Shown,
    content_key,
    item_key,
    keyed_name,
)
from picsync.core.judgements import NO_JUDGEMENTS, Judgements, Judges
from picsync.core.model import Digest, FrameAlbum, ItemFacts, MediaItem, MediaKind
from picsync.core.model import Mapping as DigestMapping
from picsync.core.plan import Transfer
from picsync.core.pools import Claim, Place
from picsync.core.recipe import ORIGINAL, Recipe
from picsync.core.rejected import NOTHING_REJECTED, Rejected
from picsync.core.select import Lesson
from picsync.core.values import dataclass
from picsync.frames.base import AlreadyThere, Frame, Rendition
from picsync.http.pace import DOWNLOADS
from picsync.rendering.pool import Renderer
from picsync.sources.base import Source
from picsync.sync.about import details_of, words
from picsync.sync.renditions import Made, load_treatment, make_half, make_pair
from picsync.sync.settling import Settling
from picsync.sync.shared import Abandoned, Listings, Original, Originals, never
from picsync.sync.tempfiles import Spool, load_parsers
from picsync.system.localtime import MachineZone

if TYPE_CHECKING:
    from picsync.cache.store import Cache

OpenAlbum: TypeAlias = Callable[[], Awaitable[FrameAlbum]]
"""Returns the frame's album, creating it if there is none."""

MD5, SHA256 = "md5", "sha256"
"""Digest algorithms: of nearly all frames, and of what the family says."""
MAX_TRANSIENT_FAILURES = 8
"""Consecutive transient failures after which the service, rather than the items, is to blame."""

SIZES_AT_ONCE = 50
"""Sizes of pictures that are recorded in one transaction."""
_NAME_LENGTH = 55
"""Characters of each name in that of a pair."""

SMALL_BYTES = 16 * 1024 * 1024
"""A disk without room for a file of this size, most photos, is full: no further original is fetched."""


def recipe_of(item: MediaItem, recipe: Recipe = ORIGINAL, algorithm: str = MD5) -> str:
    """Return the recipe by which the cache knows what is sent of an item; none changes a video.

    Digests by other algorithms than MD5 have rows of their own, so that frames share the rest of the cache.
    """
    return recipes_by(recipe, algorithm)(item)


def recipes_by(recipe: Recipe = ORIGINAL, algorithm: str = MD5) -> Callable[[MediaItem], str]:
    """Return what `recipe_of` returns, for many items: the text of a recipe costs more than the rest."""
    mark = "" if algorithm == MD5 else f" {algorithm}"
    text, video = f"{recipe.alone}{mark}", f"video{mark}"
    return lambda item: video if item.kind is MediaKind.VIDEO else text


def recipe_of_pair(recipe: Recipe, right: MediaItem) -> str:
    """Return the recipe by which the cache knows what is sent of an item beside the `right` one."""
    return f"{recipe} beside {item_key(right)}"


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Tools:
    """Dependencies of cycles; all of them outlive a cycle."""

    sources: Mapping[str, Source]
    """Name of an account -> source."""
    frames: Mapping[str, Frame]
    """By the names that rules have for them."""
    cache: Cache
    spool: Spool
    emit: Emit
    max_downloads: int = DOWNLOADS.cap
    """The highest limit of the stage `downloads`; the workers of a cycle follow from it."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    zone: tzinfo = field(default_factory=MachineZone)
    """In which days begin."""
    clock: Callable[[], float] = time.monotonic
    """Seconds, for durations."""
    sleep: Callable[[float], Awaitable[None]] = _sleep
    listings: Listings = field(default_factory=Listings)
    seen_to_fit: dict[tuple[str, str], Capacity] = field(default_factory=dict)
    """Frame and album -> what the album held when the frame was last full."""
    claims: dict[Place, Claim] = field(default_factory=dict)
    """What rules have and need of frames whose capacity they share."""
    captions_tried: dict[tuple[str, str, str], tuple[str, datetime]] = field(default_factory=dict)
    """Frame, album and ID of a photo -> the caption that was sent last, and when."""
    unordered: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Frame and album -> when the frame was seen not to keep the order of photos."""
    renderer: Renderer = field(default_factory=Renderer)
    """Starts processes when there is something to render, and ends them when there is not."""
    shared: Originals | None = None
    """The originals in the spool."""
    judges: Judges | None = None
    """Who knows what the family says of photos; None without family pages."""
    settling: Settling = field(default_factory=Settling)

    def __post_init__(self) -> None:
        """Have originals for the spool, one for all copies of these tools."""
        if self.shared is None or self.shared.spool is not self.spool:
            object.__setattr__(self, "shared", Originals(self.spool))

    @property
    def originals(self) -> Originals:
        """The originals in the spool."""
        if self.shared is None:
            raise RuntimeError("tools without originals")
        return self.shared


@dataclass(frozen=True, slots=True)
class _Half:
    """What was made of one item of a pair."""

    item: MediaItem
    content: Digest
    made: Made
    about: AboutPhoto = NOTHING_KNOWN
    """What the frame is told of it."""


@dataclass(slots=True)
class TransferResult:
    """The outcome of the transfers."""

    digests: dict[MediaItem, Digest] = field(default_factory=dict)
    """Of what was sent, or is to be, as far as that was not known before."""
    contents: dict[MediaItem, Digest] = field(default_factory=dict)
    """Of the originals that were downloaded."""
    errors: dict[MediaItem, PicsyncError] = field(default_factory=dict)
    """Why items failed, for those with an error of their own."""
    staying: dict[MediaItem, Match] = field(default_factory=dict)
    """Items that photos of the frame turned out to show."""
    unusable: dict[MediaItem, str] = field(default_factory=dict)
    """Items that can never be shown, with the reason."""
    no_room: set[MediaItem] = field(default_factory=set)
    """Items that are larger than the room that was left in the frame's capacity."""
    rejected: set[MediaItem] = field(default_factory=set)
    """Items that turned out to be photos which a viewer has rejected."""
    notes: dict[MediaItem, str] = field(default_factory=dict)
    """What is to be said of items that were converted."""
    failures: list[Failure] = field(default_factory=list)
    uploaded: set[Digest] = field(default_factory=set)
    """What the frame has confirmed to hold now, whether it came now or was there."""
    downloaded_count: int = 0
    downloaded_bytes: int = 0
    uploaded_count: int = 0
    uploaded_bytes: int = 0
    already_there: int = 0
    storage_full: bool = False
    no_album: PicsyncError | None = None
    """Why there is no album to upload to."""

    @property
    def lesson(self) -> Lesson:
        """What the transfers have shown of the items."""
        return Lesson(self.digests, self.contents, self.unusable, self.rejected, self.no_room, self.staying)


def load(recipe: Recipe) -> None:
    """Load what transfers by a recipe need and most cycles do not."""
    load_parsers()
    if recipe.convert:
        load_treatment()


class Transferrer:
    """Transfers media items to a frame album."""

    def __init__(
        self,
        rule: str,
        tools: Tools,
        *,
        group: str,
        frame: Frame,
        account: str,
        stopping: Callable[[], bool],
        dry_run: bool,
        closing: Callable[[], None] = lambda: None,
        recipe: Recipe = ORIGINAL,
        rejected: Rejected = NOTHING_REJECTED,
        wording: Wording | None = None,
        judgements: Judgements = NO_JUDGEMENTS,
        room_bytes: int | None = None,
        replacements: int = 0,
    ) -> None:
        """Work for one rule on `frame` of `account`, which in a dry run stands before the one in `tools`.

        `group` is what the cycles of the rule on its other frames have in common: the album. `closing` is
        called, perhaps more than once, when the last item has been taken up and the frame has confirmed to
        hold one. `wording` is that of captions that the frame shows as text; None if it is to show none.
        `room_bytes` is how much may be sent, unless it is a single photo; None if there is no limit.
        `replacements` is how many photos may be replaced, planned or not.
        """
        self._rule = rule
        self._group = group
        self._tools = tools
        self._originals = tools.originals
        self._emit = tools.emit
        self._frame = frame
        self._algorithm = frame.capabilities.digest_algorithm
        self._account = account
        self._stopping = stopping
        self._closing = closing
        self._dry_run = dry_run
        self._recipe = recipe
        self._rejected = rejected
        self._words = None if wording is None else words(wording)
        self._judgements = judgements
        self._room_bytes = room_bytes
        self._sent_bytes = 0
        self._replacements = replacements
        self._shown = Shown((), recipe)
        self._made: dict[Digest, Digest] = {}
        """Content of an original -> what was made of it."""
        self._pairs: set[Digest] = set()
        """What was made of two originals."""
        self._claims: dict[Digest, MediaItem] = {}
        """Content of an original to be converted -> the item that is in transfer for it."""
        self._copies: dict[MediaItem, Digest] = {}
        """Items whose content another one has claimed -> that content."""
        self._tried: set[MediaItem] = set()
        """Items of pairs for which nothing is left to do."""
        self._sizes_learned: dict[MediaItem, tuple[int, int]] = {}
        downloads, uploads = tools.max_downloads, frame.capabilities.max_uploads
        self._downloading = asyncio.Semaphore(downloads)
        self._uploading = asyncio.Semaphore(uploads)
        # A few wait at the workers; the others can still be dropped when picsync is to stop.
        self._rendering = asyncio.Semaphore(2 * tools.renderer.workers)
        self._workers = downloads + uploads
        self._there: set[Digest] = set()
        self._failed_uploads: set[Digest] = set()
        self._known: set[MediaItem] = set()
        self._sizes: dict[MediaItem, int] = {}
        """Of originals."""
        self._made_sizes: dict[MediaItem, int] = {}
        """Of what was made of them."""
        self._learning = False
        self._outsized_failure: int | None = None
        """Place among the failures of the one for all files that the disk has no room for."""
        self._full: QuotaError | None = None
        self._halted: PicsyncError | None = None
        self._transient_failures = 0
        self._result = TransferResult()
        self._left = 0
        """Items that no one has taken up."""
        self._unfinished = 0
        """Those, and the ones in transfer."""
        self._opening = asyncio.Lock()

    async def run(
        self, album: OpenAlbum, transfers: Sequence[Transfer], shown: Shown, *, learn: bool
    ) -> TransferResult:
        """Transfer each item, skipping content that is `shown`; one item's failure leaves the others alone.

        `album` is called once there is something to put into the album. If it fails, that is in the result,
        and it is not called again.

        Once the storage is full nothing more goes up; with `learn`, what items of unknown content hold is
        found out all the same. Raises CacheError, which concerns every item, and LoginNeeded; nothing
        else.
        """
        self._shown, self._there = shown, set(shown.digests)
        known = [transfer for transfer in transfers if transfer.digest is not None]
        self._known = {transfer.item for transfer in known}
        self._learning = learn
        self._left = self._unfinished = len(transfers)
        self._replacements -= len({each.replaces for each in transfers if each.replaces is not None})
        items = [item for transfer in transfers for item in transfer.items]
        await self._originals.planned(self._group, self._rule, items)
        others = [transfer for transfer in transfers if transfer.digest is None]
        queue = iter([*known, *others])
        for _ in range(len(known)):
            await self._work(album, islice(queue, 1))
            if self._result.uploaded_count or self._full or self._halted:
                break
        count = min(self._workers, len(transfers))
        work = [self._work(album, queue) for _ in range(count)]
        try:
            # The first file has to be received, which leaves time to load what examines it.
            await run_all(asyncio.to_thread(load, self._recipe), *work)
        finally:
            await self._record_sizes()
        await self._settle_copies()
        if isinstance(self._halted, LoginNeeded):
            raise self._halted
        sent = self._result.digests
        self._result.no_room = {item for item in self._result.no_room if sent.get(item) not in self._there}
        if self._full is not None:
            self._result.storage_full = True
            waiting = self._waiting(transfers)
            self._result.failures.append(Failure(self._rule, self._full, About.RULE, waiting=waiting))
        return self._result

    def _waiting(self, transfers: Sequence[Transfer]) -> Waiting:
        """Return what waits for room on the frame."""
        known = {t.item: t.digest or self._result.digests.get(t.item) for t in transfers}
        waiting = [
            item for item, digest in known.items() if digest not in self._there and not self._done_with(item)
        ]
        sizes = [self._size_to_send(item) or 0 for item in waiting]
        return Waiting(len(waiting), sum(sizes), at_least=not all(sizes))

    def _size_to_send(self, item: MediaItem) -> int | None:
        """Return how large the photo of an item is, or will be, as far as that is known."""
        original = self._sizes.get(item) or item.size_bytes
        if not self._shown.converts(item) or not self._made_sizes:
            return original
        made = self._made_sizes.get(item, sum(self._made_sizes.values()) // len(self._made_sizes))
        return made if original is None else min(made, original)

    def _done_with(self, item: MediaItem) -> bool:
        return item in self._result.unusable or item in self._result.rejected

    async def _work(self, album: OpenAlbum, queue: Iterator[Transfer]) -> None:
        for transfer in queue:
            if self._halted or self._stopping():
                return
            self._left -= 1
            self._tell_if_closing()
            if self._in_vain(transfer):
                self._unfinished -= 1
                continue
            try:
                if transfer.beside is None:
                    await self._alone(album, transfer)
                else:
                    await self._in_pair(album, transfer, transfer.beside)
            finally:
                self._unfinished -= 1
            if len(self._sizes_learned) >= SIZES_AT_ONCE:
                await self._record_sizes()

    async def _alone(self, album: OpenAlbum, transfer: Transfer) -> None:
        async with self._borrowed(transfer.item) as original:
            # What fails is taken note of before the file is given up: meanwhile others would go on.
            try:
                await self._transfer(album, transfer, original)
                self._transient_failures = 0
            except PicsyncError as error:
                await self._failed(transfer.item, error)

    def _borrowed(self, item: MediaItem) -> AbstractAsyncContextManager[Original]:
        return self._originals.borrow(self._group, self._rule, item, self._algorithm)

    # --- pairs ----------------------------------------------------------------------------------------

    async def _in_pair(self, album: OpenAlbum, transfer: Transfer, right: MediaItem) -> None:
        """Transfer two items as one photo; if that cannot be done, each alone that the frame does not show.

        The left original is given up before the right one is fetched: two at a time could wait for space of
        each other forever.
        """
        left = transfer.item
        # Until another one is there, the photos that the frame has go on showing them.
        self._result.digests.update(transfer.shown)
        if self._dry_run and transfer.digest is not None:
            await self._upload(album, left, _announcement(left, transfer.digest))
            return
        half = await self._left_half(album, transfer)
        joined = False
        if half is not None:
            with closing(half.made):
                joined = await self._join(album, transfer, right, half)
        for item in (left, right):
            done = joined or item in transfer.shown or item in self._tried or self._halted or self._full
            if not done and not self._stopping():
                await self._alone(album, Transfer(item, None))

    async def _left_half(self, album: OpenAlbum, transfer: Transfer) -> _Half | None:
        """Return the left half of a pair; None if there is to be no pair."""
        item, tools = transfer.item, self._tools
        async with self._borrowed(item) as original:
            try:
                content = await self._member(transfer, item, original)
                if content is None:
                    return None
                async with self._rendering:
                    if self._stopping():
                        return None
                    made = await make_half(
                        tools.renderer,
                        tools.spool,
                        original.spooled,
                        content,
                        self._recipe,
                        self._drawn(item),
                    )
                self._learn_size(item, made)
                self._transient_failures = 0
                if not made.unchanged:
                    self._emit(ItemConverted(self._rule, item.filename, made.size_bytes))
                    self._tried.discard(item)
                    return _Half(item, content, made, await self._about_photo(item, original))
                if item not in transfer.shown:
                    await self._prepare_and_upload(album, item, original, content)
            except PicsyncError as error:
                await self._failed(item, error)
        return None

    async def _join(self, album: OpenAlbum, transfer: Transfer, item: MediaItem, half: _Half) -> bool:
        """Send a pair with its left half; return whether there was a pair to send."""
        tools = self._tools
        async with self._borrowed(item) as original:
            try:
                content = await self._member(transfer, item, original)
                if content is None or content == half.content:
                    return False
                async with self._rendering:
                    if self._stopping():
                        return False
                    made = await make_pair(
                        tools.renderer,
                        tools.spool,
                        original.spooled,
                        content,
                        self._recipe,
                        self._drawn(item),
                        half.made,
                    )
                self._learn_size(item, made)
                self._transient_failures = 0
                if made.unchanged:
                    if item not in transfer.shown:
                        await self._prepare_and_upload(album, item, original, content)
                    return False
                with closing(made):
                    self._emit(ItemConverted(self._rule, item.filename, made.size_bytes))
                    sent = await self._send_pair(album, half, _Half(item, content, made))
                if not sent:
                    self._tried.discard(item)
            except PicsyncError as error:
                await self._failed(item, error)
                return False
            return sent

    async def _member(self, transfer: Transfer, item: MediaItem, original: Original) -> Digest | None:
        """Fetch an item of a pair, and return its content; None if another photo shows that."""
        self._tried.add(item)
        content = await self._fetched(item, original, unknown=transfer.unknown)
        if content is None:
            return None
        if item not in transfer.shown:
            match = await self._showing(item, content)
            if match.digest is not None:
                self._stays(item, match)
                return None
            if self._is_copy(item, content):
                return None
        mime_type = self._examined(item, original)
        if mime_type.startswith("video/"):
            raise FormatError(mime_type, self._frame.capabilities.title)
        return None if self._full else content

    async def _send_pair(self, album: OpenAlbum, left: _Half, right: _Half) -> bool:
        """Send a pair; return False if the frame refuses it for good."""
        halves, made = (left, right), right.made
        self._result.notes |= {half.item: " ".join(half.made.notes) for half in halves if half.made.notes}
        await self._record_pair(left, right, made.digest)
        self._pairs.add(made.digest)
        self._made_sizes[left.item] = made.size_bytes
        key = PhotoKey(
            item_key(left.item),
            content_key(left.content),
            self._recipe.key,
            made.size_bytes,
            (item_key(right.item), content_key(right.content)),
        )
        name = keyed_name(pair_name(left.item.filename, right.item.filename), key)
        about = replace(left.about, width=made.width, height=made.height)
        rendition = Rendition(made.file(), made.size_bytes, made.digest, made.mime_type, name, about)
        before = {half.item: self._result.digests.pop(half.item, None) for half in halves}
        for half in halves:
            self._result.digests[half.item] = self._made[half.content] = made.digest
        try:
            await self._upload(album, left.item, rendition)
        except ItemError as error:
            if not error.unusable:
                raise
            await self._record_pair(left, right, None, error.message)
            return False
        finally:
            if made.digest not in self._there:
                for half in halves:
                    self._made.pop(half.content, None)
                    del self._result.digests[half.item]
                self._result.digests.update({item: old for item, old in before.items() if old is not None})
        return True

    async def _record_pair(
        self, left: _Half, right: _Half, digest: Digest | None, unusable: str | None = None
    ) -> None:
        item, recipe = left.item, recipe_of_pair(self._recipe, right.item)
        await self._tools.cache.record(
            DigestMapping(
                item.source, item.item_id, item.version, recipe, digest, unusable, self._tools.now()
            )
        )

    def _learn_size(self, item: MediaItem, made: Made) -> None:
        """Note the size of a picture where the listing does not tell its shape."""
        if made.original is None:
            return
        width, height = made.original
        listed = item.facts
        shape = (listed.width or 0) < (listed.height or 0)
        if not listed.width or shape != (width < height):
            self._sizes_learned[item] = made.original

    async def _record_sizes(self) -> None:
        sizes, self._sizes_learned = self._sizes_learned, {}
        if not sizes:
            return
        stored = await self._tools.cache.facts(list(sizes))
        await self._tools.cache.record_facts(
            [
                replace(
                    stored.get(item, ItemFacts(item.source, item.item_id, item.version)),
                    width=width,
                    height=height,
                )
                for item, (width, height) in sizes.items()
            ]
        )

    # --------------------------------------------------------------------------------------------------

    def _tell_if_closing(self) -> None:
        if not self._left and self._result.uploaded:
            self._closing()

    def _in_vain(self, transfer: Transfer) -> bool:
        return self._full is not None and not (self._learning and transfer.unknown)

    async def _transfer(self, album: OpenAlbum, transfer: Transfer, original: Original) -> None:
        item = transfer.item
        if self._dry_run and transfer.digest is not None:
            await self._upload(album, item, _announcement(item, transfer.digest))
            return
        content = await self._fetched(item, original, unknown=transfer.unknown)
        if content is None:
            return
        shown = await self._showing(item, content)
        # A pair that is to be replaced shows another item, too.
        outdated = shown.outdated or (shown.paired and transfer.replaces is not None)
        unplanned = shown.digest is not None and transfer.replaces is None
        may_send = not unplanned or self._replacements > 0
        # What was sent unchanged may turn out to be right, and need not be replaced.
        if shown.digest is not None and (not outdated or not (may_send or shown.digest == content)):
            self._stays(item, shown)
            return
        if self._shown.converts(item) and self._is_copy(item, content):
            return
        self._replacements -= unplanned and may_send
        try:
            await self._prepare_and_upload(album, item, original, content, may_send=may_send)
        finally:
            # Until another one is there, an outdated photo goes on showing the item.
            digest = self._result.digests.get(item)
            if shown.digest is not None and (digest is None or digest not in self._there):
                self._result.digests[item] = shown.digest
                self._result.staying[item] = shown
            elif digest is not None and digest == shown.digest:
                self._result.staying[item] = Match(digest, content)
                self._replacements += unplanned and may_send

    def _stays(self, item: MediaItem, shown: Match) -> None:
        """Note that a photo of the frame shows an item, if only until it is replaced."""
        if shown.digest is not None:
            self._result.digests[item] = shown.digest
            self._result.staying[item] = shown
            self._count_as_there(item)

    def _is_copy(self, item: MediaItem, content: Digest) -> bool:
        """Whether another item with this content is in transfer. Its photo shows both."""
        if self._claims.setdefault(content, item) == item:
            return False
        self._copies[item] = content
        return True

    async def _settle_copies(self) -> None:
        """Note what shows the copies of items, now that those have been transferred, or have failed."""
        for item, content in self._copies.items():
            made = self._made.get(content)
            if made is not None and made in self._there:
                if made not in self._pairs:
                    await self._record(item, made, recipe=self._recipe)
                self._result.digests[item] = made
                # The other item's photo may be there only until another item's pair takes its place.
                if (stays := self._result.staying.get(self._claims[content])) is not None:
                    self._result.staying[item] = stays
                self._count_as_there(item)
            else:
                self._stays(item, self._shown.match(item, None, content))

    async def _fetched(self, item: MediaItem, original: Original, *, unknown: bool) -> Digest | None:
        """Fetch an original, and return its content; None if that is no longer wanted."""
        async with self._downloading:
            if self._halted or (self._full is not None and not (self._learning and unknown)):
                return None
            # What would still have to be converted is not waited for.
            abandoned = self._stopping if self._shown.converts(item) else never
            try:
                with at_account(item.source):
                    source = self._tools.sources[item.source]
                    content, fresh = await original.fetch(source, self._algorithm, abandoned=abandoned)
                    same = content
                    if self._rejected.hidden:
                        # Hidden photos are known by this digest, whatever source they come from.
                        same, _ = await original.fetch(source, SHA256)
            except Abandoned:
                return None
        if fresh:
            self._result.downloaded_count += 1
            self._result.downloaded_bytes += original.size_bytes
            self._emit(ItemDownloaded(self._rule, item.filename, original.size_bytes))
        self._result.contents[item] = content
        self._sizes[item] = original.size_bytes
        await self._record(item, content)
        return None if self._rejects(item, content, same) else content

    def _rejects(self, item: MediaItem, *digests: Digest) -> bool:
        """Whether a viewer has rejected what has this content; then it is in the result."""
        if self._rejected.includes(item, digests):
            self._result.rejected.add(item)
        return item in self._result.rejected

    async def _prepare_and_upload(
        self,
        album: OpenAlbum,
        item: MediaItem,
        original: Original,
        content: Digest,
        *,
        may_send: bool = True,
    ) -> None:
        """Send what the recipe makes of an original; unless that `may_send`, only find out what it is."""
        mime_type = self._examined(item, original)
        if not self._shown.converts(item) or mime_type.startswith("video/"):
            if not self._frame.capabilities.accepts(mime_type):
                raise FormatError(mime_type, self._frame.capabilities.title)
            self._result.digests[item] = content
            about = await self._about_photo(item, original)
            rendition = Rendition(
                original.file(), original.size_bytes, content, mime_type, item.filename, about, content
            )
            await self._upload(album, item, _named(item, content, ORIGINAL_BYTES, rendition))
        elif not self._full:
            tools = self._tools
            details = self._drawn(item)
            async with self._rendering:
                if self._stopping():
                    return
                made = await original.made(
                    tools.renderer, tools.spool, self._recipe.alone, self._algorithm, details
                )
            self._emit(ItemConverted(self._rule, item.filename, made.size_bytes))
            self._learn_size(item, made)
            self._made_sizes[item] = made.size_bytes
            if made.notes:
                self._result.notes[item] = " ".join(made.notes)
            await self._record(item, made.digest, recipe=self._recipe)
            if self._rejects(item, made.digest) or not (may_send or made.digest in self._there):
                return
            self._result.digests[item] = self._made[content] = made.digest
            mark = FITTING_BYTES if made.unchanged else self._recipe.alone.key
            about = await self._about_photo(item, original, (made.width, made.height))
            rendition = Rendition(
                made.file(),
                made.size_bytes,
                made.digest,
                made.mime_type,
                item.filename,
                about,
                content,
                made.original,
            )
            await self._upload(album, item, _named(item, content, mark, rendition))

    def _drawn(self, item: MediaItem) -> Details:
        """Return what is needed to draw a caption into a picture."""
        return self._details(item) if self._recipe.caption else NOTHING

    def _details(self, item: MediaItem) -> Details:
        return details_of(item, self._group, self._tools.sources[item.source], self._tools.zone)

    async def _about_photo(
        self, item: MediaItem, original: Original, size: tuple[int, int] = (0, 0)
    ) -> AboutPhoto:
        """Return what the frame is told of a photo, and record what its metadata tell for later captions."""
        if self._words is None:
            return NOTHING_KNOWN
        told = Told()
        if item.kind is MediaKind.PHOTO:
            # Without it, the photo is shown all the same; the next cycle tries again.
            with suppress(ItemError):
                # A frame with captions of its own may show the place, whatever the rule's caption says.
                place = self._words.needs_place or self._frame.capabilities.captions is Captions.OWN
                told = await original.told(self._tools.renderer, place=place)
                await self._tools.cache.record_told({item: told})
        about = self._words.about(told, self._details(item), size)
        caption = self._judgements.caption(item)
        return about if caption is None else replace(about, caption=clean(caption))

    def _examined(self, item: MediaItem, original: Original) -> str:
        """Return the MIME type; empty for what only a decoder can tell. Raises ContentError."""
        try:
            return original.examine()
        except ContentError as error:
            # Before a picture there may be a few bytes of something else.
            if self._shown.converts(item) and error.defect is Defect.NOT_MEDIA:
                return ""
            raise

    async def _showing(self, item: MediaItem, content: Digest) -> Match:
        """Return which photo of the frame shows these bytes."""
        match = self._shown.match(item, None, content)
        if match.digest is not None and match.recognised and self._shown.converts(item):
            await self._record(item, match.digest, recipe=self._recipe)
        return match

    def _count_as_there(self, item: MediaItem) -> None:
        self._result.already_there += 1
        self._emit(ItemUploaded(self._rule, item.filename, 0, item.source))

    async def _upload(self, album: OpenAlbum, item: MediaItem, rendition: Rendition) -> None:
        if rendition.digest in self._there:
            self._count_as_there(item)
            return
        if rendition.digest in self._failed_uploads:
            # It may have arrived all the same: the next cycle looks before it is sent again.
            return
        # Claimed before the wait, so that equal content in flight goes up once.
        self._there.add(rendition.digest)
        try:
            async with self._uploading:
                # What a source's last download of the day has brought is not thrown away.
                halted = self._halted and not isinstance(self._halted, LimitError | SpoolError)
                if halted or self._full:
                    self._there.discard(rendition.digest)
                    return
                opened = await self._opened(album)
                if opened is None:
                    self._there.discard(rendition.digest)
                    return
                if not self._takes(rendition.size_bytes):
                    self._there.discard(rendition.digest)
                    self._result.no_room.add(item)
                    return
                with at_account(self._account):
                    outcome = await self._frame.upload(opened, rendition, upcoming=self._unfinished)
        except BaseException as error:
            self._there.discard(rendition.digest)
            self._failed_uploads.add(rendition.digest)
            if not isinstance(error, QuotaError):
                raise
            self._full = error
            return
        self._result.uploaded.add(rendition.digest)
        self._tell_if_closing()
        if isinstance(outcome, AlreadyThere):
            self._count_as_there(item)
        else:
            self._result.uploaded_count += 1
            self._result.uploaded_bytes += rendition.size_bytes
            self._emit(ItemUploaded(self._rule, item.filename, rendition.size_bytes, item.source))

    def _takes(self, size_bytes: int) -> bool:
        """Whether a photo may be sent as far as the capacity goes; its room is taken then.

        Sizes were only estimated when this was planned. One photo is sent in any case.
        """
        if self._room_bytes is not None and size_bytes > self._room_bytes and self._sent_bytes:
            return False
        self._sent_bytes += size_bytes
        if self._room_bytes is not None:
            self._room_bytes -= size_bytes
        return True

    async def _opened(self, album: OpenAlbum) -> FrameAlbum | None:
        """Return the album, or None if it cannot be had; then no further item is taken up."""
        async with self._opening:
            if self._result.no_album is None:
                try:
                    return await album()
                except PicsyncError as error:
                    self._result.no_album = error
                    self._halted = error
            return None

    async def _record(
        self,
        item: MediaItem,
        digest: Digest | None,
        unusable: str | None = None,
        *,
        recipe: Recipe = ORIGINAL,
    ) -> None:
        now = self._tools.now()
        await self._tools.cache.record(mapping_of(item, digest, recipe, now, unusable, self._algorithm))
        self._emit(CacheWritten(item.source, updated=item in self._known))
        self._known.add(item)

    async def _failed(self, item: MediaItem, error: PicsyncError) -> None:
        """Note that an item failed; raises what concerns every item."""
        if error.scope is Scope.PROCESS:
            raise error
        if error.scope is Scope.SERVICE:
            # It says nothing of the item: one message, and no further item is taken up.
            if self._halted is None:
                self._result.failures.append(Failure(self._rule, error, About.RULE))
                self._halted = error
            return
        if isinstance(error, NoRoomError):
            self._outsized(item, error)
            return
        self._emit(ItemFailed(self._rule, item.filename, error))
        self._result.errors[item] = error
        self._result.failures.append(Failure(item.filename or item.item_id, error))
        if isinstance(error, ItemError) and error.unusable:
            if self._result.digests.get(item) not in self._there:
                self._result.unusable[item] = error.message
            digest = None if self._shown.converts(item) else self._result.contents.get(item)
            await self._record(item, digest, error.message, recipe=self._recipe)
        if error.transient:
            self._transient_failures += 1
            if self._transient_failures >= MAX_TRANSIENT_FAILURES:
                self._halted = error

    def _outsized(self, item: MediaItem, error: NoRoomError) -> None:
        """Note a file that the disk has no room for; if it has none for a small one, stop."""
        failures = self._result.failures
        if self._outsized_failure is None:
            self._emit(ItemFailed(self._rule, item.filename, error))
            self._outsized_failure = len(failures)
            failures.append(Failure(item.filename or item.item_id, error))
        else:
            known = failures[self._outsized_failure]
            failures[self._outsized_failure] = replace(known, error=error, more=known.more + 1)
        if error.size_bytes <= SMALL_BYTES:
            self._halted = self._halted or error


async def learn(
    source: Source, cache: Cache, spool: Spool, items: Sequence[MediaItem], algorithm: str
) -> TransferResult:
    """Download the items whose digest the cache does not know, and record it; touches no frame."""
    known = await cache.lookup(items, recipe=recipes_by(ORIGINAL, algorithm), algorithm=algorithm)
    queue = iter([item for item in items if item not in known])
    result = TransferResult()

    async def work() -> None:
        for item in queue:
            try:
                async with spool.file(algorithm) as spooled:
                    await source.download(item, spooled)
                    digest = await spooled.finish()
                    spooled.examine()
                    result.digests[item] = digest
                await cache.record(mapping_of(item, result.digests[item], ORIGINAL, datetime.now(UTC)))
            except PicsyncError as error:
                if error.scope in (Scope.PROCESS, Scope.SERVICE):
                    raise
                result.failures.append(Failure(item.filename or item.item_id, error))

    await run_all(*(work() for _ in range(DOWNLOADS.cap)))
    return result


def mapping_of(
    item: MediaItem,
    digest: Digest | None,
    recipe: Recipe,
    recorded_at: datetime,
    unusable: str | None = None,
    algorithm: str = MD5,
) -> DigestMapping:
    """Return what the cache is to know of an item: what the recipe makes of it, or why that is unusable.

    `algorithm` is that of the frame for which it is unusable.
    """
    found = recipe_of(item, recipe, digest.algorithm if digest else algorithm)
    return DigestMapping(item.source, *item.bytes_key, found, digest, unusable, recorded_at)


def _announcement(item: MediaItem, digest: Digest) -> Rendition:
    """Stand for content whose bytes are not needed, since its digest is known."""
    return Rendition(io.BytesIO(), 0, digest, item.mime_type, item.filename)


def pair_name(left: str, right: str) -> str:
    """Return the file name of a pair: of both, with the extension of the right one."""
    stem, dot, extension = left.rpartition(".")
    return f"{(stem if dot and len(extension) <= MAX_EXTENSION else left)[:_NAME_LENGTH]} + {right}"


def _named(item: MediaItem, content: Digest, recipe: str, rendition: Rendition) -> Rendition:
    """Return the rendition with a name that says what it is, for whoever finds it on the frame."""
    key = PhotoKey(item_key(item), content_key(content), recipe, rendition.size_bytes)
    return replace(rendition, filename=keyed_name(item.filename, key))
