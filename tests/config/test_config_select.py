"""`select:` of a rule in picsync.yaml."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from picsync.config.durations import parse_span
from picsync.core.choice import Choice, Excluded, Order, Orientation, Span
from picsync.core.errors import ConfigError
from tests.config.builders import config


def choice(folder: Path, settings: str) -> Choice:
    album = config(folder, f"albums:\n- name: X\n  select: {settings}\n").albums[0]
    assert album.select is not None
    return album.select.choice


def test_all_settings(tmp_path: Path) -> None:
    assert choice(
        tmp_path,
        "{most: 500, since: 2y, until: 2099-12-31, order: random, fresh: 14d, rotate: 1w, "
        "orientation: landscape, minRating: 3, favorites: yes, similar: one, exclude: screenshots}",
    ) == Choice(
        most=500,
        since=Span(24),
        until=date(2099, 12, 31),
        order=Order.RANDOM,
        ordered=True,
        fresh=Span(time=timedelta(days=14)),
        rotate_days=7,
        orientation=Orientation.LANDSCAPE,
        min_rating=3,
        favorites=True,
        similar_one=True,
        exclude=frozenset({Excluded.SCREENSHOTS}),
    )


def test_nothing_is_left_out_by_default(tmp_path: Path) -> None:
    assert choice(tmp_path, "{}") == Choice()
    assert config(tmp_path, "albums:\n- name: X\n").albums[0].select is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{most: 0}", "select.most: must be at least 1."),
        ("{most: many}", "select.most: must be a whole number"),
        ("{since: 2025-01-01, until: 2024-01-01}", "select.since: is after `until`"),
        ("{since: 1mo, until: 1y}", "select.since: is after `until`"),
        ("{since: 1d, until: 2020-01-01}", "select.since: is after `until`"),
        ("{since: 2025-02-30}", "select.since: must be a day of the calendar such as `2024-12-31`"),
        (
            "{until: soon}",
            "select.until: must be a span such as `14d`, `3w`, `6mo` or `2y`, not 'soon', or a day",
        ),
        ("{fresh: 6m}", "select.fresh: has the unknown unit 'm' in '6m'; the units are y, mo, w, d and h;"),
        ("{fresh: 14}", "select.fresh: must be a span"),
        ("{fresh: 0d}", "select.fresh: must be a span"),
        ("{fresh: 9999y}", "select.fresh: must be less than 1000 years"),
        (
            "{order: best}",
            "`spread`, `rating` or `fresh-then-rating`.",
        ),
        ("{rotate: 7d, most: 5}", "select.rotate: needs `order: random`, but the order is `newest`."),
        ("{rotate: 7d, order: random}", "select.rotate: needs `most`"),
        ("{rotate: 3h, order: random, most: 5}", "select.rotate: must be at least one day"),
        ("{orientation: upright}", "select.orientation: must be `portrait`, `landscape` or `square`."),
        ("{minRating: 6}", "select.minRating: must be a number from 1 to 5."),
        ("{favorites: maybe}", "select.favorites: must be true or false"),
        ("{similar: two}", "select.similar: must be `one`."),
        ("{exclude: [screenshots, memes]}", "select.exclude[1]: must be `screenshots`."),
        ("{orientaton: square}", "did you mean `orientation`?"),
        ("500", "select: must be a group of settings"),
    ],
)
def test_bad_settings_are_named_with_line_and_field(tmp_path: Path, settings: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choice(tmp_path, settings)
    (problem,) = caught.value.problems
    assert message in str(problem)
    assert "picsync.yaml:3: albums[0]." in str(problem)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("2y", Span(24)),
        ("1y6mo", Span(18)),
        ("1y 6mo", Span(18)),
        ("3w2d", Span(time=timedelta(days=23))),
        ("36h", Span(time=timedelta(hours=36))),
    ],
)
def test_spans(text: str, span: Span) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["", "y", "-1d", "1", "1.5y", "1d 2", "٣d", "1D", "1dd", "9" * 50 + "d"])
def test_bad_spans(text: str) -> None:
    with pytest.raises(ValueError, match=r"span|unit"):
        parse_span(text)
