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


def test_the_date_line_divides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    city = places._City(-16.8, 179.99, "Taveuni")
    monkeypatch.setattr(places, "_cities", lambda: ([city], [city.latitude]))
    assert places.near(-16.8, -179.99) == "Taveuni"


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_any_position(latitude: float, longitude: float) -> None:
    assert isinstance(places.near(latitude, longitude), str)
