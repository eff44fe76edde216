"""k8s/prometheusrule.yaml and k8s/podmonitor.yaml: structure, names, and the checks of promtool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from picsync.frames.nixplay.client import OPERATIONS as NIXPLAY
from picsync.observe.metrics import METRICS
from picsync.sources.google.library.source import OPERATIONS as GOOGLE
from tests.observe.scraping import Scraped, load

RULE_FILE: dict[str, Any] = load("k8s/prometheusrule.yaml")
GROUPS: list[dict[str, Any]] = RULE_FILE["spec"]["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}

CACHE = ("entries", "get_hits", "get_misses", "upserts_insert", "upserts_update")
CALLS = (
    *(f"googlephotos_{call}" for call in ("list_albums", "list_mediaitems", "mediaitems_downloaded")),
    *(f"nixplay_{call}" for call in ("create_album", "create_playlist", "delete_album", "delete_photo")),
    *(f"nixplay_{call}" for call in ("get_albums", "get_album_by_name", "get_photos", "get_playlists")),
    *(f"nixplay_{call}" for call in ("get_playlist_by_name", "publish_playlist", "upload_photos")),
)
OLD_NAMES = {
    *(f"cache_{what}_{service}" for what in CACHE for service in ("googlephotos", "nixplay")),
    *(f"{call}_{outcome}" for call in CALLS for outcome in ("success", "failure")),
    "cache_file_size",
    "googlephotos_access_token_valid_time_remaining",
    "googlephotos_list_mediaitems_count",
    "googlephotos_mediaitems_downloaded_bytes",
    "nixplay_get_photos_photo_count",
    "nixplay_upload_photos_bytes",
}
"""What the Go picsync exposed."""

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def test_the_rule_file_is_a_prometheusrule() -> None:
    assert RULE_FILE.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert RULE_FILE["apiVersion"] == "monitoring.coreos.com/v1"
    assert RULE_FILE["kind"] == "PrometheusRule"
    assert RULE_FILE["metadata"] == {"name": "picsync", "labels": {"app": "picsync"}}
    assert RULE_FILE["spec"].keys() == {"groups"}
    assert len({group["name"] for group in GROUPS}) == len(GROUPS)
    for group in GROUPS:
        assert group.keys() == {"name", "rules"}
        assert isinstance(group["name"], str)
    for rule in RULES:
        assert isinstance(rule["expr"], str)
        if "record" in rule:
            assert rule.keys() == {"record", "expr"}
        else:
            assert rule.keys() - {"for"} == {"alert", "expr", "labels", "annotations"}
            assert re.fullmatch(r"\d+m", rule.get("for", "0m"))
            assert rule["labels"].keys() == {"severity"}
            assert rule["labels"]["severity"] in {"info", "warning", "critical"}
            assert rule["annotations"].keys() == {"summary", "description"}
            assert all(isinstance(text, str) and "\n" not in text for text in rule["annotations"].values())


def test_the_pod_monitor_is_a_podmonitor() -> None:
    assert load("k8s/podmonitor.yaml") == {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {"name": "picsync", "labels": {"app": "picsync"}},
        "spec": {
            "selector": {"matchLabels": {"app": "picsync"}},
            "podMetricsEndpoints": [{"port": "metrics", "path": "/metrics", "interval": "30s"}],
        },
    }


def test_every_old_name_is_recorded() -> None:
    assert RECORDED.keys() == OLD_NAMES
    assert len(RECORDED) == sum("record" in rule for rule in RULES)


def test_alert_rules_use_existing_metrics_and_labels() -> None:
    labels = {metric.name: metric.exposed for metric in METRICS}
    operations = {(each.service, each.name) for each in (*NIXPLAY, *GOOGLE)}
    services = {service for service, _ in operations}
    for rule in RULES:
        for name, matchers in re.findall(r"(picsync_\w+)(?:\{([^}]*)\})?", rule["expr"]):
            found = dict(re.findall(r'(\w+)[!=~]+"([^"]*)"', matchers))
            assert name in labels, rule
            assert found.keys() <= set(labels[name]), rule
            # `Google Photos( \\(.+\\))?` stands for all accounts of a service.
            service = found.get("service", "").partition("( ")[0]
            if service:
                assert service in services, rule
            for operation in filter(None, found.get("operation", "").split("|")):
                assert (service, operation) in operations, rule


def test_old_names_lose_all_labels_but_the_targets() -> None:
    labels = {metric.name: metric.exposed for metric in METRICS}
    for expr in RECORDED.values():
        summed = re.match(r"sum without \(([\w, ]+)\) \((picsync_\w+)", expr)
        if summed:
            assert set(summed[1].split(", ")) == set(labels[summed[2]]), expr
        else:
            assert labels[re.findall(r"picsync_\w+", expr)[0]] == (), expr


def test_series_of_alerts_exist_from_the_first_scrape() -> None:
    text = Scraped("Family").text()
    later = {
        "picsync_playlist_photos",  # Not known before the first cycle, and nothing is full by then.
        "picsync_playlist_assigned",  # As above.
        "picsync_login_ok",  # Until the service is asked for the first time.
        "picsync_requests_total",
        "picsync_frame_last_seen_timestamp_seconds",  # Only of web frames that a device has shown.
        "picsync_frame_devices",  # As above.
    }
    named = {name for rule in ALERTS.values() for name in re.findall(r"picsync_[a-z_]+", rule["expr"])}
    assert {name for name in named if f"\n{name}" not in text} == later
    assert "\npicsync_config_problems 0.0" in text  # The zero of every old name.


@needs_promtool
def test_promtool_accepts_the_rules(tmp_path: Path) -> None:
    rules = _rules_file(tmp_path)
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint-fatal", rules], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("name", ["rules.test.yaml", "quota.test.yaml"])
def test_the_rules_do_what_they_should(tmp_path: Path, name: str) -> None:
    _rules_file(tmp_path)
    shutil.copy(Path(__file__).with_name(name), tmp_path)
    done = subprocess.run(["promtool", "test", "rules", tmp_path / name], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested() -> None:
    texts = [path.read_text("utf-8") for path in Path(__file__).parent.glob("*.test.yaml")]
    assert [alert for alert in ALERTS if not any(f'alertname="{alert}"' in text for text in texts)] == []


def _rules_file(folder: Path) -> Path:
    path = folder / "rules.yaml"
    YAML(typ="safe").dump(RULE_FILE["spec"], path)
    return path
