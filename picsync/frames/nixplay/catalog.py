"""The albums, or the playlists, of an account: looked up by name, and made where there is none.

Names are not unique and a listing may be wrong, so nothing is made before the service has denied it twice. A
creation whose answer is lost may still be under way, so it is not repeated. Where the service does not keep
the name, a plain one takes its place (`names`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Generic

from picsync.core.errors import (
    LoginNeeded,
    NotFoundError,
    PicsyncError,
    ProtocolError,
    RefusedError,
    TransientError,
)
from picsync.core.events import Emit, NameReplaced
from picsync.frames.nixplay import names
from picsync.frames.nixplay.session import SERVICE
from picsync.frames.nixplay.view import Found, Listed, R, find

CREATE_ATTEMPTS = 3
LOOK_AGAIN_AFTER_S = 5.0
"""Pause between two looks for what a creation that was answered with an error may have made all the same:
as long as a known client waits for Nixplay to process photos."""
MAX_RETRY_AFTER_S = 60.0
"""Longest `Retry-After` that a creation is repeated after; the next cycle is soon enough for a longer one."""
LISTED_WAITS_S = (1.0, 2.0, 4.0, 8.0)
"""Waits between looks for what was made in the listing; only a listing that lags behind needs them."""


class NameNotKept(RefusedError):  # noqa: N818 - what the service does
    """The service made, or seems to make, another name of the one that was asked for."""


class Catalog(Generic[R]):
    """All albums, or all playlists; safe for concurrent use."""

    def __init__(
        self,
        kind: str,
        seen: Listed[R],
        choose: Callable[[Found[R]], R | None],
        *,
        create: Callable[[str], Awaitable[R]],
        delete: Callable[[str], Awaitable[None]],
        pause: Callable[[float], Awaitable[None]],
        emit: Emit,
    ) -> None:
        """`kind` is its word in messages; `choose` returns the one to use of what was found, or raises.

        `create` creates one of a name, also if the name is taken, and returns it as far as the answer tells;
        `delete` deletes the one with an id.
        """
        self._kind = kind
        self._seen = seen
        self._create_one = create
        self._delete_one = delete
        self._choose = choose
        self._pause = pause
        self._emit = emit
        self._making: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def find(self, name: str) -> R | None:
        """Return what has a name, or None if the service has denied twice that it exists."""
        found = self._choose(await self._seen.look_up(name))
        found = found or self._choose(await self._seen.look_again(name))
        if found is not None:
            self._seen.keep_content(found)
        return found

    async def ensure(self, name: str) -> R:
        """Return what has a name, or else make it.

        Raises what `choose` raises, and NameNotKept if the service keeps neither the name nor a plain one.
        """
        async with self._making[name]:
            plain, denials = names.plain(name), self._seen.take_denials(name)
            blamed: list[PicsyncError] = []
            if plain is None:
                return await self._find_or_create(name, name, denials, blamed)
            try:
                # What is listed tells whether a change of the name has left something.
                return await self._find_or_create(name, name, min(denials, 1), blamed)
            except PicsyncError as error:
                if error not in blamed or not _may_be_the_name(error):
                    raise
                refusal = error
            try:
                return await self._find_or_create(name, plain, 1, blamed)
            except PicsyncError as error:
                # It was not the name, or nothing can be done about it.
                raise (refusal if error in blamed and _may_be_the_name(error) else error) from None

    async def _find(self, name: str, form: str, blamed: list[PicsyncError]) -> R | None:
        """Return what has the name, or None.

        Raises NameNotKept if it was to be made as it is, but seems to have been made in another form before:
        otherwise each cycle that is broken off between that and its removal would leave one more.
        """
        records = await self._seen.fetch()
        if chosen := self._choose(find(name, records)):
            self._seen.keep_content(chosen)
            return chosen
        if form == name:
            for record in records:
                if record.count == 0 and names.may_come_of(record.name, name):
                    error = self._not_kept(name, record.name)
                    blamed.append(error)
                    raise error
        return None

    async def _find_or_create(self, name: str, form: str, denials: int, blamed: list[PicsyncError]) -> R:
        """Return what has `name`, or else make it as `form`; it was denied `denials` times already.

        One empty answer is not believed. Where no answer came to a creation, it may take place at any time
        from then on: if it has not yet, that is raised, and it is for a later cycle to look again. After an
        error as an answer (503, or a proxy's 502 and 504) it is tried once more, if two looks with a pause
        between them do not find it. An answer that makes no sense says that the service is done with it, so a
        look tells whether to try once more.

        Adds to `blamed` the errors that the name may be the reason of.
        """
        repeated = False
        for attempt in itertools.count(1):
            for _ in range(denials, 2):
                if found := await self._find(name, form, blamed):
                    return found
            denials = 0
            try:
                return await self._create(name, form, blamed)
            except TransientError as error:
                if made := await self._find(name, form, blamed):
                    return made
                if not error.answered or repeated:
                    raise
                repeated = True
                await self._pause(max(LOOK_AGAIN_AFTER_S, min(error.retry_after_s or 0.0, MAX_RETRY_AFTER_S)))
                if made := await self._find(name, form, blamed):
                    return made
                denials = 2
            except ProtocolError:
                if attempt == CREATE_ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    async def _create(self, name: str, form: str, blamed: list[PicsyncError]) -> R:
        try:
            created = await self._create_one(form)
        except PicsyncError as error:
            blamed.append(error)
            raise
        finally:
            self._seen.changed(name)
        is_new = self._seen.is_new(created.id)
        made = await self._listed(created)
        if not names.same(made.name, form):
            # What was there before, or has photos in it, was made by someone else, whatever the answer says.
            if is_new and made.count == 0:
                with contextlib.suppress(NotFoundError):
                    await self._delete_one(made.id)
            changed = self._not_kept(form, made.name)
            blamed.append(changed)
            raise changed
        if form != name:
            self._emit(NameReplaced(SERVICE, self._kind, name, form))
        self._seen.keep_content(made, made=True)
        return made

    async def _listed(self, created: R) -> R:
        """Return what was made as the listing has it, which is what later cycles look it up in."""
        for wait_s in (*LISTED_WAITS_S, None):
            for record in await self._seen.fetch():
                if record.id == created.id:
                    return record
            if wait_s is not None:
                await self._pause(wait_s)
        raise TransientError(
            f"{SERVICE} has created the {self._kind} {created.name!r} but does not list it yet.",
            hint="The next cycle checks for it again.",
        )

    def _not_kept(self, asked: str, made: str) -> NameNotKept:
        return NameNotKept(
            f"{SERVICE} cannot keep the {self._kind} name {asked!r}: it makes {made!r} of it.",
            status=200,
            hint=f"Write {made!r}, or another name that {SERVICE} keeps, in picsync.yaml.",
        )


def _may_be_the_name(error: PicsyncError) -> bool:
    """Return whether the answer to a creation may be about its name.

    Databases without characters of four bytes answer 500, and a firewall in front of a service 403, which
    otherwise says that the session is of no use.
    """
    if isinstance(error, TransientError):
        return error.status == 500
    return isinstance(error, RefusedError | ProtocolError | LoginNeeded)
