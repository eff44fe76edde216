"""Slow libraries are imported only when they are needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cli.command_line import ROOT

AT_THE_FIRST_CALL = ("httplib2", "google.auth", "google.oauth2", "googleapiclient", "cryptography")
"""Google's client library, which is loaded in a thread while Nixplay is logged in to."""
ELSEWHERE = (
    "rich",
    "pygments",
    "alembic",
    "sqlalchemy",
    "aiohttp",
    "jinja2",
    "prometheus_client",
    "requests",
    "oauthlib",
    "PIL",
)
"""For a terminal, a server's database, the status page, the login, the emulators."""
OPENED = """
import asyncio, sys
from pathlib import Path
from picsync.cli.main import cli
from picsync.cli import sync
from picsync.run.process import LongRun, RunContext
from picsync.run.scheduler import Stop
from picsync.run.settings import SettingsFiles

async def main():
    sync.load_libraries()
    settings = SettingsFiles(Path("picsync.yaml"), {}).load()
    print("loaded", [name for name in sys.argv[1:] if name in sys.modules])
    around = RunContext("cache.db", lambda event: None, print, Stop())
    async with around.open_jobs(settings):
        print("opened", [name for name in sys.argv[1:] if name in sys.modules])

asyncio.run(main())
"""
CONFIG = """
emulator: http://127.0.0.1:1  # Nobody listens there.
albums: [{name: Family, sources: {googlephotos: [abc]}}]
"""
CREDENTIALS = """
nixplay: {username: u, password: p}
googlephotos: {api: {key: a, secret: b}, access: {access_token: c, refresh_token: d}}
"""


def test_a_sync_loads_nothing_before_it_needs_it(tmp_path: Path) -> None:
    (tmp_path / "picsync.yaml").write_text(CONFIG, "utf-8")
    credentials = tmp_path / ".picsync-credentials.yaml"
    credentials.touch(mode=0o600)
    credentials.write_text(CREDENTIALS, "utf-8")
    for _ in range(2):  # The first one makes the cache.
        done = subprocess.run(
            [sys.executable, "-c", OPENED, *AT_THE_FIRST_CALL, *ELSEWHERE],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout.splitlines() == ["loaded []", "opened []"]


CYCLE = """
import sys
from tests.cli.short_waits import main
try:
    main()
finally:
    print(*sys.modules)
"""
SOURCES = {
    "googlephotos": ("picsync.sources.google.library", "[abc]"),
    "sharedlinks": ("picsync.sources.google.links", "[https://photos.app.goo.gl/abcdefghijk]"),
    "picked": ("picsync.sources.google.picked", "[Grandma]"),
    "immich": ("picsync.sources.immich", "[Grandma]"),
    "folder": ("picsync.sources.folder", "[/nowhere]"),
    "inbox": ("picsync.sources.inbox", "{incoming: /nowhere/in, work: /nowhere/work, done: /nowhere/done}"),
}
FRAMES = {
    "nixplay": "picsync.frames.nixplay",
    "folder": "picsync.frames.folder",
    "web": "picsync.frames.web",
}
NEEDS = {"web": "picsync.frames.folder"}
"""A kind that another one is made of."""
DECLARATIONS = {"kind", "options", "credentials", "address"}
"""Modules that say what may be written about a kind in the settings; every start has those of all kinds."""
ALWAYS = {"picsync.frames.folder.names"}
"""It has the values of a setting."""
GOOGLES_CLIENT = {
    "googleapiclient.discovery",
    "httplib2",
    "google_auth_httplib2",
}
NOT_EVEN_THEN = {"pyparsing", "cryptography"}
"""What Google's client would load for logins that picsync does not use."""
OPTIONAL = (
    "emulators",
    "web",
    "serving",
    "profiling",
    "observe.notify",
    "observe.metrics",
    "doctor",
    "cli.init",
)
PARSERS = {f"picsync.media.{name}" for name in ("boxes", "dimensions", "ends", "exif", "formats", "tiff")}
KNOWS_FORMATS = {"picked", "folder", "immich", "inbox"}
"""Sources that need the formats for a listing."""


def test_a_cycle_loads_only_the_kinds_that_are_named(tmp_path: Path) -> None:
    started = {
        (source, frame): _cycle(tmp_path / f"{source}-{frame}", source, frame)
        for source, frame in zip(
            SOURCES, ["nixplay", "web", "folder", "nixplay", "folder", "nixplay"], strict=True
        )
    }
    said = {kinds: process.communicate(timeout=60) for kinds, process in started.items()}
    for (source, frame), (output, errors) in said.items():
        loaded = set(output.split())
        assert loaded & GOOGLES_CLIENT == (GOOGLES_CLIENT if source == "googlephotos" else set()), source
        assert not loaded & NOT_EVEN_THEN
        assert {f"{SOURCES[source][0]}.source", f"{FRAMES[frame]}.frame"} <= loaded, errors
        named = (SOURCES[source][0], FRAMES[frame], NEEDS.get(frame, ""))
        packages = (*(package for package, _ in SOURCES.values()), *FRAMES.values())
        others = tuple(f"{package}." for package in packages if package not in named)
        found = {name for name in loaded if name.startswith(others)} - ALWAYS
        assert {name for name in found if name.rpartition(".")[2] not in DECLARATIONS} == set(), source
        assert not {name for name in loaded if name.startswith(tuple(f"picsync.{each}" for each in OPTIONAL))}
        if source not in KNOWS_FORMATS and frame != "web":
            assert not loaded & PARSERS
        if source != "googlephotos":
            assert {name for name in loaded if name.startswith("picsync.vendors.google.")} <= {
                "picsync.vendors.google.credentials"
            }


NAMES = {"folder": "usb", "web": "tablet"}


def _cycle(folder: Path, source: str, frame: str) -> subprocess.Popen[str]:
    """Start one cycle in which no service answers; a folder that is not there fails, too."""
    folder.mkdir()
    (folder / "filled").mkdir()
    (folder / "picsync.yaml").write_text(
        "emulator: http://127.0.0.1:1\n"
        f"frames: {{usb: {{kind: folder, path: {folder / 'filled'}}}, tablet: {{kind: web}}}}\n"
        f"albums: [{{name: Family, sources: {{{source}: {SOURCES[source][1]}}},"
        f" frames: {NAMES.get(frame, frame)}}}]\n",
        "utf-8",
    )
    credentials = folder / ".picsync-credentials.yaml"
    credentials.touch(mode=0o600)
    credentials.write_text(f"{CREDENTIALS}immich: {{server: 'http://127.0.0.1:1', api_key: a}}\n", "utf-8")
    return subprocess.Popen(
        [sys.executable, "-c", CYCLE, "sync", "--once", "--dry-run"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
