"""The dashboard is the output of its builder, queries only existing series, and has descriptions."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from doc.grafana.dashboard import render
from picsync.observe.metrics import METRICS, Metrics
from tests.grafana.monitored_sync import DASHBOARD, targets

BOARD = json.loads(DASHBOARD.read_text("utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
NAME = re.compile(r"\b(?:picsync|process|python)_\w+|\bup\b(?=\{)")


def exposed() -> set[str]:
    """Return every name that Prometheus can know after a scrape of picsync."""
    registry = CollectorRegistry()
    Metrics(registry, now=lambda: 0.0)
    samples = {sample.name for family in registry.collect() for sample in family.samples}
    own = {metric.name for metric in METRICS if not metric.buckets}
    histograms = {
        f"{metric.name}_{part}" for metric in METRICS if metric.buckets for part in ("bucket", "count", "sum")
    }
    return samples | own | histograms | {"up"}


def test_the_file_is_what_the_builder_makes() -> None:
    assert DASHBOARD.read_text("utf-8") == render(), "run `python -m doc.grafana.dashboard`"


def test_every_metric_exists_with_every_label() -> None:
    asked = [target.expr for target in targets()]
    asked += [each["query"] for each in BOARD["templating"]["list"]]
    used = {name for expr in asked for name in NAME.findall(expr)}
    assert used <= exposed()
    assert len(used) > 25
    labels = {metric.name: set(metric.exposed) for metric in METRICS}
    for expr in asked:
        for name, selector in re.findall(r"(picsync_\w+?)(?:_bucket)?\{(.*?)\}", expr):
            chosen = set(re.findall(r"(\w+)(?:=|!=|=~|!~)\"", selector)) - {"job", "instance"}
            assert chosen <= labels[name], (name, chosen)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_panel_has_unit_thresholds_and_description(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"]
    assert len(panel["description"]) > 40
    assert panel["datasource"]["uid"] == "${datasource}"
    for target in panel["targets"]:
        assert 'job="$job"' in target["expr"]
        assert 'instance=~"$instance"' in target["expr"]


def test_the_panels_fill_one_screen() -> None:
    taken = [
        (x, y)
        for at in (panel["gridPos"] for panel in BOARD["panels"])
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(taken) == len(set(taken))
    assert {x for x, _ in taken} == set(range(24))
    height = max(y for _, y in taken) + 1
    assert len(taken) == 24 * height
    # Grafana's rows are 30 pixels and 8 between; a full-HD screen in kiosk mode has about a thousand.
    assert height * 38 <= 1000


def test_ids_and_variables() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    assert [each["name"] for each in BOARD["templating"]["list"]] == [
        "datasource",
        "job",
        "instance",
        "album",
    ]
