"""Makes picsync.json, the Grafana dashboard: `python -m doc.grafana.dashboard`, in the top folder."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable, QueryVariable, Row
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    GridPos,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from doc.grafana import promql, screen
from doc.grafana.panels import DATASOURCE

TARGET = Path(__file__).with_name("picsync.json")


def build() -> Dashboard:
    """Return the whole dashboard."""
    board = Dashboard("picsync").uid("picsync").tags(["picsync"]).refresh("30s").time("now-24h", "now")
    board.description(
        "Is grandma's frame up to date? See doc/monitoring.md of picsync for every metric and alert."
    )
    board.timezone("browser").editable().tooltip(DashboardCursorSync.CROSSHAIR)
    _variables(board)
    _heading(board, 0, "Is grandma's frame up to date, and when did it last succeed?")
    screen.add_frame(board)
    _heading(board, 9, "What is happening now?")
    screen.add_cycles(board)
    screen.add_requests(board)
    _heading(board, 20, "Is anything about to break?")
    screen.add_limits(board)
    return board


def render() -> str:
    """Return picsync.json."""
    return json.dumps(board_json(), indent=1, sort_keys=True) + "\n"


def board_json() -> dict[str, object]:
    """Return the dashboard as Grafana reads it, with numbered panels."""
    board: dict[str, object] = json.loads(json.dumps(build().build(), cls=JSONEncoder))
    panels = board["panels"]
    assert isinstance(panels, list)  # noqa: S101 - the SDK's own structure
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    return board


def _variables(board: Dashboard) -> None:
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    board.with_variable(DatasourceVariable("datasource").label("Prometheus").type("prometheus"))

    def variable(name: str, label: str, query: str) -> QueryVariable:
        new = QueryVariable(name).label(label).datasource(DATASOURCE).query(query)
        return new.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)

    board.with_variable(variable("job", "Job", "label_values(picsync_build_info, job)"))
    for name, label, query in (
        ("instance", "Instance", 'label_values(picsync_build_info{job="$job"}, instance)'),
        ("album", "Album", f"label_values(picsync_rule_since_timestamp_seconds{{{promql.SCOPE}}}, album)"),
    ):
        several = variable(name, label, query).multi(True).include_all(True)
        board.with_variable(several.all_value(".*").current(everything))


def _heading(board: Dashboard, top: int, question: str) -> None:
    board.with_row(Row(question).grid_pos(GridPos(x=0, y=top, w=24, h=1)))


if __name__ == "__main__":
    TARGET.write_text(render(), "utf-8")
