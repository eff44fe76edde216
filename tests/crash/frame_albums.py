"""An album on each kind of frame, in an installation whose syncs are killed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

from picsync.emulators.dropbox import File
from picsync.emulators.google.content import read_all
from tests.e2e.household import Household
from tests.household_services import md5


class FrameAlbum(Protocol):
    """The album of the rule on a frame."""

    @property
    def frame(self) -> str:
        """The name of the frame in picsync.yaml."""

    @property
    def entries(self) -> Mapping[str, Mapping[str, object]]:
        """The frames that the configuration declares."""

    @property
    def root(self) -> Path | None:
        """The directory that picsync fills; None if it sends requests."""

    def digests(self) -> Sequence[str]:
        """Return the digest of each photo in the album."""

    def assert_synced(self, wanted: set[str], uploads: int) -> None:
        """Assert that exactly `wanted` is shown, after this many uploads, and nothing else is left."""


class NixplayAlbum:
    """An album of the Nixplay account, and its playlist."""

    frame = "nixplay"
    entries: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    root = None

    def __init__(self, household: Household) -> None:
        self._household = household

    def digests(self) -> Sequence[str]:
        return self._household.frame_digests()

    def assert_synced(self, wanted: set[str], uploads: int) -> None:
        self._household.assert_synced(wanted)
        assert self._household.nixplay.counters["add_photo"] == uploads


class AskedNixplayAlbum(NixplayAlbum):
    """The same with captions as text, on a frame that is to show its playlist and no other one."""

    entries: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "nixplay": {
            "kind": "nixplay",
            "showOn": ["Living Room"],
            "only": True,
            "rendition": {"caption": "{album}", "captionAs": "text"},
        }
    }

    def __init__(self, household: Household) -> None:
        super().__init__(household)
        nixplay = household.nixplay
        self._shown_before = nixplay.playlist_named("Favorites")
        [self._frame] = nixplay.account().frames.values()
        nixplay.state.assign(self._frame, self._shown_before)

    def assert_synced(self, wanted: set[str], uploads: int) -> None:
        super().assert_synced(wanted, uploads)
        nixplay, name = self._household.nixplay, self._household.name
        photos = nixplay.album_photos(nixplay.album_named(name))
        assert {photo.caption for photo in photos} == {name}
        assert self._frame in nixplay.playlist_named(f"ss_{name}").frames
        assert self._frame not in self._shown_before.frames


class DirectoryAlbum:
    """A directory that also contains a file of another program."""

    frame = "usb"
    kind = "folder"
    journals: tuple[str, ...] = ("manifest.jsonl",)

    def __init__(self, household: Household) -> None:
        self.root = household.folder / "stick"
        self.entries = {self.frame: {"kind": self.kind, "path": str(self.root)}}
        self.root.mkdir()
        self._others = self.root / "others.txt"
        self._others.write_text("another program's")

    def digests(self) -> Sequence[str]:
        return [md5(path.read_bytes()) for path in self._pictures()]

    def assert_synced(self, wanted: set[str], uploads: int) -> None:
        del uploads  # A picture whose file had no name yet is written again.
        assert sorted(self.digests()) == sorted(wanted)
        inner = self.root / ".picsync"
        left = {path.name for path in inner.iterdir()} - {*self.journals}
        assert not left, "temporary files are left"
        lines = (inner / "manifest.jsonl").read_bytes().splitlines()
        named = {json.loads(line).get("file") for line in lines}
        assert {path.name for path in self._pictures()} <= named, "a file is not known as picsync's own"
        assert self._others.read_text() == "another program's"

    def _pictures(self) -> list[Path]:
        return [path for path in self.root.iterdir() if path.is_file() and path != self._others]


class WebAlbum(DirectoryAlbum):
    """The same, filled for a page."""

    frame = "tablet"
    kind = "web"
    journals = ("manifest.jsonl", "details.jsonl")


class DropboxFolder:
    """A folder in Dropbox that also contains a file of somebody else."""

    frame = "kitchen"
    entries: ClassVar[Mapping[str, Mapping[str, str]]] = {frame: {"kind": "dropbox", "path": "/Kitchen"}}
    root = None

    def __init__(self, household: Household) -> None:
        self._dropbox = household.world.dropbox
        self._dropbox.put("/Kitchen/others.txt", b"somebody else's")

    def digests(self) -> Sequence[str]:
        return [md5(content) for content in self._pictures().values()]

    def assert_synced(self, wanted: set[str], uploads: int) -> None:
        del uploads  # A photo that was sent but not committed is sent again.
        assert sorted(self.digests()) == sorted(wanted)
        files = self._files()
        assert files["others.txt"] == b"somebody else's"
        manifest = json.loads(files[".picsync-frame.json"])
        assert set(self._pictures()) <= set(manifest["files"])
        assert not manifest["rejected"], "what picsync did itself was taken for a request"
        assert not any("missing" in row for row in manifest["files"].values())

    def _pictures(self) -> dict[str, bytes]:
        return {name: content for name, content in self._files().items() if name.endswith(".jpg")}

    def _files(self) -> dict[str, bytes]:
        below = self._dropbox.owner.tree.below("/Kitchen")
        return {entry.name: read_all(entry.content) for entry in below if isinstance(entry, File)}
