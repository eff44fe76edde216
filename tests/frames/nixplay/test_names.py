"""File names are sent to Nixplay in a form that it keeps; album names that it does not keep are replaced."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
import unicodedata
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from picsync.core.errors import LoginNeeded, RefusedError, TransientError
from picsync.core.events import NameReplaced
from picsync.core.model import FrameAlbum
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.nixplay.options import Emoji, NixplayOptions, Refused
from picsync.emulators.nixplay.state import State
from picsync.frames.base import Uploaded
from picsync.frames.nixplay import names
from picsync.frames.nixplay.frame import NixplayFrame
from picsync.frames.nixplay.upload import MAX_NAME_BYTES, safe_name
from picsync.http.retry import RetryPolicy
from tests.contract.frame_contract import JPEG, rendition
from tests.frames.nixplay.nixplay_account import NixplayAccount

NAMES = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="./\\ \"'\n\r\t\x00\u202e\u2028é\u0301😀a", max_size=40),
    st.text(min_size=60, max_size=90).map(lambda text: text + "😀" * 60 + ".JPG"),
)
HARD = (
    "",
    ".",
    "..",
    "../../etc/passwd",
    'a"b;c=d.jpg',
    "a\r\nX-Evil: 1.jpg",
    "\u202egpj.exe",
    "é" * 200,
    "x" * 255,
)


@pytest.fixture
async def album(frame: NixplayFrame) -> FrameAlbum:
    return await frame.create_album("Trip")


@given(NAMES, st.sampled_from(["image/jpeg", "image/heif", "video/mp4", "", "image/webp"]))
def test_a_safe_name_is_one_short_segment_that_stays_as_it_is(name: str, mime_type: str) -> None:
    safe = safe_name(name, mime_type)
    assert safe
    assert len(safe.encode()) <= MAX_NAME_BYTES
    assert not set(safe) & set("/\\\r\n\x00\u2028\u2029")
    assert safe not in (".", "..")
    assert safe_name(safe, mime_type) == safe


@given(name=NAMES)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(name="..")
async def test_any_name_arrives_and_is_kept(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum, name: str
) -> None:
    await arrives(frame, album, name)


@pytest.mark.parametrize("name", [*HARD, unicodedata.normalize("NFD", "Café.jpg"), "😀.jpg"])
async def test_a_hard_name_arrives_and_is_kept(frame: NixplayFrame, album: FrameAlbum, name: str) -> None:
    await arrives(frame, album, name)


@pytest.mark.parametrize("emoji", [Emoji.REFUSE, Emoji.FAIL])
async def test_file_names_that_are_refused_are_sent_in_ascii(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum, emoji: Emoji
) -> None:
    account.service.options.emoji = emoji
    account.service.options.only_ascii = True
    for number, name in enumerate(("Größe.jpg", "plain.jpg", "北.jpg", "😀.jpg")):
        sent = replace(rendition(JPEG + bytes([number])), filename=name)
        assert await frame.upload(album, sent, upcoming=4 - number) == Uploaded()
    assert {photo.filename for photo in (await frame.photos(album)).items} == {
        "Gr__e.jpg",
        "plain.jpg",
        "_.jpg",
    }
    # That such names are refused is learnt once.
    refused = [record for record in account.requests("/v3/photo/upload/") if (record.status or 0) >= 400]
    assert len({record.status for record in refused}) == 1
    assert len(account.requests("/v3/photo/upload/")) == 4 + len(refused)
    assert len(refused) == (1 if emoji is Emoji.REFUSE else RetryPolicy().attempts)


async def arrives(frame: NixplayFrame, album: FrameAlbum, name: str) -> None:
    sent = replace(
        rendition(JPEG + hashlib.sha256(name.encode(errors="surrogatepass")).digest()), filename=name
    )
    await frame.upload(album, sent)
    found = {photo.digest: photo.filename for photo in (await frame.photos(album)).items}
    # The service's own change; nothing depends on the names of photos.
    assert found[sent.digest] == re.sub(r"[\U00010000-\U0010ffff]", "?", safe_name(name, "image/jpeg"))


FUN, PARTY = "Fun \N{GRINNING FACE}", "Fun \N{PARTY POPPER}"
NFD = unicodedata.normalize("NFD", "Caf\N{LATIN SMALL LETTER E WITH ACUTE}")
LONG = "A name of an album that is longer than a service may keep"
CHANGES: dict[str, tuple[str, dict[str, object]]] = {
    "removed": (FUN, {"emoji": Emoji.STRIP}),
    "nothing left": ("\N{GRINNING FACE}", {"emoji": Emoji.STRIP}),
    "replaced": (f"{FUN} with Ö", {"emoji": Emoji.QUESTION_MARK}),
    "all beyond ASCII": ("Größe", {"emoji": Emoji.QUESTION_MARK, "only_ascii": True}),
    "escaped": (FUN, {"emoji": Emoji.ESCAPE}),
    "cut at it": (f"{FUN} and more", {"emoji": Emoji.CUT}),
    "refused": (FUN, {"emoji": Emoji.REFUSE}),
    "failing": (FUN, {"emoji": Emoji.FAIL}),
    "cut off": (LONG, {"name_characters": 40}),
    "echoed": (FUN, {"emoji": Emoji.QUESTION_MARK, "echo_names": True}),
}


def change(account: NixplayAccount, options: dict[str, object]) -> None:
    for option, value in options.items():
        setattr(account.service.options, option, value)


def left(account: NixplayAccount) -> tuple[int, int]:
    """Return how many albums and playlists there are beyond those of a new account."""
    made = account.service.account()
    return len(made.albums) - 2, len(made.playlists) - 2


@pytest.mark.parametrize("what", CHANGES)
async def test_a_name_that_is_not_kept_is_found_by_a_plain_one(account: NixplayAccount, what: str) -> None:
    name, options = CHANGES[what]
    change(account, options)
    made = set()
    for _ in range(3):
        frame = account.frame()  # Nothing is remembered.
        album = await frame.find_album(name) or await frame.create_album(name)
        playlist = await frame.create_playlist(f"ss_{name}")
        assert [each.playlist_id for each in await frame.playlists(f"ss_{name}")] == [playlist.playlist_id]
        assert (album.name, album.listed_as) == (name, names.plain(name))
        assert (playlist.name, playlist.listed_as) == (f"ss_{name}", names.plain(f"ss_{name}"))
        made.add((album.album_id, playlist.playlist_id))
        await frame.aclose()
    assert len(made) == 1
    assert left(account) == (1, 1)
    said = [event for event in account.events if isinstance(event, NameReplaced)]
    assert [(event.kind, event.name, event.listed_as) for event in said] == [
        ("album", name, names.plain(name)),
        ("playlist", f"ss_{name}", names.plain(f"ss_{name}")),
    ]


@pytest.mark.parametrize("emoji", [Emoji.STRIP, Emoji.QUESTION_MARK, Emoji.REFUSE, Emoji.FAIL, Emoji.CUT])
async def test_names_that_are_changed_alike_stay_apart(
    account: NixplayAccount, frame: NixplayFrame, emoji: Emoji
) -> None:
    account.service.options.emoji = emoji
    albums = [await frame.create_album(name) for name in (FUN, PARTY)]
    assert len({album.album_id for album in albums}) == 2
    assert [await frame.find_album(name) for name in (FUN, PARTY)] == albums


@pytest.mark.parametrize("somebodys", ["Fun ?", "Fun", "Fun "])
@pytest.mark.parametrize("photos", [0, 1])
async def test_an_album_that_has_the_changed_name_is_left_alone(
    account: NixplayAccount, frame: NixplayFrame, somebodys: str, photos: int
) -> None:
    other = account.service.add_album(somebodys)
    for _ in range(photos):
        account.service.add_photo(other, "1.jpg", JPEG)
    other_playlist = account.service.add_playlist(f"ss_{somebodys}", account.service.album_photos(other))
    album, playlist = await frame.create_album(FUN), await frame.create_playlist(f"ss_{FUN}")
    assert album.album_id != str(other.album_id)
    assert playlist.playlist_id != str(other_playlist.playlist_id)
    assert left(account) == (2, 2)
    assert account.service.album_photos(other) == account.service.playlist_photos(other_playlist)
    # An empty one may be what an earlier attempt has left: no further one is made in its name.
    assert len(account.requests("/album/create/")) == (2 if photos else 1)


@pytest.mark.parametrize("at", ["^/album/create/json/$", "/delete/json/$"])
async def test_a_changed_album_that_was_not_removed_stays_the_only_one(
    account: NixplayAccount, at: str
) -> None:
    """As after a kill between the creation and the removal, or an answer that was lost."""
    for _ in range(3):
        account.fail(
            Fault(kind=FaultKind.RESET_AFTER if "create" in at else FaultKind.RESET_BEFORE, path=at, count=5)
        )
        frame = account.frame()
        with contextlib.suppress(TransientError):
            await frame.create_album(FUN)
        account.server.faults.clear()
        await frame.aclose()
    frame = account.frame()
    assert (await frame.create_album(FUN)).listed_as == names.plain(FUN)
    await frame.aclose()
    made = sorted(album.name for album in account.service.account().albums.values() if "Fun" in album.name)
    assert made == sorted(["Fun ?", names.plain(FUN) or ""])


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_trouble_that_is_not_about_the_name_does_not_change_it(
    account: NixplayAccount, frame: NixplayFrame, status: int
) -> None:
    account.service.options.emoji = Emoji.KEEP
    account.fail(Fault(kind=FaultKind.STATUS, status=status, path="/create/", count=2))
    with pytest.raises(TransientError):
        await frame.create_album(FUN)
    assert (await frame.create_album(FUN)).listed_as == ""


async def test_a_login_that_is_refused_is_not_taken_for_a_refused_name(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.fail(
        Fault(kind=FaultKind.STATUS, status=403, method="POST", path="/(create|www-login)/", count=None)
    )
    with pytest.raises(LoginNeeded):
        await frame.create_album(FUN)


async def test_a_name_that_a_firewall_forbids_is_replaced(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.service.options.emoji = Emoji.KEEP
    account.fail(Fault(kind=FaultKind.STATUS, status=403, path="/create/", count=2))
    assert (await frame.create_album(FUN)).listed_as == names.plain(FUN)


async def test_a_service_that_keeps_no_name_at_all_is_refused(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.service.options.name_characters = 11
    for name in (FUN + " and more", "A long name" + " of an album"):
        for _ in range(2):
            with pytest.raises(RefusedError, match="cannot keep the album name") as caught:
                await frame.create_album(name)
            assert "picsync.yaml" in caught.value.hint
            with pytest.raises(RefusedError, match="cannot keep the playlist name"):
                await frame.create_playlist(f"ss_{name}")
            assert left(account) == (0, 0)


async def test_album_with_photos_wins_over_its_plain_named_twin(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.service.options.emoji = Emoji.KEEP
    exact, plain = (account.service.add_album(name) for name in (FUN, names.plain(FUN) or ""))
    for holder, expected in ((None, exact), (plain, plain), (exact, exact)):
        if holder is not None:
            account.service.add_photo(holder, "1.jpg", JPEG)
        assert (await frame.find_album(FUN) or FrameAlbum("", "")).album_id == str(expected.album_id)
    playlists = [account.service.add_playlist(name) for name in (f"ss_{FUN}", names.plain(f"ss_{FUN}") or "")]
    found = await frame.playlists(f"ss_{FUN}")
    # Either may be the one that a frame shows.
    assert [each.playlist_id for each in found] == [str(each.playlist_id) for each in playlists]
    assert {each.name for each in found} == {f"ss_{FUN}"}


@pytest.mark.parametrize("name", ["Trip", " Trip ", "Trip\t"])
async def test_a_name_that_is_trimmed_is_found_again(
    account: NixplayAccount, frame: NixplayFrame, name: str
) -> None:
    change(account, {"trim_names": True})
    album, playlist = await frame.create_album(name), await frame.create_playlist(f"ss_{name}")
    assert await frame.find_album(name) == album
    assert [each.playlist_id for each in await frame.playlists(f"ss_{name}")] == [playlist.playlist_id]
    assert (album.name, album.listed_as, playlist.name) == (name, "", f"ss_{name}")
    assert left(account) == (1, 1)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", [NFD, unicodedata.normalize("NFC", NFD)])
async def test_a_name_that_is_only_written_differently_is_found_again(
    account: NixplayAccount, frame: NixplayFrame, name: str, form: str
) -> None:
    change(account, {"normal_form": form})
    album, playlist = await frame.create_album(name), await frame.create_playlist(f"ss_{name}")
    for asked in (name, unicodedata.normalize("NFC", name), NFD):
        assert (await frame.find_album(asked) or album).album_id == album.album_id
        assert (await frame.create_album(asked)).album_id == album.album_id
        assert [each.playlist_id for each in await frame.playlists(f"ss_{asked}")] == [playlist.playlist_id]
        assert (await frame.create_playlist(f"ss_{asked}")).playlist_id == playlist.playlist_id
    assert left(account) == (1, 1)


async def test_of_two_that_look_alike_the_exact_one_counts(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    composed = unicodedata.normalize("NFC", NFD)
    state = account.service.state
    first, second = (state.create_album(account.service.account(), name) for name in (NFD, composed))
    found = [await frame.find_album(name) for name in (NFD, composed)]
    assert [album and album.album_id for album in found] == [str(first.album_id), str(second.album_id)]


NAME = st.text(
    st.one_of(st.sampled_from("Fun ?ßöÖé\u0301😀🎉北\\&;%_-."), st.characters(codec="utf-8")),
    min_size=1,
    max_size=45,
).filter(str.strip)


@settings(max_examples=60, deadline=None)
@given(NAME)
@example("ss_😀")
@example("\ud800")
def test_a_plain_name_is_one_that_any_service_keeps(name: str) -> None:
    plain = names.plain(name)
    if plain is None:
        assert name.isascii()
        return
    assert re.fullmatch(r"[A-Za-z0-9_.][A-Za-z0-9_. -]*-[0-9a-f]{10}", plain), plain
    assert len(plain) <= names.PLAIN_CHARACTERS
    assert names.plain(plain) is None
    assert plain == plain.strip()


@settings(max_examples=60, deadline=None)
@given(NAME, NAME)
@example(FUN, PARTY)
@example("Fun 😀", "Fun  😀")
def test_different_names_have_different_plain_names(one: str, other: str) -> None:
    both = names.plain(one), names.plain(other)
    if None not in both:
        assert (both[0] == both[1]) == names.same(one, other)


@settings(max_examples=60, deadline=None)
@given(
    NAME,
    st.sampled_from(list(Emoji)),
    st.booleans(),
    st.sampled_from([None, "NFC", "NFD"]),
    st.booleans(),
    st.sampled_from([None, 16, 30]),
)
def test_what_a_service_makes_of_a_name_is_recognised(
    name: str,
    emoji: Emoji,
    only_ascii: bool,
    form: Literal["NFC", "NFD"] | None,
    trim: bool,
    characters: int | None,
) -> None:
    options = NixplayOptions(
        emoji=emoji, only_ascii=only_ascii, normal_form=form, trim_names=trim, name_characters=characters
    )
    try:
        made = State(options, time.time, lambda _: None).name(name)
    except Refused:
        return
    if names.plain(name) is not None and not names.same(made, name):
        assert names.may_derive_from(made, name)


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ("Trip", "Fun 😀"),
        ("Fun 2", "Fun 😀"),
        ("Größe", "Größe 2"),
        ("北京", "Größe"),
        ("Fun 🎉", "Fun 😀"),
        ("Fun", "Fun"),
        ("Fun ?", "Fun !"),
        (names.plain(FUN), FUN),
    ],
)
def test_what_is_not_made_of_a_name(listed: str, name: str) -> None:
    assert not names.may_derive_from(listed, name)


@pytest.mark.parametrize(
    "listed",
    ["Gr\ufffd\ufffde", "Gr&ouml;&szlig;e", "Gr%C3%B6%C3%9Fe", "GrÃ¶ÃŸe", "Gr??e", "Gre", "Groe", "Gr"],
)
def test_what_may_be_made_of_a_name(listed: str) -> None:
    assert names.may_derive_from(listed, "Größe")


@given(st.text(min_size=1, max_size=20).filter(str.strip))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_album_name_is_found_again(account: NixplayAccount, frame: NixplayFrame, name: str) -> None:
    album = await frame.create_album(name)
    assert await frame.find_album(name) == album
    assert await frame.create_album(name) == album
