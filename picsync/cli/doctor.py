"""`picsync doctor`: all checks, one line each, with the fix."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.cli import logs
from picsync.cli.exits import Exit
from picsync.cli.output import json_option, print_json
from picsync.cli.sync import cache_option, config_argument
from picsync.observe.words import counted, printable

if TYPE_CHECKING:
    from picsync.core.model import Finding

_COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}


@click.command()
@config_argument
@cache_option
@json_option
@click.pass_context
def doctor(ctx: click.Context, /, config: Path, cache: str, *, as_json: bool) -> None:
    """Check everything that CONFIG needs, and say how to fix problems.

    Checks the files, this machine, the logins, all source albums, and the frame for each rule.
    """
    logs.set_up()
    findings = asyncio.run(_examine(config, cache, show=not as_json))
    if as_json:
        print_json([{**_values(finding), "mark": finding.mark.value} for finding in findings])
    problems = sum(finding.mark == "problem" for finding in findings)
    if not as_json:
        click.echo(f"{counted(problems, 'problem')}." if problems else "No problems found.")
    ctx.exit(Exit.FAILED if problems else Exit.DONE)


def _values(finding: Finding) -> dict[str, str]:
    return {"subject": finding.subject, "message": finding.message, "fix": finding.fix}


async def _examine(config: Path, cache: str, *, show: bool) -> list[Finding]:
    from picsync.doctor import examine
    from picsync.run.settings import SettingsFiles

    findings = []
    async for finding in examine(SettingsFiles(config, os.environ), cache, logs.LogView()):
        findings.append(finding)
        if show:
            mark = click.style(f"{finding.mark:<8}", fg=_COLOURS[finding.mark])
            line = f"{finding.subject}: {finding.message} {finding.fix}".rstrip()
            click.echo(f"{mark} {printable(line)}")
    return findings
