"""`picsync plan`: which photos would be shown, and why the others would not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from picsync.cli.commands import suggestion
from picsync.cli.exits import failures_exit
from picsync.cli.logs import note
from picsync.cli.output import json_option, print_json, print_table
from picsync.cli.planpage import Row, write_page
from picsync.cli.sync import DEFAULT_CONFIG, cache_option, load_libraries
from picsync.core.errors import PicsyncError

if TYPE_CHECKING:
    from picsync.core.events import Event
    from picsync.core.model import MediaItem
    from picsync.core.recipe import Recipe
    from picsync.core.select import Candidate
    from picsync.run.settings import Settings
    from picsync.sync.cycle import Preview
    from picsync.sync.rule import AlbumRule
    from picsync.sync.transfer import Tools

MAX_THUMBNAILS = 300
"""Pictures on the page for each rule: a few megabytes."""
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
@json_option
@click.pass_context
def plan(
    ctx: click.Context,
    /,
    rule: str | None,
    *,
    config: Path,
    cache: str,
    page: Path | None,
    as_json: bool,
) -> None:
    """Print which photos RULE, or each rule, would show, and why not the others.

    Lists the sources and the frames. Downloads nothing, and changes nothing.
    """
    load_libraries()
    from picsync.run.settings import SettingsFiles, album_rules

    settings = SettingsFiles(config, os.environ).load()
    rules = _named(album_rules(settings.config, dry_run=True), rule)
    previews, pictures = asyncio.run(_preview_all(settings, rules, cache, thumbnails=page is not None))
    if as_json:
        print_json([_as_json(preview) for preview in previews])
    for number, preview in enumerate(() if as_json else previews):
        if number:
            click.echo()
        _print(preview)
    if page is not None:
        from picsync.observe.words import printable

        write_page(
            page,
            [
                ([printable(preview.rule), *_summary(preview)], list(rows(preview, pictures)))
                for preview in previews
            ],
        )
        note(f"The plan is also in {page}.")
    failures = [failure for preview in previews for failure in preview.failures]
    ctx.exit(failures_exit(failures))


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


async def _preview_all(
    settings: Settings, rules: Sequence[AlbumRule], cache: str, *, thumbnails: bool
) -> tuple[list[Preview], dict[MediaItem, bytes]]:
    from picsync.run.wiring import open_tools
    from picsync.sync.cycle import preview

    def ignore(event: Event) -> None:
        """Ignore events: the plan has the failures."""

    async with AsyncExitStack() as stack:
        judges = None
        if settings.config.family is not None:
            from picsync.family.judging import open_judges

            judges = await stack.enter_async_context(open_judges(cache))
        opening = open_tools(
            settings.config,
            settings.credentials,
            cache=cache,
            emit=ignore,
            notify=note,
            dry_run=True,
            judges=judges,
        )
        tools = await stack.enter_async_context(opening)
        previews = [await preview(rule, tools) for rule in rules]
        return previews, await _thumbnails(tools, previews) if thumbnails else {}


async def _thumbnails(tools: Tools, previews: Sequence[Preview]) -> dict[MediaItem, bytes]:
    """Return small pictures of the photos that are shown, and of some others, as far as that is cheap."""
    from picsync.aio.tasks import run_all
    from picsync.rendering.thumbnails import thumbnail
    from picsync.sources.base import Thumbnails

    pictures: dict[MediaItem, bytes] = {}
    items: dict[MediaItem, None] = {}
    for preview in previews:
        found = sorted(preview.candidates, key=lambda each: each.skip is not None)
        items |= dict.fromkeys(each.item for each in found[:MAX_THUMBNAILS] if each.item.kind == "photo")
    queue = iter(items)

    async def work() -> None:
        for item in queue:
            source = tools.sources[item.source]
            if not isinstance(source, Thumbnails):
                continue
            try:
                async with tools.spool.file("md5") as spooled:
                    await source.thumbnail(item, spooled)
                    await spooled.finish()
                    pictures[item] = await thumbnail(tools.renderer, spooled.file)
            except (PicsyncError, OSError):
                continue  # The page shows its shape instead.

    try:
        await run_all(*(work() for _ in range(8)))
    finally:
        await tools.renderer.aclose()
    return pictures


def rows(preview: Preview, pictures: Mapping[MediaItem, bytes] = MappingProxyType({})) -> Iterator[Row]:
    """Yield all photos: those that are shown, then the others by reason."""
    from picsync.observe.words import decision, printable, size
    from picsync.system.localtime import to_minute

    def is_new(candidate: Candidate) -> bool:
        there = candidate.digest in preview.on_frame and not candidate.outdated
        return candidate.skip is None and not there

    def described(number: int) -> tuple[tuple[bool, str, int], Row]:
        candidate = preview.candidates[number]
        item, facts = candidate.item, candidate.item.facts
        word, why = decision(
            candidate, on_frame=candidate.digest in preview.on_frame and not candidate.outdated
        )
        if candidate.skip is None and candidate.pair is not None:
            other = candidate.pair[item == candidate.pair[0]]
            why = f"{why}, beside {printable(other.filename or other.item_id)}"
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
            _sent_as(item, preview.recipe, paired=candidate.pair is not None) if is_new(candidate) else "",
            ratio=ratio,
            picture=pictures.get(item, b""),
        )
        return (word != "shown", "" if word == "shown" else why, number), row

    for _, row in sorted((described(n) for n in range(len(preview.candidates))), key=lambda pair: pair[0]):
        yield row


def _sent_as(item: MediaItem, recipe: Recipe, *, paired: bool) -> str:
    """Return what the frame is sent of an original, as far as the listing tells.

    Only the picture itself tells whether a JPEG that is small enough is fine as it is.
    """
    from picsync.media.treatment import place

    if not recipe.convert or item.kind != "photo":
        return "as it is"
    if paired:
        return f"half of a JPEG, {recipe.panel}"
    facts, may_not_stay = item.facts, bool(recipe.caption) or item.mime_type not in ("image/jpeg", "")
    if not facts.width or not facts.height:
        return "JPEG" if may_not_stay else "JPEG, or as it is"
    placed = place(facts.width, facts.height, recipe)
    smaller = (placed.width, placed.height) != (facts.width, facts.height)
    if not smaller and not may_not_stay:
        return "as it is, if nothing is wrong with it"
    return f"JPEG, {placed.width}x{placed.height}"


def _as_json(preview: Preview) -> dict[str, Any]:
    """Return a plan as JSON values, its photos in the order of the sources."""
    from picsync.observe.words import decision, failure_subject, failure_text

    photos = []
    for candidate in preview.candidates:
        item, there = candidate.item, candidate.digest in preview.on_frame and not candidate.outdated
        word, why = decision(candidate, on_frame=there)
        shown = candidate.skip is None
        beside = candidate.pair[item == candidate.pair[0]].item_id if shown and candidate.pair else None
        sent_as = _sent_as(item, preview.recipe, paired=beside is not None) if shown and not there else ""
        photos.append(
            {
                "source": item.source,
                "id": item.item_id,
                "filename": item.filename,
                "kind": item.kind.value,
                "taken_at": item.taken_at,
                "size_bytes": item.size_bytes,
                "width": item.facts.width,
                "height": item.facts.height,
                "decision": word,
                "why": why,
                "beside": beside,
                "sent_as": sent_as or None,
            }
        )
    failures = [{"subject": failure_subject(one), "message": failure_text(one)} for one in preview.failures]
    return {"rule": preview.rule, "photos": photos, "failures": failures}


def _summary(preview: Preview) -> list[str]:
    from picsync.observe.words import decisions_sentence, failure_subject, failure_text

    lines = []
    if preview.candidates or not preview.failures:
        lines.append(decisions_sentence(preview.rule, preview.candidates, preview.on_frame))
    return lines + [f"{failure_subject(one)}: {failure_text(one)}" for one in preview.failures]


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
