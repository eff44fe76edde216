"""File names of every kind reach Nixplay in a form that it keeps; album names that it would change do not."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from picsync.emulators.nixplay.options import Emoji
from picsync.errors import RefusedError
from picsync.frames.nixplay import NixplayFrame
from picsync.frames.nixplay.upload import MAX_NAME_BYTES, safe_name
from picsync.model import FrameAlbum
from tests.contract.frame_contract import JPEG, rendition
from tests.frames.nixplay_account import NixplayAccount

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


async def arrives(frame: NixplayFrame, album: FrameAlbum, name: str) -> None:
    sent = replace(
        rendition(JPEG + hashlib.sha256(name.encode(errors="surrogatepass")).digest()), filename=name
    )
    await frame.upload(album, sent)
    found = {photo.digest: photo.filename for photo in (await frame.photos(album)).items}
    # The service's own change; nothing depends on the names of photos.
    assert found[sent.digest] == re.sub(r"[\U00010000-\U0010ffff]", "?", safe_name(name, "image/jpeg"))


async def test_names_that_nixplay_would_change_leave_nothing_behind(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    for _ in range(4):
        assert await frame.find_album("Fun 😀") is None
        with pytest.raises(RefusedError, match="cannot keep the album name"):
            await frame.create_album("Fun 😀")
        with pytest.raises(RefusedError, match="cannot keep the playlist name"):
            await frame.create_playlist("ss_Fun 😀")
    albums = account.service.account().albums.values()
    assert not [album.name for album in albums if "Fun" in album.name]
    playlists = account.service.account().playlists.values()
    assert not [playlist.name for playlist in playlists if "Fun" in playlist.name]


NFD = unicodedata.normalize("NFD", "Café")
CHANGES: dict[str, tuple[str, dict[str, object]]] = {
    "stripped": ("Fun 😀", {"emoji": Emoji.STRIP}),
    "nothing left": ("😀😀", {"emoji": Emoji.STRIP}),
    "replaced": ("Fun 😀 with Ö", {"emoji": Emoji.QUESTION_MARK}),
    "escaped": ("Fun 😀", {"emoji": Emoji.ESCAPE}),
    "cut off": ("A long name of an album", {"name_characters": 11}),
}


def change(account: NixplayAccount, options: dict[str, object]) -> None:
    for option, value in options.items():
        setattr(account.service.options, option, value)


def left(account: NixplayAccount) -> tuple[int, int]:
    """Return how many albums and playlists there are beyond those of a new account."""
    made = account.service.account()
    return len(made.albums) - 2, len(made.playlists) - 2


@pytest.mark.parametrize("what", CHANGES)
async def test_a_name_that_is_changed_leaves_nothing_behind_in_any_cycle(
    account: NixplayAccount, frame: NixplayFrame, what: str
) -> None:
    name, options = CHANGES[what]
    change(account, options)
    for _ in range(3):
        assert await frame.find_album(name) is None
        with pytest.raises(RefusedError, match="cannot keep the album name") as caught:
            await frame.create_album(name)
        assert "picsync.yaml" in caught.value.hint
        assert list(await frame.playlists(f"ss_{name}")) == []
        with pytest.raises(RefusedError, match="cannot keep the playlist name"):
            await frame.create_playlist(f"ss_{name}")
        assert left(account) == (0, 0)


@pytest.mark.parametrize("name", [NFD, unicodedata.normalize("NFC", NFD)])
async def test_a_name_that_is_only_written_differently_is_found_again(
    account: NixplayAccount, frame: NixplayFrame, name: str
) -> None:
    change(account, {"compose_names": True})
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


@given(st.text(min_size=1, max_size=20).filter(str.strip))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_album_name_is_kept_or_refused(
    account: NixplayAccount, frame: NixplayFrame, name: str
) -> None:
    before = left(account)[0]
    try:
        album = await frame.create_album(name)
    except RefusedError:
        assert left(account)[0] == before
    else:
        assert (await frame.find_album(name) or album).album_id == album.album_id
        assert (await frame.create_album(name)).album_id == album.album_id
