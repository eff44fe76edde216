"""The kinds of panels that the dashboard is made of: each with unit, thresholds and description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TypeAlias, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BarGaugeNamePlacement,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    GridPos,
    RangeMap,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

GREEN, BLUE, YELLOW, ORANGE, RED, GREY = "green", "blue", "#d9a40b", "orange", "red", "#808080"

Steps: TypeAlias = Sequence[tuple[float, str]]
"""From which value on which colour; below the first it is green."""
Words: TypeAlias = Mapping[float, tuple[str, str]]
"""Value -> the word and colour shown instead."""

P = TypeVar("P", bargauge.Panel, stat.Panel, table.Panel, timeseries.Panel)


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel."""

    expr: str
    legend: str = ""
    color: str = ""
    unit: str = ""
    """Where it is not the panel's."""


@dataclass(frozen=True, slots=True)
class About:
    """What every panel has."""

    title: str
    description: str
    at: tuple[int, int, int, int]
    """Left, top, width and height in Grafana's grid of 24 columns."""
    unit: str
    steps: Steps = ()
    base: str = GREEN
    decimals: int | None = None
    empty: str = ""
    """What is said if there are no data."""


def _begin(panel: P, about: About) -> P:
    left, top, width, height = about.at
    steps = [
        Threshold(value=None, color=about.base),
        *(Threshold(value, color) for value, color in about.steps),
    ]
    panel.title(about.title).description(about.description).datasource(DATASOURCE)
    panel.grid_pos(GridPos(x=left, y=top, w=width, h=height)).unit(about.unit)
    panel.thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    if about.decimals is not None:
        panel.decimals(about.decimals)
    if about.empty:
        panel.no_value(about.empty)
    return panel


def _ask(panel: P, queries: Sequence[Query], *, instant: bool, as_table: bool = False) -> None:
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        target = Dataquery().ref_id(letter).expr(query.expr).legend_format(query.legend)
        target = target.instant() if instant else target.range()
        panel.with_target(target.format(PromQueryFormat.TABLE if as_table else PromQueryFormat.TIME_SERIES))
        own = []
        if query.color:
            own.append(DynamicConfigValue("color", {"mode": "fixed", "fixedColor": query.color}))
        if query.unit:
            own.append(DynamicConfigValue("unit", query.unit))
        if own:
            panel.override_by_query(letter, own)


def mapping(
    words: Words, ranges: Sequence[tuple[float | None, float | None, str, str]] = ()
) -> list[ValueMapping]:
    """Return the mappings for single values and for ranges (from, to, word, colour)."""
    results = {f"{value:g}": ValueMappingResult(text, color) for value, (text, color) in words.items()}
    single: list[ValueMapping] = [ValueMap(results)] if results else []
    return single + [
        RangeMap(DashboardRangeMapOptions(low, high, ValueMappingResult(text, color)))
        for low, high, text, color in ranges
    ]


def tiles(
    about: About, *queries: Query, mappings: Sequence[ValueMapping] = (), graph: bool = False
) -> stat.Panel:
    """Return coloured tiles, one for each series; with `graph`, over the course of each."""
    panel = _begin(stat.Panel(), about)
    panel.color_mode(BigValueColorMode.VALUE if graph else BigValueColorMode.BACKGROUND)
    panel.graph_mode(BigValueGraphMode.AREA if graph else BigValueGraphMode.NONE)
    panel.text_mode(BigValueTextMode.AUTO if graph else BigValueTextMode.VALUE_AND_NAME)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"])).mappings(list(mappings))
    panel.orientation(VizOrientation.AUTO).wide_layout(True)
    _ask(panel, queries, instant=not graph)
    return panel


def bars(about: About, *queries: Query) -> bargauge.Panel:
    """Return horizontal bars from nothing to full, one for each series."""
    panel = _begin(bargauge.Panel(), about).min(0).max(1)
    panel.orientation(VizOrientation.HORIZONTAL).display_mode(BarGaugeDisplayMode.BASIC)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.name_placement(BarGaugeNamePlacement.LEFT).min_viz_height(8)
    _ask(panel, queries, instant=True)
    return panel


def course(
    about: About, *queries: Query, stacked: bool = False, limit: bool = False, beside: bool = False
) -> timeseries.Panel:
    """Return series over time: stacked as bars, with the thresholds as lines, or the legend beside."""
    panel = _begin(timeseries.Panel(), about).min(0).line_width(1).fill_opacity(60 if stacked else 10)
    panel.color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    legend = common.VizLegendOptions().show_legend(True)
    if beside:
        legend.display_mode(LegendDisplayMode.TABLE).placement(LegendPlacement.RIGHT)
        legend.calcs(["lastNotNull", "max"]).sort_by("Max").sort_desc(True)
    else:
        legend.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).calcs([])
    panel.legend(legend)
    if stacked:
        panel.draw_style(GraphDrawStyle.BARS).line_width(0)
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if limit:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
    _ask(panel, queries, instant=False)
    return panel


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, with a query unless it is a label."""

    title: str
    width: int
    label: str = ""
    query: Query | None = None
    properties: Sequence[DynamicConfigValue] = ()


def rows(about: About, columns: Sequence[Column]) -> table.Panel:
    """Return a table: a row for each set of labels, in order of the first query."""
    panel = _begin(table.Panel(), about).show_header(True)
    asked = [column for column in columns if column.query is not None]
    _ask(panel, [column.query for column in asked if column.query], instant=True, as_table=True)
    fields = {f"Value #{letter}": column for letter, column in zip(ascii_uppercase, asked, strict=False)}
    fields |= {column.label: column for column in columns if column.label}
    panel.with_transformation(DataTransformerConfig("merge", options={}))
    order = {field: columns.index(column) for field, column in fields.items()}
    renamed = {field: column.title for field, column in fields.items()}
    options = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": renamed}
    panel.with_transformation(DataTransformerConfig("organize", options=options))
    for column in columns:
        own = [DynamicConfigValue("custom.width", column.width), *column.properties]
        panel.override_by_name(column.title, own)
    return panel
