"""What is loaded when: the libraries that take long come when they are needed, and not before."""

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
    "aiohttp",
    "jinja2",
    "prometheus_client",
    "requests",
    "oauthlib",
    "PIL",
)
"""For a terminal, a new cache, the status page, the login, the emulators."""
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
    for _ in range(2):  # The first one makes the cache, for which alembic is needed.
        done = subprocess.run(
            [sys.executable, "-c", OPENED, *AT_THE_FIRST_CALL, *ELSEWHERE, "sqlalchemy"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout.splitlines() == ["loaded []", "opened ['sqlalchemy']"]
