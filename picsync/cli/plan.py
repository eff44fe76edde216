"""`picsync plan`: which photos would be shown, and why the others would not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.cli.commands import suggestion
from picsync.cli.exits import Exit, exit_for, worst
from picsync.cli.logs import note
from picsync.cli.output import print_table
from picsync.cli.planpage import Row, write_page
from picsync.cli.sync import DEFAULT_CONFIG, cache_option, load_libraries

if TYPE_CHECKING:
    from picsync.core.events import Event
    from picsync.run.settings import Settings
    from picsync.sync.cycle import AlbumRule, Preview

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("rule", required=False)
@click.option(
    "--config",
    default=DEFAULT_CONFIG,
    show_default=True,
    type=click.Path(path_type=Path),
    help="The settings.",
)
@cache_option
@click.option("--html", "page", metavar="FILE", type=_FILE, help="Also write the plan as a page.")
@click.pass_context
def plan(ctx: click.Context, /, rule: str | None, *, config: Path, cache: str, page: Path | None) -> None:
    """Print which photos RULE, or each rule, would show, and why not the others.

    Lists the sources and the frames. Downloads nothing, and changes nothing.
    """
    load_libraries()
    from picsync.run.settings import SettingsFiles, album_rules

    settings = SettingsFiles(config, os.environ).load()
    rules = _named(album_rules(settings.config, dry_run=True), rule)
    previews = asyncio.run(_preview_all(settings, rules, cache))
    for number, preview in enumerate(previews):
        if number:
            click.echo()
        _print(preview)
    if page is not None:
        write_page(page, [(_summary(preview), list(rows(preview))) for preview in previews])
        note(f"The plan is also in {page}.")
    failures = [failure for preview in previews for failure in preview.failures]
    ctx.exit(worst([exit_for(failure.error) for failure in failures]) if failures else Exit.DONE)


def _named(rules: Sequence[AlbumRule], name: str | None) -> Sequence[AlbumRule]:
    """Return the rules that are meant; raises UsageError if there are none."""
    if name is None:
        return rules
    found = [rule for rule in rules if name in (rule.album, rule.name)]
    if not found:
        known = list(dict.fromkeys(rule.album for rule in rules))
        listed = ", ".join(known)
        raise click.UsageError(f"There is no rule {name!r}.{suggestion(name, known)} Known rules: {listed}.")
    return found


async def _preview_all(settings: Settings, rules: Sequence[AlbumRule], cache: str) -> list[Preview]:
    from picsync.run.wiring import open_tools
    from picsync.sync.cycle import preview

    def ignore(event: Event) -> None:
        """Ignore events: the plan has the failures."""

    async with open_tools(
        settings.config, settings.credentials, cache=cache, emit=ignore, notify=note, dry_run=True
    ) as tools:
        return [await preview(rule, tools) for rule in rules]


def rows(preview: Preview) -> Iterator[Row]:
    """Yield all photos: those that are shown, then the others by reason."""
    from picsync.observe.words import decision, printable, size
    from picsync.system.localtime import to_minute

    def described(number: int) -> tuple[tuple[bool, str, int], Row]:
        candidate = preview.candidates[number]
        item, facts = candidate.item, candidate.item.facts
        word, why = decision(candidate, on_frame=candidate.digest in preview.on_frame)
        parts = [] if item.size_bytes is None else [size(item.size_bytes)]
        ratio = 0.0
        if facts.width and facts.height:
            parts.append(f"{facts.width}x{facts.height}")
            ratio = facts.width / facts.height
        row = Row(
            word,
            why,
            to_minute(item.taken_at),
            item.source,
            printable(item.filename or item.item_id),
            ", ".join(parts),
            ratio=ratio,
        )
        return (word != "shown", "" if word == "shown" else why, number), row

    for _, row in sorted((described(n) for n in range(len(preview.candidates))), key=lambda pair: pair[0]):
        yield row


def _summary(preview: Preview) -> list[str]:
    from picsync.observe.words import decisions_sentence, failure_text

    lines = [decisions_sentence(preview.rule, preview.candidates, preview.on_frame)]
    return lines + [failure_text(failure) for failure in preview.failures]


def _print(preview: Preview) -> None:
    for line in _summary(preview):
        click.echo(line)
    found = list(rows(preview))
    if found:
        headings = ["PLAN", "WHY", "TAKEN", "SOURCE", "FILE NAME", "SIZE", "SENT AS"]
        columns = [
            (row.decision, row.why, row.taken, row.source, row.name, row.size, row.rendition) for row in found
        ]
        used = 7 if any(row.rendition for row in found) else 6
        print_table(headings[:used], [cells[:used] for cells in columns])
