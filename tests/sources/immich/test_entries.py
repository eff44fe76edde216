"""Entries of picsync.yaml, addresses as users paste them, and names that are resolved to IDs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from picsync.config import Config
from picsync.core.errors import ConfigError
from picsync.emulators.immich import V2_7, V3_2
from picsync.run.kinds import read_config
from picsync.sources.immich.address import ServerAddress, SharedLinkAddress
from picsync.sources.immich.options import ImmichEntry
from picsync.sources.kinds import SOURCES
from tests.config.builders import credentials, credentials_problems
from tests.sources.immich.immich_server import immich_server, names

KEY = "Zm9vYmFy-the-secret-key"
LINK = f"https://photos.example.org/share/{KEY}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://nas:2283", "http://nas:2283"),
        ("http://nas:2283/", "http://nas:2283"),
        (" http://nas:2283/api ", "http://nas:2283"),
        ("http://NAS:2283/api/", "http://nas:2283"),
        ("https://example.org/photos/api", "https://example.org/photos"),
        ("https://example.org/photos/", "https://example.org/photos"),
        ("https://example.org/apiary", "https://example.org/apiary"),
        ("http://[fd00::1]:2283", "http://[fd00::1]:2283"),
    ],
)
def test_addresses_are_taken_as_people_paste_them(text: str, expected: str) -> None:
    assert str(ServerAddress.parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must begin with"),
        ("nas:2283", "must begin with"),
        ("ftp://nas", "must begin with"),
        ("http://", "must be an address"),
        ("http://a b", "must be an address"),
        ("http://u:p@nas", "must not have a user name or password"),
        ("http://nas?x", "must be only the server's address"),
        ("http://nas:99999", "must be an address"),
    ],
)
def test_what_is_no_address_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        ServerAddress.parse(text)


@pytest.mark.parametrize(
    ("text", "server", "query", "value"),
    [
        (LINK, "https://photos.example.org", "key", KEY),
        (f"{LINK}/", "https://photos.example.org", "key", KEY),
        (f"{LINK}/photos/6f1c0d5e?at=1", "https://photos.example.org", "key", KEY),
        ("http://nas:2283/s/trip", "http://nas:2283", "slug", "trip"),
        ("http://nas:2283/s/%C3%A9t%C3%A9%202024", "http://nas:2283", "slug", "été 2024"),
        ("HTTP://nas:2283/s/été%202024", "http://nas:2283", "slug", "été 2024"),
        ("http://nas:2283/s/a%2Fb%2520c", "http://nas:2283", "slug", "a/b%20c"),
        ("https://example.org/photos/share/x#y", "https://example.org/photos", "key", "x"),
        (f"\ufeff“{LINK}”\n", "https://photos.example.org", "key", KEY),
        (f"<{LINK}\u200b>", "https://photos.example.org", "key", KEY),
    ],
)
def test_shared_links_are_taken_as_people_paste_them(text: str, server: str, query: str, value: str) -> None:
    link = ImmichEntry.model_validate(text).address
    assert link is not None
    assert link == SharedLinkAddress.parse(text)
    assert (str(link.server), link.query, link.value) == (server, query, value)
    assert KEY not in f"{link} {link!r}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"https://me:{KEY}@photos.example.org/share/x", "must not have a user name or password"),
        (f"http://xn--0/share/{KEY}", "must be an address"),
        (f"http://nas:99999/share/{KEY}", "must be an address"),
        (f"http://nas/s/%ff{KEY}", "percent-encoding"),
    ],
)
def test_invalid_shared_link_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why) as caught:
        ImmichEntry.model_validate(text)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("text", ["https://photos.example.org", f"https://photos.example.org/albums/{KEY}"])
def test_what_is_no_shared_link_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValidationError, match="must be a shared link of Immich") as caught:
        ImmichEntry.model_validate({"link": text})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "entry",
    [
        ImmichEntry(album="Grandma"),
        ImmichEntry(album="favorites"),
        ImmichEntry(album="person:Anna"),
        ImmichEntry(album="preview:x"),
        ImmichEntry(album="preview:x", rendition="preview"),
        ImmichEntry(album="album:x"),
        ImmichEntry(album="link:x"),
        ImmichEntry(album="https://x"),
        ImmichEntry(person="Anna"),
        ImmichEntry(person="Anna", rendition="edited"),
        ImmichEntry(tag="Trips/Rome", rendition="original"),
        ImmichEntry(favorites=True),
        ImmichEntry(favorites=True, rendition="preview"),
    ],
    ids=str,
)
def test_an_entry_can_be_written_as_its_text(entry: ImmichEntry) -> None:
    assert ImmichEntry.model_validate(str(entry)) == entry


NAMES = st.text(min_size=1).filter(lambda text: text.strip() != "")
WRITTEN = st.builds(
    lambda kind, name, rendition: ImmichEntry.model_validate({kind: name, "rendition": rendition}),
    st.sampled_from(["album", "person", "tag"]),
    NAMES
    | st.builds(
        "".join,
        st.lists(st.sampled_from(["album:", "tag:", "preview:", "link:", "favorites", "https://", "x"])),
    ).filter(bool),
    st.sampled_from(["auto", "original", "edited", "preview"]),
)


@given(WRITTEN, WRITTEN)
def test_entries_that_differ_have_texts_that_differ(one: ImmichEntry, other: ImmichEntry) -> None:
    assert (str(one) == str(other)) == (one == other)
    assert ImmichEntry.model_validate(str(one)) == one


def test_a_link_s_text_shows_no_secret_but_tells_it_from_others() -> None:
    one, other = ImmichEntry.model_validate(LINK), ImmichEntry.model_validate(f"{LINK}x")
    assert str(one) != str(other)
    assert str(one).startswith("link:photos.example.org#")
    assert KEY not in f"{one} {one!r}"


@pytest.mark.parametrize(
    "value",
    [{}, {"album": "x", "person": "y"}, {"favorites": False}, {"album": " "}, {"albums": "x"}, ""],
    ids=str,
)
def test_an_entry_names_one_thing(value: object) -> None:
    with pytest.raises(ValidationError):
        ImmichEntry.model_validate(value)


def config(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "picsync.yaml"
    path.write_text(text, "utf-8")
    return read_config(path, {})


def test_picsync_yaml_takes_texts_and_mappings(tmp_path: Path) -> None:
    loaded = config(
        tmp_path,
        "albums:\n- name: F\n  sources:\n    immich:\n    - Grandma\n    - favorites\n"
        f"    - {LINK}\n    - {{tag: Trips, rendition: preview}}\n    - {{favorites: true}}\n",
    )
    entries = loaded.albums[0].sources["immich"]
    assert [str(entry) for entry in entries][:2] == ["Grandma", "favorites"]
    assert str(entries[3]) == "preview:tag:Trips"
    assert entries[4].favorites


def test_a_wrong_option_is_named_with_its_line(tmp_path: Path) -> None:
    text = "albums:\n- name: F\n  sources:\n    immich:\n    - {album: x, redition: preview}\n"
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, text)
    (problem,) = caught.value.problems
    assert problem.line == 5
    assert "did you mean `rendition`" in problem.message
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, text.replace("redition: preview", "rendition: tiny"))
    (wrong,) = caught.value.problems
    assert wrong.field.endswith("immich[0].rendition")


def test_credentials_are_required_only_where_needed(tmp_path: Path) -> None:
    none = credentials(tmp_path, "nixplay: {username: a, password: b}")
    require = SOURCES["immich"].require
    require(none.account("immich"), [ImmichEntry.model_validate(LINK)])
    with pytest.raises(ConfigError, match=r"immich\.server"):
        require(none.account("immich"), [ImmichEntry(album="x"), ImmichEntry.model_validate(LINK)])
    both = credentials(
        tmp_path, None, {"PICSYNC_IMMICH__SERVER": "http://nas", "PICSYNC_IMMICH__API_KEY": "k"}
    )
    require(both.account("immich"), [ImmichEntry(album="x")])
    assert "'k'" not in repr(both)


def test_a_server_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    told = credentials_problems(tmp_path, "immich:\n  server: nas:2283\n  api_key: k\n")
    assert ":2: immich.server: must begin with `http://` or `https://`" in told


@pytest.mark.parametrize("version", [V2_7, V3_2], ids=["2.7", "3.2"])
async def test_names_are_found_however_they_are_composed(version: tuple[int, int, int]) -> None:
    async with immich_server(version=version) as server:
        server.album(1, "Fe\u0301te Größe")
        server.album(2, "trip")
        server.album(3, "TRIP")
        assert len((await server.listed("F\u00e9te Größe")).items) == 1
        assert len((await server.listed("f\u00e9te größe")).items) == 1
        assert len((await server.listed("TRIP")).items) == 3


async def test_a_name_that_several_have_is_refused_with_their_ids() -> None:
    async with immich_server() as server:
        one, _ = server.album(1, "Trip")
        other, _ = server.album(1, "Trip")
        listing = await server.listed("Trip")
        assert listing.items == ()
        assert one.album_id in str(listing.problem)
        assert other.album_id in str(listing.problem)
        assert len((await server.listed(one.album_id.upper())).items) == 1
        server.immich.add_person("Anna")
        server.immich.add_person("Anna")
        assert "2 people with the name 'Anna'" in str((await server.listed("person:Anna")).problem)


@pytest.mark.parametrize(
    "entry",
    [
        "Nothing",
        "person:Nobody",
        "tag:None",
        *(f"{kind}:6f1c0d5e-1111-4222-8333-944455556666" for kind in ("album", "person", "tag")),
    ],
)
async def test_what_is_not_there_is_named(entry: str) -> None:
    async with immich_server() as server:
        listing = await server.listed(entry)
        kind = entry.partition(":")[0] if ":" in entry else "album"
        assert f"has no {kind}" in str(listing.problem)
        assert listing.items == ()


async def test_people_come_in_pages() -> None:
    async with immich_server(page_cap=2) as server:
        _, (asset,) = server.album(1)
        people = [server.immich.add_person(f"Person {number}") for number in range(5)]
        asset.people = {people[4].person_id}
        assert names(await server.listed("person:Person 4")) == ["IMG_0.jpg"]
        assert len(server.requests("/people")) == 3


async def test_server_url_may_have_a_path_or_be_an_emulators() -> None:
    async with immich_server() as server:
        server.album(1)
        for address in (
            "http://immich.example",
            "https://IMMICH.example:2283/api/",
            f"{server.server.url}/immich.example",
        ):
            assert (await server.listed("Trip", address=address)).complete
