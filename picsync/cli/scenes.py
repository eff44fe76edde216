"""The scenes of `picsync demo --source`: for each kind of source, a directory that serves as its album."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from picsync.core.values import dataclass

if TYPE_CHECKING:
    from picsync.emulators.world import World

ALBUM = "Family"


@dataclass(frozen=True, slots=True)
class Staged:
    """A source in the demo's two files."""

    entries: Sequence[object]
    """The entries under its name in picsync.yaml."""
    credentials: Mapping[str, object] = field(default_factory=dict)
    """Its section of the credentials file."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Further settings of picsync.yaml."""


def _googlephotos(world: World, photos: Path) -> Staged:
    from picsync.emulators.world import READ_SCOPE

    album = world.google.directory_album(photos, ALBUM)
    login = world.google.issue_credentials([READ_SCOPE])
    api = {"key": login["client_id"], "secret": login["client_secret"]}
    access = {name: login[name] for name in ("access_token", "refresh_token", "expiry")}
    return Staged([album.album_id], {"googlephotos": {"api": api, "access": access}})


def _immich(world: World, photos: Path) -> Staged:
    world.immich.directory_album(photos, ALBUM)
    key = world.immich.add_key(
        ("asset.read", "asset.view", "asset.download", "asset.statistics", "album.read")
    )
    return Staged([ALBUM], {"immich": {"server": f"http://{world.immich.host}", "api_key": key.secret}})


def _dropbox(world: World, photos: Path) -> Staged:
    world.dropbox.directory_folder(photos, f"/{ALBUM}")
    grant = world.dropbox.log_in(("files.metadata.read", "files.content.read"))
    login = {"app_key": grant.app.key, "refresh_token": grant.refresh_token}
    return Staged([{"path": f"/{ALBUM}", "recursive": True}], {"dropbox": login})


def _sharedlinks(world: World, photos: Path) -> Staged:
    album = world.google.directory_album(photos, ALBUM, app_created=False)
    return Staged([world.google.share(album).short_link])


def _folder(_world: World, photos: Path) -> Staged:
    # Short enough for a spectator, long enough for a picture to be copied completely.
    return Staged([{"path": str(photos.resolve()), "quiet": "1s"}])


SCENES: Mapping[str, Callable[[World, Path], Staged]] = {
    "dropbox": _dropbox,
    "googlephotos": _googlephotos,
    "folder": _folder,
    "immich": _immich,
    "sharedlinks": _sharedlinks,
}
"""For each kind of source, a function that lets a directory of pictures serve as its album."""

SINGULAR: Mapping[str, str] = {"sharedlink": "sharedlinks"}
"""Names that users write for kinds of which the demo has one album."""
