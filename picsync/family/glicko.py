"""Glicko-2: how good a photo is, and how sure that is, by its games against others; pure functions.

The method is Mark E. Glickman's, as his "Example of the Glicko-2 system" describes it. A rating period is one
tournament. All ratings of a period are computed from the ratings before it, so the order of its games changes
nothing. A photo without games keeps its rating and its deviation: photos do not get better or worse while
others are judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from picsync.core.values import dataclass

SCALE = 400 / math.log(10)
"""Points of the public scale per unit of the internal one: a log-odds of 1 between two certain ratings."""
TAU = 0.5
"""How much the volatility may change in a period; Glickman recommends 0.3 to 1.2."""
MIN_DEVIATION = 30.0
"""With less, a photo that was judged hundreds of times could not change its rank any more."""
MAX_DEVIATION = 350.0
_ACCURACY = 1e-6
_MOST_STEPS = 100
_MEAN = 1500.0
_FARTHEST = 6000.0
"""A rating further from the mean is taken as this far away, so that no exponential overflows."""
_LEAST_CHANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Rating:
    """How good a photo is. The defaults are those of a photo that nobody has judged."""

    points: float = _MEAN
    deviation: float = MAX_DEVIATION
    """Standard deviation, in points: the truth is within two of them about 95 times of 100."""
    volatility: float = 0.06

    @property
    def cautious(self) -> float:
        """What the photo is worth at least, with a probability of 97 %: leaderboards rank by it."""
        return self.points - 2 * self.deviation


UNJUDGED = Rating()


@dataclass(frozen=True, slots=True)
class Result:
    """A game, as seen by one of its two photos."""

    opponent: Rating
    """Its rating before the period."""
    score: float
    """1 for a win, 0.5 if both are equal, 0 for a loss."""


def rate(before: Rating, results: Sequence[Result], *, tau: float = TAU) -> Rating:
    """Return a photo's rating after a period with these games; without games, the rating before it."""
    if not results:
        return before
    mu, phi = _internal(before)
    precision = gain = 0.0
    for result in results:
        other_mu, other_phi = _internal(result.opponent)
        weight = _weight(other_phi)
        chance = _chance(weight, mu - other_mu)
        precision += weight * weight * chance * (1 - chance)
        gain += weight * (result.score - chance)
    variance = 1 / precision
    volatility = _volatility(before.volatility, phi, variance, variance * gain, tau)
    widened = phi * phi + volatility * volatility
    narrowed = 1 / (1 / widened + precision)
    return Rating(
        _MEAN + SCALE * (mu + narrowed * gain),
        min(max(SCALE * math.sqrt(narrowed), MIN_DEVIATION), MAX_DEVIATION),
        volatility,
    )


def outlook(rating: Rating, opponent: Rating, *, tau: float = TAU) -> tuple[float, float]:
    """Return by how many points a win, and a loss, against that photo alone would change the rating."""
    won, lost = (rate(rating, [Result(opponent, score)], tau=tau).points for score in (1.0, 0.0))
    return won - rating.points, lost - rating.points


def _internal(rating: Rating) -> tuple[float, float]:
    distance = min(max(rating.points - _MEAN, -_FARTHEST), _FARTHEST)
    return distance / SCALE, rating.deviation / SCALE


def _weight(phi: float) -> float:
    return 1 / math.sqrt(1 + 3 * phi * phi / (math.pi * math.pi))


def _chance(weight: float, difference: float) -> float:
    return min(max(1 / (1 + math.exp(-weight * difference)), _LEAST_CHANCE), 1 - _LEAST_CHANCE)


def _volatility(before: float, phi: float, variance: float, delta: float, tau: float) -> float:
    """Return the new volatility: the root of the paper's f, which only falls, by the Illinois method."""
    start = math.log(before * before)
    known = phi * phi + variance
    surprise = delta * delta

    def f(x: float) -> float:
        grown = math.exp(x)
        total = known + grown
        return grown * (surprise - total) / (2 * total * total) - (x - start) / (tau * tau)

    low, high = start, _bound(f, start, surprise - known, tau)
    at_low, at_high = f(low), f(high)
    for _ in range(_MOST_STEPS):
        if abs(high - low) <= _ACCURACY or at_high == at_low:
            break
        between = low + (low - high) * at_low / (at_high - at_low)
        at_between = f(between)
        if at_between * at_high <= 0:
            low, at_low = high, at_high
        else:
            at_low /= 2
        high, at_high = between, at_between
    return math.exp(low / 2)


def _bound(f: Callable[[float], float], start: float, excess: float, tau: float) -> float:
    if excess > 0:
        return math.log(excess)
    steps = 1
    while f(start - steps * tau) < 0 and steps < _MOST_STEPS:
        steps += 1
    return start - steps * tau
