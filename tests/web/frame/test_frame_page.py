import json
import re

import html5lib
import pytest

from picsync.web.frame.page import POLICY, assets, build, error_page, frame_page, pairing_page

EVIL = "</script><script>alert('é')</script>\u2028&\x1b[31m"
SETTINGS = {
    "name": "tablet",
    "title": "Gran's <frame>",
    "base": "/frame/tablet",
    "build": build(),
    "token": None,
    "interval": 20,
}
PAGES = {
    "frame": frame_page(SETTINGS),
    "pairing": pairing_page({**SETTINGS, "pair": {"code": "402917", "poll": "/frame/tablet/pairing"}}),
    "error": error_page("There is no frame “x”.", "See `picsync frame list`.", SETTINGS),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_valid_html_without_inline_code_or_foreign_urls(name: str) -> None:
    text = PAGES[name]
    parser = html5lib.HTMLParser(strict=False)
    parser.parse(text)
    # Chrome writes the same two beneath a noscript in head; html5lib does not know the meta element there.
    assert [error for _, error, _ in parser.errors if "noscript" not in error] == []
    assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", text)
    assert all("src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"""(?:src|href)="(?!/frame/|data:)""", text)
    assert "'unsafe-inline'" not in POLICY


@pytest.mark.parametrize("name", PAGES)
def test_every_file_that_a_page_loads_is_an_asset(name: str) -> None:
    loaded = re.findall(r'(?:src|href)="(/frame/assets/[^"]+)"', PAGES[name])
    assert loaded
    for url in loaded:
        found = re.fullmatch(rf"/frame/assets/{build()}/([a-z.]+)", url)
        assert found is not None
        assert found[1] in assets()


def test_settings_reach_the_page_as_data_only() -> None:
    text = frame_page({**SETTINGS, "title": EVIL, "ignored": [EVIL], "token": '"><script>alert(1)'})
    assert "<script>alert" not in text
    found = re.search(r'<script type="application/json" id="settings">(.*?)</script>', text)
    assert found is not None
    assert json.loads(found[1])["ignored"] == [EVIL]
    assert "\x1b" not in text


def test_page_without_javascript_shows_a_photo_that_changes() -> None:
    text = frame_page({**SETTINGS, "token": "a b"})
    assert '<noscript><meta http-equiv="refresh" content="20"></noscript>' in text
    assert '<img src="/frame/tablet/still?token=a%20b" alt="">' in text


@pytest.mark.parametrize("interval", [None, "x", float("nan"), -5, 0, True])
def test_a_strange_interval_still_makes_a_page(interval: object) -> None:
    found = re.search(r'http-equiv="refresh" content="(\d+)"', frame_page({**SETTINGS, "interval": interval}))
    assert found is not None
    assert int(found[1]) >= 3


def test_code_is_read_out_digit_by_digit() -> None:
    assert 'aria-label="4 0 2 9 1 7"' in PAGES["pairing"]
    assert "picsync frame pair" in PAGES["pairing"]


def test_error_page_shows_commands_as_code() -> None:
    assert "See <code>picsync frame list</code>." in PAGES["error"]


def test_assets_are_text_in_ascii_of_at_most_100_kb() -> None:
    # In ASCII, so that no server or proxy can break them with a wrong character set.
    assert {"boot.js", "frame.css", "frame.js", "logic.js", "pairing.js", "sw.js", "words.js"} == set(
        assets()
    )
    for asset in assets().values():
        asset.body.decode("ascii")
    assert sum(len(asset.body) for asset in assets().values()) < 100_000
    assert re.fullmatch("[0-9a-f]{16}", build())
