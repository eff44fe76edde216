"""Addresses that users paste."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from picsync.http.addresses import decoded, emulator_address, web_address

EXAMPLE = "http://nas:2283"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://nas:2283", "http://nas:2283"),
        ("HTTP://NAS:2283", "http://nas:2283"),
        (" https://photos.example.org/immich \r\n", "https://photos.example.org/immich"),
        ("<https://photos.example.org/>", "https://photos.example.org/"),
        ("“http://nas:2283”", "http://nas:2283"),
        ("\ufeffhttp://nas\u200b:2283\n", "http://nas:2283"),
        ("http://[::1]:2283", "http://[::1]:2283"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
    ],
)
def test_what_is_pasted_is_an_address(text: str, expected: str) -> None:
    assert str(web_address(text, EXAMPLE)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://nas:99999", "must be an address such as"),
        ("http://nas:0", "must be an address such as"),
        ("http://nas:port", "must be an address such as"),
        ("http://[::1", "must be an address such as"),
        ("http://[nas]", "must be an address such as"),
        ("http://", "must be an address such as"),
        ("http://:80", "must be an address such as"),
        ("http:///x", "must be an address such as"),
        ("http://xn--0/", "must be an address such as"),
        ("http://a..b/", "must be an address such as"),
        (f"http://{'a' * 64}/", "must be an address such as"),
        ("http://na s/", "must be an address such as"),
        ("http://nas\\@evil/", "must be an address such as"),
        ("http://nas/\ud800", "must be an address such as"),
        (f"http://nas/{'a' * 5000}", "must be an address such as"),
        ("http://user:secret@nas", "must not have a user name or password"),
        ("nas:2283", "must begin with `http://`"),
        ("ftp://nas", "must begin with `http://`"),
        ("", "must begin with `http://`"),
    ],
)
def test_an_unusable_address_is_named(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        web_address(text, EXAMPLE)
    assert "secret" not in str(caught.value)


def test_a_missing_scheme_is_assumed_where_that_is_said() -> None:
    assert (
        str(web_address("photos.app.goo.gl/abc", EXAMPLE, scheme="https")) == "https://photos.app.goo.gl/abc"
    )
    assert str(web_address("//nas/a", EXAMPLE, scheme="https")) == "https://nas/a"


PIECES = st.sampled_from(
    [
        "http",
        "https",
        "://",
        ":",
        "/",
        "@",
        "[",
        "]",
        "::1",
        "xn--",
        "0",
        "99999",
        "é",
        "%",
        "%ff",
        "..",
        "nas",
        "\x1b",
    ]
)


@given(st.lists(PIECES | st.text(max_size=3), max_size=10).map("".join))
@example("http://xn--0/")
@example("http://[::1")
def test_an_address_is_usable_or_refused(text: str) -> None:
    for candidate in (text, f"http://{text}"):
        try:
            url = web_address(candidate, EXAMPLE)
        except UnicodeError:
            raise
        except ValueError:
            continue
        request = httpx.Request("GET", url)
        assert request.url.host
        assert request.headers["host"].isascii()
        assert web_address(str(url), EXAMPLE) == url


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ("%C3%A9t%C3%A9%202024", "été 2024"),
        ("été 2024", "été 2024"),
        ("100%25", "100%"),
        ("a%2Fb", "a/b"),
        ("50%", "50%"),
    ],
)
def test_percent_encoding_is_undone_once(element: str, expected: str) -> None:
    assert decoded(element) == expected


def test_an_encoding_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="not UTF-8"):
        decoded("%ff")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        (" HTTP://127.0.0.1:8080/\n", "http://127.0.0.1:8080"),
        ("\u201chttp://[::1]:8080\u201d", "http://[::1]:8080"),
        ("http://[::1", None),
        ("http://127.0.0.1", None),
        ("http://127.0.0.1:99999", None),
        ("http://127.0.0.1:8080/x", None),
        ("http://user:secret@127.0.0.1:8080", None),
        ("127.0.0.1:8080", None),
    ],
)
def test_the_address_of_an_emulator(text: str, address: str | None) -> None:
    if address is not None:
        assert emulator_address(text) == address
        return
    with pytest.raises(ValueError, match="must be a URL of the form") as caught:
        emulator_address(text)
    assert "secret" not in str(caught.value)
