"""Run the unpacked image as a container would, against emulated services.

`python -m tests.deploy.prove_image ROOT`; ROOT is the image's file system, from `docker export` or `buildah
mount` (doc/container.md). Needs root, for the mounts: all is read-only but /data and /tmp, and what runs
is user 65532 without any capability.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.household import Household, open_household

USER = 65532
PICSYNC = "/usr/local/bin/picsync"
PYTHON = "/usr/local/bin/python3.11"
ENVIRONMENT = {
    "PATH": "/usr/local/bin",
    "HOME": "/data",
    "TMPDIR": "/tmp",  # noqa: S108 - the container's own, a file system of its own
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONSAFEPATH": "1",
    "PYTHONUNBUFFERED": "1",
    "PICSYNC_CACHE": "/data/picsync-metadata-cache.db",
}
MOUNTS = """
/bin/mount --bind "$1" "$1" && /bin/mount --options remount,bind,ro "$1" \
&& /bin/mount --types tmpfs tmpfs "$1/tmp" && /bin/mount --bind "$2" "$1/data" \
&& cd "$1" && root=$1 && shift 2 \
&& exec /usr/bin/setpriv --no-new-privs /usr/bin/unshare --root="$root" --wd=/data "$@"
"""
ABSENT = ("bin/sh", "bin/bash", "usr/bin", "usr/local/bin/pip", "usr/local/lib/python3.11/ensurepip")
ABSENT_PACKAGES = ("pip", "setuptools", "hatchling", "PIL", "googleapiclient/discovery_cache/documents")
IMPORT_ALL = """
import ctypes, importlib, os, pkgutil, sqlite3, ssl, time
import picsync
os.environ["TZ"] = "Europe/Berlin"
time.tzset()
assert time.tzname == ("CET", "CEST"), time.tzname
for module in pkgutil.walk_packages(picsync.__path__, "picsync."):
    if not module.name.startswith(("picsync.emulators", "picsync.cache.migrations.")):
        importlib.import_module(module.name)
        print(module.name)
"""
READ_ONLY = """
import os, pathlib, sys
assert os.getuid() == 65532 and os.getgid() == 65532, os.getuid()
for place in ("/usr/local/lib/python3.11", "/etc", "/"):
    try:
        pathlib.Path(place, "x").touch()
    except OSError:
        continue
    sys.exit(f"{place} can be written")
for place in ("/data", "/tmp"):
    pathlib.Path(place, "x").touch()
"""


async def start(root: Path, data: Path, command: Sequence[str]) -> Process:
    mounted = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", MOUNTS, "sh", str(root), str(data)]
    user = [f"--setuid={USER}", f"--setgid={USER}"]
    return await asyncio.create_subprocess_exec(
        *mounted, *user, *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=ENVIRONMENT
    )


async def run(root: Path, data: Path, *command: str, code: int = 0) -> str:
    """Return what the command says; ends the proof unless it ends with `code`."""
    process = await start(root, data, command)
    out, err = await process.communicate()
    said = (out + err).decode()
    if process.returncode != code:
        sys.exit(f"{command} ended with {process.returncode}, not {code}:\n{said}")
    return said


async def sync_twice(root: Path, data: Path, household: Household) -> None:
    """The first cycle brings everything, the next one does nothing."""
    household.add(30)
    household.write_config()
    for path in (data, *data.iterdir()):
        os.chown(path, USER, USER)
    print(await run(root, data, PICSYNC, "sync", "--once", "picsync.yaml"))
    household.assert_synced()
    household.server.log.clear()
    await run(root, data, PICSYNC, "sync", "--once", "picsync.yaml")
    if household.media_requests() or household.writes():
        sys.exit(f"The second cycle was not idle: {household.writes()}")


async def stop_by_sigterm(root: Path, data: Path, household: Household) -> None:
    household.write_config(every="1h")
    process = await start(root, data, [PICSYNC, "sync", "picsync.yaml"])
    assert process.stderr is not None
    said = b""
    while b"Family" not in said:
        said += await asyncio.wait_for(process.stderr.read(1000), 30)
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.communicate(), 30)
    print(f"SIGTERM: exit code {process.returncode}")
    if process.returncode != 0:
        sys.exit("SIGTERM did not end it in order.")


async def prove(root: Path) -> None:
    packages = root / "usr/local/lib/python3.11/site-packages"
    there = [name for name in ABSENT if (root / name).exists()]
    there += [name for name in ABSENT_PACKAGES if (packages / name).exists()]
    if there:
        sys.exit(f"These do not belong into the image: {', '.join(there)}")
    for path in ("", "usr/local/lib/python3.11/site-packages"):
        subprocess.run(["du", "--summarize", "--human-readable", root / path], check=True)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        async with open_household(data) as household:
            os.chown(data, USER, USER)
            print(await run(root, data, PICSYNC, "--version"))
            await run(root, data, PICSYNC, "--help")
            await run(root, data, PYTHON, "-c", READ_ONLY)
            imported = await run(root, data, PYTHON, "-c", IMPORT_ALL)
            print(f"{len(imported.splitlines())} modules import")
            print(await run(root, data, PYTHON, "-m", "picsync.healthcheck", "http://127.0.0.1:9/", code=1))
            await sync_twice(root, data, household)
            await stop_by_sigterm(root, data, household)


if __name__ == "__main__":
    asyncio.run(prove(Path(sys.argv[1]).resolve()))
