"""Looks at everything that a newcomer gets wrong, one finding a line, each problem with its fix.

Writes nothing to a frame or the cache; a source may note for itself what it saw. `files` looks at what a
person wrote, `machine` at the place where picsync runs, `services` at everybody else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from picsync.config import Credentials
from picsync.core.events import Emit
from picsync.core.model import Finding
from picsync.doctor.files import look_at_files
from picsync.doctor.machine import look_at_machine
from picsync.doctor.services import look_at_services, look_at_sources
from picsync.run.settings import SettingsFiles


async def examine(files: SettingsFiles, cache: str, emit: Emit) -> AsyncIterator[Finding]:
    """Yield what is found, in the order in which it is to be mended: files, this machine, services.

    `cache` is a path or a database URL. If the settings cannot be used as a whole, the sources are looked at
    for which nothing is missing: a link or a folder needs no credentials.
    """
    settings, findings = look_at_files(files)
    for finding in findings:
        yield finding
    async for finding in look_at_machine(cache, settings):
        yield finding
    if settings is not None:
        async for finding in look_at_services(settings, cache, emit):
            yield finding
        return
    config, credentials, _ = files.parts()
    if config is not None:
        async for finding in look_at_sources(config, credentials or Credentials(), cache, emit):
            yield finding
