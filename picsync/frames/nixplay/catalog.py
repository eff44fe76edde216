"""Finds an account's albums or playlists by name, and creates missing ones.

Names are not unique and a listing may be wrong, so nothing is created before the service has denied twice
that it exists. A creation whose response is lost may still take effect, so it is not repeated. If the service
does not keep the name, a plain name is used instead (`names`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic

from picsync.aio.observation import ALWAYS, Observed
from picsync.aio.tasks import unwrap_group
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
from picsync.frames.nixplay.view import DENIALS, DENIED_FOR_S, RECENT_S, Found, Listed, R, find

CREATE_ATTEMPTS = 3
LOOK_AGAIN_AFTER_S = 5.0
"""Pause between two look-ups after a creation that failed, but may have taken effect: a known client waits as
long for Nixplay to process photos."""
MAX_RETRY_AFTER_S = 60.0
"""Longest `Retry-After` after which a creation is repeated; a longer one is left to the next cycle."""
LISTED_WAITS_S = (1.0, 2.0, 4.0, 8.0)
"""Waits between look-ups of what was created; only needed if the listing lags."""


class NameNotKept(RefusedError):  # noqa: N818 - named for what the service does
    """The service created, or seems to have created, something with a different name."""


async def _nothing(_: object) -> None:
    """Do nothing."""


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
        """`kind` is the word for messages; `choose` returns the match to use, or raises.

        `create` creates one with a name, even if the name is taken, and returns what the response says about
        it; `delete` deletes the one with an ID.
        """
        self._kind = kind
        self._seen = seen
        self._create_one = create
        self._delete_one = delete
        self._choose = choose
        self._pause = pause
        self._emit = emit
        self._making: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def find(self, name: str, denied: Callable[[], None] = lambda: None) -> R | None:
        """Return the one with this name, or None if the service has denied twice that it exists.

        `denied` is called after the first denial.
        """
        since = self._seen.usable_since(name, RECENT_S)
        if found := self._chosen(name, await self._seen.look_up(name)):
            return found
        denied()
        return await self._find(name, since)

    async def ensure(self, name: str, made: Callable[[R], Awaitable[None]] = _nothing) -> R:
        """Return the one with this name, creating it if necessary.

        If it is created, `made` is called with it and runs while the listing is checked; it raises nothing.
        Raises what `choose` raises, and NameNotKept if the service keeps neither the name nor a plain one.
        """
        async with self._making[name]:
            plain, blamed = names.plain(name), list[PicsyncError]()
            try:
                return await self._find_or_create(name, name, blamed, made)
            except PicsyncError as error:
                if plain is None or error not in blamed or not _name_may_be_refused(error):
                    raise
                refusal = error
            try:
                return await self._find_or_create(name, plain, blamed, made)
            except PicsyncError as error:
                # The name was not the reason, or nothing can be done about it.
                raise (refusal if error in blamed and _name_may_be_refused(error) else error) from None

    def _chosen(self, name: str, listing: Observed[Sequence[R]]) -> R | None:
        """Return the one with this name, if it is in a listing."""
        chosen = self._choose(find(name, listing.value))
        if chosen is not None:
            self._seen.keep_content(chosen, listing)
        return chosen

    async def _find(self, name: str, since: float) -> R | None:
        """Return the one with this name, or None if two listings that began after `since` deny it."""
        while len(self._seen.denials(name, since)) < DENIALS:
            if found := self._chosen(name, await self._seen.look_again(name)):
                return found
        return None

    async def _check(self, name: str, form: str, blamed: list[PicsyncError]) -> R | None:
        """Return the one with this name if it is listed now."""
        found = self._chosen(name, await self._seen.fetch(name))
        if found is None:
            self._look_for_changed(name, form, blamed)
        return found

    def _look_for_changed(self, name: str, form: str, blamed: list[PicsyncError]) -> None:
        """Raise NameNotKept if an earlier attempt seems to have created it under a changed name.

        Otherwise each cycle that is interrupted before its removal would leave another one.
        """
        listings = self._seen.denials(name, ALWAYS) if form == name else ()
        for record in (record for listing in listings for record in listing.value):
            if record.count == 0 and names.may_derive_from(record.name, name):
                error = self._name_not_kept(name, record.name)
                blamed.append(error)
                raise error

    async def _find_or_create(
        self, name: str, form: str, blamed: list[PicsyncError], made: Callable[[R], Awaitable[None]]
    ) -> R:
        """Return the one named `name`, or create it as `form`.

        A single empty response is not trusted. If a creation gets no response, it may take effect at any
        later time: unless it already has, the error is raised, and a later cycle looks again. After an error
        response (503, or a proxy's 502 and 504), it is tried once more if two look-ups with a pause in
        between do not find it. A response that cannot be understood means that the service has finished, so
        two look-ups decide whether to try again.

        Adds errors that the name may have caused to `blamed`.
        """
        repeated = False
        for attempt in itertools.count(1):
            if found := await self._find(name, self._seen.usable_since(name, DENIED_FOR_S)):
                return found
            self._look_for_changed(name, form, blamed)
            try:
                return await self._create(name, form, blamed, made)
            except TransientError as error:
                if found := await self._check(name, form, blamed):
                    return found
                if not error.answered or repeated:
                    raise
                repeated = True
                await self._pause(max(LOOK_AGAIN_AFTER_S, min(error.retry_after_s or 0.0, MAX_RETRY_AFTER_S)))
                if found := await self._check(name, form, blamed):
                    return found
            except ProtocolError:
                if attempt == CREATE_ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    async def _create(
        self, name: str, form: str, blamed: list[PicsyncError], made: Callable[[R], Awaitable[None]]
    ) -> R:
        try:
            with self._seen.changing(name):
                created = await self._create_one(form)
        except PicsyncError as error:
            blamed.append(error)
            raise
        is_new = self._seen.is_new(created.id)
        with unwrap_group():
            async with asyncio.TaskGroup() as group:
                listing_it = group.create_task(self._wait_until_listed(name, created))
                group.create_task(_run(made(created)))
        listed, listing = listing_it.result()
        if not names.same(listed.name, form):
            # One that existed before, or contains photos, was created by someone else, whatever the response
            # says.
            if is_new and listed.count == 0:
                with contextlib.suppress(NotFoundError):
                    await self._delete_one(listed.id)
            changed = self._name_not_kept(form, listed.name)
            blamed.append(changed)
            raise changed
        if form != name:
            self._emit(NameReplaced(SERVICE, self._kind, name, form))
        self._seen.keep_content(listed, listing, made=True)
        return listed

    async def _wait_until_listed(self, name: str, created: R) -> tuple[R, Observed[Sequence[R]]]:
        """Return what was created as it appears in the listing, where later cycles look for it."""
        for wait_s in (*LISTED_WAITS_S, None):
            listing = await self._seen.fetch(name)
            for record in listing.value:
                if record.id == created.id:
                    return record, listing
            if wait_s is not None:
                await self._pause(wait_s)
        raise TransientError(
            f"{SERVICE} has created the {self._kind} {created.name!r} but does not list it yet.",
            hint="The next cycle checks for it again.",
        )

    def _name_not_kept(self, asked: str, made: str) -> NameNotKept:
        return NameNotKept(
            f"{SERVICE} cannot keep the {self._kind} name {asked!r}: it changes it to {made!r}.",
            status=200,
            hint=f"Write {made!r}, or another name that {SERVICE} keeps, in picsync.yaml.",
        )


async def _run(work: Awaitable[None]) -> None:
    await work


def _name_may_be_refused(error: PicsyncError) -> bool:
    """Return whether the name may have caused this error response.

    A database without four-byte characters causes a 500, and a web application firewall a 403, which
    otherwise means that the session is invalid.
    """
    if isinstance(error, TransientError):
        return error.status == 500
    return isinstance(error, RefusedError | ProtocolError | LoginNeeded)
