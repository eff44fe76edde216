"""People: invitations, sessions, roles."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from picsync.core.errors import StateError
from picsync.family.people import (
    INVITED_FOR,
    MAX_DEVICES,
    SESSION_FOR,
    LastAdministratorError,
    People,
    Role,
    UnknownPersonError,
)
from picsync.family.state import search_index, tables
from picsync.family.state.database import VERSION_TABLE, GoneError, State, path_beside
from tests.cache.test_cache_postgresql import server, url  # noqa: F401 - fixtures


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.at = datetime(2026, 5, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest_asyncio.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    opened = await State.open(str(tmp_path / "cache.db"))
    yield opened
    await opened.aclose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people(state: State, clock: Clock) -> People:
    return People(state, clock)


async def test_the_first_person_is_an_administrator_and_the_others_are_members(people: People) -> None:
    assert (await people.invite("Anna")).person.role is Role.ADMINISTRATOR
    assert (await people.invite("Ben")).person.role is Role.MEMBER
    assert (await people.invite("ben ")).person.person == (await people.invite("Ben")).person.person
    assert [each.name for each in await people.people()] == ["Anna", "Ben"]


async def test_an_invitation_expires_and_works_once(people: People, clock: Clock) -> None:
    made = await people.invite("Anna")
    clock.at += INVITED_FOR - timedelta(seconds=1)
    assert await people.invited(made.token)
    assert await people.accept(made.token, "phone")
    assert await people.accept(made.token, "phone") is None
    late = await people.invite("Anna")
    clock.at += INVITED_FOR
    assert await people.invited(late.token) is None


async def test_a_session_survives_a_restart_and_ends_when_it_is_not_used(
    people: People, clock: Clock, tmp_path: Path
) -> None:
    made = await people.accept((await people.invite("Anna")).token, "phone")
    assert made is not None
    again = await State.open(str(tmp_path / "cache.db"))
    try:
        clock.at += SESSION_FOR
        assert await People(again, clock).session(made.token)
        clock.at += SESSION_FOR  # It was used in between.
        assert await People(again, clock).session(made.token)
        clock.at += SESSION_FOR + timedelta(seconds=1)
        assert await People(again, clock).session(made.token) is None
    finally:
        await again.aclose()


async def test_secrets_are_stored_as_hashes_only(people: People, tmp_path: Path) -> None:
    invitation = await people.invite("Anna")
    other = await people.invite("Anna")
    session = await people.accept(other.token, "phone")
    assert session is not None
    with sqlite3.connect(path_beside(tmp_path / "cache.db")) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    for secret in (invitation.token, other.token, session.token):
        assert secret not in dump
    assert (path_beside(tmp_path / "cache.db").stat().st_mode & 0o777) == 0o600


async def test_there_is_always_an_administrator(people: People) -> None:
    anna = (await people.invite("Anna")).person
    ben = (await people.invite("Ben")).person
    with pytest.raises(LastAdministratorError):
        await people.set_role(anna.person, Role.MEMBER)
    with pytest.raises(LastAdministratorError):
        await people.remove(anna.person)
    await people.set_role(ben.person, Role.ADMINISTRATOR)
    await people.remove(anna.person)
    with pytest.raises(UnknownPersonError):
        await people.sign_in(anna.person, "phone")


async def test_the_device_that_was_not_used_for_the_longest_time_is_signed_out(
    people: People, clock: Clock
) -> None:
    anna = (await people.invite("Anna")).person
    first = await people.sign_in(anna.person, "first")
    for number in range(MAX_DEVICES):
        clock.at += timedelta(minutes=1)
        await people.sign_in(anna.person, f"device {number}")
    assert len(await people.devices(anna.person)) == MAX_DEVICES
    assert await people.session(first.token) is None


@pytest.mark.parametrize("name", ["", "  ", "\n\t", "\u202e"])
async def test_a_name_has_something_to_see(people: People, name: str) -> None:
    with pytest.raises(ValueError, match="no letter"):
        await people.invite(name)


def _no_index(name: str | None, *_: object) -> bool:
    """Whether it is no part of the index for searching, which the database itself maintains."""
    return not (name or "").startswith(search_index.TABLE)


def differences(connection: sa.Connection) -> list[object]:
    opts = {"version_table": VERSION_TABLE, "include_name": _no_index}
    context = MigrationContext.configure(connection, opts=opts)
    return list(compare_metadata(context, tables.metadata))


async def test_migrations_make_the_tables(state: State) -> None:
    assert await state.read(differences) == []


async def test_an_older_database_is_migrated(tmp_path: Path, url: str) -> None:  # noqa: F811 - the fixture
    for cache in (str(tmp_path / "old.db"), url):
        state = await State.open(cache)
        anna = (await People(state).invite("Anna")).person

        def back(connection: sa.Connection) -> None:
            """Undo what the second revision has added."""
            connection.exec_driver_sql("DROP INDEX ix_family_person_email")
            connection.exec_driver_sql("ALTER TABLE family_person DROP COLUMN email")
            connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = 'f0001'")  # noqa: S608

        await state.write(back)
        await state.aclose()
        with pytest.raises(StateError, match="revision f0001"):
            await State.open_existing(cache)
        state = await State.open(cache)
        try:
            assert await state.read(differences) == []
            people = People(state)
            await people.invite("Anna", email="anna@example.org")
            assert await people.find(anna.person) == replace(anna, email="anna@example.org")
        finally:
            await state.aclose()


async def test_what_refers_to_nothing_is_named(tmp_path: Path, url: str) -> None:  # noqa: F811 - the fixture
    for cache in (str(tmp_path / "new.db"), url):
        state = await State.open(cache)
        row = {"photo": "p", "person": "nobody", "frame": "", "hidden_at": 0}
        try:
            with pytest.raises(GoneError):
                await state.write(lambda connection: connection.execute(sa.insert(tables.hidden), row))  # noqa: B023
        finally:
            await state.aclose()


async def test_a_newer_database_is_left_alone(state: State, tmp_path: Path) -> None:
    await state.write(
        lambda connection: connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = 'f9999'"))  # noqa: S608
    )
    with pytest.raises(StateError, match="newer picsync"):
        await State.open(str(tmp_path / "cache.db"))


async def test_a_transaction_that_fails_leaves_nothing(state: State) -> None:
    def work(connection: sa.Connection) -> None:
        connection.execute(sa.insert(tables.setting).values(name="a", value="b"))
        raise LookupError

    with pytest.raises(LookupError):
        await state.write(work)
    assert await state.read(lambda connection: connection.execute(sa.select(tables.setting)).all()) == []
