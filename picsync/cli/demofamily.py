"""The family of `picsync demo --family`: people who have voted and written captions."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from picsync.cli.scenes import ALBUM
from picsync.core.events import CycleFinished, CycleOutcome, Event
from picsync.core.values import dataclass

if TYPE_CHECKING:
    from picsync.family.people import Person
    from picsync.family.photos import Photo
    from picsync.family.voting import Voting

TITLE = "The Millers"
_ADMINISTRATOR = "Anna"
_JUDGES = ("Ben", "Clara", "Grandpa Joe")
_VIEWER = "Grandma Ruth"
_SITTINGS = 4
"""Tournaments of each judge: then about every photo has been judged."""
_TASTE = 0.7
"""How much the judges agree."""
_WORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "The lighthouse": ("Remember the 201 steps? Ben counted them.", ("holidays", "north sea")),
    "Hot air balloons": ("Clara was up there at six in the morning!", ("clara", "birthday")),
    "Cabin in the snow": ("Christmas at the cabin, before the power went out.", ("christmas",)),
    "Geraniums at the window": ("Grandma's window, the year she won the prize.", ("garden", "grandma")),
    "Sailboats": ("Grandpa is in the one that does not move.", ("holidays", "grandpa")),
    "Water lilies": ("Our pond, finally.", ("garden",)),
}
_HIDDEN = "Desert dunes"


def add_settings(config: Path, web: str, library: Path) -> None:
    """Switch the family's pages on in the demo's configuration."""
    library.mkdir()
    text = config.read_text("utf-8").replace("web:\n", f"web:\n  url: {json.dumps(f'{web}/')}\n")
    # What somebody sends is shown on the frames, too.
    text = text.replace("  sources:\n", f"  sources:\n    uploads: {json.dumps([ALBUM])}\n")
    family = {"title": TITLE, "library": str(library.resolve())}
    config.write_text(f"{text}family: {json.dumps(family)}\n", "utf-8")


async def invite_all(cache: Path) -> str:
    """Add the people; return the token that signs the administrator in."""
    from picsync.family.people import People, Role
    from picsync.family.state.database import State

    state = await State.open(str(cache))
    try:
        people = People(state)
        made = await people.invite(_ADMINISTRATOR, Role.ADMINISTRATOR)
        for name in _JUDGES:
            await people.invite(name, Role.MEMBER)
        await people.invite(_VIEWER, Role.VIEWER)
        return made.token
    finally:
        await state.aclose()


@dataclass(slots=True)
class Seeding:
    """Lets the family vote and write once the photos are on its pages."""

    cache: Path
    _task: asyncio.Task[None] | None = None

    def read(self, event: Event) -> None:
        """Begin after the first cycle that has put photos on the pages."""
        from picsync.config.family import FRAME
        from picsync.core.model import job_name

        if self._task is not None or not isinstance(event, CycleFinished):
            return
        report = event.report
        if report.rule == job_name(ALBUM, FRAME) and report.outcome is CycleOutcome.DONE and report.on_frame:
            self._task = asyncio.create_task(_live(self.cache))

    async def aclose(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def _live(cache: Path) -> None:
    """Vote, write captions and tags, and hide a photo."""
    from picsync.family.looking import Looking
    from picsync.family.people import People
    from picsync.family.photos import Photos
    from picsync.family.sittings import NotEnoughPhotosError
    from picsync.family.state.database import State
    from picsync.family.voting import Voting

    state = await State.open(str(cache))
    try:
        people = {person.name: person for person in await People(state).people()}
        photos, voting = Photos(state), Voting(state)
        looking = Looking(state, lambda: datetime.now(UTC))
        by_title = {_title(photo): photo for photo in await photos.in_category(ALBUM, most=100)}
        for number, (title, (caption, tags)) in enumerate(_WORDS.items()):
            if title in by_title:
                writer = people[_JUDGES[number % len(_JUDGES)]].person
                await looking.describe(by_title[title].photo, caption=caption, tags=sorted(tags), by=writer)
        if _HIDDEN in by_title:
            await photos.hide(by_title[_HIDDEN].photo, by=people[_JUDGES[0]].person)
        try:
            for name in _JUDGES:
                for _ in range(_SITTINGS):
                    await _judge(voting, people[name])
        except NotEnoughPhotosError:
            return  # Somebody's own folder.
    finally:
        await state.aclose()


async def _judge(voting: Voting, person: Person) -> None:
    """Play one tournament."""
    from picsync.family.bracket import Answer

    sitting = await voting.sit_down(person.person, ALBUM)
    while (pair := sitting.pair) is not None:
        left, right = (_liking(person.name, photo) for photo in (pair.left, pair.right))
        answer = Answer.LEFT if left > right else Answer.RIGHT
        sitting = await voting.answer(
            person.person, sitting.tournament, sitting.done, pair.left, pair.right, answer
        )


def _liking(judge: str, photo: str) -> float:
    """Return how much somebody likes a photo, from 0 to 1; partly a matter of taste."""
    return _TASTE * _number(photo) + (1 - _TASTE) * _number(f"{judge} {photo}")


def _number(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def _title(photo: Photo) -> str:
    return photo.filename.rpartition(".")[0] or photo.filename
