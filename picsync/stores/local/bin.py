"""Moves files to the bin, as file managers do (freedesktop.org Trash specification 1.0).

The bin is on the same file system, so that nothing is copied: the user's own one, or `.Trash-<uid>` in the
topmost folder of the file system.
"""

from __future__ import annotations

import os
import urllib.parse
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from picsync.system.mounts import Mounts
from picsync.system.renaming import rename_new


def move_to_bin(path: str, folder: int, name: str, seen: os.stat_result, now_s: float) -> None:
    """Move what has this name in a folder (a descriptor) to the bin; raises OSError."""
    place, written = _bin_for(path, seen.st_dev)
    for sub in ("files", "info"):
        (place / sub).mkdir(mode=0o700, parents=True, exist_ok=True)
    deleted = datetime.fromtimestamp(now_s).isoformat(timespec="seconds")  # noqa: DTZ006 - local, as specified
    text = f"[Trash Info]\nPath={urllib.parse.quote(os.fsencode(written))}\nDeletionDate={deleted}\n"
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    target = os.open(place / "files", flags)
    try:
        for number in count(1):
            called = name if number == 1 else f"{name}.{number}"
            info = place / "info" / f"{called}.trashinfo"
            try:
                note = os.open(info, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                continue
            try:
                os.write(note, text.encode())
                os.fsync(note)
            finally:
                os.close(note)
            try:
                rename_new(name, called, source_folder=folder, target_folder=target)
            except FileExistsError:
                continue  # Its note describes what is there, which had none.
            except OSError:
                with suppress(OSError):
                    info.unlink()
                raise
            os.fsync(target)
            return
    finally:
        os.close(target)


def _bin_for(path: str, device: int) -> tuple[Path, str]:
    """Return the bin for a file, and the path of the file as the bin notes it."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()) / "Trash"
    closest = next((each for each in (home, *home.parents) if each.exists()), home)
    with suppress(OSError):
        if closest.stat().st_dev == device:
            return home, path
    top = Mounts.now().of(os.path.realpath(os.path.dirname(path))).path or "/"  # noqa: PTH120 - undecodable
    return Path(top) / f".Trash-{os.geteuid()}", os.path.relpath(path, top)
