"""A real `picsync sync --once` that is asked to stop: it ends well, and the next one does the rest."""

from __future__ import annotations

import signal

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.nixplay import Nixplay
from tests.crash.process import Nursery, Sync, running
from tests.e2e.household import Road

INTERRUPTED = 130
MONITOR = "upload-monitor.nixplay.com"
MAX_DELETES_AT_ONCE = 3


def on_first(road: Road, change: str, sync: Sync, number: signal.Signals) -> None:
    """Send a signal when the first change of that name has been made but not answered yet."""

    def watch(nixplay: Nixplay, operation: str) -> None:
        if operation == change and nixplay.counters[change] == 1:
            sync.signal(number)

    road.nixplay.counters.clear()
    road.nixplay.observers.append(watch)


async def test_sigterm_between_uploads_finishes_what_is_in_flight(road: Road, nursery: Nursery) -> None:
    road.add(80)
    async with running(nursery, road) as sync:
        on_first(road, "add_photo", sync, signal.SIGTERM)
        assert await sync.ended() == INTERRUPTED, sync.output()
    begun = road.media_requests()
    assert 1 <= begun < 80
    assert len(road.on_frame()) == begun
    assert set(road.in_playlist()) == road.on_frame()
    await road.cycle()
    assert road.media_requests() == 80
    road.assert_synced()
    await road.assert_idle()


async def test_sigterm_between_deletes_takes_up_no_further_one(road: Road, nursery: Nursery) -> None:
    items = road.add(16)
    await road.cycle()
    for item in items[:9]:
        road.google.remove_item(item, road.album)
    async with running(nursery, road) as sync:
        on_first(road, "delete_photo", sync, signal.SIGTERM)
        assert await sync.ended() == INTERRUPTED, sync.output()
    # Each of those under way may be followed by one more before the signal is heard.
    assert 1 <= road.nixplay.counters["delete_photo"] <= 2 * MAX_DELETES_AT_ONCE
    assert set(road.in_playlist()) == road.wanted()
    await road.cycle()
    road.assert_synced()
    await road.assert_idle()


async def test_sigterm_while_the_albums_are_listed_changes_nothing(road: Road, nursery: Nursery) -> None:
    items = road.add(6)
    await road.cycle()
    before = road.wanted()
    road.google.remove_item(items[0], road.album)
    road.add(1)
    road.server.log.clear()
    listing = Fault(kind=FaultKind.TRICKLE, path="mediaItems:search", chunk_bytes=100, delay_s=0.005)
    road.server.faults.add(listing)
    async with running(nursery, road) as sync:
        await sync.asked(lambda log: log.count(path="mediaItems:search") > 0)
        sync.signal(signal.SIGTERM)
        assert await sync.ended() == INTERRUPTED, sync.output()
    road.assert_synced(before)
    assert road.media_requests() == 0
    await road.cycle()
    road.assert_synced()
    await road.assert_idle()


async def test_a_second_signal_ends_it_at_once(road: Road, nursery: Nursery) -> None:
    road.add(4)
    road.server.faults.add(Fault(kind=FaultKind.HANG, host=MONITOR, count=None))
    async with running(nursery, road) as sync:
        await sync.asked(lambda log: log.count(host=MONITOR) > 0)
        sync.signal(signal.SIGTERM)
        sync.signal(signal.SIGINT)
        assert await sync.ended() == INTERRUPTED, sync.output()
    assert "Traceback" not in sync.output()
    road.server.faults.clear()
    await road.cycle()
    road.assert_synced()
    await road.assert_idle()
