"""What a cycle finds, and which kinds of request it then sends."""

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
from picsync.http.retry import Operation
from picsync.sources.google.library.source import DOWNLOAD
from tests.faults.harness import PLAYLIST, Stage, open_stage
from tests.faults.operations import FRAME, TABLES, operation_of
from tests.faults.source_albums import ALBUM, SIDES, GoogleAlbum

HOURS_S = 3 * 3600.0
UNSURE = (RequestOutcome.UNSENT, RequestOutcome.CANCELLED)
"""Of requests that may or may not have reached the wire: what a cycle calls off depends on how far it got."""


class Scene(StrEnum):
    """The start of a cycle; from EXPIRING on something befalls it besides."""

    EMPTY = "empty account"
    """Three photos for an account that has neither the album nor the playlist."""
    CHANGED = "changed album"
    """Four photos are in step; since then one came and one went, and the playlist holds one twice."""
    EXPIRING = "expiring addresses"
    """As CHANGED, and all addresses and tokens of Google's expire before the download."""
    VANISHING = "vanishing album"
    """As CHANGED, and the album is deleted by hand while it is uploaded to."""
    RENAMED_ALBUM = "album renamed on the way"
    """As EMPTY, and the service keeps another name of the album than it was given."""
    RENAMED_PLAYLIST = "playlist renamed on the way"

    async def set(self, stage: Stage) -> None:
        """Make it so, up to the cycle's first request."""
        if self in (Scene.CHANGED, Scene.EXPIRING, Scene.VANISHING):
            first, *_ = stage.add(4)
            await stage.bring_to_the_frame()
            stage.side.remove(first)
            playlist = stage.nixplay.playlist_named(PLAYLIST)
            twice = playlist.photos()[1]
            stage.watch.by_hand(lambda: stage.nixplay.state.append_items(playlist, [twice]))
            stage.add(1)
        else:
            stage.add(3)
        match self:
            case Scene.EXPIRING:
                stage.log.observers.append(lambda operation: _expire(stage, operation))
            case Scene.VANISHING:
                stage.nixplay.observers.append(_Vanishing(stage))
            case Scene.RENAMED_ALBUM | Scene.RENAMED_PLAYLIST:
                stage.nixplay.observers.append(_Renaming(playlists=self is Scene.RENAMED_PLAYLIST))
            case _:
                pass


def _expire(stage: Stage, operation: Operation) -> None:
    if operation == DOWNLOAD and not stage.service_ahead_s:
        stage.service_ahead_s = HOURS_S


class _Vanishing:
    """Deletes the album once, as soon as it holds something new."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._done = False

    def __call__(self, service: Nixplay, change: str) -> None:
        if change == "add_photo" and not self._done:
            self._done = True
            album = service.album_named(ALBUM)
            self._stage.watch.by_hand(lambda: service.state.delete_album(service.account(), album))


class _Renaming:
    """Gives the first thing that is made another name."""

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
    """A cycle of a scene without any further trouble."""

    asked: Counter[Operation]
    """By the log."""
    answers: dict[Operation, bytes]
    """The last one to each kind of request."""


MAIN = GoogleAlbum.kind
"""The kind of source that plays every scene; the others play those that are there for the source."""


def scenes_of(kind: str) -> list[Scene]:
    """Return the scenes that are played with a kind of source."""
    return list(Scene) if kind == MAIN else [Scene.EMPTY, Scene.CHANGED]


@cache
def reference(scene: Scene, kind: str = MAIN) -> Reference:
    """Run it; not to be called first from within an event loop."""
    return asyncio.run(_reference(scene, kind))


@cache
def answers() -> dict[Operation, bytes]:
    """Return an answer to each kind of request, from an account like the stage's."""
    found: dict[Operation, bytes] = {}
    for kind in SIDES:
        for scene in reversed(scenes_of(kind)):
            found |= reference(scene, kind).answers
    return found


@cache
def operations_of(scene: Scene, kind: str) -> list[Operation]:
    """Return the kinds of requests that a scene is there for.

    With the main kind of source that is all of EMPTY and CHANGED, and what each other scene adds; with the
    others it is those to the source.
    """
    earlier: set[Operation] = set()
    if scene is not Scene.CHANGED:
        for each in list(Scene)[: list(Scene).index(scene)]:
            earlier |= reference(each, kind).asked.keys()
    tables = (FRAME, kind) if kind == MAIN else (kind,)
    known = [operation for name in tables for operation in TABLES[name].places]
    return [each for each in known if each in reference(scene, kind).asked.keys() - earlier]


async def _reference(scene: Scene, kind: str) -> Reference:
    with tempfile.TemporaryDirectory() as folder:
        async with open_stage(Path(folder), kind) as stage:
            await scene.set(stage)
            async with stage.picsync() as tools:
                await stage.cycle(tools)
            asked = Counter(operation_of(each.method, each.host, each.path) for each in stage.log.records)
            finished = [event for event in stage.events if isinstance(event, RequestFinished)]
            told = {(event.service, event.operation) for event in finished}
            sent = {(event.service, event.operation) for event in finished if event.outcome not in UNSURE}
            named = {(operation.service, operation.name) for operation in asked}
            assert sent <= named <= told, f"the table of places and the operations disagree: {named ^ sent}"
            return Reference(asked, {each: bodies[-1] for each, bodies in stage.wire.answers.items()})
