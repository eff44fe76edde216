"""Places: the nearest city, and none in the middle of nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.rendering import places


@pytest.mark.parametrize(
    ("latitude", "longitude", "name"),
    [
        (41.89, 12.49, "Rome"),
        (-33.87, 151.21, "Sydney"),
        (64.14, -21.93, "Reykjavík"),
        (0.5, -30.0, ""),
        (90.0, 0.0, ""),
        (-90.0, 180.0, ""),
    ],
)
def test_the_nearest_city(latitude: float, longitude: float, name: str) -> None:
    assert places.near(latitude, longitude) == name


@pytest.mark.parametrize(
    ("latitude", "longitude", "name"),
    [
        (52.5163, 13.3777, "Berlin"),  # the Brandenburg Gate, in the district of Mitte
        (52.4456, 13.5745, "Berlin"),  # Köpenick, at its edge
        (52.4217, 13.1656, "Berlin"),  # Wannsee, next to Berlin-Kladow
        (53.5500, 9.9300, "Hamburg"),  # Altona, with 250,000 inhabitants
        (48.8584, 2.2945, "Paris"),  # the Eiffel Tower, in Passy
        (48.8421, 2.2923, "Paris"),  # Vaugirard, a district of 230,000
        (51.4779, -0.0015, "London"),  # Greenwich
        (40.7580, -73.9855, "New York City"),  # Times Square, which is listed itself
        (37.8199, -122.4783, "San Francisco"),  # the Golden Gate Bridge, outside of the city
        (-22.9519, -43.2105, "Rio de Janeiro"),  # Copacabana is nearer than the centre
        (41.0086, 28.9802, "Istanbul"),
        (50.0909, 14.4005, "Prague"),
    ],
)
def test_districts_are_part_of_their_city(latitude: float, longitude: float, name: str) -> None:
    assert places.near(latitude, longitude) == name


@pytest.mark.parametrize(
    ("latitude", "longitude", "name"),
    [
        (52.4009, 13.0591, "Potsdam"),
        (48.2489, 11.6511, "Garching"),
        (48.8049, 2.1204, "Versailles"),
        (50.1006, 8.7665, "Offenbach"),
        (24.1966, 78.2022, "Etāwa"),  # a twin town of Bīna
        (49.4772, 10.9893, "Fürth"),
        (35.5300, 139.7000, "Kawasaki"),  # in another prefecture than Tokyo
        (37.8044, -122.2708, "Oakland"),
        (41.9022, 12.4539, "Vatican City"),  # in another country than Rome
    ],
)
def test_neighbours_of_large_cities_keep_their_names(latitude: float, longitude: float, name: str) -> None:
    assert places.near(latitude, longitude) == name


def test_the_date_line_divides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    city = places._City(-16.8, 179.99, "Taveuni", 20_000, "FJ 03")
    monkeypatch.setattr(places, "_cities", lambda: ([city], [city.latitude]))
    assert places.near(-16.8, -179.99) == "Taveuni"


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_any_position(latitude: float, longitude: float) -> None:
    assert isinstance(places.near(latitude, longitude), str)
