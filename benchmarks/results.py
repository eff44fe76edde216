"""Figures as JSON, and the comparison of two runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Emulator
from benchmarks.replay import Bare


@dataclass(frozen=True, slots=True)
class Result:
    """One measured cycle."""

    scenario: str
    size: int
    """Photos."""
    photo_bytes: int
    profile: str
    serial: bool
    wall_s: float
    """Of the whole process."""
    cpu_s: float
    peak_bytes: int
    first_request_s: float
    """From the process's start."""
    wire_s: float
    """The ideal wall time of a machine with unlimited CPU."""
    bare: Bare | None
    """The bare client; None where it was not measured."""
    requests: Mapping[str, int]
    """Operation -> number."""
    bytes_in: int
    """Downloaded: bodies of all answers."""
    bytes_out: int
    """Uploaded: bodies of all requests."""
    in_flight: Mapping[str, int]
    """Host -> most requests at a time."""
    emulator: Emulator

    @property
    def key(self) -> tuple[str, int, int, str, bool]:
        """What it is a measurement of."""
        return self.scenario, self.size, self.photo_bytes, self.profile, self.serial

    @property
    def request_count(self) -> int:
        """All requests."""
        return sum(self.requests.values())

    @property
    def ideal_s(self) -> float:
        """The ideal wall time: what the wire takes or, if that is more, the CPU of the bare client."""
        return max(self.wire_s, self.bare.cpu_s if self.bare else 0.0)

    @property
    def cpu_ratio(self) -> float | None:
        """CPU time as a multiple of the bare client's."""
        return self.cpu_s / self.bare.cpu_s if self.bare else None

    @property
    def cpu_ms_per_photo(self) -> float:
        """CPU time for each photo, whether it moved or not."""
        return self.cpu_s * 1000 / self.size

    @property
    def cpu_ms_per_request(self) -> float:
        """CPU time for each request."""
        return self.cpu_s * 1000 / max(1, self.request_count)


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that one run of the benchmark has measured."""

    date: str
    """ISO 8601, UTC."""
    commit: str
    machine: Mapping[str, Any]
    results: list[Result] = field(default_factory=list)
    process: dict[str, float] = field(default_factory=dict)
    """Figures of start-up and idleness, by name."""

    def write(self, path: Path) -> None:
        """Write them as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")

    @classmethod
    def read(cls, path: Path) -> Figures:
        """Read them; raises OSError, and ValueError for a file of another kind."""
        value = json.loads(path.read_text("utf-8"))
        try:
            results = [_result(each) for each in value["results"]]
            return cls(**{**value, "results": results})
        except (TypeError, KeyError) as error:
            raise ValueError(f"{path} holds no figures of this benchmark: {error}") from error


def _result(value: Mapping[str, Any]) -> Result:
    bare = value["bare"]
    parts = {"emulator": Emulator(**value["emulator"]), "bare": bare and Bare(**bare)}
    return Result(**{**value, **parts})
