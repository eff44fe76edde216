"""`python -m benchmarks dropbox`: organizing camera uploads, a large source at rest, and webhooks.

Organizing and the source reach an emulated account by its real host names over TLS, as in `mirror`. Webhooks
come from emulated accounts to twenty picsync processes by turns, since a process pauses between two cycles.
"""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from PIL import ExifTags, Image

from benchmarks import measure, process
from benchmarks.byname import by_name
from benchmarks.mirror import run, spent_row, write_logins
from benchmarks.photos import photo
from benchmarks.report import markdown
from picsync.emulators.dropbox import Dropbox, DropboxOptions, File
from picsync.emulators.wireprofile import HOME, PROFILES, Wire
from picsync.emulators.world import NIXPLAY_PASSWORD, NIXPLAY_USER, World

CAMERA, SORTED, FRAME = "/Camera Uploads", "/Photos", "/Frame"
PROCESSES = 20
REST_S = 11.0
"""Between two webhooks of a process: longer than its pause between two cycles."""
_HEADING = ("wall s", "CPU s", "peak MB", "requests", "most frequent requests")
_PATIENCE_S = 500.0


async def organizing(files: int, file_bytes: int) -> str:
    """Return a table: new pictures sorted by picsync, and by a program with one call per file."""
    rows: list[Sequence[str]] = []
    for title, taken in (
        ("picsync, dates from the files", "[exif, name]"),
        ("picsync, dates from the names", "[name]"),
        ("one call per file, dates from the names", ""),
    ):
        with tempfile.TemporaryDirectory(prefix="picsync-benchmark-") as name:
            folder, dropbox = Path(name), Dropbox(DropboxOptions())
            _fill_camera(dropbox, files, file_bytes)
            async with by_name(dropbox, folder) as reached:
                write_logins(folder, dropbox)
                command = _organize(folder, taken) if taken else _one_by_one(folder, dropbox)
                spent = await run(folder, command, reached)
            _require_sorted(dropbox, files)
            rows.append((title, *spent_row(spent)))
    return markdown([(f"{files:,} pictures of {file_bytes / 1000:g} kB, `home`", *_HEADING), *rows])


def _fill_camera(dropbox: Dropbox, files: int, file_bytes: int) -> None:
    taken = datetime(2024, 1, 1, 12)  # noqa: DTZ001 - a camera's clock
    for _ in range(files):
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = f"{taken:%Y:%m:%d %H:%M:%S}"
        encoded = io.BytesIO()
        Image.new("RGB", (64, 48)).save(encoded, "JPEG", exif=exif)
        content = encoded.getvalue().ljust(file_bytes, b"\0")
        dropbox.put(f"{CAMERA}/{taken:%Y-%m-%d %H.%M.%S}.jpg", content)
        taken += timedelta(hours=17)
    dropbox.create_folder(SORTED)


def _organize(folder: Path, taken: str) -> list[str]:
    (folder / "picsync.yaml").write_text(
        f"caCertificates: {folder / 'ca.pem'}\n"
        f"organize:\n- {{name: camera, from: 'dropbox:{CAMERA}', taken: {taken},"
        f" to: 'dropbox:{SORTED}/{{year}}/{{year}}-{{month}}'}}\n",
        "utf-8",
    )
    return [measure.THIS.python, "-c", process.PROGRAM, "organize", "--cache", str(folder / "cache.db")]


def _one_by_one(folder: Path, dropbox: Dropbox) -> list[str]:
    program = str(Path(__file__).with_name("onebyone.py"))
    token = dropbox.issue(dropbox.log_in())
    return [measure.THIS.python, program, token, str(folder / "ca.pem"), CAMERA, SORTED]


def _require_sorted(dropbox: Dropbox, files: int) -> None:
    """Raise AssertionError unless each file is in the folder of its month; else no figure is valid."""
    paths = [each.path for each in dropbox.owner.tree.entries.values() if isinstance(each, File)]
    right = [path for path in paths if path.startswith(f"{SORTED}/{path.rpartition('/')[2][:4]}/")]
    if not len(paths) == len(right) == files:
        raise AssertionError(f"{len(right)} of {len(paths)} files are sorted; {files} were there")


async def at_rest(files: int) -> str:
    """Return a table: a folder of many files in Dropbox as the source of a folder frame, with no changes."""
    with tempfile.TemporaryDirectory(prefix="picsync-benchmark-") as name:
        folder, dropbox = Path(name), Dropbox(DropboxOptions())
        for number in range(files):
            dropbox.put(f"{FRAME}/IMG_{number:06}.jpg", photo(number, 3_000))
        (folder / "shown").mkdir()
        async with by_name(dropbox, folder) as reached:
            write_logins(folder, dropbox)
            (folder / "picsync.yaml").write_text(
                f"caCertificates: {folder / 'ca.pem'}\n"
                f"frames: {{shelf: {{kind: folder, path: {folder / 'shown'}}}}}\n"
                f"albums: [{{name: Family, frames: shelf, sources: {{dropbox: [{FRAME}]}}}}]\nevery: 1h\n",
                "utf-8",
            )
            sync = ["sync", "--cache", str(folder / "cache.db")]
            command = [measure.THIS.python, "-c", process.PROGRAM, *sync]
            first = await run(folder, [*command, "--once"], reached, lan=True)
            _require_shown(folder, files)
            steady = await run(folder, [*command, "--once"], reached)
            reached.server.wire = Wire(HOME)
            said = folder / "said"
            environment = {**measure.THIS.environment, **reached.environment, "PICSYNC_LOG_FORMAT": "json"}
            with said.open("wb") as output:
                running = subprocess.Popen(  # noqa: ASYNC220 - returns at once
                    command, cwd=folder, env=environment, stdout=output, stderr=output
                )
            try:
                await process.until_idle(running.pid, said, process.QUIET_S, cycles=1)
                idle = process.status(running.pid, "VmRSS") / 1000
                before_s = process.cpu_s(running.pid)
                reached.server.log.clear()
                asking = [measure.THIS.python, "-c", process.PROGRAM, "sync-now", "--cache", sync[-1]]
                await asyncio.to_thread(
                    subprocess.run, asking, cwd=folder, env=environment, check=True, capture_output=True
                )
                await process.until_idle(running.pid, said, process.QUIET_S, cycles=1)
                cpu_s = process.cpu_s(running.pid) - before_s
                calls = [each.path for each in reached.server.log.records if "longpoll" not in each.path]
                after = process.status(running.pid, "VmRSS") / 1000
            finally:
                running.terminate()
                running.wait()
    rows = [
        ("first sync, `lan`", *spent_row(first)),
        ("nothing changed, a new process", *spent_row(steady)),
        ("nothing changed, a further cycle of a running process", "", f"{cpu_s:.2f}",
         f"{after:.0f} (at rest {idle:.0f})", str(len(calls)), ", ".join(calls)),
    ]  # fmt: skip
    return markdown([(f"{files:,} files in Dropbox, on a folder frame", *_HEADING), *rows])


def _require_shown(folder: Path, files: int) -> None:
    shown = len(list((folder / "shown").rglob("*.jpg")))
    if shown != files:
        raise AssertionError(f"{shown} of {files} photos are on the frame")


async def webhooks(calls: int, profile: str) -> str:
    """Return a table: the time from a new file in Dropbox, which causes a call, to the photo on Nixplay."""
    async with AsyncExitStack() as stack:
        reporters = [
            await stack.enter_async_context(_Household(number, profile)) for number in range(PROCESSES)
        ]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(each.measure(calls // PROCESSES, number * REST_S / PROCESSES))
                for number, each in enumerate(reporters)
            ]
    seconds = [one for task in tasks for one in task.result()]
    heading = ("webhook to photo on the frame", "calls", "median s", "95 % s", "worst s")
    ordered = sorted(seconds)
    row = (f"Dropbox to Nixplay, `{profile}`", str(len(seconds)), f"{median(seconds):.2f}",
           f"{ordered[len(ordered) * 95 // 100 - 1]:.2f}", f"{max(seconds):.2f}")  # fmt: skip
    return markdown([heading, row])


class _Household:
    """A Dropbox, a Nixplay frame, and a picsync that Dropbox calls."""

    def __init__(self, number: int, profile: str) -> None:
        self._number = number
        self._profile = PROFILES[profile]
        self._world = World()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> _Household:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="picsync-benchmark-")))
        await self._stack.enter_async_context(self._world)
        dropbox = self._world.dropbox
        dropbox.put(f"{FRAME}/first.jpg", photo(self._number * 1_000, 300_000))
        grant = dropbox.log_in()
        login = {
            "app_key": grant.app.key,
            "app_secret": grant.app.secret,
            "refresh_token": grant.refresh_token,
        }
        nixplay = {"username": NIXPLAY_USER, "password": NIXPLAY_PASSWORD}
        (folder / "picsync.yaml").write_text(
            f"emulator: {self._world.server.url}\nevery: 3h\nwebhooks: {{listen: '127.0.0.1:0'}}\n"
            f"albums: [{{name: Family, sources: {{dropbox: [{FRAME}]}}}}]\n",
            "utf-8",
        )
        credentials = folder / ".picsync-credentials.yaml"
        credentials.touch(mode=0o600)
        credentials.write_text(json.dumps({"nixplay": nixplay, "dropbox": login}), "utf-8")
        said = folder / "said"
        with said.open("wb") as output:
            running = subprocess.Popen(  # noqa: ASYNC220 - returns at once
                [measure.THIS.python, "-c", process.PROGRAM, "sync", "--cache", str(folder / "cache.db")],
                cwd=folder,
                env={**measure.THIS.environment, "PICSYNC_LOG_FORMAT": "json"},
                stdout=output,
                stderr=output,
            )
        self._stack.callback(running.wait)
        self._stack.callback(running.terminate)
        await self._shown(1)
        url = next(
            word
            for line in said.read_text("utf-8").splitlines()
            if (text := str(json.loads(line)["message"])).startswith("Webhooks: ")
            for word in [text.split()[1]]
        )
        await dropbox.webhooks.register(dropbox.app, f"{url}dropbox")
        self._world.server.wire = Wire(self._profile)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def measure(self, calls: int, delay_s: float) -> list[float]:
        """Let files arrive, one after the other; return the seconds until each is in the playlist."""
        await asyncio.sleep(REST_S + delay_s)
        found = []
        for number in range(calls):
            began = time.monotonic()
            name = f"{FRAME}/new{number}.jpg"
            self._world.dropbox.put(name, photo(self._number * 1_000 + number + 1, 300_000))
            await self._shown(number + 2)
            found.append(time.monotonic() - began)
            await asyncio.sleep(REST_S)
        return found

    async def _shown(self, count: int) -> None:
        """Return once the playlist has that many photos."""
        seen = asyncio.Event()

        def look(_nixplay: object, _operation: str) -> None:
            playlists = self._world.nixplay.account().playlists.values()
            if any(len(self._world.nixplay.playlist_photos(each)) == count for each in playlists):
                seen.set()

        observers = self._world.nixplay.observers
        observers.append(look)
        try:
            look(None, "")
            await asyncio.wait_for(seen.wait(), _PATIENCE_S)
        finally:
            observers.remove(look)
