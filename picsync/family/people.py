"""People, their roles, and the devices on which they are signed in.

An invitation is a link for one device; opening it shows who it is for, and a button there signs the device
in, so that the previews of messengers do not use it up. A session is a random token in a cookie; API tokens
are sessions that a person makes for a program. Of all of them only hashes are stored.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

import sqlalchemy as sa

from picsync.cache.schema import instant, number
from picsync.core.text import harmless
from picsync.core.values import dataclass
from picsync.family import passwords
from picsync.family.acts import Act, note
from picsync.family.state import tables
from picsync.family.state.database import State

INVITED_FOR = timedelta(days=7)
"""How long an invitation is valid."""
SESSION_FOR = timedelta(days=400)
"""How long a device that is not used stays signed in; browsers keep no cookie for longer."""
SEEN_EVERY = timedelta(hours=1)
"""How exactly it is stored when a device was used."""
MAX_NAME = 60
"""Characters of a person's or device's name."""
MAX_EMAIL = 254
"""Characters of an e-mail address."""
MAX_DEVICES = 50
"""Of one person; then the one that was not used for the longest time is signed out."""
MAX_PEOPLE = 500
_TOKEN_BYTES = 24


class Role(StrEnum):
    """What a person may do; each may do what the one before may."""

    VIEWER = "viewer"
    """Look."""
    MEMBER = "member"
    """Send photos, vote, write captions, hide, share."""
    ADMINISTRATOR = "administrator"
    """Invite and remove people, restore what others have hidden, undo their tournaments."""

    def includes(self, other: Role) -> bool:
        """Whether it may do whatever the other role may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


class DeviceKind(StrEnum):
    """How a device proves who uses it."""

    BROWSER = "browser"
    """By a cookie."""
    TOKEN = "token"  # noqa: S105 - a word
    """A program, by `Authorization: Bearer`."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in."""

    person: str
    """ID."""
    name: str
    role: Role
    created_at: datetime
    looked_at: datetime | None = None
    """When the person last looked at what is new."""
    has_password: bool = False
    linked: bool = False
    """Whether an account at the OpenID provider is linked."""
    email: str = field(default="", repr=False)
    """The address by which an account there may be linked; empty without one."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where a person is signed in."""

    device: str
    """ID."""
    kind: DeviceKind
    name: str
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A request's proof of who sent it."""

    person: Person
    device: Device
    token: str = field(repr=False)

    def may(self, role: Role) -> bool:
        """Whether the person may do what this role may."""
        return self.person.role.includes(role)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A new invitation; the token is stored nowhere."""

    token: str = field(repr=False)
    person: Person
    expires_at: datetime


# Built once: every request needs them.
_DEVICES = sa.select(tables.device).where(tables.device.c.sha256.in_(sa.bindparam("hashes", expanding=True)))
_PEOPLE = sa.select(tables.person).where(
    tables.person.c.person.in_(sa.bindparam("people", expanding=True)), tables.person.c.removed_at.is_(None)
)
_PERSON = sa.select(tables.person).where(
    tables.person.c.person == sa.bindparam("person"), tables.person.c.removed_at.is_(None)
)


class UnknownPersonError(ValueError):
    """There is no person with this ID or name."""


class EmailTakenError(ValueError):
    """The e-mail address is somebody else's here."""


class LinkedElsewhereError(ValueError):
    """The account at the OpenID provider belongs to somebody else here."""


class LastAdministratorError(ValueError):
    """Without this person nobody could administer the pages."""


class TooManyPeopleError(ValueError):
    """There are as many people as there may be."""


def clean_name(name: str) -> str:
    """Return a name as it is stored: one line, printable; raises ValueError without a letter."""
    found = " ".join(harmless(name).split())[:MAX_NAME].strip()
    if not any(character.isalnum() for character in found):
        raise ValueError("it has no letter or digit")
    return found


def clean_email(address: str) -> str:
    """Return an e-mail address as it is stored and compared; raises ValueError.

    Only ASCII: other letters may become the same in lower case, though they belong to other addresses.
    """
    found = address.strip().lower()
    name, at, host = found.rpartition("@")
    if not (name and at and "." in host and len(found) <= MAX_EMAIL and found.isascii()):
        raise ValueError("it is no e-mail address")
    if not found.isprintable() or " " in found:
        raise ValueError("it is no e-mail address")
    return found


class People:
    """Everybody who may sign in. Methods raise StateError if the database cannot be used."""

    def __init__(self, state: State, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._state = state
        self._now = now
        self._find_session = state.read_together(self._sessions)

    async def invite(
        self, name: str, role: Role | None = None, *, email: str | None = None, by: str | None = None
    ) -> Invitation:
        """Invite a person by name: a new one, or a known one to another device.

        A known person gets the role and the e-mail address if there are some (an empty one removes it); a
        new one is a member by default. The first person is an administrator. Raises ValueError for a name
        or an address that is none, EmailTakenError and TooManyPeopleError.
        """
        address = clean_email(email) if email else email
        return await self._state.write(
            partial(self._invite, name=clean_name(name), role=role, email=address, by=by)
        )

    def _invite(
        self, connection: sa.Connection, *, name: str, role: Role | None, email: str | None, by: str | None
    ) -> Invitation:
        now, table = self._now(), tables.person
        found = self._by_name(connection, name)
        if found is None:
            people = _present(connection)
            if len(people) >= MAX_PEOPLE:
                raise TooManyPeopleError(f"there are {MAX_PEOPLE} people already")
            chosen = role or (Role.MEMBER if people else Role.ADMINISTRATOR)
            person = Person(secrets.token_hex(6), name, chosen, now)
            connection.execute(
                sa.insert(table).values(
                    person=person.person, name=name, role=str(chosen), created_at=number(now)
                )
            )
        else:
            person = found
            if role is not None and role is not person.role:
                self._set_role(connection, person, role, by)
                person = _person(connection, person.person) or person
        if email is not None:
            owner = connection.scalar(sa.select(table.c.person).where(table.c.email == email))
            if owner not in (None, person.person):
                raise EmailTakenError("somebody else has this e-mail address")
            mine = sa.update(table).where(table.c.person == person.person)
            connection.execute(mine.values(email=email or None))
        return self._invitation(connection, person, by)

    async def invite_again(self, person: str, *, by: str | None = None) -> Invitation:
        """Return an invitation for another device of a person; raises UnknownPersonError."""

        def work(connection: sa.Connection) -> Invitation:
            return self._invitation(connection, _known(connection, person), by)

        return await self._state.write(work)

    def _invitation(self, connection: sa.Connection, person: Person, by: str | None) -> Invitation:
        now, token = self._now(), secrets.token_urlsafe(_TOKEN_BYTES)
        connection.execute(
            sa.delete(tables.invitation).where(tables.invitation.c.expires_at < number(now - INVITED_FOR))
        )
        connection.execute(
            sa.insert(tables.invitation).values(
                sha256=hashed(token),
                person=person.person,
                created_at=number(now),
                expires_at=number(now + INVITED_FOR),
            )
        )
        note(connection, now, by, Act.INVITED, person.person)
        return Invitation(token, person, now + INVITED_FOR)

    async def invited(self, token: str) -> Person | None:
        """Return whom an invitation is for; None if it is unknown, used or expired."""
        return await self._state.read(lambda connection: self._invited(connection, token))

    def _invited(self, connection: sa.Connection, token: str) -> Person | None:
        table = tables.invitation
        row = connection.execute(sa.select(table).where(table.c.sha256 == hashed(token))).one_or_none()
        if row is None or row.used_at is not None or row.expires_at <= number(self._now()):
            return None
        return _person(connection, row.person)

    async def accept(self, token: str, device: str, subject: str | None = None) -> Session | None:
        """Sign a device in by an invitation, which is used up; None if it is unknown, used or expired.

        A `subject` is linked, as `link` does. Raises LinkedElsewhereError; then nothing has changed.
        """

        def work(connection: sa.Connection) -> Session | None:
            person = self._invited(connection, token)
            if person is None:
                return None
            if subject is not None:
                self._link(connection, person.person, subject, person.person)
            connection.execute(
                sa.update(tables.invitation)
                .where(tables.invitation.c.sha256 == hashed(token))
                .values(used_at=number(self._now()))
            )
            return self._sign_in(connection, person, DeviceKind.BROWSER, device)

        return await self._state.write(work)

    async def sign_in(self, person: str, device: str) -> Session:
        """Sign a device in of a person who has proved who they are; raises UnknownPersonError."""

        def work(connection: sa.Connection) -> Session:
            return self._sign_in(connection, _known(connection, person), DeviceKind.BROWSER, device)

        return await self._state.write(work)

    async def set_password(self, person: str, password: str | None, *, by: str | None = None) -> None:
        """Store a password by which a person signs in; None removes it.

        Raises UnknownPersonError and WeakPasswordError.
        """
        found = await self._state.read(lambda connection: _known(connection, person))
        new = None
        if password is not None:
            passwords.check(password, found.name)
            new = await asyncio.to_thread(passwords.stored, password)

        def work(connection: sa.Connection) -> None:
            _known(connection, person)
            table = tables.person
            connection.execute(sa.update(table).where(table.c.person == person).values(password=new))
            act = Act.PASSWORD_REMOVED if new is None else Act.PASSWORD_SET
            note(connection, self._now(), by, act, person)

        await self._state.write(work)

    async def by_password(self, name: str, password: str) -> Person | None:
        """Return the person with a name (in any case) and password; None if there is none.

        It takes as long if there is nobody of that name, or no password.
        """

        def work(connection: sa.Connection) -> tuple[Person | None, str | None]:
            person = self._by_name(connection, name)
            if person is None:
                return None, None
            table = tables.person
            return person, connection.scalar(
                sa.select(table.c.password).where(table.c.person == person.person)
            )

        person, known = await self._state.read(work)
        right = await asyncio.to_thread(passwords.matches, password, known)
        return person if right else None

    async def link(self, person: str, subject: str | None, *, by: str | None = None) -> None:
        """Link an account at the OpenID provider to a person, instead of any other; None unlinks it.

        Unlinking also removes the e-mail address. Raises UnknownPersonError and LinkedElsewhereError.
        """

        def work(connection: sa.Connection) -> None:
            _known(connection, person)
            self._link(connection, person, subject, by)

        await self._state.write(work)

    def _link(self, connection: sa.Connection, person: str, subject: str | None, by: str | None) -> None:
        table = tables.person
        if subject is not None:
            owner = connection.scalar(sa.select(table.c.person).where(table.c.subject == subject))
            if owner == person:
                return
            if owner is not None:
                raise LinkedElsewhereError("this account is linked to somebody else")
        # Otherwise the address would link the account again.
        also = {"email": None} if subject is None else {}
        connection.execute(sa.update(table).where(table.c.person == person).values(subject=subject, **also))
        act = Act.ACCOUNT_UNLINKED if subject is None else Act.ACCOUNT_LINKED
        note(connection, self._now(), by, act, person)

    async def enter(self, subject: str, email: str, device: str) -> Session | None:
        """Sign a device in of the person to whom an account at the OpenID provider is linked.

        If it is linked to nobody, it is linked to the person who has its verified address and no account
        yet (`email`, empty for none). Returns None if there is nobody.
        """
        table = tables.person

        def work(connection: sa.Connection) -> Session | None:
            wanted = table.c.subject == subject
            row = connection.execute(sa.select(table).where(wanted)).one_or_none()
            if row is None and email:
                wanted = sa.and_(table.c.email == email, table.c.subject.is_(None))
                row = connection.execute(sa.select(table).where(wanted)).one_or_none()
                if row is not None:
                    self._link(connection, row.person, subject, None)
            if row is None:
                return None
            return self._sign_in(connection, _as_person(row), DeviceKind.BROWSER, device)

        return await self._state.write(work)

    async def api_token(self, person: str, name: str) -> Session:
        """Return a token for a program; raises UnknownPersonError, and ValueError for an empty name."""

        def work(connection: sa.Connection) -> Session:
            found = _known(connection, person)
            session = self._sign_in(connection, found, DeviceKind.TOKEN, clean_name(name))
            note(connection, self._now(), person, Act.TOKEN_CREATED, session.device.device, name)
            return session

        return await self._state.write(work)

    def _sign_in(self, connection: sa.Connection, person: Person, kind: DeviceKind, name: str) -> Session:
        now, token, table = self._now(), secrets.token_urlsafe(_TOKEN_BYTES), tables.device
        known = connection.scalars(
            sa.select(table.c.device).where(table.c.person == person.person).order_by(table.c.seen_at.desc())
        ).all()
        surplus = known[MAX_DEVICES - 1 :]
        connection.execute(sa.delete(table).where(table.c.device.in_(surplus)))
        device = Device(secrets.token_hex(6), kind, name[:MAX_NAME] or "unknown", now, now)
        connection.execute(
            sa.insert(table).values(
                device=device.device,
                person=person.person,
                sha256=hashed(token),
                kind=str(kind),
                name=device.name,
                created_at=number(now),
                seen_at=number(now),
            )
        )
        if kind is DeviceKind.BROWSER:
            note(connection, now, person.person, Act.SIGNED_IN, device.device, device.name)
        return Session(person, device, token)

    async def session(self, token: str) -> Session | None:
        """Return the session of a token; None if it is unknown or was not used for too long."""
        found = await self._find_session(token)
        if found is None:
            return None
        now = self._now()
        if now - found.device.seen_at >= SEEN_EVERY:
            seen = sa.update(tables.device).where(tables.device.c.device == found.device.device)
            await self._state.write(lambda connection: connection.execute(seen.values(seen_at=number(now))))
        return found

    def _sessions(self, connection: sa.Connection, tokens: Sequence[str]) -> Sequence[Session | None]:
        """Return the session of each token."""
        hashes = [hashed(token) for token in tokens]
        devices = {row.sha256: row for row in connection.execute(_DEVICES, {"hashes": hashes})}
        owners = list({row.person for row in devices.values()})
        people = {row.person: _as_person(row) for row in connection.execute(_PEOPLE, {"people": owners})}
        oldest = self._now() - SESSION_FOR

        def one(token: str, sha256: str) -> Session | None:
            row = devices.get(sha256)
            person = None if row is None else people.get(row.person)
            if row is None or person is None:
                return None
            device = _device(row)
            return None if device.seen_at < oldest else Session(person, device, token)

        return [one(token, sha256) for token, sha256 in zip(tokens, hashes, strict=True)]

    async def people(self) -> Sequence[Person]:
        """Return everybody, by name."""
        return await self._state.read(_present)

    async def find(self, name: str) -> Person | None:
        """Return the person with a name (in any case) or ID."""
        return await self._state.read(lambda connection: self._by_name(connection, name))

    async def devices(self, person: str) -> Sequence[Device]:
        """Return where a person is signed in, the one first that was used last."""
        table = tables.device
        wanted = sa.select(table).where(table.c.person == person).order_by(table.c.seen_at.desc())
        return await self._state.read(lambda connection: [_device(row) for row in connection.execute(wanted)])

    async def sign_out(self, person: str, device: str, *, by: str | None = None) -> bool:
        """Sign a device of a person out; return whether it was signed in."""

        def work(connection: sa.Connection) -> bool:
            table = tables.device
            gone = connection.execute(
                sa.delete(table).where(table.c.device == device, table.c.person == person)
            )
            if gone.rowcount:
                act = Act.SIGNED_OUT if by == person else Act.REVOKED
                note(connection, self._now(), by, act, device)
            return bool(gone.rowcount)

        return await self._state.write(work)

    async def set_role(self, person: str, role: Role, *, by: str | None = None) -> None:
        """Change a person's role; raises UnknownPersonError and LastAdministratorError."""
        await self._state.write(
            lambda connection: self._set_role(connection, _known(connection, person), role, by)
        )

    def _set_role(self, connection: sa.Connection, person: Person, role: Role, by: str | None) -> None:
        if role is not Role.ADMINISTRATOR:
            _keep_administrator(connection, person)
        table = tables.person
        connection.execute(sa.update(table).where(table.c.person == person.person).values(role=str(role)))
        note(connection, self._now(), by, Act.ROLE_CHANGED, person.person, str(role))

    async def remove(self, person: str, *, by: str | None = None) -> None:
        """Sign all devices of a person out, for good. What the person did stays.

        Raises UnknownPersonError and LastAdministratorError.
        """

        def work(connection: sa.Connection) -> None:
            found = _known(connection, person)
            _keep_administrator(connection, found)
            for table in (tables.device, tables.invitation):
                connection.execute(sa.delete(table).where(table.c.person == person))
            connection.execute(
                sa.update(tables.person)
                .where(tables.person.c.person == person)
                .values(removed_at=number(self._now()), password=None, subject=None, email=None)
            )
            note(connection, self._now(), by, Act.REMOVED, person)

        await self._state.write(work)

    async def looked(self, person: str, at: datetime) -> None:
        """Store that a person has looked at what is new."""
        table = tables.person
        change = sa.update(table).where(table.c.person == person).values(looked_at=number(at))
        await self._state.write(lambda connection: connection.execute(change))

    def _by_name(self, connection: sa.Connection, name: str) -> Person | None:
        people = _present(connection)
        by_id = next((person for person in people if person.person == name), None)
        folded = name.casefold()
        return by_id or next((person for person in people if person.name.casefold() == folded), None)


def hashed(token: str) -> str:
    """Return a secret as it is stored. It is random and long, so a fast hash suffices."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _keep_administrator(connection: sa.Connection, person: Person) -> None:
    """Raise LastAdministratorError if this is the only administrator."""
    others = [
        each
        for each in _present(connection)
        if each.role is Role.ADMINISTRATOR and each.person != person.person
    ]
    if person.role is Role.ADMINISTRATOR and not others:
        raise LastAdministratorError(f"{person.name} is the only administrator")


def _present(connection: sa.Connection) -> list[Person]:
    table = tables.person
    rows = connection.execute(sa.select(table).where(table.c.removed_at.is_(None)))
    return sorted(
        (_as_person(row) for row in rows), key=lambda person: (person.name.casefold(), person.person)
    )


def _known(connection: sa.Connection, person: str) -> Person:
    found = _person(connection, person)
    if found is None:
        raise UnknownPersonError(f"there is no person {person!r}")
    return found


def _person(connection: sa.Connection, person: str) -> Person | None:
    row = connection.execute(_PERSON, {"person": person}).one_or_none()
    return None if row is None else _as_person(row)


def _as_person(row: sa.Row[Any]) -> Person:
    return Person(
        row.person,
        row.name,
        Role(row.role),
        _instant(row.created_at),
        instant(row.looked_at),
        row.password is not None,
        row.subject is not None,
        row.email or "",
    )


def _device(row: sa.Row[Any]) -> Device:
    return Device(row.device, DeviceKind(row.kind), row.name, _instant(row.created_at), _instant(row.seen_at))


def _instant(stored: int) -> datetime:
    found = instant(stored)
    assert found is not None  # noqa: S101 - the column is never NULL
    return found
