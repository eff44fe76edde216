"""Checks picsync.yaml, the credentials file, and environment variables."""

from __future__ import annotations

import stat
from collections.abc import Sequence

from picsync.config import LEAST_EVERY
from picsync.core.errors import ConfigError
from picsync.core.model import Finding, Mark
from picsync.observe.words import counted, rough
from picsync.run.settings import Settings, SettingsFiles


def check_files(files: SettingsFiles) -> tuple[Settings | None, Sequence[Finding]]:
    """Return the settings, None if they are unusable, and the findings about the files."""
    try:
        settings = files.load()
    except ConfigError as error:
        found = [Finding(Mark.PROBLEM, problem.place, problem.text) for problem in error.problems]
        if error.hint:
            found[-1] = Finding(Mark.PROBLEM, found[-1].subject, found[-1].message, error.hint)
        return None, found
    unused = [Finding(Mark.NOTE, problem.place, problem.text) for problem in settings.unused]
    return settings, [*_config(files, settings), *_credentials(settings), *unused]


def _config(files: SettingsFiles, settings: Settings) -> list[Finding]:
    config, name = settings.config, str(files.config)
    rules = counted(len(config.albums), "album rule")
    found = [Finding(Mark.OK, name, f"{rules}, {_repetition(settings)}.")]
    for rule in config.albums:
        if not any(rule.sources.values()):
            fix = "Add at least one under `sources:`; `picsync sources` shows the kinds."
            found.append(Finding(Mark.PROBLEM, f"rule {rule.name}", "it has no sources.", fix))
        if rule.dry_run:
            fix = "Remove `dryRun` when its plan looks right."
            found.append(Finding(Mark.NOTE, f"rule {rule.name}", "it only prints what it would do.", fix))
    short = [rule for rule, every in settings.intervals.items() if every < LEAST_EVERY]
    if short:
        least = f"{LEAST_EVERY.total_seconds():.0f} s"
        message = f"the interval of {', '.join(short)} is shorter than {least}; {least} is used instead."
        fix = "Write `every: 10m` or more: edited files are noticed anyway."
        found.append(Finding(Mark.NOTE, name, message, fix))
    if config.emulator is not None:
        fix = "Remove `emulator` (or PICSYNC_EMULATOR) to use the real services."
        found.append(Finding(Mark.NOTE, name, f"all requests go to the emulator at {config.emulator}.", fix))
    return found


def _repetition(settings: Settings) -> str:
    lengths = {every.total_seconds() for every in settings.intervals.values()}
    if not lengths:
        return "for one cycle only, since there is no `every`"
    each = [rough(length) for length in sorted(lengths)]
    return f"repeated every {each[0]}" if len(each) == 1 else f"repeated every {each[0]} to {each[-1]}"


def _credentials(settings: Settings) -> list[Finding]:
    credentials = settings.credentials
    if credentials.path is None:
        return [Finding(Mark.OK, "credentials", "all from the environment.")]
    if credentials.warnings:
        return [Finding(Mark.PROBLEM, each.file, each.message) for each in credentials.warnings]
    mode = stat.S_IMODE(credentials.path.stat().st_mode)
    return [Finding(Mark.OK, str(credentials.path), f"complete, with permissions {mode:04o}.")]
