"""The kinds of sources: what stands under `sources:` in picsync.yaml, and what it takes to open one.

A new kind is one entry of `SOURCES`. What is heavy to import is imported when a source is opened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AfterValidator

from picsync.config import Credentials, GoogleAccess, GoogleClient, ImmichKey
from picsync.core.events import Emit
from picsync.http.client import Hosts
from picsync.http.pace import Pace
from picsync.http.retry import Operation, Retrier, RetryPolicy
from picsync.sources.base import Source
from picsync.sources.folder.options import FolderEntry
from picsync.sources.google.links.options import Link
from picsync.sources.immich.options import ImmichEntry

if TYPE_CHECKING:
    from picsync.sources.folder.source import FolderSource
    from picsync.sources.google.library.source import GooglePhotosSource
    from picsync.sources.google.links.source import SharedLinksSource
    from picsync.sources.immich.source import ImmichSource
    from picsync.vendors.google.tokens import GoogleLogin

Sleep: TypeAlias = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Opening:
    """What sources are made from."""

    entries: Mapping[str, Any]
    """Album id -> the entry of picsync.yaml that it is the text of, over all rules."""
    credentials: Credentials
    hosts: Hosts
    emit: Emit
    sleep: Sleep
    """What all waiting for services is done with."""
    own_folder: Path
    """Where a source may keep what must outlive the process."""
    pace: Pace = field(default_factory=Pace)
    """How many requests at a time; shared with all others that ask the same services."""

    def retrier(self, policy: RetryPolicy) -> Retrier:
        """Return what repeats requests by `policy`."""
        return Retrier(policy, emit=self.emit, pace=self.pace, sleep=self.sleep)


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source."""

    title: str
    """Its name in messages to people."""
    summary: str
    """What it is for, in one sentence."""
    example: str
    """What to write under `sources:`, as YAML."""
    entry: Any
    """The type of one entry of its list; `str` of an entry is the album's id."""
    open: Callable[[Opening], Source]
    """Makes the source; sends nothing. Raises ConfigError if the credentials lack something."""
    operations: Callable[[], Sequence[Operation]]
    """Every kind of request that it may send."""
    require: Callable[[Credentials, Sequence[Any]], object]
    """Raises ConfigError with everything that the credentials lack for these entries."""


def _named(value: str) -> str:
    if not value.strip():
        raise ValueError("must name an album, not be empty")
    return value


def google_login(client: GoogleClient, access: GoogleAccess) -> GoogleLogin:
    """Return what the credentials file says of a login as the source takes it."""
    from picsync.vendors.google.tokens import GoogleLogin

    return GoogleLogin(
        client_id=client.key,
        client_secret=client.secret.get_secret_value(),
        refresh_token=access.refresh_token.get_secret_value(),
        access_token=access.access_token.get_secret_value(),
        expiry=access.expiry,
    )


def open_googlephotos(opening: Opening) -> GooglePhotosSource:
    """Return Google Photos; raises ConfigError if the credentials lack something."""
    from picsync.sources.google.library.source import GooglePhotosSource

    found = opening.credentials.require_googlephotos()
    login = google_login(found.api, found.access)
    return GooglePhotosSource(login, hosts=opening.hosts, retrier_for=opening.retrier, emit=opening.emit)


def _open_picked(opening: Opening) -> Source:
    from picsync.sources.google.picked.library import FOLDER, Library
    from picsync.sources.google.picked.source import PickedSource

    return PickedSource(Library(opening.own_folder / FOLDER))


def _no_operations() -> Sequence[Operation]:
    return ()


def _googlephotos_operations() -> Sequence[Operation]:
    from picsync.sources.google.library.source import OPERATIONS

    return OPERATIONS


def open_sharedlinks(opening: Opening) -> SharedLinksSource:
    """Return the albums shared by link."""
    from picsync.sources.google.links.source import SharedLinksSource

    return SharedLinksSource(
        opening.entries, hosts=opening.hosts, retrier_for=opening.retrier, emit=opening.emit
    )


def _sharedlinks_operations() -> Sequence[Operation]:
    from picsync.sources.google.links.source import OPERATIONS

    return OPERATIONS


def open_immich(opening: Opening) -> ImmichSource:
    """Return Immich; raises ConfigError if the credentials lack something."""
    from picsync.sources.immich.source import ImmichLogin, ImmichSource

    _require_immich(opening.credentials, list(opening.entries.values()))
    found = opening.credentials.immich or ImmichKey()
    login = ImmichLogin(
        found.server, found.api_key.get_secret_value(), found.link_password.get_secret_value()
    )
    return ImmichSource(
        login,
        entries=opening.entries,
        hosts=opening.hosts,
        retrier_for=opening.retrier,
        emit=opening.emit,
    )


def _require_immich(credentials: Credentials, entries: Sequence[ImmichEntry]) -> None:
    # Who has nothing but shared links needs no key.
    if not entries or any(entry.link is None for entry in entries):
        credentials.require_immich()


def _immich_operations() -> Sequence[Operation]:
    from picsync.sources.immich.api import OPERATIONS

    return OPERATIONS


def open_folder(opening: Opening) -> FolderSource:
    """Return the folders of this machine."""
    from picsync.sources.folder.source import FolderSource

    return FolderSource(opening.entries, own_folder=opening.own_folder, sleep=opening.sleep)


SOURCES: Mapping[str, SourceKind] = {
    "sharedlinks": SourceKind(
        title="Google Photos link",
        summary="Google Photos albums that are shared by link; no account and no key is needed.",
        example="sharedlinks:\n- https://photos.app.goo.gl/<code>    # from the album's Share button",
        entry=Link,
        open=open_sharedlinks,
        operations=_sharedlinks_operations,
        require=lambda _credentials, _entries: None,
    ),
    "googlephotos": SourceKind(
        title="Google Photos",
        summary="Albums that the OAuth client of your own has made, by Google's API.",
        example="googlephotos:\n- <album id>    # from `picsync googlephotos list`",
        entry=Annotated[str, AfterValidator(_named)],
        open=open_googlephotos,
        operations=_googlephotos_operations,
        require=lambda credentials, _entries: credentials.require_googlephotos(),
    ),
    "immich": SourceKind(
        title="Immich",
        summary="Albums, people, tags and favourites of a self-hosted Immich server, and its shared links.",
        example="immich:\n- Grandma             # an album's name or ID\n- person:Anna\n- tag:Trips/Rome\n"
        "- favorites\n- https://photos.example.org/share/<key>\n- {album: Grandma, rendition: preview}",
        entry=ImmichEntry,
        open=open_immich,
        operations=_immich_operations,
        require=_require_immich,
    ),
    "picked": SourceKind(
        title="Picked photos",
        summary="Single photos that a person picks in Google Photos, brought into a folder of picsync's own.",
        example="picked:\n- Grandma    # after `picsync googlephotos pick Grandma`",
        entry=Annotated[str, AfterValidator(_named)],
        open=_open_picked,
        operations=_no_operations,
        require=lambda _credentials, _entries: None,
    ),
    "folder": SourceKind(
        title="Folder",
        summary="Folders of this machine, with all that is in them: of a disk, a mounted share of a NAS, or a"
        " program such as Syncthing, Nextcloud or Dropbox.",
        example='folder:\n- /photos/family\n- {path: /photos/phone, exclude: ["*screenshot*"]}',
        entry=FolderEntry,
        open=open_folder,
        operations=_no_operations,
        require=lambda _credentials, _entries: None,
    ),
}
"""By the name that they have under `sources:`."""

ENTRIES: Mapping[str, Any] = {name: kind.entry for name, kind in SOURCES.items()}
"""What validates the entries of each kind."""
