"""`python -m benchmarks mirror`: a folder that is mirrored to Dropbox, by picsync and by rclone.

Both send the same files to an emulated account, by the real host names over TLS, through the same proxy. The
ideal is the time that the bytes take on the wire.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import measure
from benchmarks.byname import ByName, by_name
from benchmarks.report import markdown
from picsync.emulators.dropbox import ALL_SCOPES, CONTENT, Dropbox, DropboxOptions, File
from picsync.emulators.wireprofile import HOME, LAN, Wire

PER_FOLDER = 100
BEST = (
    *("--dropbox-batch-mode=async", "--dropbox-batch-size=1000", "--dropbox-batch-timeout=500ms"),
    *("--dropbox-chunk-size=1M", "--dropbox-pacer-min-sleep=1ms"),
    *("--transfers=32", "--checkers=32", "--fast-list"),
)
"""The fastest of the settings of rclone that were tried. Old versions do not know all of them."""

_PICSYNC = "from picsync.cli.main import main; main()"
_CHILD = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as figures:
    json.dump({"cpu_s": used.ru_utime + used.ru_stime, "peak_bytes": used.ru_maxrss * 1024}, figures)
sys.exit(code)
"""
"""A small process that starts another one: the kernel counts the memory of the parent at the start, too."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a program took."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    requests: dict[str, int]


def installed() -> list[Path]:
    """Return the rclone of the extra `clients`, and those of this machine."""
    folders = (sysconfig.get_path("scripts"), *os.get_exec_path())
    return list(dict.fromkeys(path for each in folders if (path := Path(each, "rclone").resolve()).is_file()))


async def compared(files: int, file_bytes: int, rclones: Sequence[Path] = ()) -> str:
    """Return a table of picsync, and of rclone in some versions, the first time and with nothing changed."""
    rows: list[Sequence[str]] = []
    with tempfile.TemporaryDirectory(prefix="picsync-benchmark-") as name:
        folder = Path(name)
        pictures = folder / "pictures"
        _fill(pictures, files, file_bytes)
        ideal_s = files * file_bytes / HOME.pipes[HOME.hosts[CONTENT].pipe_in]
        programs = [("picsync", _picsync(folder, pictures))]
        programs += [(_version(rclone), _rclone(folder, pictures, rclone)) for rclone in rclones]
        for title, command in programs:
            dropbox = Dropbox(DropboxOptions())
            async with by_name(dropbox, folder) as reached:
                write_logins(folder, dropbox)
                for what in ("all new", "nothing changed"):
                    spent = await run(folder, command, reached)
                    _require_mirrored(dropbox, pictures)
                    rows.append(_row(f"{title}, {what}", spent, ideal_s if what == "all new" else None))
    heading = (f"{files:,} files of {file_bytes / 1000:g} kB, `home`", "wall s", "of the ideal", "CPU s",
               "peak MB", "requests", "most frequent requests")  # fmt: skip
    return markdown([heading, *rows])


def _fill(pictures: Path, files: int, file_bytes: int) -> None:
    for number in range(files):
        path = pictures / f"{number // PER_FOLDER:03}" / f"IMG_{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(number.to_bytes(8) * (file_bytes // 8))
        os.utime(path, (1_500_000_000 + number, 1_500_000_000 + number))


def _picsync(folder: Path, pictures: Path) -> list[str]:
    (folder / "picsync.yaml").write_text(
        f"caCertificates: {folder / 'ca.pem'}\n"
        f"mirror:\n- {{name: backup, from: {pictures}, to: 'dropbox:/Backup', quiet: 0s}}\n",
        "utf-8",
    )
    return [measure.THIS.python, "-c", _PICSYNC, "mirror", "--cache", str(folder / "cache.db")]


def _rclone(folder: Path, pictures: Path, rclone: Path) -> list[str]:
    config = ("--config", str(folder / "rclone.conf"), "--ca-cert", str(folder / "ca.pem"))
    return [str(rclone), *config, "sync", *best_known(rclone), str(pictures), "box:/Backup"]


def best_known(rclone: Path) -> list[str]:
    """Return those of the BEST flags that a version of rclone knows; it refuses to start with others."""
    said = subprocess.run([rclone, "help", "flags"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"--[a-z0-9-]+", said))
    return [flag for flag in BEST if flag.partition("=")[0] in known]


def _version(rclone: Path) -> str:
    said = subprocess.run([rclone, "version"], capture_output=True, text=True, check=True).stdout
    return said.splitlines()[0].replace("v", "", 1)


def write_logins(folder: Path, dropbox: Dropbox) -> None:
    """Write the logins of picsync and rclone."""
    grant = dropbox.log_in(ALL_SCOPES)
    own = folder / ".picsync-credentials.yaml"
    own.touch(mode=0o600)
    own.write_text(f"dropbox: {{app_key: {grant.app.key}, refresh_token: {grant.refresh_token}}}\n", "utf-8")
    token = {
        "access_token": dropbox.issue(grant),
        "token_type": "bearer",
        "refresh_token": grant.refresh_token,
        "expiry": datetime.fromtimestamp(4e9, UTC).isoformat().replace("+00:00", "Z"),
    }
    (folder / "rclone.conf").write_text(
        f"[box]\ntype = dropbox\nclient_id = {grant.app.key}\nclient_secret = {grant.app.secret}\n"
        f"token = {json.dumps(token)}\n",
        "utf-8",
    )


async def run(folder: Path, command: Sequence[str], reached: ByName, *, lan: bool = False) -> Spent:
    """Run a program on the wire `home`, or `lan`; raises ProgramFailedError."""
    reached.server.log.clear()
    reached.server.wire = Wire(LAN if lan else HOME)
    figures, said = folder / "figures", folder / "said"
    began = time.monotonic()
    with said.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(measure.THIS.python, "-c", _CHILD, str(figures), *command),
            cwd=folder,
            env={**measure.THIS.environment, **reached.environment, "HOME": os.environ.get("HOME", "/")},
            stdout=output,
            stderr=output,
        )
        code = await process.wait()
    wall_s = time.monotonic() - began
    reached.server.wire = Wire(LAN)
    if code:
        tail = "\n".join(said.read_text(errors="replace").splitlines()[-20:])
        raise measure.ProgramFailedError(f"{command[0]} exited with {code}:\n{tail}")
    found = json.loads(figures.read_text("utf-8"))
    requests = Counter(each.path.removeprefix("/2/") for each in reached.server.log.records)
    return Spent(wall_s, found["cpu_s"], found["peak_bytes"], dict(requests.most_common()))


def _require_mirrored(dropbox: Dropbox, pictures: Path) -> None:
    """Raise AssertionError unless all files are in Dropbox; else no figure is valid."""
    stored = {
        entry.path.removeprefix("/Backup"): entry.content.size
        for entry in dropbox.owner.tree.entries.values()
        if isinstance(entry, File)
    }
    wanted = {
        f"/{path.relative_to(pictures)}": path.stat().st_size
        for path in pictures.rglob("*")
        if path.is_file()
    }
    if stored != wanted:
        raise AssertionError(f"{len(stored)} files in Dropbox, {len(wanted)} wanted")


def _row(title: str, spent: Spent, ideal_s: float | None) -> tuple[str, ...]:
    wall, *rest = spent_row(spent)
    return title, wall, f"{spent.wall_s / ideal_s:.2f}" if ideal_s else "", *rest


def spent_row(spent: Spent) -> tuple[str, ...]:
    """Return wall time, CPU, peak memory, requests, and the most frequent ones."""
    return (
        f"{spent.wall_s:.1f}",
        f"{spent.cpu_s:.1f}",
        f"{spent.peak_bytes / 1e6:.0f}",
        f"{sum(spent.requests.values()):,}",
        ", ".join(f"{name} {number:,}" for name, number in [*spent.requests.items()][:3]),
    )
