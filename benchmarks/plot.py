"""The figures as a picture: the wall time compared with the ideal, and the cost of one more photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import Figures, Result
from benchmarks.scenes import SCENARIOS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_IDEAL, _REAL, _MEMORY = "#9aa5b1", "#2f6f9f", "#c06c3e"


def draw(figures: Figures, path: Path) -> None:
    """Write the picture as PNG; needs matplotlib, which comes with the extra `dashboards`."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (times, cost) = plt.subplots(1, 2, figsize=(11, 4.2), width_ratios=(3, 2), layout="constrained")
    _times([each for each in figures.results if each.ideal_s and not each.serial], times)
    _cost(
        sorted(
            (each for each in figures.results if each.scenario == "steady" and each.profile == "lan"),
            key=lambda each: each.size,
        ),
        cost,
    )
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _times(results: Sequence[Result], axes: Axes) -> None:
    places = range(len(results))
    axes.barh([place + 0.2 for place in places], [each.ideal_s for each in results], 0.4, color=_IDEAL)
    axes.barh([place - 0.2 for place in places], [each.wall_s for each in results], 0.4, color=_REAL)
    axes.set_yticks(list(places), [_name(each) for each in results], fontsize=8)
    for place, each in zip(places, results, strict=True):
        axes.annotate(
            f"{each.wall_s:.1f} s, {each.wall_s / each.ideal_s:.2f} x",
            (each.wall_s, place - 0.2),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.margins(x=0.25)
    axes.invert_yaxis()
    axes.set_xlabel("seconds on `home`: ideal (grey), picsync (blue)")
    axes.spines[["top", "right"]].set_visible(False)


def _cost(results: Sequence[Result], axes: Axes) -> None:
    sizes = [each.size for each in results]
    axes.plot(sizes, [each.cpu_s for each in results], "o-", color=_REAL)
    axes.set_xlabel("photos in one album, nothing to do")
    axes.set_ylabel("CPU s", color=_REAL)
    axes.set_ylim(bottom=0)
    memory = axes.twinx()
    memory.plot(sizes, [each.peak_bytes / 1e6 for each in results], "s--", color=_MEMORY)
    memory.set_ylabel("peak MB", color=_MEMORY)
    memory.set_ylim(bottom=0)
    axes.spines["top"].set_visible(False)
    memory.spines["top"].set_visible(False)


def _name(result: Result) -> str:
    return f"{SCENARIOS[result.scenario].title}\n{result.size:,} x {result.photo_bytes / 1000:g} kB"
