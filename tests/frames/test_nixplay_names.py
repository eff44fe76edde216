"""File names of every kind reach Nixplay in a form that it keeps; album names that it would change do not."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

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
