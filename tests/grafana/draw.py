"""Draws doc/prometheus-grafana.png: `python -m tests.grafana.draw`, in the top folder, takes four minutes.

The panels have the positions, units, words and colours of picsync.json, and show the results of its queries
from a real Prometheus that has scraped a real picsync with the emulators.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from tests.grafana.monitored_sync import (
    DASHBOARD,
    EVERY_S,
    FAMILY,
    ITALY,
    MonitoredSync,
    open_monitored_sync,
    targets,
)
from tests.grafana.prometheus import Series

TARGET = DASHBOARD.parent.parent / "prometheus-grafana.png"
LABEL = "drawn from a real Prometheus' data; not a Grafana screenshot"
PAGE, CARD, EDGE, TEXT, DIM = "#111217", "#181b1f", "#2c3035", "#d8d9da", "#8e9196"
COLORS = {
    "green": "#56a64b",
    "blue": "#3274d9",
    "orange": "#ff780a",
    "red": "#e02f44",
    "purple": "#a352cc",
    "text": TEXT,
}
CYCLE = tuple(
    f"#{each}"
    for each in (
        "73bf69", "f2cc0c", "8ab8ff", "ff780a", "f2495c", "5794f2", "b877d9", "37872d", "fade2a", "c15c17",
        "8f3bb8", "96d98d", "1f60c4",
    )
)  # fmt: skip
UNIT_PX, GAP_PX, TOP_PX, WIDTH_PX = 38, 8, 58, 1920


@dataclass(frozen=True, slots=True)
class Shown:
    """A series with its query and the name that the legend gives it."""

    ref: str
    name: str
    series: Series


Answers = dict[str, list[Shown]]


async def play(monitored: MonitoredSync) -> tuple[float, float]:
    """Run some minutes of a household; return when to begin and end drawing."""
    right = {FAMILY: 0, ITALY: 0}
    await monitored.settle("steady", right, cycles=6)
    await monitored.look()
    monitored.trouble()
    monitored.add(FAMILY, 260)
    await monitored.settle("bulk", right, cycles=4)
    await monitored.fail()
    monitored.add(ITALY, 60)
    await monitored.settle("more", right, cycles=5)
    del monitored.albums[FAMILY].items[:90]
    await monitored.settle("held", {FAMILY: 5, ITALY: 0}, cycles=5)
    return monitored.began_at + 5, time.time()


async def ask(monitored: MonitoredSync, start: float, end: float) -> Answers:
    """Return what every panel shows."""
    answers: Answers = {}
    for target in targets():
        # A query for one moment uses the last one drawn.
        first = end if target.instant else start
        for series in await monitored.prometheus.query_range(target.expr, first, end):
            name = target.legend
            for label, value in series.labels.items():
                name = name.replace(f"{{{{{label}}}}}", value)
            answers.setdefault(target.panel, []).append(Shown(target.ref, name, series))
    return answers


def in_words(value: float, unit: str, decimals: int | None = None) -> str:
    """Return a value with its unit, much as Grafana writes it."""
    if unit == "s":
        for size, name in ((86400, "day"), (3600, "hour"), (60, "min")):
            if abs(value) >= size:
                return f"{value / size:.1f} {name}s"
        return f"{value:.{decimals or 0}f} s" if value >= 1 or decimals == 0 else f"{value * 1000:.0f} ms"
    if unit == "bytes":
        return f"{value / 2**20:.1f} MiB" if value >= 2**20 else f"{value / 2**10:.0f} KiB"
    if unit == "percentunit":
        return f"{value:.{2 if decimals is None else decimals}%}"
    number = f"{value:,.{decimals}f}" if decimals is not None else f"{value:,.4g}"
    return number + {"reqps": " req/s"}.get(unit, unit.removeprefix("suffix:") if ":" in unit else "")


def look(fields: dict[str, Any], value: float) -> tuple[str, str]:
    """Return text and colour for a value, by mappings and thresholds."""
    for mapping in fields.get("mappings", ()):
        options = mapping["options"]
        if mapping["type"] == "value":
            result = options.get(f"{value:g}")
        else:
            low, high = options.get("from"), options.get("to")
            inside = (low is None or value >= low) and (high is None or value <= high)
            result = options["result"] if inside else None
        if result:
            return result["text"], result["color"]
    color = fields["thresholds"]["steps"][0]["color"]
    for step in fields["thresholds"]["steps"][1:]:
        color = step["color"] if value >= step["value"] else color
    return in_words(value, fields["unit"], fields.get("decimals")), color


def fields_of(panel: dict[str, Any], *matches: str) -> dict[str, Any]:
    """Return the field settings for what goes by one of these names or query letters."""
    fields = dict(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] in matches:
            fields |= {each["id"]: each["value"] for each in override["properties"]}
    return fields


def paint(color: str) -> str:
    return COLORS.get(color, color)


def with_gaps(minutes: list[float], values: list[float]) -> tuple[list[float], list[float]]:
    """Return the points with a gap where steps of a second are missing, as Grafana draws them."""
    xs, ys = minutes[:1], values[:1]
    for at, value in zip(minutes[1:], values[1:], strict=True):
        if at - xs[-1] > 1.5 / 60:
            xs.append(at)
            ys.append(float("nan"))
        xs.append(at)
        ys.append(value)
    return xs, ys


class Board:
    """The picture."""

    def __init__(self, answers: Answers, start: float, end: float) -> None:
        self._answers = answers
        self._start = start
        self._span = (end - start) / 60
        self._board = json.loads(DASHBOARD.read_text("utf-8"))
        rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in self._board["panels"])
        self._height = TOP_PX + rows * UNIT_PX + GAP_PX
        self.figure = Figure(figsize=(WIDTH_PX / 100, self._height / 100), dpi=100, facecolor=PAGE)
        self.figure.text(
            0.008, 1 - 20 / self._height, "picsync", color=TEXT, size=17, weight="bold", va="center"
        )
        self.figure.text(
            0.992, 1 - 20 / self._height, LABEL, color="#f2cc0c", size=15, ha="right", va="center"
        )
        about = (
            "job: picsync    instance: All    album: All    a few minutes in fast motion: "
            f"a cycle every {EVERY_S} s"
        )
        self.figure.text(0.008, 1 - 44 / self._height, about, color=DIM, size=10, va="center")
        for panel in self._board["panels"]:
            self._draw(panel)

    def _draw(self, panel: dict[str, Any]) -> None:
        at = panel["gridPos"]
        column = WIDTH_PX / 24
        x, w = at["x"] * column + GAP_PX / 2, at["w"] * column - GAP_PX
        y, h = TOP_PX + at["y"] * UNIT_PX, at["h"] * UNIT_PX - GAP_PX
        if panel["type"] == "row":
            self.figure.text(
                (x + 4) / WIDTH_PX, 1 - (y + h / 2) / self._height, panel["title"], color=TEXT, size=12,
                weight="bold", va="center",
            )  # fmt: skip
            return
        card = FancyBboxPatch(
            (x / WIDTH_PX, 1 - (y + h) / self._height), w / WIDTH_PX, h / self._height,
            boxstyle="square,pad=0", facecolor=CARD, edgecolor=EDGE,
            transform=self.figure.transFigure, zorder=-1,
        )  # fmt: skip
        self.figure.add_artist(card)
        self.figure.text(
            (x + 8) / WIDTH_PX, 1 - (y + 13) / self._height, panel["title"], color=TEXT, size=9.5, va="center"
        )
        course = panel["type"] == "timeseries"
        left, below, right, above = (64, 24, 10, 28) if course else (8, 8, 8, 26)
        beside = course and panel["options"]["legend"]["placement"] == "right"
        if beside:
            right = 300
        elif course:
            below = 42 if len(self._answers.get(panel["title"], [])) < 6 else 54
        box = (x + left, y + above, w - left - right, h - above - below)
        axes = self.figure.add_axes(
            (
                box[0] / WIDTH_PX,
                1 - (box[1] + box[3]) / self._height,
                box[2] / WIDTH_PX,
                box[3] / self._height,
            )
        )
        axes.set_facecolor(CARD)
        shown = self._answers.get(panel["title"], [])
        if course:
            self._course(axes, panel, shown, beside=beside)
            return
        axes.axis("off")
        axes.set(xlim=(0, box[2]), ylim=(box[3], 0))
        if panel["type"] == "stat":
            self._tiles(axes, panel, shown, box[2], box[3])
        elif panel["type"] == "bargauge":
            self._bars(axes, panel, shown, box[2], box[3])
        else:
            self._table(axes, panel, shown, box[2])

    def _course(self, axes: Axes, panel: dict[str, Any], shown: list[Shown], *, beside: bool) -> None:
        custom = panel["fieldConfig"]["defaults"]["custom"]
        stacked = custom.get("drawStyle") == "bars"
        floor: dict[float, float] = {}
        shown = sorted(shown, key=lambda each: -max(v for _, v in each.series.points)) if beside else shown
        for number, each in enumerate(shown):
            fields = fields_of(panel, each.ref, each.name)
            fixed = fields.get("color", {}).get("fixedColor")
            color = paint(fixed) if fixed else CYCLE[number % len(CYCLE)]
            minutes = [(at - self._start) / 60 for at, _ in each.series.points]
            values = [value for _, value in each.series.points]
            name = each.name
            if beside:
                name = f"{name}  {in_words(values[-1], 's')} / {in_words(max(values), 's')}"
            if stacked:
                bottoms = [floor.get(at, 0.0) for at in minutes]
                axes.bar(minutes, values, width=1 / 60, bottom=bottoms, color=color, alpha=0.75, label=name)
                floor |= {at: low + v for at, low, v in zip(minutes, bottoms, values, strict=True)}
            else:
                minutes, values = with_gaps(minutes, values)
                axes.plot(minutes, values, color=color, linewidth=1.2, label=name)
                if not beside:
                    axes.fill_between(minutes, values, color=color, alpha=0.08)
        axes.set_ylim(bottom=0)
        axes.set_xlim(0, self._span)
        axes.grid(color=EDGE, linewidth=0.6)
        axes.tick_params(colors=DIM, labelsize=7.5, length=0)
        unit = panel["fieldConfig"]["defaults"]["unit"]
        axes.yaxis.set_major_formatter(lambda value, _: in_words(value, unit))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} min")
        for spine in axes.spines.values():
            spine.set_visible(False)
        if beside:
            axes.legend(
                loc="upper left", bbox_to_anchor=(1.01, 1.12), fontsize=6.8, frameon=False, labelcolor=TEXT,
                handlelength=1, labelspacing=0.25, title="last / max",
            )  # fmt: skip
        else:
            axes.legend(
                loc="upper center", bbox_to_anchor=(0.5, -0.13), fontsize=7.5, frameon=False, labelcolor=TEXT,
                handlelength=1, labelspacing=0.25, columnspacing=1, ncols=3 if len(shown) > 5 else 6,
            )  # fmt: skip
        if (legend := axes.get_legend()) and beside:
            legend.get_title().set(color=DIM, size=7.5)

    def _tiles(
        self, axes: Axes, panel: dict[str, Any], shown: list[Shown], width: float, height: float
    ) -> None:
        if not shown:
            axes.text(
                width / 2, height / 2, panel["fieldConfig"]["defaults"]["noValue"], color=DIM, ha="center"
            )
            return
        filled = panel["options"]["colorMode"] == "background"
        across = width >= 90 * len(shown)
        step = (width if across else height) / len(shown)
        for number, each in enumerate(shown):
            fields = fields_of(panel, each.ref)
            text, color = look(fields, each.series.last)
            if "color" in fields and text == in_words(
                each.series.last, fields["unit"], fields.get("decimals")
            ):
                color = fields["color"]["fixedColor"]
            x, y = (number * step, 0.0) if across else (0.0, number * step)
            w, h = (step - 4, height) if across else (width, step - 4)
            if filled:
                tile = FancyBboxPatch(
                    (x, y), w, h, boxstyle="square,pad=0", facecolor=paint(color), edgecolor="none"
                )
                axes.add_patch(tile)
            elif len(each.series.points) > 1:
                values = [value for _, value in each.series.points]
                top = max(values) * 1.1 or 1
                xs = [x + w * i / (len(values) - 1) for i in range(len(values))]
                ys = [h - v / top * h * 0.45 for v in values]
                axes.fill_between(xs, ys, h, color=paint(color), alpha=0.25, linewidth=0)
                axes.plot(xs, ys, color=paint(color), linewidth=1)
            size = min(h * 0.30, 1.25 * w / max(len(text), 4)) if across else h * 0.4
            name = each.name if filled else ""
            axes.text(
                x + w * (0.5 if h >= 50 else 0.8), y + h * (0.58 if name else 0.32), text,
                color="white" if filled else paint(color), size=min(size, 24), weight="bold",
                ha="center", va="center",
            )  # fmt: skip
            if h < 50:
                axes.text(x + 6, y + h * 0.58, name, color="white", size=8, va="center")
            else:
                axes.text(x + w / 2, y + h * 0.2, name, color="white", size=8.5, ha="center", va="center")

    def _bars(
        self, axes: Axes, panel: dict[str, Any], shown: list[Shown], width: float, height: float
    ) -> None:
        step = height / max(len(shown), 1)
        for number, each in enumerate(shown):
            text, color = look(fields_of(panel, each.ref), each.series.last)
            y, full = number * step + step * 0.4, width - 70
            axes.text(0, number * step + step * 0.2, each.name, color=TEXT, size=9, va="center")
            axes.add_patch(FancyBboxPatch((0, y), full, step * 0.5, boxstyle="square,pad=0", color="#24272c"))
            part = max(2.0, full * min(1.0, each.series.last))
            axes.add_patch(
                FancyBboxPatch((0, y), part, step * 0.5, boxstyle="square,pad=0", color=paint(color))
            )
            axes.text(
                width,
                y + step * 0.25,
                text,
                color=paint(color),
                size=11,
                weight="bold",
                ha="right",
                va="center",
            )

    def _table(self, axes: Axes, panel: dict[str, Any], shown: list[Shown], width: float) -> None:
        options = panel["transformations"][1]["options"]
        names, order = options["renameByName"], options["indexByName"]
        rows: dict[str, dict[str, tuple[str, str]]] = {}
        for each in shown:
            row = rows.setdefault(each.series.labels["album"], {})
            row |= {names[label]: (value, "") for label, value in each.series.labels.items()}
            title = names[f"Value #{each.ref}"]
            fields = fields_of(panel, title)
            text, color = look(fields, each.series.last)
            row[title] = (text, color if fields.get("custom.cellOptions") else "")
        columns = [names[field] for field in sorted(order, key=lambda field: int(order[field]))]
        widths = [fields_of(panel, title)["custom.width"] for title in columns]
        scale = width / sum(widths)
        x = 0.0
        for title, wide in zip(columns, widths, strict=True):
            axes.text(x + 4, 10, title, color="#6e9fff", size=9, va="center")
            for number, row in enumerate(rows.values(), 1):
                text, color = row.get(title, ("", ""))
                y = number * 36.0
                if color:
                    cell = FancyBboxPatch(
                        (x, y - 14), wide * scale - 4, 30, boxstyle="square,pad=0", color=paint(color)
                    )
                    axes.add_patch(cell)
                axes.text(
                    x + 4,
                    y + 1,
                    text,
                    color="white" if color else TEXT,
                    size=8 if color else 9.5,
                    va="center",
                )
            x += wide * scale


async def draw() -> None:
    """Run the household, query and draw."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_monitored_sync(Path(folder), family=120, italy=40) as monitored:
            start, end = await play(monitored)
            answers = await ask(monitored, start, end)
    Board(answers, start, end).figure.savefig(TARGET, facecolor=PAGE)


if __name__ == "__main__":
    asyncio.run(draw())
