"""A real `picsync sync --once` that receives a signal: it ends in order, and the next one does the rest."""

from __future__ import annotations

import signal

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.nixplay import Nixplay
from tests.crash.process import Sync, running
from tests.e2e.household import Household
from tests.fork_server import ForkServer

INTERRUPTED = 130
MONITOR = "upload-monitor.nixplay.com"
MAX_DELETES_AT_ONCE = 3


def on_first(household: Household, change: str, sync: Sync, number: signal.Signals) -> None:
    """Send a signal when the first change of that name was made but not answered."""

    def watch(nixplay: Nixplay, operation: str) -> None:
        if operation == change and nixplay.counters[change] == 1:
            sync.signal(number)

    household.nixplay.counters.clear()
    household.nixplay.observers.append(watch)


async def test_sigterm_between_uploads_finishes_what_is_in_flight(
    household: Household, fork_server: ForkServer
) -> None:
    household.add(80)
    async with running(fork_server, household) as sync:
        on_first(household, "add_photo", sync, signal.SIGTERM)
        assert await sync.ended() == INTERRUPTED, sync.output()
    begun, arrived = household.media_requests(), len(household.on_frame())
    # A download whose photo would still have to be converted is given up.
    assert 1 <= arrived <= begun < 80
    assert set(household.in_playlist()) == household.on_frame()
    await household.cycle()
    assert household.media_requests() <= 80 + begun - arrived
    household.assert_synced()
    await household.assert_idle()


async def test_sigterm_between_deletes_takes_up_no_further_one(
    household: Household, fork_server: ForkServer
) -> None:
    items = household.add(16)
    await household.cycle()
    for item in items[:9]:
        household.google.remove_item(item, household.album)
    async with running(fork_server, household) as sync:
        on_first(household, "delete_photo", sync, signal.SIGTERM)
        assert await sync.ended() == INTERRUPTED, sync.output()
    # Each of those in progress may be followed by one more before the signal is handled.
    assert 1 <= household.nixplay.counters["delete_photo"] <= 2 * MAX_DELETES_AT_ONCE
    assert set(household.in_playlist()) == household.wanted()
    await household.cycle()
    household.assert_synced()
    await household.assert_idle()


async def test_sigterm_while_the_albums_are_listed_changes_nothing(
    household: Household, fork_server: ForkServer
) -> None:
    items = household.add(6)
    await household.cycle()
    before = household.wanted()
    household.google.remove_item(items[0], household.album)
    household.add(1)
    household.server.log.clear()
    listing = Fault(kind=FaultKind.TRICKLE, path="mediaItems:search", chunk_bytes=100, delay_s=0.005)
    household.server.faults.add(listing)
    async with running(fork_server, household) as sync:
        await sync.asked(lambda log: log.count(path="mediaItems:search") > 0)
        sync.signal(signal.SIGTERM)
        assert await sync.ended() == INTERRUPTED, sync.output()
    household.assert_synced(before)
    assert household.media_requests() == 0
    await household.cycle()
    household.assert_synced()
    await household.assert_idle()


async def test_a_second_signal_ends_it_at_once(household: Household, fork_server: ForkServer) -> None:
    household.add(4)
    household.server.faults.add(Fault(kind=FaultKind.HANG, host=MONITOR, count=None))
    async with running(fork_server, household) as sync:
        await sync.asked(lambda log: log.count(host=MONITOR) > 0)
        sync.signal(signal.SIGTERM)
        sync.signal(signal.SIGINT)
        assert await sync.ended() == INTERRUPTED, sync.output()
    assert "Traceback" not in sync.output()
    household.server.faults.clear()
    await household.cycle()
    household.assert_synced()
    await household.assert_idle()
