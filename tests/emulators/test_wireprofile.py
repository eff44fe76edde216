"""Latency and bandwidth by the test's own clock: the waits are exact, whatever timers do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx
import pytest

from picsync.emulators.nixplay import Nixplay
from picsync.emulators.wireprofile import HOME, LAN, MAX_CATCH_UP_S, Distance, PacedBody, Wire, WireProfile
from picsync.emulators.world import World
from tests.emulators.nixplay_emulator import nixplay_emulator
from tests.household_services import MEDIA_HOST

KB = 1000


@dataclass
class Clock:
    """Time that passes only while somebody sleeps, and then by `late_s` too much."""

    now: float = 0.0
    late_s: float = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds + self.late_s


PROFILE = WireProfile(
    "test",
    "for tests",
    hosts={"far": Distance(0.5, pipe_out="line", pipe_in="line"), "also": Distance(0.1, pipe_out="line")},
    pipes={"line": 100 * KB},
)


def wire(clock: Clock) -> Wire:
    return Wire(PROFILE, clock=clock, sleep=clock.sleep)


async def test_an_answer_begins_after_the_latency_and_no_later() -> None:
    clock = Clock()
    transfer = wire(clock).request("far")
    clock.now += 0.2  # What the emulator needs itself is part of it.
    await transfer.wait_for_start()
    assert clock.now == pytest.approx(0.5)
    await transfer.wait_for_start()
    assert clock.now == pytest.approx(0.5)


async def test_an_unlisted_host_has_no_latency() -> None:
    clock = Clock()
    transfer = wire(clock).request("elsewhere")
    await transfer.wait_for_start()
    await transfer.wait_sent(10**9)
    assert clock.now == 0


async def test_bytes_take_their_time_after_the_latency() -> None:
    clock = Clock()
    transfer = wire(clock).request("far")
    await transfer.wait_for_start()
    for _ in range(10):
        await transfer.wait_sent(10 * KB)
    assert clock.now == pytest.approx(1.5)


async def test_all_that_go_through_a_pipe_share_it() -> None:
    clock = Clock()
    one = wire(clock)
    first, second = one.request("far"), one.request("also")
    await first.wait_sent(50 * KB)
    assert clock.now == pytest.approx(1.0)
    await second.wait_sent(50 * KB)
    assert clock.now == pytest.approx(1.5)


async def test_a_pending_caller_does_not_delay_others() -> None:
    clock = Clock()
    held = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if clock.now + seconds == 0.5:  # The far one waits for its latency to be over.
            await held.wait()
        await clock.sleep(seconds)

    one = Wire(PROFILE, clock=clock, sleep=sleep)
    far, near = one.request("far"), one.request("also")
    waiting = asyncio.create_task(far.wait_received(10 * KB))
    await asyncio.sleep(0)
    await near.wait_sent(10 * KB)
    assert clock.now == pytest.approx(0.2)
    held.set()
    await waiting
    assert clock.now >= 0.5


async def test_a_timer_that_is_late_does_not_slow_the_pipe_down() -> None:
    clock = Clock(late_s=MAX_CATCH_UP_S / 2)
    one = wire(clock)
    transfer = one.request("far")
    for _ in range(100):
        await transfer.wait_sent(10 * KB)
    assert clock.now == pytest.approx(0.5 + 10.0 + clock.late_s)
    assert one.worst_s == pytest.approx(clock.late_s)
    assert one.waits == 101


async def test_time_that_a_client_wastes_is_not_given_back() -> None:
    clock = Clock()
    transfer = wire(clock).request("far")
    await transfer.wait_sent(10 * KB)
    clock.now += 60
    await transfer.wait_sent(100 * KB)
    assert clock.now == pytest.approx(0.5 + 0.1 + 60 + 1.0, abs=2 * MAX_CATCH_UP_S)


async def test_a_body_comes_through_as_it_is_at_the_pace_of_the_pipe() -> None:
    clock = Clock()
    stream = asyncio.StreamReader()
    stream.feed_data(b"x" * 50 * KB)
    stream.feed_eof()

    class Inner:
        async def readany(self) -> bytes:
            return await stream.read(10 * KB)

    body = PacedBody(Inner(), wire(clock).request("far"))
    parts = [await body.readany() for _ in range(6)]
    assert b"".join(parts) == b"x" * 50 * KB
    assert parts[-1] == b""
    assert clock.now == pytest.approx(1.0)


async def test_one_at_a_time_means_all_hosts_together() -> None:
    clock = Clock()
    one = Wire(PROFILE, one_at_a_time=True, clock=clock, sleep=clock.sleep)

    async def request(host: str) -> None:
        async with one.admitted():
            await one.request(host).wait_for_start()

    await asyncio.gather(request("far"), request("also"), request("elsewhere"))
    assert clock.now == pytest.approx(0.6)


async def test_the_emulators_answer_as_far_away_as_the_profile_says() -> None:
    """Over real HTTP: every request has waited for its own latency, and bytes for their pipe."""
    clock = Clock()
    async with World() as world, httpx.AsyncClient(timeout=10) as http:
        world.server.wire = Wire(HOME, clock=clock, sleep=clock.sleep)
        for host, latency_s in (
            ("photoslibrary.googleapis.com/v1/albums", 0.12),
            ("api.nixplay.com/v2/albums/web/json/", 0.25),
            ("upload-monitor.nixplay.com/status", 0.3),
            (f"{MEDIA_HOST}/lr/none", 0.08),
            ("nixplay-prod-upload.s3.us-west-2.amazonaws.com/", 0.15),
        ):
            before = clock.now
            await http.get(f"{world.server.url}/{host}")
            assert clock.now - before == pytest.approx(latency_s, abs=0.001)
        world.server.wire = Wire(LAN, clock=clock, sleep=clock.sleep)
        before = clock.now
        await http.get(f"{world.server.url}/api.nixplay.com/v2/albums/web/json/")
        assert clock.now == before


async def test_an_upload_passes_the_upload_pipe() -> None:
    clock = Clock()
    async with nixplay_emulator(Nixplay()) as emulator:
        await emulator.login()
        album = {"albumId": await emulator.create_album("Family")}
        data = (await emulator.permission(album, "a.jpg", 2_000_000)).json()["data"]
        emulator.server.wire = Wire(HOME, clock=clock, sleep=clock.sleep)
        stored = await emulator.store(data, b"x" * 2_000_000)
        assert stored.status_code == 201
        # 2 MB and the form's other fields, at 10 MB/s.
        assert clock.now == pytest.approx(0.15 + 0.2, abs=2 * MAX_CATCH_UP_S)
