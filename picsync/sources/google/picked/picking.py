"""Downloads what the user picks into the library, and resumes an interrupted download.

The session is stored in the album before the user is sent to its page, and removed when everything that was
picked has been downloaded. Items are recognised by their IDs, so picking one twice costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import field

from picsync.core.errors import ItemError, NotFoundError, PicsyncError, ProtocolError, TransientError
from picsync.core.model import MediaItem
from picsync.core.values import dataclass
from picsync.sources.google.picked.library import PickedAlbum
from picsync.sources.google.picked.port import Picker, PickingSession

MAX_PATIENCE_S = 30 * 60.0
"""How long to wait for the user if the service does not say."""

DOWNLOADS = 4
"""Maximum number of concurrent downloads."""


@dataclass(slots=True)
class Picked:
    """The result."""

    new: int = 0
    already_there: int = 0
    failures: list[tuple[str, PicsyncError]] = field(default_factory=list)
    """File name and error of each item that was not downloaded."""


@dataclass(frozen=True, slots=True)
class PickingCallbacks:
    """Callbacks that guide the user."""

    show: Callable[[PickingSession], None]
    """Shows the page's URL."""
    arrived: Callable[[int, int], None]
    """Called after each item with the number of handled items and the total."""
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], float]
    """Sleeps for so many seconds."""


async def pick(picker: Picker, album: PickedAlbum, guide: PickingCallbacks) -> Picked:
    """Let the user pick, wait for them, and download what they picked into the album.

    Raises TransientError if they take longer than the service waits, DiskError if the disk fails, and what
    the picker raises. In every case, another call resumes from there.
    """
    await asyncio.to_thread(album.create)
    session = await _open_session(picker, album) or await _start_session(picker, album)
    if not session.done:
        guide.show(session)
        session = await _wait_for_user(picker, session, guide)
    items = await picker.picked(session.session_id)
    result = await _download_all(picker, session, album, items, guide)
    if not result.failures:
        album.session = None
        await picker.end(session.session_id)
    return result


async def _open_session(picker: Picker, album: PickedAlbum) -> PickingSession | None:
    if album.session is None:
        return None
    try:
        return await picker.session(album.session)
    except NotFoundError:
        return None


async def _start_session(picker: Picker, album: PickedAlbum) -> PickingSession:
    session = await picker.begin()
    album.session = session.session_id
    return session


async def _wait_for_user(picker: Picker, session: PickingSession, guide: PickingCallbacks) -> PickingSession:
    """Poll as often and as long as the service says."""
    until = guide.clock() + (session.patience_s or MAX_PATIENCE_S)
    while not session.done:
        if guide.clock() + session.poll_after_s > until:
            raise TransientError(
                "Nothing was picked before the time limit.",
                hint="Run the same command again; it continues where this one stopped.",
            )
        await guide.sleep(session.poll_after_s)
        session = await picker.session(session.session_id)
    return session


async def _download_all(
    picker: Picker,
    session: PickingSession,
    album: PickedAlbum,
    items: Sequence[MediaItem],
    guide: PickingCallbacks,
) -> Picked:
    result = Picked()
    queue = iter(items)
    halted: list[PicsyncError] = []

    async def work() -> None:
        for item in queue:
            if halted:
                return
            try:
                if await asyncio.to_thread(album.has, item.item_id):
                    result.already_there += 1
                else:
                    await _download_one(picker, session, album, item)
                    result.new += 1
            except (ItemError, ProtocolError, TransientError) as error:
                result.failures.append((item.filename or item.item_id, error))
            except PicsyncError as error:
                halted.append(error)
                return
            guide.arrived(result.new + result.already_there + len(result.failures), len(items))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(DOWNLOADS, len(items))):
            group.create_task(work())
    if halted:
        raise halted[0]
    return result


async def _download_one(picker: Picker, session: PickingSession, album: PickedAlbum, item: MediaItem) -> None:
    with album.receive(item) as file:
        await picker.download(session.session_id, item, file)
        await asyncio.to_thread(file.keep)
