"""Checks the local machine: cache, space for temporary files, clock."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from picsync.core.errors import CacheError, PicsyncError
from picsync.core.model import Finding, Mark
from picsync.observe.words import counted, size
from picsync.run.settings import Settings
from picsync.run.wiring import clock_offset, inspect_cache, own_folder
from picsync.sync.tempfiles import DEFAULT_BUDGET_BYTES
from picsync.system.files import reason, remedy, require_writable
from picsync.system.localtime import zone_name, zone_problem

LEAST_FREE_BYTES = 100_000_000
"""Required space for the cache: some hundred thousand photos fit into a fraction of this."""

MOST_OFFSET = timedelta(minutes=2)
"""Beyond this, services begin to refuse signatures and tokens."""


async def check_machine(cache: str, settings: Settings | None) -> AsyncIterator[Finding]:
    """Yield the findings."""
    yield await _cache(cache)
    if "://" not in cache:
        yield _folder("cache folder", own_folder(cache), LEAST_FREE_BYTES)
    yield _folder("temporary files", Path(tempfile.gettempdir()), DEFAULT_BUDGET_BYTES)
    yield _zone()
    if settings is not None:
        yield await _clock(settings)


async def _cache(cache: str) -> Finding:
    try:
        status = await inspect_cache(cache)
    except CacheError as error:
        return Finding(Mark.PROBLEM, "cache", error.message, error.hint)
    if status.revision is None:
        return Finding(Mark.OK, "cache", f"{status.location} does not exist yet; the first cycle creates it.")
    if status.revision == "0":
        return Finding(
            Mark.OK, "cache", f"{status.location} was written by the Go picsync; the next cycle imports it."
        )
    known = counted(sum(status.entries.values()), "media item")
    return Finding(Mark.OK, "cache", f"{status.location} contains {known}.")


def _folder(subject: str, folder: Path, least_bytes: int) -> Finding:
    folder = folder.resolve()
    if not folder.is_dir():
        fix = "Create it, or mount the volume there."
        return Finding(Mark.PROBLEM, subject, f"{folder} does not exist.", fix)
    try:
        require_writable(folder)
    except OSError as error:
        text = f"{folder} is not writable: {reason(error)}."
        return Finding(Mark.PROBLEM, subject, text, remedy(error, folder))
    free = shutil.disk_usage(folder).free
    if free < least_bytes:
        fix = f"Free some space: picsync can use {size(least_bytes)}."
        return Finding(Mark.PROBLEM, subject, f"{folder} has only {size(free)} free.", fix)
    return Finding(Mark.OK, subject, f"{folder} is writable; {size(free)} free.")


def _zone() -> Finding:
    if problem := zone_problem():
        return Finding(Mark.PROBLEM, "time zone", *problem)
    name = zone_name()
    if "TZ" not in os.environ and name == "Etc/UTC":
        return Finding(Mark.OK, "time zone", "times are shown in UTC; set TZ to change that.")
    return Finding(Mark.OK, "time zone", f"times are shown in {name}.")


async def _clock(settings: Settings) -> Finding:
    try:
        offset = await clock_offset(settings)
    except PicsyncError:
        return Finding(
            Mark.NOTE, "clock", "no service returned the time, so this machine's clock could not be checked."
        )
    seconds = abs(offset).total_seconds()
    if abs(offset) > MOST_OFFSET:
        way = "behind" if offset > timedelta() else "ahead"
        fix = "Synchronise the clock with NTP: logins and downloads fail with a wrong clock."
        return Finding(Mark.PROBLEM, "clock", f"this machine's clock is {seconds:,.0f} s {way}.", fix)
    return Finding(Mark.OK, "clock", "this machine's clock agrees with the services.")
