"""doc/monitoring.md, the code, the alerts and the old names agree."""

from __future__ import annotations

import re

from picsync.observe.metrics import METRICS, insert_table
from tests.observe.scraping import ROOT, load

PAGE = (ROOT / "doc" / "monitoring.md").read_text("utf-8")
RULES = [rule for group in load("k8s/prometheusrule.yaml")["spec"]["groups"] for rule in group["rules"]]


def test_the_page_has_the_table_of_the_code() -> None:
    assert insert_table(PAGE) == PAGE, "run: python -m picsync.observe.metrics doc/monitoring.md"


def test_the_page_names_no_metric_that_does_not_exist() -> None:
    exposed = {metric.name for metric in METRICS}
    named = set(re.findall(r"picsync_[a-z_]+[a-z]", PAGE))
    assert {
        name for name in named if re.sub(r"_(bucket|sum|count)$", "", name) not in exposed | {name}
    } == set()
    assert named - exposed - {f"{name}_bucket" for name in exposed} == set()


def test_the_page_lists_the_alerts_with_what_they_wait_for() -> None:
    rows = re.findall(r"^\| `(Picsync\w+)` \| (\w+) \|", PAGE, flags=re.MULTILINE)
    alerts = [(rule["alert"], rule["labels"]["severity"]) for rule in RULES if "alert" in rule]
    assert rows == alerts


def test_the_page_maps_the_old_names_as_the_rules_do() -> None:
    rows = re.findall(r"^\| `((?:cache|googlephotos|nixplay)_\w+)` \| (.*?) \|", PAGE, flags=re.MULTILINE)
    recorded = {}
    for rule in RULES:
        if "record" in rule:
            expr = re.sub(r" ?or 0 \* picsync_config_problems$", "", rule["expr"])
            expr = re.sub(r"^sum without \([\w, ]+\) \((.*)\)$", r"\1", expr)
            recorded[rule["record"]] = f"`{expr.replace('|', chr(92) + '|')}`"
    assert dict(rows) == recorded | {name: "always 0" for name, expr in recorded.items() if "0 *" in expr}
