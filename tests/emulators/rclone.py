"""rclone, an independent client of Google Photos, against the emulator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.byname import by_name
from picsync.emulators.google import Era, GoogleOptions, GooglePhotos
from picsync.emulators.server import EmulatorServer


@dataclass
class Rclone:
    program: str
    google: GooglePhotos
    server: EmulatorServer
    environment: dict[str, str]
    directory: Path

    def login(self, *scopes: str, expired: bool = False) -> None:
        """Configure the remote `remote:` with a token as a login would have left it."""
        issued = self.google.issue_credentials(scopes, expired=expired)
        names = ("access_token", "refresh_token", "token_type", "expiry")
        token = json.dumps({name: issued[name] for name in names})
        (self.directory / "rclone.conf").write_text(
            "[remote]\ntype = google photos\n"
            f"client_id = {issued['client_id']}\nclient_secret = {issued['client_secret']}\ntoken = {token}\n"
            "batch_timeout = 10ms\n"  # a batch is complete sooner than it waits for more
        )

    async def __call__(self, *arguments: str) -> str:
        """Run rclone; return what it prints, or fail with what it complains about."""
        options = ["--config", "rclone.conf", "--ca-cert", "ca.pem", "--retries", "1", *arguments]
        process = await asyncio.create_subprocess_exec(
            self.program,
            *options,
            cwd=self.directory,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, complaints = await process.communicate()
        assert process.returncode == 0, complaints.decode()
        return out.decode()


@asynccontextmanager
async def rclone_at(program: str, directory: Path, era: Era, *scopes: str) -> AsyncIterator[Rclone]:
    """Emulate Google Photos in an era for an rclone that has logged in with these scopes."""
    google = GooglePhotos(GoogleOptions(era=era))
    async with by_name(google, directory) as reached:
        rclone = Rclone(program, google, reached.server, reached.environment, directory)
        rclone.login(*scopes)
        yield rclone
