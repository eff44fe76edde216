"""Links as users write them, and the short form in messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from picsync.config import read_entries
from picsync.core.errors import ConfigError
from picsync.run.kinds import known, read_config
from picsync.sources.google.links.options import AlbumAddress, Link, SharedLink

CODE = "Ab12Cd34Ef56Gh78I"
ALBUM = "AF1QipMUVJgB2WzAdzUroYx_rTs9-0123456789abcdef"
KEY = "c0ZfN3Zk-WE_secretsecretsecret"
CODE_LINK = f"https://photos.app.goo.gl/{CODE}"
LONG = f"https://photos.google.com/share/{ALBUM}?key={KEY}"
CODES = st.text("ABCDEFabcdef0123456789_-", min_size=17, max_size=17)


@pytest.mark.parametrize(
    "text",
    [
        f"https://photos.app.goo.gl/{CODE}",
        f"http://photos.app.goo.gl/{CODE}/",
        f" photos.app.goo.gl/{CODE}?utm_source=x#y\n",
        f"https://PHOTOS.app.goo.gl/{CODE}",
        f"HTTP://photos.app.goo.gl/{CODE}",
        f"“https://photos.app.goo.gl/{CODE}”",
        f"\ufeff<https://photos.app.goo.gl/{CODE[:9]}\u200b{CODE[9:]}>\r\n",
        f"https://photos.app.goo.gl/%41{CODE[1:]}",
        f"https://photos.app.goo.gl:443/{CODE}",
    ],
)
def test_a_short_link_is_the_same_however_it_was_copied(text: str) -> None:
    assert SharedLink.parse(text) == SharedLink(code=CODE)


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        f"https://photos.google.com/u/0/share/{ALBUM}?key={KEY}",
        f"https://photos.google.com/u/12/share/{ALBUM}/?pli=1&key={KEY}&hl=de",
        f"https://photos.google.com/share/{ALBUM}/photo/AF1QipSomePhoto?key={KEY}",
        f"photos.google.com/share/{ALBUM}?key={KEY}#a",
        f"Https://photos.google.com/share/%41{ALBUM[1:]}?key=%63{KEY[1:]}",
        f"\u2018{LONG}\u2019",
        f"{LONG}\u200b",
    ],
)
def test_a_page_s_address_is_the_same_however_it_was_copied(text: str) -> None:
    assert SharedLink.parse(text) == SharedLink(address=AlbumAddress(ALBUM, KEY))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"https://photos.google.com/share/{ALBUM}", "lacks the key"),
        (f"https://photos.google.com/share/{ALBUM}?key=", "lacks the key"),
        (f"https://photos.google.com/album/{ALBUM}", "only its owner can open"),
        (f"https://photos.google.com/u/1/photo/{ALBUM}?key={KEY}", "only its owner can open"),
        (f"https://photos.app.goo.gl.example.net/{CODE}", "must be a link"),
        (f"https://example.net/share/{ALBUM}?key={KEY}", "must be a link"),
        ("https://photos.app.goo.gl/", "must be a link"),
        (f"https://photos.app.goo.gl/{CODE}/more", "must be a link"),
        ("https://photos.app.goo.gl/..%2f..%2f..%2f", "must be a link"),
        (f"{ALBUM}", "must be a link"),
        ("https://[::1", "must be an address"),
        ("", "must be an address"),
        (f"https://me:{KEY}@photos.app.goo.gl/{CODE}", "must not have a user name or password"),
        (f"https://{KEY}@photos.google.com/share/{ALBUM}?key={KEY}", "must not have a user name or password"),
        (f"ftp://photos.app.goo.gl/{CODE}", "must begin with"),
        (f"https://photos.app.goo.gl:8443/{CODE}", "must be a link"),
        (f"https://photos.app.goo.gl/%2541{CODE[1:]}", "must be a link"),
        (f"https://photos.app.goo.gl/%ff{CODE}", "percent-encoding"),
        (f"https://photos.google.com/share/{ALBUM}%252F?key={KEY}", "lacks the key"),
        (f"https://photos.google.com/share%2F{ALBUM}?key={KEY}", "only its owner can open"),
        ({"link": f"https://photos.app.goo.gl/{CODE}"}, "must be a link"),
        (["x"], "must be a link"),
        (None, "must be a link"),
    ],
)
def test_what_is_no_link_is_refused_with_what_to_do(text: object, why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Link).validate_python(text)
    [error] = caught.value.errors()
    assert error["type"] == "value_error"
    message = str(error["ctx"]["error"])
    assert why in message
    assert not any(secret in message for secret in (CODE, KEY, ALBUM[10:]))


def test_a_wrong_link_in_the_file_is_not_quoted() -> None:
    with pytest.raises(ConfigError) as caught:
        read_entries("sharedlinks", [f"https://photos.google.com/share/{ALBUM}?kee={KEY}"], known())
    assert "lacks the key that opens the album" in str(caught.value)
    assert KEY not in str(caught.value)
    assert ALBUM not in str(caught.value)


def test_links_may_come_from_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "picsync.yaml"
    path.write_text("albums: [{name: Family}]\n", encoding="utf-8")
    environ = {"PICSYNC_ALBUMS__0__SOURCES__SHAREDLINKS": f"[https://photos.app.goo.gl/{CODE}, '{LONG}']"}
    loaded = read_config(path, environ)
    assert loaded.albums[0].sources["sharedlinks"] == (SharedLink.parse(CODE_LINK), SharedLink.parse(LONG))
    assert not any(secret in repr(loaded) for secret in (CODE, KEY))
    environ = {"PICSYNC_ALBUMS__0__SOURCES__SHAREDLINKS": CODE_LINK}
    loaded = read_config(path, environ)
    assert loaded.albums[0].sources["sharedlinks"] == (SharedLink.parse(CODE_LINK),)


def test_name_of_a_link_is_recognisable_but_grants_no_access() -> None:
    assert str(SharedLink.parse(f"https://photos.app.goo.gl/{CODE}")) == "photos.app.goo.gl/Ab12...d9a7b4"
    assert str(SharedLink.parse(LONG)) == "photos.google.com/share/AF1QipMUVJ...52304e"
    assert CODE[4:8] not in repr(SharedLink.parse(f"https://photos.app.goo.gl/{CODE}"))
    assert KEY[:4] not in repr(SharedLink.parse(LONG))
    assert KEY[:4] not in repr(AlbumAddress(ALBUM, KEY))


def test_the_same_album_with_another_key_is_another_link() -> None:
    other = SharedLink.parse(f"https://photos.google.com/share/{ALBUM}?key={KEY}2")
    assert str(other) != str(SharedLink.parse(LONG))


@given(CODES, CODES)
def test_names_are_stable_and_tell_links_apart(one: str, other: str) -> None:
    links = [SharedLink.parse(f"https://photos.app.goo.gl/{code}") for code in (one, one, other)]
    names = [str(link) for link in links]
    assert names[0] == names[1]
    assert (names[0] == names[2]) == (one == other)
    assert one[5:] not in names[0]


@given(st.text())
def test_any_text_is_a_link_or_refused(text: str) -> None:
    try:
        link = SharedLink.parse(text)
    except ValueError:
        return
    assert len(str(link)) < 60
