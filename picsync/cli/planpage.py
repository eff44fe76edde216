"""A plan as a page that needs nothing else: no script, no other file, no address."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from picsync.core.errors import DiskError
from picsync.core.values import dataclass
from picsync.system.files import reason, remedy

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #888; --good: #2a7d46; --box: #8882; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .3rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .6rem; border-top: 1px solid var(--line); padding-top: .8rem; }
h3 small { color: var(--soft); font-weight: normal; }
p { margin: .3rem 0; }
ul { list-style: none; padding: 0; margin: 0; display: grid; gap: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); }
li { border: 1px solid var(--line); border-radius: 8px; padding: .6rem; overflow-wrap: anywhere; }
li div { height: 7rem; display: grid; place-items: center; margin-bottom: .5rem; }
li i { display: block; background: var(--box); border-radius: 4px; max-width: 100%; max-height: 7rem; }
li img { max-width: 100%; max-height: 7rem; border-radius: 4px; }
li b { display: block; font-weight: 600; font-size: .85rem; }
li span { display: block; color: var(--soft); font-size: .8rem; }
li.new b::after { content: " new"; color: var(--good); font-weight: 400; }
"""
MAX_OF_A_KIND = 500
"""Photos of each decision on the page: browsers become slow beyond some thousands."""


@dataclass(frozen=True, slots=True)
class Row:
    """One photo of a plan, in words."""

    decision: str
    """`shown`, `left out` or `skipped`."""
    why: str
    taken: str
    source: str
    name: str
    size: str
    """Size of the original, and its pixels; empty if not listed."""
    rendition: str = ""
    """What the frame is sent of a new photo."""
    ratio: float = 0.0
    """Width by height; 0 if unknown."""
    picture: bytes = b""
    """A small JPEG; empty if there is none."""


def write_page(
    path: Path,
    plans: Sequence[tuple[Sequence[str], Sequence[Row]]],
    *,
    title: str = "What picsync would show",
) -> None:
    """Write the plans of rules, each with the rule's name and a summary; raises DiskError."""
    body = "".join(part for summary, found in plans for part in _plan(summary, found))
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )
    try:
        path.write_text(page, encoding="utf-8", errors="replace")
    except OSError as error:
        raise DiskError(f"{path}: {reason(error)}", hint=remedy(error, path)) from error


def _plan(summary: Sequence[str], found: Sequence[Row]) -> Iterator[str]:
    rule, *lines = summary
    yield f"<h2>{escape(rule)}</h2>" + "".join(f"<p>{escape(line)}</p>" for line in lines)
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        groups.setdefault((row.decision, "" if row.decision == "shown" else row.why), []).append(row)
    for (decision, why), rows in groups.items():
        title = f"{decision.capitalize()}: {why}" if why else decision.capitalize()
        yield f"<h3>{escape(title)} <small>{len(rows):,}</small></h3><ul>"
        yield from map(_card, rows[:MAX_OF_A_KIND])
        yield "</ul>"
        if len(rows) > MAX_OF_A_KIND:
            yield f"<p>... and {len(rows) - MAX_OF_A_KIND:,} more.</p>"


def _card(row: Row) -> str:
    details = [row.taken, row.size, row.rendition, row.source]
    lines = "".join(f"<span>{escape(detail)}</span>" for detail in details if detail)
    new = ' class="new"' if row.decision == "shown" and not row.why.startswith("on the frame") else ""
    return f"<li{new}><div>{_picture(row)}</div><b>{escape(row.name)}</b>{lines}</li>"


def _picture(row: Row) -> str:
    """Return the picture, or a box of its shape."""
    if row.picture:
        return f'<img alt="" src="data:image/jpeg;base64,{b64encode(row.picture).decode()}">'
    shape = row.ratio or 4 / 3
    side = "width:100%" if shape > 1.5 else "height:7rem"
    return f'<i style="aspect-ratio:{shape:.3f};{side}"></i>'
