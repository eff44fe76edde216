"""Carries out what is planned for the frame: playlists and deletes. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import field, replace

from picsync.aio.tasks import cancel_and_wait, run_all
from picsync.core.errors import (
    LoginNeeded,
    PicsyncError,
    PlaylistMismatchError,
    ProtocolError,
    Scope,
    TransientError,
)
from picsync.core.events import About, Emit, Failure, ItemFailed, PhotoDeleted, PlaylistCreated, Published
from picsync.core.identity import plain_name
from picsync.core.model import FrameAlbum, FramePhoto, Playlist
from picsync.core.plan import AddItems, Content, PlaylistEdit, plan_edit, steps
from picsync.core.values import dataclass
from picsync.frames.base import Frame, PlaylistFrame

PUBLISH_ATTEMPTS = 3
LOOK_AGAIN_AFTER_S = 5.0
"""Pause before an addition that was answered with an error is looked for once more, and then repeated."""
MAX_DELETES_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The outcome of editing one playlist."""

    count: int | None
    """Entries it now holds, read back; None if that failed."""
    failure: Failure | None = None
    created: str = ""
    """If the playlist was made: what it is called at the frame's service."""
    added: int = 0
    """Entries added, as far as the service confirmed it, also if a later step failed."""
    removed: int = 0
    """The same of entries removed."""
    playlist: Playlist | None = None
    """As it was read back last; None if it was not."""
    unordered: bool = False
    """Whether the entries are in another order than they were added in: the service does not keep it."""

    @property
    def edited(self) -> bool:
        """Whether anything was written. An edit that is in place at the end was, whatever was confirmed."""
        return bool(self.failure is None or self.created or self.added or self.removed)


@dataclass(slots=True)
class _Written:
    """What has been written to a playlist so far."""

    name: str
    created: str = ""
    added: int = 0
    removed: int = 0

    def result(
        self, playlist: Playlist | None, error: PicsyncError | None = None, *, unordered: bool = False
    ) -> PublishResult:
        failure = None if error is None else Failure(self.name, error, About.PLAYLIST)
        count = None if playlist is None else len(playlist.items)
        return PublishResult(count, failure, self.created, self.added, self.removed, playlist, unordered)


class Playlists:
    """Creates a cycle's playlists; the first one already while the last photos are uploaded."""

    def __init__(self, frame: PlaylistFrame, first: str) -> None:
        self._frame = frame
        self._first = first
        self._making: asyncio.Task[Playlist] | None = None

    def begin(self) -> None:
        """Start creating the first one; call it once there is something to show."""
        if self._making is None:
            self._making = asyncio.create_task(self._frame.create_playlist(self._first))

    async def create(self, name: str) -> Playlist:
        """Create a playlist like the frame's `create_playlist`, waiting for one that `begin` has started."""
        if name != self._first or self._making is None:
            return await self._frame.create_playlist(name)
        making, self._making = self._making, None
        return await making

    async def aclose(self) -> None:
        """Cancel a creation that was started and never awaited."""
        if self._making is not None:
            await cancel_and_wait(self._making)


async def publish(
    frame: PlaylistFrame,
    rule: str,
    edit: PlaylistEdit,
    *,
    create: Callable[[str], Awaitable[Playlist]],
    seen: Collection[str] | None,
    emit: Emit,
    sleep: Callable[[float], Awaitable[None]],
) -> PublishResult:
    """Carry out a playlist's edit and read it back, deciding again where an answer made no sense.

    Where no answer came, what was asked for may yet be done at any time. So nothing is created or added once
    more: unless it shows at once, the next cycle looks again. An addition that was answered with an error,
    such as a 503, is repeated once, if two looks with a pause between them do not find it.

    `create` stands for the frame's `create_playlist`. `seen` is what `plan_edit` takes: the photos whose
    entries alone may leave, or None for any.
    """
    content, name = edit.content, edit.content.name
    playlist, written = edit.playlist, _Written(name)
    error: PicsyncError | None = None
    repeated = False

    for _ in range(PUBLISH_ATTEMPTS):
        try:
            if playlist is None:
                playlist = await create(name)
                edit = plan_edit(playlist, content, seen=seen)
                written.created = playlist.shown_name
                emit(PlaylistCreated(rule, written.created))
            await _take_steps(frame, playlist, edit, written)
            error = None
        except (TransientError, ProtocolError) as lost:
            # It may have been done all the same: what the service says next decides.
            error = lost
        except PicsyncError as final:
            return written.result(None, final)
        adding = playlist is not None
        try:
            playlist = await _read_back(frame, edit, playlist)
            answered = adding and not repeated and _was_answered(error)
            if answered and playlist is not None:
                playlist = await _look_again(frame, plan_edit(playlist, content, seen=seen), playlist, sleep)
        except PicsyncError as unread:
            return written.result(None, error or unread)
        if playlist is not None:
            edit = plan_edit(playlist, content, seen=seen)
            unordered = not edit.empty and error is None and _only_unordered(playlist, content, seen)
            if edit.empty or unordered:
                count, shown = len(playlist.items), playlist.shown_name
                emit(Published(rule, shown, written.added, written.removed, count))
                return written.result(playlist, unordered=unordered)
        # A playlist whose creation was not confirmed, but that is there, is still to be filled.
        if not answered and isinstance(error, TransientError) and _must_wait(playlist, edit, adding=adding):
            break
        repeated = repeated or answered
    held = len(playlist.items) if playlist else 0
    due = len(content.photos)
    error = error or PlaylistMismatchError(held, due)
    return written.result(playlist, error)


def _only_unordered(playlist: Playlist, content: Content, seen: Collection[str] | None) -> bool:
    """Return whether nothing but the order is wrong. It is not corrected again: that would never end."""
    return content.ordered and plan_edit(playlist, replace(content, ordered=False), seen=seen).empty


def _must_wait(playlist: Playlist | None, edit: PlaylistEdit, *, adding: bool) -> bool:
    """Return whether what is missing may still be under way after a request without an answer."""
    return playlist is None or (adding and bool(edit.add))


def _was_answered(error: PicsyncError | None) -> bool:
    return isinstance(error, TransientError) and error.answered


async def _look_again(
    frame: PlaylistFrame, edit: PlaylistEdit, playlist: Playlist, sleep: Callable[[float], Awaitable[None]]
) -> Playlist | None:
    """Return the playlist after a pause, if something is still to be added to it."""
    if not edit.add:
        return playlist
    await sleep(LOOK_AGAIN_AFTER_S)
    return await _read_back(frame, edit, playlist)


async def _take_steps(
    frame: PlaylistFrame, playlist: Playlist, edit: PlaylistEdit, written: _Written
) -> None:
    """Carry out an edit's steps in order, counting the entries that were added and removed."""
    for step in steps(edit, frame.capabilities.playlist_limit):
        if isinstance(step, AddItems):
            await frame.add_items(playlist, step.photos)
            written.added += len(step.photos)
        else:
            await frame.remove_items(playlist, step.items)
            written.removed += len(step.items)


async def _read_back(frame: PlaylistFrame, edit: PlaylistEdit, playlist: Playlist | None) -> Playlist | None:
    if playlist is None:
        return next(iter(await frame.playlists(edit.content.name)), None)
    expected = len(playlist.items) + len(edit.add) - len(edit.remove)
    return await frame.playlist(playlist, expected=expected)


@dataclass(slots=True)
class DeleteResult:
    """The outcome of the deletes."""

    deleted: int = 0
    failures: list[Failure] = field(default_factory=list)


async def delete(
    frame: Frame,
    rule: str,
    album: FrameAlbum,
    photos: Sequence[FramePhoto],
    *,
    emit: Emit,
    stopping: Callable[[], bool],
) -> DeleteResult:
    """Delete photos, at most MAX_DELETES_AT_ONCE concurrently; each fails alone. Raises LoginNeeded.

    An error that concerns the whole frame is one failure, and no further photo is deleted.
    """
    result = DeleteResult()
    queue = iter(photos)
    halted: list[PicsyncError] = []

    async def work() -> None:
        for photo in queue:
            if stopping() or halted:
                return
            try:
                await frame.delete(album, photo)
            except LoginNeeded:
                raise
            except PicsyncError as error:
                if error.scope is Scope.SERVICE:
                    if not halted:
                        halted.append(error)
                        result.failures.append(Failure(rule, error, About.RULE))
                    return
                emit(ItemFailed(rule, plain_name(photo.filename), error))
                result.failures.append(Failure(plain_name(photo.filename) or photo.photo_id, error))
            else:
                result.deleted += 1
                emit(PhotoDeleted(rule, plain_name(photo.filename)))

    await run_all(*(work() for _ in range(min(MAX_DELETES_AT_ONCE, len(photos)))))
    return result
