"""Assigns playlists to the frames that an entry of `frames:` names with `showOn`.

Only one client is known to do this. So nothing is done unless it is asked for, what is done is verified by
reading it back, and what does not work is a remark, since the playlist can be assigned by hand. The list of
playlists, which each cycle reads anyway, tells whether anything is to be done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from picsync.core.errors import (
    AmbiguousError,
    LoginNeeded,
    NotFoundError,
    PicsyncError,
    ProtocolError,
    RefusedError,
)
from picsync.core.text import harmless
from picsync.core.values import dataclass
from picsync.frames.base import Assigned
from picsync.frames.nixplay import devices, wire
from picsync.frames.nixplay.client import NixplayClient
from picsync.frames.nixplay.devices import Device

TRY_AGAIN_AFTER_S = 24 * 3600.0
"""Time after which a request that the service did not carry out is sent again."""
OURS = "ss_"
"""How the names of picsync's playlists begin; they are removed from no frame."""


@dataclass(frozen=True, slots=True)
class ShowOn:
    """Where an account's playlists are to be shown."""

    names: tuple[str, ...] = ()
    """Names of frames in the app; empty: that is left to the user."""
    only: bool = False
    """Whether these frames are to show nothing but picsync's playlists."""


@dataclass(frozen=True, slots=True)
class _Change:
    """Something that is to be changed on a frame."""

    playlist: wire.PlaylistRecord
    device: Device
    add: bool
    """Whether the playlist is to be added to the frame; otherwise it is to be removed."""

    @property
    def key(self) -> tuple[str, str]:
        return self.playlist.id, self.device.number


class Assigner:
    """Assigns the playlists of one account."""

    def __init__(
        self,
        client: NixplayClient,
        show_on: ShowOn,
        *,
        latest: Callable[[], Awaitable[Sequence[wire.PlaylistRecord]]],
        fresh: Callable[[], Awaitable[Sequence[wire.PlaylistRecord]]],
        clock: Callable[[], float],
    ) -> None:
        """`latest` returns the last list of playlists, `fresh` requests one; `clock` is in seconds."""
        self._client = client
        self._show_on = show_on
        self._latest = latest
        self._fresh = fresh
        self._clock = clock
        self._devices: Sequence[Device] | None = None
        self._unlisted: tuple[float, str] | None = None
        """When and why the frames could not be listed."""
        self._tried: dict[tuple[str, str], float] = {}
        """Playlist and number of a frame -> when a change was sent that was not carried out."""
        self._lock = asyncio.Lock()

    async def assign(self, playlist_id: str) -> Assigned | None:
        """Have the frames show a playlist, and no foreign one if that is asked for; None without `showOn`.

        Raises NotFoundError for an unknown name, which lists the known ones, AmbiguousError for a name that
        several frames have, and LoginNeeded. Everything else that fails is in the result.
        """
        if not self._show_on.names:
            return None
        async with self._lock:
            try:
                await self._list_devices()
            except LoginNeeded:
                raise
            except PicsyncError as error:
                return Assigned(None, f"Its frames could not be listed: {error}")
            targets = resolved(self._show_on.names, self._devices or ())
            try:
                return await self._assign(playlist_id, targets)
            except LoginNeeded:
                raise
            except PicsyncError as error:
                return Assigned(None, str(error))

    async def _assign(self, playlist_id: str, targets: Sequence[Device]) -> Assigned:
        records, remarks = await self._latest(), []
        for add in (True, False):
            # Other playlists go once the frames are known to show this one.
            wrong = self._wrong(records, playlist_id, targets, add=add)
            due = [change for change in wrong if not self._waits(change)]
            for change in due:
                self._tried[change.key] = self._clock()
                try:
                    await self._client.assign(change.device.number, change.playlist.id, add=add)
                except (RefusedError, ProtocolError) as error:
                    said = wire.words(error.excerpt) if isinstance(error, RefusedError) else ""
                    remarks.append(f"{error} {said}".strip())
            if due:
                records = await self._fresh()
                wrong = self._wrong(records, playlist_id, targets, add=add)
            if wrong:
                return Assigned(not add, _said(wrong[0], remarks))
        return Assigned(True)

    async def _list_devices(self) -> None:
        """List the frames, unless all names are known already. Raises as `list_devices` does."""
        if self._devices is not None:
            with suppress(NotFoundError, AmbiguousError):  # Frames may have been renamed.
                resolved(self._show_on.names, self._devices)
                return
        if self._unlisted is not None and self._clock() - self._unlisted[0] < TRY_AGAIN_AFTER_S:
            raise ProtocolError(self._unlisted[1])
        try:
            self._devices, self._unlisted = await list_devices(self._client), None
        except (RefusedError, ProtocolError) as error:
            self._unlisted = self._clock(), str(error)
            raise

    def _waits(self, change: _Change) -> bool:
        tried = self._tried.get(change.key)
        return tried is not None and self._clock() - tried < TRY_AGAIN_AFTER_S

    def _wrong(
        self,
        records: Sequence[wire.PlaylistRecord],
        playlist_id: str,
        targets: Sequence[Device],
        *,
        add: bool,
    ) -> list[_Change]:
        """Return what is to be added to the frames, or removed from them."""
        if not add and not self._show_on.only:
            return []
        return [
            _Change(record, device, add)
            for record in records
            for device in targets
            if (
                record.id == playlist_id and not record.is_on(device)
                if add
                else not record.name.startswith(OURS) and record.is_on(device)
            )
        ]


def _said(change: _Change, remarks: Sequence[str]) -> str:
    """Return what is to be said about a change that was not carried out."""
    what = "does not list" if change.add else "still lists"
    answered = f" It answered: {remarks[0]}" if remarks else ""
    playlist, frame = harmless(change.playlist.name), harmless(change.device.name)
    return f"Nixplay {what} the playlist {playlist} on the frame {frame}.{answered}"


def resolved(names: Sequence[str], known: Sequence[Device]) -> list[Device]:
    """Return the frames with these names; raises NotFoundError and AmbiguousError."""
    found = []
    for name in names:
        exact = [device for device in known if device.name == name]
        alike = exact or [device for device in known if _folded(device.name) == _folded(name)]
        if not alike:
            listed = ", ".join(sorted(repr(harmless(device.name)) for device in known)) or "none"
            raise NotFoundError(
                f"The Nixplay account has no frame named {name!r}. Its frames: {listed}.",
                status=404,
                hint="Correct `showOn` in picsync.yaml, or the name of the frame in the Nixplay app.",
            )
        if len(alike) > 1:
            raise AmbiguousError(
                f"The Nixplay account has {len(alike)} frames named {name!r}.",
                hint="Give them different names in the Nixplay app, and correct `showOn` in picsync.yaml.",
            )
        found += alike
    return found


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


async def list_devices(client: NixplayClient) -> list[Device]:
    """Return the frames that are paired with the account."""
    listing = await client.frames()
    try:
        statuses = await client.frame_statuses()
    except (RefusedError, ProtocolError):
        statuses = []  # Only whether they are connected is missing then.
    return devices.devices(listing, statuses)
