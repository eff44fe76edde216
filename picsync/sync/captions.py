"""Brings the captions that a frame shows as text up to date.

A photo matters more than its caption. So what goes wrong here fails no cycle: it is a notice, and another
cycle tries again. A caption that the service refuses, or that it lists otherwise than it was sent, is sent
again after a day; if it refuses every one of a few captions, no other is sent meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from picsync.aio.tasks import run_all
from picsync.core.caption import AboutPhoto, Captions, Told, Wording, clean
from picsync.core.errors import ItemError, LoginNeeded, PicsyncError, RefusedError, Scope, at_account
from picsync.core.events import ItemDownloaded
from picsync.core.judgements import NO_JUDGEMENTS, Judgements
from picsync.core.model import Digest, FrameAlbum, FramePhoto, MediaItem, MediaKind
from picsync.core.select import Candidate
from picsync.core.values import dataclass
from picsync.frames.base import Frame, ShowsCaptions
from picsync.sync.about import details_of, words
from picsync.sync.transfer import Tools

TRIED_FOR = timedelta(days=1)
"""Time after which a caption that the service did not take is sent again."""
MAX_REFUSALS = 3
"""Refused captions, and none that was taken, after which the service is not asked for more."""
_AT_ONCE = 3
_EVERY = ""
"""Stands for all photos of an album among those that were tried."""


@dataclass(slots=True)
class CaptionsResult:
    """The outcome of one cycle's captions."""

    written: int = 0
    """Captions that the frame has taken."""
    missing: int = 0
    """Photos whose captions are not as they were sent, or could not be sent."""
    error: PicsyncError | None = None
    """The last thing that went wrong."""


class Captioner:
    """The captions of one cycle."""

    def __init__(
        self,
        rule: str,
        tools: Tools,
        wording: Wording,
        *,
        group: str,
        frame: Frame,
        account: str,
        stopping: Callable[[], bool],
        dry_run: bool,
        downloads: int,
        judgements: Judgements = NO_JUDGEMENTS,
    ) -> None:
        """Work as `Transferrer` does; at most `downloads` originals are fetched to read their metadata."""
        self._rule = rule
        self._tools = tools
        self._words = words(wording)
        self._judgements = judgements
        self._group = group
        self._frame = frame
        self._account = account
        self._stopping = stopping
        self._downloads_left = 0 if dry_run else downloads
        self._tried = dict(tools.captions_tried) if dry_run else tools.captions_tried
        self._result = CaptionsResult()
        self._refusals = 0
        self._ended = False

    async def run(
        self, album: FrameAlbum, photos: Sequence[FramePhoto], found: Sequence[Candidate]
    ) -> CaptionsResult:
        """Write each caption that differs from the wanted one. Raises CacheError and LoginNeeded only.

        A photo that is to be replaced keeps its caption: another one may be drawn into it.
        """
        frame = self._frame
        if frame.capabilities.captions is Captions.NONE or not isinstance(frame, ShowsCaptions):
            return self._result
        items = _items(found)
        shown = [
            (photo, items[photo.digest])
            for photo in photos
            if photo.caption is not None and photo.digest in items
        ]
        self._forget_old()
        if not shown:
            return self._result
        told: Mapping[MediaItem, Told] = {}
        if self._words.needs_metadata:
            told = await self._tools.cache.told([item for _, item in shown])
        queue = iter(shown)

        async def work() -> None:
            for photo, item in queue:
                if self._ended or self._stopping():
                    return
                await self._update(frame, album, photo, item, told.get(item))

        await run_all(*(work() for _ in range(min(_AT_ONCE, len(shown)))))
        return self._result

    async def _update(
        self, frame: ShowsCaptions, album: FrameAlbum, photo: FramePhoto, item: MediaItem, known: Told | None
    ) -> None:
        """Write the caption of one photo if it differs, as far as what it says is known."""
        # What the family wrote needs no metadata.
        if self._words.needs_metadata and self._judgements.caption(item) is None:
            known = await self._complete(item, known)
            if known is None:
                return
        about = self._about(item, known or Told())
        if frame.same_caption(photo.caption or "", about.caption):
            return
        if known is None and self._frame.capabilities.captions is Captions.OWN:
            # Such a frame may show what is known of a photo, too, and it would be lost.
            recalled = await self._tools.cache.told([item])
            known = await self._complete(item, recalled.get(item))
            if known is None:
                return
            about = self._about(item, known)
        await self._write(frame, album, photo, about)

    async def _write(
        self, frame: ShowsCaptions, album: FrameAlbum, photo: FramePhoto, about: AboutPhoto
    ) -> None:
        tried = self._tried
        key = (self._account, album.name, photo.photo_id)
        every = (self._account, album.name, _EVERY)
        if every in tried or (key in tried and tried[key][0] == about.caption):
            self._result.missing += 1
            return
        try:
            with at_account(self._account):
                await frame.describe(album, photo, about)
        except LoginNeeded:
            raise
        except PicsyncError as error:
            if error.scope is Scope.PROCESS:
                raise
            self._result.missing += 1
            self._result.error = error
            if not isinstance(error, RefusedError):
                self._ended = True
                return
            self._refusals += 1
            if self._refusals >= MAX_REFUSALS and not self._result.written:
                tried[every] = "", self._tools.now()
                self._ended = True
        else:
            self._result.written += 1
        tried[key] = about.caption, self._tools.now()

    def _about(self, item: MediaItem, told: Told) -> AboutPhoto:
        source = self._tools.sources[item.source]
        about = self._words.about(told, details_of(item, self._group, source, self._tools.zone))
        caption = self._judgements.caption(item)
        return about if caption is None else replace(about, caption=clean(caption))

    async def _complete(self, item: MediaItem, told: Told | None) -> Told | None:
        """Return what the metadata of an item tell, None if that cannot be found out in this cycle."""
        if told is not None and (told.place is not None or not self._words.needs_place):
            return told
        return await self._learn(item)

    async def _learn(self, item: MediaItem) -> Told | None:
        """Read the metadata of an original, and record what they tell; None if that fails."""
        if item.kind is MediaKind.VIDEO:
            return Told(place="")
        if not self._downloads_left:
            return None
        self._downloads_left -= 1
        tools, algorithm = self._tools, self._frame.capabilities.digest_algorithm
        try:
            async with tools.originals.borrow(self._group, self._rule, item, algorithm) as original:
                with at_account(item.source):
                    _, fresh = await original.fetch(tools.sources[item.source], algorithm)
                if fresh:
                    tools.emit(ItemDownloaded(self._rule, item.filename, original.size_bytes))
                told = await original.told(tools.renderer, place=self._words.needs_place)
        except PicsyncError as error:
            if error.scope is Scope.PROCESS:
                raise
            if error.scope is Scope.SERVICE or error.transient:
                self._downloads_left = 0
            if not (isinstance(error, ItemError) and error.unusable):
                return None
            told = Told(place="")
        await tools.cache.record_told({item: told})
        return told

    def _forget_old(self) -> None:
        now, tried = self._tools.now(), self._tried
        for key in [key for key, (_, at) in tried.items() if not _recent(at, now)]:
            del tried[key]


def _recent(at: datetime, now: datetime) -> bool:
    return now - at < TRIED_FOR


def _items(found: Iterable[Candidate]) -> dict[Digest, MediaItem]:
    """Return the item that each photo shows, without photos that are to be replaced."""
    items: dict[Digest, MediaItem] = {}
    for each in found:
        if each.digest is not None and each.skip is None and not each.outdated:
            # A pair has the caption of its left photo.
            items.setdefault(each.digest, each.pair[0] if each.pair else each.item)
    return items
