"""How much judging it takes to find the best photos: simulated judges of a library.

`python -m tests.family.simulation` prints the table for 500 photos whose true strengths are normal with a
spread of 1 (in log-odds), tournaments of 16 as picsync draws them, and judges as noisy as the model says.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Iterable
from statistics import mean

from picsync.family.bracket import Answer, Bracket
from picsync.family.draw import Entrant, draw
from picsync.family.games import period
from picsync.family.glicko import UNJUDGED
from tests.family.playing import games

PHOTOS = 500
BEST = 100
TOURNAMENTS = (32, 64, 128, 256)


def ranks(values: list[float]) -> list[int]:
    order = sorted(range(len(values)), key=values.__getitem__)
    places = [0] * len(values)
    for place, index in enumerate(order):
        places[index] = place
    return places


def spearman(one: list[float], other: list[float]) -> float:
    n = len(one)
    distance = sum((a - b) ** 2 for a, b in zip(ranks(one), ranks(other), strict=True))
    return 1 - 6 * distance / (n * (n * n - 1))


def judge(strengths: dict[str, float], drawn: tuple[str, ...], name: str, chance: random.Random) -> Bracket:
    bracket = Bracket(name, drawn)
    while (pair := bracket.pair()) is not None:
        wins = 1 / (1 + math.exp(strengths[pair.right] - strengths[pair.left]))
        answer = Answer.LEFT if chance.random() < wins else Answer.RIGHT
        bracket = bracket.answered(pair.number, pair.left, pair.right, answer)
    return bracket


def simulate(tournaments: int, runs: Iterable[int]) -> tuple[float, float]:
    """Return the share of the best photos that is found, and Spearman's correlation with the truth."""
    found, correlation = [], []
    for run in runs:
        chance = random.Random(run)
        strengths = {f"p{n}": chance.gauss(0, 1) for n in range(PHOTOS)}
        rated = dict.fromkeys(strengths, UNJUDGED)
        for number in range(tournaments):
            entrants = [Entrant(photo, rating) for photo, rating in rated.items()]
            drawn = draw(entrants, (), seed=f"{run}/{number}")
            rated |= period(games(judge(strengths, drawn, f"{number}", chance)), rated)
        best = sorted(strengths, key=strengths.__getitem__)[-BEST:]
        shown = sorted(rated, key=lambda photo: rated[photo].points)[-BEST:]
        found.append(len({*best} & {*shown}) / BEST)
        correlation.append(spearman([*strengths.values()], [rated[photo].points for photo in strengths]))
    return mean(found), mean(correlation)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="Of the first run.")
    asked = parser.parse_args()
    print(f"{'choices':>8}{'best found':>12}{'Spearman':>10}")
    for tournaments in TOURNAMENTS:
        found, correlation = simulate(tournaments, range(asked.seed, asked.seed + asked.runs))
        print(f"{tournaments * 15:>8}{found:>12.0%}{correlation:>10.2f}", flush=True)


if __name__ == "__main__":
    main()
