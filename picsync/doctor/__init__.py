"""Checks for the mistakes that new users make: one finding per line, each problem with its fix.

Writes nothing to a frame or the cache; a source may record what it saw. `files` checks the user's files,
`machine` the local machine, `services` all remote services.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from picsync.config import Credentials
from picsync.core.events import Emit
from picsync.core.model import Finding
from picsync.doctor.files import check_files
from picsync.doctor.machine import check_machine
from picsync.doctor.services import check_services, check_sources
from picsync.doctor.webhooks import check_webhooks
from picsync.run.settings import SettingsFiles


async def examine(files: SettingsFiles, cache: str, emit: Emit) -> AsyncIterator[Finding]:
    """Yield the findings, in the order in which to fix them: files, machine, services.

    `cache` is a path or a database URL. If the settings are incomplete, the sources that need nothing more
    are still checked: a link or a folder needs no credentials.
    """
    settings, findings = check_files(files)
    for finding in findings:
        yield finding
    async for finding in check_machine(cache, settings):
        yield finding
    if settings is not None:
        async for finding in check_services(settings, cache, emit):
            yield finding
        async for finding in check_webhooks(settings):
            yield finding
        return
    config, credentials, _ = files.parts()
    if config is not None:
        async for finding in check_sources(config, credentials or Credentials(), cache, emit):
            yield finding
