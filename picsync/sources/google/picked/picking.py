"""How what the user picks gets into the library, and goes on where an earlier try was cut off.

The session is remembered in the album before the person is sent to its page, and forgotten when everything
that was picked has arrived. Items are recognised by their ids, so picking one again costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from picsync.core.errors import ItemError, NotFoundError, PicsyncError, ProtocolError, TransientError
from picsync.core.model import MediaItem
from picsync.sources.google.picked.library import PickedAlbum
from picsync.sources.google.picked.port import Picker, PickingSession

MAX_PATIENCE_S = 30 * 60.0
"""How long the user is waited for where the service does not say."""

DOWNLOADS = 4
"""At a time."""


@dataclass(slots=True)
class Picked:
    """What came of it."""

    new: int = 0
    already_there: int = 0
    failures: list[tuple[str, PicsyncError]] = field(default_factory=list)
    """File name and error of each item that did not arrive."""


@dataclass(frozen=True, slots=True)
class Guide:
    """What leads the person through it."""

    show: Callable[[PickingSession], None]
    """Shows the page's address."""
    arrived: Callable[[int, int], None]
    """Told after each item how many of how many have been dealt with."""
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], float]
    """Seconds."""


async def pick(picker: Picker, album: PickedAlbum, guide: Guide) -> Picked:
    """Let the user pick, wait for them, and bring what they picked into the album.

    Raises TransientError if they take longer than the service waits, DiskError if the disk is in the way,
    and what the picker raises. Whatever happens, another call goes on from there.
    """
    await asyncio.to_thread(album.create)
    session = await _unfinished(picker, album) or await _begun(picker, album)
    if not session.done:
        guide.show(session)
        session = await _waited(picker, session, guide)
    items = await picker.picked(session.session_id)
    result = await _brought(picker, session, album, items, guide)
    if not result.failures:
        album.session = None
        await picker.end(session.session_id)
    return result


async def _unfinished(picker: Picker, album: PickedAlbum) -> PickingSession | None:
    if album.session is None:
        return None
    try:
        return await picker.session(album.session)
    except NotFoundError:
        return None


async def _begun(picker: Picker, album: PickedAlbum) -> PickingSession:
    session = await picker.begin()
    album.session = session.session_id
    return session


async def _waited(picker: Picker, session: PickingSession, guide: Guide) -> PickingSession:
    """Ask as often and as long as the service says."""
    until = guide.clock() + (session.patience_s or MAX_PATIENCE_S)
    while not session.done:
        if guide.clock() + session.poll_after_s > until:
            raise TransientError(
                "Nothing was picked in time.",
                hint="Run the same command again; it goes on where this one stopped.",
            )
        await guide.sleep(session.poll_after_s)
        session = await picker.session(session.session_id)
    return session


async def _brought(
    picker: Picker, session: PickingSession, album: PickedAlbum, items: Sequence[MediaItem], guide: Guide
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
                    await _one(picker, session, album, item)
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


async def _one(picker: Picker, session: PickingSession, album: PickedAlbum, item: MediaItem) -> None:
    with album.receive(item) as file:
        await picker.download(session.session_id, item, file)
        await asyncio.to_thread(file.keep)
