"""Every query of the dashboard, sent to a real Prometheus that has scraped a real picsync."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from picsync.core.events import RequestOutcome
from tests.grafana import prometheus
from tests.grafana.monitored_sync import (
    FAMILY,
    FRAME,
    ITALY,
    MonitoredSync,
    Target,
    open_monitored_sync,
    targets,
)
from tests.grafana.prometheus import Labels

pytestmark = pytest.mark.skipif(
    prometheus.BINARY is None, reason="needs Prometheus: apt-get install prometheus"
)

GOOGLE, NIXPLAY = "Google Photos", "Nixplay"
ALBUMS = "On the frame = in the playlist = wanted"


def keys(name: str, values: Iterable[str], **more: str) -> set[Labels]:
    return {frozenset({name: value, **more}.items()) for value in values}


def by_service(operations: dict[str, str]) -> set[Labels]:
    return {
        frozenset({"service": service, "operation": operation}.items())
        for service, each in operations.items()
        for operation in each.split()
    }


ALONE: set[Labels] = {frozenset()}
BOTH = keys("album", [FAMILY, ITALY], frame="nixplay")
OUTCOMES = tuple(RequestOutcome)
ALWAYS = by_service(
    {
        GOOGLE: "list_media_items download",
        NIXPLAY: "list_web_albums list_photos permit_upload store_bytes await_processing list_playlists"
        " list_slides add_items",
    }
)
ONCE = by_service({GOOGLE: "look_at_album", NIXPLAY: "login create_album open_receiver create_playlist"})
"""Asked so seldom that it may be over before the first scrape, and shows no rate then."""
EVER: dict[tuple[str, str], set[Labels]] = {
    ("Is the frame up to date?", "A"): BOTH,
    ("Last good cycle", "A"): set(),  # Nothing takes three intervals here.
    ("Last good cycle", "B"): set(),
    ("Last good cycle", "C"): BOTH,
    ("Last good cycle", "D"): set(),
    ("Deletes held", "A"): ALONE,
    ("picsync", "A"): ALONE,
    ("picsync", "B"): ALONE,
    ("Logins", "A"): keys("service", [GOOGLE, NIXPLAY]),
    **dict.fromkeys([("Now", ref) for ref in "ABC"], ALONE),
    ("Cycles by outcome", "A"): keys("outcome", ["done", "held", "failed"]),
    **dict.fromkeys([("Transfers", ref) for ref in "ABCDE"], ALONE),
    **dict.fromkeys([("Photos", ref) for ref in "ABC"], ALONE),
    ("Requests by outcome", "A"): {
        key for service in (GOOGLE, NIXPLAY) for key in keys("outcome", OUTCOMES, service=service)
    },
    ("Request latency, 95th percentile", "A"): ALWAYS,
    ("Retries", "A"): by_service({GOOGLE: "download", NIXPLAY: "permit_upload"}),
    **dict.fromkeys([("Google's quota, last 24 hours", ref) for ref in "AB"], ALONE),
    ("Fullest playlists", "A"): BOTH,
    ("Web frames last seen", "A"): keys("frame", [FRAME]),
    ("Web frames last seen", "B"): keys("frame", [FRAME]),  # Until a device has looked.
    ("Access token expires in", "A"): keys("service", [GOOGLE]),
    ("Cache", "A"): ALONE,
    ("Memory", "A"): ALONE,
    ("Open files", "A"): ALONE,
}
"""Which series each query must have had over the whole time; the table of albums has its own test."""

FLEETING: dict[tuple[str, str], set[Labels]] = {
    ("Last good cycle", "B"): BOTH,
    ("Last good cycle", "D"): BOTH,
    ("Request latency, 95th percentile", "A"): ONCE,
}
"""What may be over between two scrapes: series that a query may have had besides."""


async def play(folder: Path) -> None:
    """Take a frame through a first sync, a bulk sync with trouble, a failed cycle and held deletes; look."""
    async with open_monitored_sync(folder, family=60, italy=12) as monitored:
        all_right = {FAMILY: 0, ITALY: 0}
        await monitored.settle("steady", all_right)
        await monitored.look()
        monitored.trouble()
        monitored.add(FAMILY, 80)
        await monitored.settle("grown", all_right, cycles=0)
        await monitored.fail()
        del monitored.albums[FAMILY].items[-60:]
        await monitored.settle("held", {FAMILY: 5, ITALY: 0}, cycles=1)
        await check_series(monitored)
        await check_values(monitored)
        await check_one_album(monitored)


def test_every_panel_shows_what_it_should(tmp_path: Path) -> None:
    asyncio.run(play(tmp_path))


async def ever(monitored: MonitoredSync, target: Target) -> set[Labels]:
    found = await monitored.prometheus.query_range(target.expr, monitored.began_at, time.time())
    return {each.key for each in found}


async def values(monitored: MonitoredSync, moment: str) -> dict[tuple[str, str, str], float]:
    """Return what tiles, bars and tables show at a moment, by panel, query and its one label that matters."""
    shown = {}
    for target in targets():
        for each in await monitored.prometheus.query(target.expr, monitored.moments[moment]):
            label = each.labels.get("album") or each.labels.get("service") or ""
            shown[target.panel, target.ref, label] = each.last
    return shown


async def check_series(monitored: MonitoredSync) -> None:
    instance = monitored.prometheus.instance
    for target in targets():
        expected = EVER.get((target.panel, target.ref))
        if target.panel == ALBUMS:
            expected = keys("album", [FAMILY, ITALY], frame="nixplay", instance=instance)
        assert expected is not None, f"no expectation of {target.panel} {target.ref}"
        found = await ever(monitored, target)
        besides = FLEETING.get((target.panel, target.ref), set())
        assert expected <= found <= expected | besides, target

    standing = next(each for each in targets() if each.panel == "Is the frame up to date?")
    course = await monitored.prometheus.query_range(standing.expr, monitored.began_at, time.time())
    family = {value for each in course if each.labels["album"] == FAMILY for _, value in each.points}
    assert {0, 3, 5} <= family <= {0, 2, 3, 5, 6}
    assert 6 in {value for each in course for _, value in each.points}


async def check_values(monitored: MonitoredSync) -> None:
    steady = await values(monitored, "steady")
    assert [steady[ALBUMS, ref, FAMILY] for ref in "ABCDEF"] == [0, 60, 60, 60, 0, 0]
    assert [steady[ALBUMS, ref, ITALY] for ref in "ABCDEF"] == [0, 12, 12, 12, 0, 0]
    assert steady["Deletes held", "A", ""] == 0
    assert steady["Fullest playlists", "A", FAMILY] == 60 / 2000
    assert 0 <= steady["Last good cycle", "C", FAMILY] <= 3

    held = await values(monitored, "held")
    assert [held[ALBUMS, ref, FAMILY] for ref in "ABCDEF"] == [5, 140, 140, 80, 0, 60]
    assert held["Deletes held", "A", ""] == 60
    assert held["picsync", "A", ""] == 1
    assert held["picsync", "B", ""] == 11
    assert (held["Logins", "A", GOOGLE], held["Logins", "A", NIXPLAY]) == (1, 1)
    assert 3000 < held["Access token expires in", "A", GOOGLE] < 3600
    assert held["Cache", "A", ""] > 10_000
    assert 30e6 < held["Memory", "A", ""] < 250e6
    assert 0 < held["Open files", "A", ""] < 0.5
    # What was counted before the first scrape is no increase to Prometheus; the 80 came later.
    downloads = monitored.world.server.log.count(host="lh3.googleusercontent.com")
    assert 80 < held["Google's quota, last 24 hours", "B", ""] * 75_000 < 1.1 * downloads


async def check_one_album(monitored: MonitoredSync) -> None:
    """Choose one album, as Grafana substitutes it."""
    for target in targets(album=re.escape(ITALY).replace(r"\ ", " ")):
        if target.panel in (ALBUMS, "Is the frame up to date?", "Last good cycle", "Fullest playlists"):
            assert {dict(key)["album"] for key in await ever(monitored, target)} <= {ITALY}, target
            assert target.panel == "Last good cycle" or await ever(monitored, target), target
