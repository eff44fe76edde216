"""A registry with metrics, and the rules of k8s/prometheusrule.yaml as Python values."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from ruamel.yaml import YAML

from picsync.core.events import Event
from picsync.observe.metrics import Metrics
from picsync.observe.status import RuleStatus, StatusBoard

ROOT = Path(__file__).parents[2]
START_S = 1_700_000_000.0


def load(path: str) -> Any:
    return YAML(typ="safe").load((ROOT / path).read_text("utf-8"))


def on_nixplay(*rules: str) -> dict[str, tuple[str, str]]:
    """Return rules as `Metrics.expect` takes them, all on the default frame."""
    return {rule: (rule, "nixplay") for rule in rules}


SORTING = "organize camera"
"""A rule whose passes work on files."""
MIRRORING = "mirror backup"


class Scraped:
    """Metrics on a registry and a clock of their own."""

    def __init__(self, *rules: str) -> None:
        self.now_s = START_S
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry, now=lambda: self.now_s)
        self.metrics.expect(on_nixplay(*rules))
        self.metrics.expect_passes({SORTING: "organize", MIRRORING: "mirror"}, every_s={SORTING: 600.0})
        self.board = StatusBoard("3", lambda: datetime.fromtimestamp(self.now_s, UTC), lambda _event: None)
        self.board.expect({rule: RuleStatus(rule) for rule in rules})
        self.metrics.watch(self.board.status)

    def read(self, *events: Event) -> None:
        for event in events:
            self.board.read(event)
            self.metrics.read(event)

    def value(self, name: str, **labels: str) -> float | None:
        if "album" in labels:
            labels = {"frame": "nixplay", **labels}
        return self.registry.get_sample_value(f"picsync_{name}", labels)

    def series(self) -> dict[str, float]:
        """All of picsync's own series, by name and labels."""
        return {
            f"{sample.name}{sorted(sample.labels.items())}": sample.value
            for family in self.metrics.collect()
            for sample in family.samples
        }

    def text(self) -> str:
        return generate_latest(self.registry).decode()
