"""doc/performance.md: the figures are between two marks; everything else in it is written by hand."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks import report
from benchmarks.plot import draw
from benchmarks.results import Figures

BEGIN = "<!-- figures: `python -m benchmarks --all --write doc/performance.md` -->"
END = "<!-- end of figures -->"


def require_marks(path: Path) -> None:
    """Raise a usage error unless the page has the marks between which the figures go."""
    text = path.read_text("utf-8")
    if not 0 <= text.find(BEGIN) < text.find(END):
        raise click.UsageError(f"{path} lacks the marks between which the figures go: {BEGIN} and {END}")


def write(figures: Figures, path: Path) -> None:
    """Write figures into a page, with the picture and the JSON file."""
    draw(figures, path.with_suffix(".png"))
    figures.write(path.with_suffix(".json"))
    insert(figures, path)


def insert(figures: Figures, path: Path) -> None:
    """Replace the figures of a page."""
    before, begin, rest = path.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    image = f"![Wall time against the ideal, and cost by size]({path.stem}.png)"
    parts = [before + begin, report.where(figures), *report.tables(figures), image, END + after]
    path.write_text("\n\n".join(parts), "utf-8")
