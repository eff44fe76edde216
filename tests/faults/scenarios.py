"""The states that a cycle starts from, and the kinds of requests that it then sends."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from picsync.core.events import RequestFinished, RequestOutcome
from picsync.emulators.nixplay import Nixplay
from picsync.frames.nixplay.client import LIST_EMAIL_ALBUMS
from picsync.http.retry import Operation
from picsync.sources.google.library.source import DOWNLOAD
from tests.faults.harness import SOURCE_ALBUMS, Harness, open_harness
from tests.faults.operations import FRAME, TABLES, operation_of
from tests.faults.source_albums import ALBUM, GoogleAlbum
from tests.household_services import PLAYLIST
from tests.shared_results import shared

HOURS_S = 3 * 3600.0
UNSURE = (RequestOutcome.UNSENT, RequestOutcome.CANCELLED)
"""For requests that may or may not have been sent: what a cycle cancels depends on its progress."""


class Scenario(StrEnum):
    """The state before a cycle; from EXPIRING on, something also happens during the cycle."""

    EMPTY = "empty account"
    """Three photos for an account that has neither the album nor the playlist."""
    CHANGED = "changed album"
    """Four photos are in sync; since then one was added and one removed, and the playlist contains one twice.
    """
    EXPIRING = "expiring addresses"
    """As CHANGED, and all URLs and tokens of Google expire before the download."""
    VANISHING = "vanishing album"
    """As CHANGED, and the album is deleted by hand during the uploads."""
    RENAMED_ALBUM = "album renamed on the way"
    """As EMPTY, and the service stores the album under another name."""
    RENAMED_PLAYLIST = "playlist renamed on the way"
    ASKED = "captions and frames"
    """As EMPTY, with captions as text, and frames that are to show the playlist and no other one."""

    async def set(self, harness: Harness) -> None:
        """Set up the scenario, up to the first request of the cycle."""
        if self in (Scenario.CHANGED, Scenario.EXPIRING, Scenario.VANISHING):
            first, *_ = harness.add(4)
            await harness.bring_to_the_frame()
            harness.source_album.remove(first)
            playlist = harness.nixplay.playlist_named(PLAYLIST)
            twice = playlist.photos()[1]
            harness.invariants.by_hand(lambda: harness.nixplay.state.append_items(playlist, [twice]))
            harness.add(1)
        else:
            harness.add(3)
        match self:
            case Scenario.EXPIRING:
                harness.log.observers.append(lambda operation: _expire(harness, operation))
            case Scenario.VANISHING:
                harness.nixplay.observers.append(_Vanishing(harness))
            case Scenario.ASKED:
                harness.ask()
            case Scenario.RENAMED_ALBUM | Scenario.RENAMED_PLAYLIST:
                harness.nixplay.observers.append(_Renaming(playlists=self is Scenario.RENAMED_PLAYLIST))
            case _:
                pass


def _expire(harness: Harness, operation: Operation) -> None:
    if operation == DOWNLOAD and not harness.service_ahead_s:
        harness.service_ahead_s = HOURS_S


class _Vanishing:
    """Deletes the album once, as soon as it contains a new photo."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self._done = False

    def __call__(self, service: Nixplay, change: str) -> None:
        if change == "add_photo" and not self._done:
            self._done = True
            album = service.album_named(ALBUM)
            self._harness.invariants.by_hand(lambda: service.state.delete_album(service.account(), album))


class _Renaming:
    """Renames the first album or playlist that is created."""

    def __init__(self, *, playlists: bool) -> None:
        self._playlists = playlists
        self._done = False

    def __call__(self, service: Nixplay, change: str) -> None:
        if self._done or change != ("create_playlist" if self._playlists else "create_album"):
            return
        self._done = True
        account = service.account()
        if self._playlists:
            list(account.playlists.values())[-1].name += "?"
        else:
            list(account.albums.values())[-1].name += "?"


@dataclass(frozen=True)
class Reference:
    """A cycle of a scenario without other faults."""

    asked: Counter[Operation]
    """Requests in the log."""
    answers: dict[Operation, bytes]
    """The last response to each kind of request."""


UNRELIABLE = frozenset({LIST_EMAIL_ALBUMS})
"""Requests that a cycle makes or does not make, depending on which of two others is answered first. They have
no cells, since all workers have to collect the same; tests/frames/nixplay/test_frame.py has their faults."""
MAIN = GoogleAlbum.kind
"""The kind of source that runs every scenario; the others run those that concern the source."""


def scenarios_of(kind: str) -> list[Scenario]:
    """Return the scenarios that run with a kind of source."""
    return list(Scenario) if kind == MAIN else [Scenario.EMPTY, Scenario.CHANGED]


@cache
def reference(scenario: Scenario, kind: str = MAIN) -> Reference:
    """Run it. The first call must not come from an event loop."""
    name = f"reference-{scenario.name}-{kind}"
    return shared(name, lambda: asyncio.run(_reference(scenario, kind)))


@cache
def answers() -> dict[Operation, bytes]:
    """Return a response to each kind of request, from an account like that of the harness."""
    found: dict[Operation, bytes] = {}
    for kind in SOURCE_ALBUMS:
        for scenario in reversed(scenarios_of(kind)):
            found |= reference(scenario, kind).answers
    return found


@cache
def operations_of(scenario: Scenario, kind: str) -> list[Operation]:
    """Return the kinds of requests that a scenario covers.

    With the main kind of source that is all of EMPTY and CHANGED, and what each other scenario adds; with the
    others it is those to the source.
    """
    earlier: set[Operation] = set(UNRELIABLE)
    if scenario is not Scenario.CHANGED:
        for each in list(Scenario)[: list(Scenario).index(scenario)]:
            earlier |= reference(each, kind).asked.keys()
    tables = (FRAME, kind) if kind == MAIN else (kind,)
    known = [operation for name in tables for operation in TABLES[name].places]
    return [each for each in known if each in reference(scenario, kind).asked.keys() - earlier]


async def _reference(scenario: Scenario, kind: str) -> Reference:
    with tempfile.TemporaryDirectory() as folder:
        async with open_harness(Path(folder), kind) as harness:
            await scenario.set(harness)
            async with harness.picsync() as tools:
                await harness.cycle(tools)
            asked = Counter(operation_of(each.method, each.host, each.path) for each in harness.log.records)
            finished = [event for event in harness.events if isinstance(event, RequestFinished)]
            told = {(event.service, event.operation) for event in finished}
            sent = {(event.service, event.operation) for event in finished if event.outcome not in UNSURE}
            named = {(operation.service, operation.name) for operation in asked}
            assert sent <= named <= told, f"the table of places and the operations disagree: {named ^ sent}"
            return Reference(asked, {each: bodies[-1] for each, bodies in harness.wire.answers.items()})
