"""`python -m benchmarks.folder`: the cost of a cycle over a folder: CPU, memory, files opened, requests.

The pictures are on the emulated frame from the beginning, so no photo is transferred: what remains is
listing, comparing and, in the first cycle, reading every file for its digest.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.authority import authority
from benchmarks.measure import THIS, machine
from benchmarks.scenes import world
from picsync.emulators.nixplay.spool import Blob
from picsync.emulators.world import NIXPLAY_PASSWORD, NIXPLAY_USER, World

ALBUM = "Family"
PER_FOLDER = 200
SIZE_BYTES = 3_000

_CHILD = """
import json, os, resource, sys
figures, *sys.argv[1:] = sys.argv[1:]
opened = 0
def count(event, arguments):
    global opened
    # By name: pictures are opened relative to the descriptor of their folder.
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened += os.path.basename(os.fsdecode(arguments[0])).startswith("IMG_")
sys.addaudithook(count)
from picsync.cli.main import main
try:
    main()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/status") as status, open(figures, "w") as out:
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
        json.dump({"cpu_s": used.ru_utime + used.ru_stime, "peak_kib": int(peak), "opened": opened}, out)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one cycle, or one listing, as its own process."""

    title: str
    wall_s: float
    cpu_s: float
    peak_kib: int
    opened: int
    """Files of the folder that were opened; each of the two looks at a file counts."""
    requests: int

    def __str__(self) -> str:
        return (
            f"| {self.title} | {self.wall_s:.2f} s | {self.cpu_s:.2f} s | {self.peak_kib / 1024:.0f} MiB"
            f" | {self.opened:,} | {self.requests} |"
        )


def fill(root: Path, services: World, files: int) -> None:
    """Write pictures into the folder and onto the frame."""
    album = services.nixplay.add_album(ALBUM)
    account = services.nixplay.account()
    for number in range(files):
        data = b"\xff\xd8\xff\xe0" + number.to_bytes(4) * (SIZE_BYTES // 4)
        path = root / f"{number // PER_FOLDER:04}" / f"IMG_{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        blob = Blob(path, hashlib.md5(data, usedforsecurity=False).hexdigest(), len(data))
        services.nixplay.state.add_photo(account, album, blob, path.name, "image/jpeg")


def write_settings(folder: Path, root: Path, services: World) -> None:
    """Write the two settings files."""
    source = json.dumps({"path": str(root), "quiet": "0s"})
    (folder / "picsync.yaml").write_text(
        f"emulator: {services.server.url}\ncaCertificates: {authority().write(folder / 'authority.pem')}\n"
        f"albums:\n- name: {ALBUM}\n  sources:\n    folder: [{source}]\n",
        "utf-8",
    )
    credentials = folder / ".picsync-credentials.yaml"
    credentials.touch(mode=0o600)
    credentials.write_text(f"nixplay: {{username: {NIXPLAY_USER}, password: {NIXPLAY_PASSWORD}}}\n", "utf-8")


async def measured(title: str, folder: Path, services: World, *arguments: str) -> Cost:
    """Run picsync to its end; raises RuntimeError if it does not exit with 0."""
    services.server.log.clear()
    figures = folder / "figures"
    gc.collect()
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(THIS.python, "-c", _CHILD, str(figures), *arguments),
        cwd=folder,
        env=THIS.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    wall_s = time.monotonic() - began
    if process.returncode:
        raise RuntimeError(
            f"picsync {' '.join(arguments)} exited with {process.returncode}: {said[-2000:]!r}"
        )
    found = json.loads(figures.read_text("utf-8"))
    requests = len(services.server.log.records)
    return Cost(title, wall_s, found["cpu_s"], found["peak_kib"], found["opened"], requests)


async def run(files: int, say: Callable[[str], object]) -> None:
    """Measure, and print each row of the table."""
    with tempfile.TemporaryDirectory(prefix="picsync-benchmark-") as name:
        folder, root = Path(name) / "own", Path(name) / "photos"
        folder.mkdir()
        async with world() as services:
            fill(root, services, files)
            write_settings(folder, root, services)

            def cycle(title: str) -> Awaitable[Cost]:
                return measured(title, folder, services, "sync", "--once", "--cache", "cache.db")

            say(str(machine()))
            say(f"| folder of {files:,} files | time | CPU | peak memory | files opened | requests |")
            say("| --- | --- | --- | --- | --- | --- |")
            say(str(await measured("nothing (`picsync --version`)", folder, services, "--version")))
            first = await cycle("first cycle, all on the frame")
            if first.opened < files:
                raise RuntimeError(f"only {first.opened} of {files} files were opened, but all were hashed")
            say(str(first))
            say(str(await cycle("steady cycle")))
            entry = json.dumps({"path": str(root), "quiet": "0s"})
            preview = ("list", "folder", entry, "--cache", "cache.db")
            say(str(await measured("listing alone (`picsync list`)", folder, services, *preview)))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--files", default=20_000, show_default=True, type=click.IntRange(min=1))
def main(files: int) -> None:
    """Measure the cost of a cycle over a folder."""
    asyncio.run(run(files, click.echo))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.folder")
