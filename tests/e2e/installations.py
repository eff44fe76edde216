"""What earlier versions of picsync left behind, and a household that fits to it.

`python -m tests.e2e.installations TREE` makes `tests/e2e/version2` with the picsync in TREE, a checkout of
version 2.0.0: it logs in and syncs against the emulated services, and what it wrote is kept, with names in
braces for what differs in each run: secrets, times and the folder.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import httpx
from ruamel.yaml import YAML

from picsync.emulators.google import Album, generated_jpeg
from picsync.emulators.google.content import read_all
from picsync.emulators.nixplay import Nixplay
from picsync.emulators.world import NIXPLAY_PASSWORD, NIXPLAY_USER, READ_SCOPE, World
from tests.cache.go_cache import GoRow, write_go_cache
from tests.cli.command_line import PATIENCE_S, served

T = TypeVar("T")

VERSION_2 = Path(__file__).with_name("version2")
KEPT_AS = {".picsync-credentials.yaml": "credentials.yaml"}
"""Git ignores the name that the file has in an installation."""
CONFIG, CREDENTIALS, CACHE = "picsync.yaml", ".picsync-credentials.yaml", "picsync-metadata-cache.db"
TAKEN = 1_500_000_000.0
PHOTO_BYTES = 5_000
_INODE = re.compile(r"(/photos/(\d+\.jpg)','\d+:\d+:)\d+")


class Albums:
    """The albums of a household; its IDs are the same in each run."""

    def __init__(self, world: World, folder: Path) -> None:
        google, immich = world.google, world.immich
        self.contents: dict[str, bytes] = {}
        """MD5 -> bytes, of all photos."""
        self.own, self.shared = google.add_album("Own"), google.add_album("Shared", app_created=False)
        self.link = google.share(self.shared).short_link
        self.folder = folder / "photos"
        self.folder.mkdir()
        for number in range(3):
            self._put(self.own, world, number)
            self._put(self.shared, world, 10 + number)
        grandma = immich.add_album("Grandma")
        for number in range(20, 23):
            content, taken = self._content(number), TAKEN + 60 * number
            fields = dict.fromkeys(("taken_at", "modified_at", "updated_at"), taken)
            immich.add_asset(grandma, f"I{number}.jpg", content, **fields)
        for number in range(30, 33):
            file = self.folder / f"{number}.jpg"
            file.write_bytes(self._content(number))
            os.utime(file, (TAKEN, TAKEN))

    def inode(self, name: str) -> int:
        """Return the number of a file of the folder, which is part of its version."""
        return (self.folder / name).stat().st_ino

    def _put(self, album: Album, world: World, number: int) -> None:
        created_at = TAKEN + 60 * number
        world.google.add_item(album, f"IMG_{number}.jpg", self._content(number), created_at=created_at)

    def _content(self, number: int) -> bytes:
        content = b"".join(generated_jpeg(number, PHOTO_BYTES).chunks())
        self.contents[md5_of(content)] = content
        return content


def md5_of(content: bytes) -> str:
    """Return the digest by which Nixplay knows a photo."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


# --- version 2 ----------------------------------------------------------------------------------------


def restore_version_2(world: World, folder: Path) -> dict[str, str]:
    """Put an installation of version 2 into the folder, and its photos onto the frame.

    Returns the environment that it ran in.
    """
    albums = Albums(world, folder)
    values = _values(world, folder)
    for name in (CONFIG, CREDENTIALS):
        text = (VERSION_2 / KEPT_AS.get(name, name)).read_text("utf-8")
        for key, value in values.items():
            text = text.replace(f"<{key}>", value)
        (folder / name).touch(0o600)
        (folder / name).write_text(text, "utf-8")
    rows = (VERSION_2 / "cache.sql").read_text("utf-8").replace("<folder>", str(folder))
    with closing(sqlite3.connect(folder / CACHE)) as connection:
        connection.executescript(_INODE.sub(lambda found: f"{found[1]}{albums.inode(found[2])}", rows))
    restore_frame(world.nixplay, json.loads((VERSION_2 / "frame.json").read_text("utf-8")), albums.contents)
    lines = (VERSION_2 / "environment").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def restore_frame(nixplay: Nixplay, frame: Mapping[str, Any], contents: Mapping[str, bytes]) -> None:
    """Put photos and playlists onto the frame, in the order in which they were."""
    for name, photos in frame["albums"].items():
        album = nixplay.add_album(name)
        added = {md5: nixplay.add_photo(album, filename, contents[md5]) for filename, md5 in photos}
        nixplay.add_playlist(f"ss_{name}", [added[md5] for md5 in frame["playlists"][f"ss_{name}"]])


def _values(world: World, folder: Path) -> dict[str, str]:
    login = world.google.issue_credentials([READ_SCOPE])
    names = ("client_id", "client_secret", "access_token", "refresh_token", "expiry")
    return {
        **{name: str(login[name]) for name in names},
        "api_key": world.immich.add_key().secret,
        "folder": str(folder),
    }


def series(page: str) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """Return names and labels of what is on a page of metrics, without values and buckets."""
    found = set()
    for name, labels in re.findall(r"^(picsync_\w+)(?:\{(.*)\})?(?: \S+)?$", page, re.MULTILINE):
        pairs = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels))
        if not any(label in {"le", "version"} for label, _ in pairs):
            found.add((name, pairs))
    return found


_CONFIG_OF_VERSION_2 = """\
# Grandma's frame.
albums:
- name: Family
  sources:
    sharedlinks: {link}
    immich: [Grandma]
  maxDelete: "20%"
- name: Own
  sources:
    googlephotos:
    - {own}
    folder: [{{path: {folder}/photos, quiet: 0s}}]
  every: 2h
  overflow: split
every: 1h
prometheus: {{listen: ":1971"}}
concurrency: {{uploads: 3, photos: 3}}
"""
_ENVIRONMENT = {
    "PICSYNC_NIXPLAY__PASSWORD": NIXPLAY_PASSWORD,
    "PICSYNC_PROMETHEUS__LISTEN": "127.0.0.1:0",
    "PICSYNC_CONCURRENCY__DOWNLOADS": "2",
    "PICSYNC_ALBUMS__1__VIDEOS": "true",
}


def _make_version_2(tree: Path) -> None:
    with tempfile.TemporaryDirectory() as name, served() as (world, loop):
        folder = Path(name)

        def on_loop(work: Coroutine[Any, Any, T]) -> T:
            return asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE_S)

        async def set_up() -> Albums:
            return Albums(world, folder)

        albums = on_loop(set_up())
        values = _values(world, folder)
        config = _CONFIG_OF_VERSION_2.format(link=albums.link, own=albums.own.album_id, folder=folder)
        (folder / CONFIG).write_text(config, "utf-8")
        (folder / CREDENTIALS).touch(0o600)
        (folder / CREDENTIALS).write_text(
            f"nixplay: {{username: {NIXPLAY_USER}}}\n"
            "# A client of my own.\n"
            f"googlephotos:\n  api: {{key: {values['client_id']}, secret: {values['client_secret']}}}\n"
            f"immich: {{server: 'http://{world.immich.host}', api_key: '{values['api_key']}'}}\n",
            "utf-8",
        )
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PICSYNC_")},
            **_ENVIRONMENT,
            "PYTHONPATH": str(tree.resolve()),
            "PICSYNC_EMULATOR": world.server.url,
        }

        def start(*arguments: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", "from picsync.cli.main import main; main()", *arguments]
            pipe = subprocess.PIPE
            return subprocess.Popen(command, cwd=folder, env=environment, stderr=pipe, text=True)

        with start("googlephotos", "login", "--no-browser") as process:
            assert process.stderr is not None
            httpx.get(_first(r"(http\S+/o/oauth2\S+)", process.stderr), follow_redirects=True)
            assert process.wait(PATIENCE_S) == 0
        pages = [_run(start("sync")), _run(start("sync"))]
        frame = _frame_of(world.nixplay)
        with closing(sqlite3.connect(folder / CACHE)) as connection:
            dump = "\n".join(connection.iterdump()).replace(str(folder), "<folder>")
        written = {name: (folder / name).read_text("utf-8") for name in (CONFIG, CREDENTIALS)}
        tokens = world.google.account.access_tokens
        secrets = {
            **{value: f"<{key}>" for key, value in values.items() if len(value) > 3},
            **dict.fromkeys(tokens, "<access_token>"),
            **dict.fromkeys(world.google.account.grants, "<refresh_token>"),
        }
    VERSION_2.mkdir(exist_ok=True)
    for name, text in written.items():
        for value, placeholder in secrets.items():
            text = text.replace(value, placeholder)
        text = re.sub(r"(expiry: )\S.*", r'\1"<expiry>"', text)
        (VERSION_2 / KEPT_AS.get(name, name)).write_text(text, "utf-8")
    (VERSION_2 / "cache.sql").write_text(f"{dump}\n", "utf-8")
    (VERSION_2 / "frame.json").write_text(json.dumps(frame, indent=1) + "\n", "utf-8")
    lines = [f"{key}={value}\n" for key, value in _ENVIRONMENT.items()]
    (VERSION_2 / "environment").write_text("".join(lines), "utf-8")
    metrics = sorted(
        {line.rpartition(" ")[0] for line in pages[1].splitlines() if line.startswith("picsync_")}
    )
    left_out = ('le="', "version=", 'album="Own"')
    kept = [line for line in metrics if not any(part in line for part in left_out)]
    (VERSION_2 / "metrics.txt").write_text("".join(f"{line}\n" for line in kept), "utf-8")
    (VERSION_2 / "queries.txt").write_text("".join(f"{query}\n" for query in _queries(tree)), "utf-8")


def _queries(tree: Path) -> list[str]:
    """Return what the dashboard and the alert rules ask, each in a line."""
    rules = YAML(typ="safe").load((tree / "k8s" / "prometheusrule.yaml").read_text("utf-8"))
    panels = json.loads((tree / "doc" / "grafana" / "picsync.json").read_text("utf-8"))["panels"]
    found = [rule["expr"] for group in rules["spec"]["groups"] for rule in group["rules"]]
    found += [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return sorted({" ".join(query.split()) for query in found})


def _first(pattern: str, lines: Iterable[str]) -> str:
    """Return what the pattern's group finds in the first line that has it."""
    return next(found[1] for line in lines if (found := re.search(pattern, line)))


def _run(process: subprocess.Popen[str]) -> str:
    """Let a sync go until each rule had a cycle; return its page of metrics."""
    with process:
        assert process.stderr is not None
        url = _first(r"Status page: (http://[^/]+)", process.stderr)
        deadline = time.monotonic() + PATIENCE_S
        done = 0
        for line in process.stderr:
            sys.stderr.write(line)
            done += '"cycle_finished"' in line and ("uploaded" in line or "nothing to do" in line)
            if done == 2 or time.monotonic() > deadline:
                break
        try:
            page = httpx.get(f"{url}/metrics", timeout=PATIENCE_S).text
        finally:
            process.terminate()
        sys.stderr.write(process.stderr.read())
    return page


def _frame_of(nixplay: Nixplay) -> dict[str, Any]:
    account = nixplay.account()
    return {
        "albums": {
            album.name: [(photo.filename, photo.md5) for photo in reversed(nixplay.album_photos(album))]
            for album in account.albums.values()
            if nixplay.album_photos(album)
        },
        "playlists": {
            playlist.name: [photo.md5 for photo in nixplay.playlist_photos(playlist)]
            for playlist in account.playlists.values()
        },
    }


# --- the Go program -----------------------------------------------------------------------------------


def restore_go_program(world: World, folder: Path) -> None:
    """Put an installation of the Go program into the folder, and its photos onto the frame."""
    albums = Albums(world, folder)
    values = _values(world, folder)
    (folder / CONFIG).write_text(
        "albums:\n"
        "- name: AllMyStuff\n"
        "  sources:\n"
        "    googlephotos:\n"
        f"    - {albums.own.album_id}\n"
        "  dryRun: false\n"
        "  delete: true\n"
        "  forcePublish: false\n",
        "utf-8",
    )
    (folder / CREDENTIALS).touch(0o600)
    (folder / CREDENTIALS).write_text(
        "googlephotos:\n"
        f"  api:\n    key: {values['client_id']}\n    secret: {values['client_secret']}\n"
        f"  access:\n    access_token: {values['access_token']}\n    token_type: Bearer\n"
        f"    refresh_token: {values['refresh_token']}\n    expiry: {values['expiry']}\n"
        f"nixplay:\n  username: {NIXPLAY_USER}\n  password: {NIXPLAY_PASSWORD}\n"
        "smugmug:\n  api: {key: abc, secret: def}\n",
        "utf-8",
    )
    digests = [(item, md5_of(read_all(item.content))) for item in albums.own.items]
    write_go_cache(folder / CACHE, [GoRow(item.item_id, md5) for item, md5 in digests])
    frame = {
        "albums": {"AllMyStuff": [(item.filename, md5) for item, md5 in digests]},
        "playlists": {"ss_AllMyStuff": [md5 for _, md5 in reversed(digests)]},
    }
    restore_frame(world.nixplay, frame, albums.contents)


if __name__ == "__main__":
    _make_version_2(Path(sys.argv[1]))
