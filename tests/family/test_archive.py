"""Exporting and importing everything, between both kinds of databases; and PostgreSQL's searching."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from picsync.core.errors import StateError
from picsync.family.acts import Act
from picsync.family.archive import MANIFEST, export, restore
from picsync.family.bracket import Answer
from picsync.family.looking import Looking
from picsync.family.people import People
from picsync.family.photos import Photos
from picsync.family.ratings import Ratings
from picsync.family.shares import ShareKind, Shares
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.family.voting import Voting
from tests.cache.test_cache_postgresql import server, url  # noqa: F401 - fixtures
from tests.web.family.sample import add_sample, sample


def now() -> datetime:
    return datetime.now(UTC)


async def lived_in(state: State) -> str:
    """Let a family do something of everything; return a device's token."""
    people = People(state)
    anna = (await people.invite("Anna Ähnlich")).person
    session = await people.sign_in(anna.person, "phone")
    photos = await add_sample(
        state, [sample(n, place="Zürich", sender=anna.person, look=2**62 + n) for n in range(4)]
    )
    looking = Looking(state, now)
    await looking.describe(photos[0], caption='"Quoted" 🎂\u2009', tags=["öl", "lake"], by=anna.person)
    await Photos(state).hide(photos[1], by=anna.person)
    await Shares(state, now).create(
        ShareKind.PHOTO, photos[0], by=anna.person, valid_for=timedelta(days=1), downloads=False
    )
    voting = Voting(state)
    sitting = await voting.sit_down(anna.person, "Family")
    pair = sitting.pair
    assert pair is not None
    await voting.answer(anna.person, sitting.tournament, 0, pair.left, pair.right, Answer.LEFT)
    await voting.undo(anna.person, sitting.tournament)
    await voting.answer(anna.person, sitting.tournament, 0, pair.left, pair.right, Answer.RIGHT)
    return session.token


async def everything(state: State) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows but those about imports."""

    def work(connection: sa.Connection) -> dict[str, list[tuple[object, ...]]]:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(sa.select(table).order_by(*table.primary_key))
                if Act.IMPORTED not in tuple(row)
            ]
            for table in tables.metadata.sorted_tables
        }

    return await state.read(work)


async def test_both_kinds_of_databases_restore_each_other(tmp_path: Path, url: str) -> None:  # noqa: F811
    first = await State.open(str(tmp_path / "first.db"))
    server_state = await State.open(url)
    last = await State.open(str(tmp_path / "last.db"))
    try:
        token = await lived_in(first)
        original = await everything(first)
        assert all(original[name] for name in ("family_game", "family_rating", "family_tag", "family_share"))
        await export(first, tmp_path / "first.zip")
        await restore(server_state, tmp_path / "first.zip")
        assert await everything(server_state) == original
        # It goes on: sessions are valid, numbers continue, ratings follow from the log, searching works.
        session = await People(server_state).session(token)
        assert session is not None
        assert (await Ratings(server_state).recompute()).differing == 0
        looking = Looking(server_state, now)
        for query, count in {"ürich": 3, "ähnl ÖL": 1, "%": 0, "_": 3, "an": 3, '"quo': 1, "\\": 0}.items():
            assert len((await looking.search(query)).photos) == count, query
        sitting = await Voting(server_state).sit_down(session.person.person, "Family")
        await Voting(server_state).stop(session.person.person, sitting.tournament)
        changed = await everything(server_state)
        await export(server_state, tmp_path / "server.zip")
        await restore(last, tmp_path / "server.zip")
        assert await everything(last) == changed
        assert len((await Looking(last, now).search("ähnl ÖL")).photos) == 1
        with pytest.raises(StateError, match="not empty"):
            await restore(last, tmp_path / "first.zip")
        await restore(last, tmp_path / "first.zip", replace=True)
        assert await everything(last) == original
    finally:
        for state in (first, server_state, last):
            await state.aclose()


async def test_who_goes_on_voting_during_an_import_has_its_log(tmp_path: Path) -> None:
    """On a database server, another process may import while picsync runs."""
    file = tmp_path / "export.zip"
    state, other = [await State.open(str(tmp_path / name)) for name in ("cache.db", "other.db")]

    async def answer(voting: Voting, state: State, answers: list[Answer]) -> None:
        [anna] = await People(state).people()
        for each in answers:
            sitting = await voting.sit_down(anna.person, "Family")
            pair = sitting.pair
            assert pair is not None
            await voting.answer(anna.person, sitting.tournament, pair.number, pair.left, pair.right, each)

    try:
        for each in (state, other):
            await People(each).invite("Anna")
            await add_sample(each, [sample(n) for n in range(16)])
        voting = Voting(state)
        await answer(voting, state, [Answer.LEFT] * 3)
        await answer(Voting(other), other, [Answer.RIGHT] * 3)
        await export(other, file)
        await restore(state, file, replace=True)
        await answer(voting, state, [Answer.EQUAL, Answer.LEFT])
        assert (await Ratings(state).recompute()).differing == 0
    finally:
        await state.aclose()
        await other.aclose()


def changed(source: Path, target: Path, name: str, content: bytes | None) -> Path:
    """Write a copy of an export in which one file is another, or is missing."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
        if content is not None:
            new.writestr(name, content)
    return target


async def test_a_file_that_is_no_export_changes_nothing(tmp_path: Path) -> None:
    state, empty = await State.open(str(tmp_path / "a.db")), await State.open(str(tmp_path / "b.db"))
    try:
        await lived_in(state)
        good = tmp_path / "good.zip"
        await export(state, good)
        with zipfile.ZipFile(good) as archive:
            manifest = json.loads(archive.read(MANIFEST))
            photos = archive.read("family_photo.jsonl").splitlines()
        row = json.loads(photos[0])
        files = [
            changed(good, tmp_path / "no-manifest.zip", MANIFEST, None),
            changed(good, tmp_path / "no-table.zip", "family_photo.jsonl", None),
        ]
        (tmp_path / "text.zip").write_text("hello")
        (tmp_path / "cut.zip").write_bytes(good.read_bytes()[:-200])
        files += [tmp_path / "text.zip", tmp_path / "cut.zip"]
        odd = [
            (MANIFEST, json.dumps({**manifest, "format": 99}).encode()),
            (MANIFEST, b"[]"),
            ("family_photo.jsonl", b"\n".join(photos[1:])),
            ("family_photo.jsonl", json.dumps({**row, "width": "x"}).encode()),
            ("family_photo.jsonl", json.dumps({**row, "more": 1}).encode()),
            ("family_photo.jsonl", b"\xff{"),
            ("family_photo.jsonl", b"[" * 100_000),
            ("family_device.jsonl", b""),
        ]
        files += [
            changed(good, tmp_path / f"odd{number}.zip", name, content)
            for number, (name, content) in enumerate(odd)
        ]
        before, of_empty = await everything(state), await everything(empty)
        for file in files:
            with pytest.raises(StateError):
                await restore(empty, file)
            with pytest.raises(StateError):
                await restore(state, file, replace=True)
        assert await everything(empty) == of_empty
        assert await everything(state) == before
        with pytest.raises(StateError, match="cannot be written"):
            await export(state, tmp_path / "no/where.zip")
        assert not list(tmp_path.glob(".good*"))
    finally:
        await state.aclose()
        await empty.aclose()


async def test_an_older_file_is_imported(tmp_path: Path) -> None:
    file, older = tmp_path / "new.zip", tmp_path / "old.zip"
    old, new = [await State.open(str(tmp_path / f"{name}.db")) for name in ("old", "new")]
    try:
        await lived_in(old)
        await export(old, file)
        with zipfile.ZipFile(file) as source, zipfile.ZipFile(older, "w") as target:
            for name in source.namelist():
                content = source.read(name)
                if name == MANIFEST:
                    content = json.dumps(json.loads(content) | {"schema": "f0001"}).encode()
                elif name == "family_person.jsonl":
                    rows = [json.loads(line) for line in content.splitlines()]
                    for row in rows:
                        del row["email"]
                    content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
                target.writestr(name, content)
        await restore(new, older)
        assert await everything(new) == await everything(old)
    finally:
        await old.aclose()
        await new.aclose()
