"""Requirements of every frame, whatever its service: a subclass with a fixture makes it a test."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import pytest

from picsync.core.caption import AboutPhoto, Captions
from picsync.core.errors import NotFoundError
from picsync.core.identity import plain_name
from picsync.core.model import Digest, FrameAlbum, FramePhoto, Playlist
from picsync.frames.base import (
    AlreadyThere,
    Frame,
    KeepsOrder,
    PlaylistFrame,
    Rejects,
    Rendition,
    ShowsCaptions,
    Uploaded,
)

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"

NAMES = [
    "Trip",
    " leading and trailing ",
    "Größe 北京 e\u0301",
    'quotes " and \\ / and ..',
    "..",
    "%2F?a=b&c#d",
    "<b>' OR 1=1 --",
    "tab\tinside",
]


def rendition(content: bytes, filename: str = "IMG_1.jpg", mime_type: str = "image/jpeg") -> Rendition:
    """Return a rendition of the content whose file is not at the beginning."""
    file = io.BytesIO(content)
    file.seek(0, io.SEEK_END)
    digest = Digest.md5(hashlib.md5(content, usedforsecurity=False).hexdigest())
    return Rendition(file, len(content), digest, mime_type, filename)


class RejectingFrame(Frame, Rejects, Protocol):
    """A frame whose viewers can reject photos."""


async def ensure_album(frame: Frame, name: str) -> FrameAlbum:
    """Return the album of that name, created if necessary, as a cycle does it."""
    return await frame.find_album(name) or await frame.create_album(name)


async def upload(frame: Frame, album: FrameAlbum, *contents: bytes) -> list[FramePhoto]:
    """Upload contents one by one and return their photos in this order."""
    for content in contents:
        await frame.upload(album, rendition(content))
    by_digest = {photo.digest: photo for photo in (await frame.photos(album)).items}
    return [by_digest[rendition(content).digest] for content in contents]


async def only_playlist(frame: PlaylistFrame, name: str) -> Playlist:
    """Return the playlist of that name as the service currently has it."""
    [playlist] = await frame.playlists(name)
    return playlist


def shown(playlist: Playlist) -> Sequence[str]:
    return [item.photo_id for item in playlist.items]


class FrameContract:
    """Tests of the port; a subclass provides a fixture `frame` with an empty account."""

    def test_capabilities_can_be_used(self, frame: Frame) -> None:
        capabilities = frame.capabilities
        assert capabilities.digest_algorithm in ("md5", "sha256")
        assert capabilities.accepts("image/jpeg")
        assert not capabilities.accepts("text/html")
        assert capabilities.max_uploads >= 1
        if capabilities.captions is not Captions.NONE:
            assert isinstance(frame, ShowsCaptions)
        if capabilities.keeps_order:
            assert isinstance(frame, KeepsOrder), "it has to implement the port `KeepsOrder`"

    @pytest.mark.parametrize("name", NAMES)
    async def test_an_album_is_made_once(self, frame: Frame, name: str) -> None:
        assert await frame.find_album(name) is None
        first = await frame.create_album(name)
        assert first == await frame.create_album(name) == await frame.find_album(name)
        assert first.name == name
        assert [album for album in await frame.albums() if album.name == name] == [first]

    async def test_concurrent_callers_make_one_album(self, frame: Frame) -> None:
        albums = await asyncio.gather(*(ensure_album(frame, "Trip") for _ in range(4)))
        assert len(set(albums)) == 1

    async def test_an_uploaded_photo_is_listed(self, frame: Frame) -> None:
        album = await ensure_album(frame, "Trip")
        other = await ensure_album(frame, "Other")
        sent = rendition(JPEG + b"1")
        assert await frame.upload(album, sent) == Uploaded()
        photos = await frame.photos(album)
        assert photos.complete
        assert [photo.digest for photo in photos.items] == [sent.digest]
        assert (await frame.photos(other)).items == ()

    async def test_equal_bytes_are_one_photo_per_album(self, frame: Frame) -> None:
        album = await ensure_album(frame, "Trip")
        other = await ensure_album(frame, "Other")
        await frame.upload(album, rendition(JPEG, "a.jpg"))
        assert await frame.upload(album, rendition(JPEG, "b.jpg")) == AlreadyThere()
        assert await frame.upload(other, rendition(JPEG, "a.jpg")) == Uploaded()
        assert len((await frame.photos(album)).items) == 1

    async def test_one_file_may_be_sent_again(self, frame: Frame) -> None:
        album = await ensure_album(frame, "Trip")
        sent = rendition(JPEG)
        await frame.upload(album, sent)
        assert await frame.upload(album, sent) == AlreadyThere()

    @pytest.mark.parametrize(
        "name", ["", "no extension", "Größe 北京.jpg", "../../etc/passwd", 'a"b\r\nc.jpg', "x" * 400]
    )
    async def test_any_file_name_can_be_sent(self, frame: Frame, name: str) -> None:
        album = await ensure_album(frame, "Trip")
        assert await frame.upload(album, rendition(JPEG, name)) == Uploaded()
        assert len((await frame.photos(album)).items) == 1

    async def test_concurrent_uploads_all_arrive(self, frame: Frame) -> None:
        album = await ensure_album(frame, "Trip")
        sent = [rendition(JPEG + bytes([number])) for number in range(12)]
        await asyncio.gather(*(frame.upload(album, each) for each in sent))
        photos = await frame.photos(album)
        assert {photo.digest for photo in photos.items} == {each.digest for each in sent}
        assert len({photo.photo_id for photo in photos.items}) == len(sent)

    async def test_a_photo_may_be_deleted_twice(self, frame: Frame) -> None:
        album = await ensure_album(frame, "Trip")
        gone, kept = await upload(frame, album, JPEG + b"1", JPEG + b"2")
        await frame.delete(album, gone)
        await frame.delete(album, gone)
        assert (await frame.photos(album)).items == (kept,)

    async def test_it_may_be_closed_twice(self, frame: Frame) -> None:
        await ensure_album(frame, "Trip")
        await frame.aclose()
        await frame.aclose()


class RejectsContract:
    """Further tests of the port of a frame whose viewers can reject photos; its fixture `frame` is one."""

    async def test_a_rejected_photo_leaves_all_albums_and_is_listed(self, frame: RejectingFrame) -> None:
        album, other = await ensure_album(frame, "Trip"), await ensure_album(frame, "Other")
        gone, kept = await upload(frame, album, JPEG + b"1", JPEG + b"2")
        await frame.upload(other, rendition(JPEG + b"1"))
        assert not await frame.rejected()
        assert await frame.reject(gone)
        assert (await frame.photos(album)).items == (kept,)
        assert (await frame.photos(other)).items == ()
        [rejection] = (await frame.rejected()).items
        assert (rejection.digest, rejection.filename, rejection.size_bytes) == (
            gone.digest,
            "IMG_1.jpg",
            len(JPEG) + 1,
        )
        assert set(rejection.albums) == {"Trip", "Other"}
        assert rejection.rejected_at is not None

    async def test_the_only_photo_is_remembered_but_stays(self, frame: RejectingFrame) -> None:
        album = await ensure_album(frame, "Trip")
        [only] = await upload(frame, album, JPEG)
        assert not await frame.reject(only)
        assert (await frame.photos(album)).items == (only,)
        assert len((await frame.rejected()).items) == 1

    async def test_a_restored_photo_can_be_sent_again(self, frame: RejectingFrame) -> None:
        album = await ensure_album(frame, "Trip")
        gone, also, _ = await upload(frame, album, JPEG + b"1", JPEG + b"2", JPEG + b"3")
        await frame.reject(gone)
        await frame.reject(also)
        first, second = (await frame.rejected()).items
        for _ in range(2):
            await frame.restore([first])
            assert (await frame.rejected()).items == (second,)
        assert await frame.upload(album, rendition(JPEG + b"1")) == Uploaded()
        assert len((await frame.photos(album)).items) == 2

    async def test_what_does_not_exist_cannot_be_rejected(self, frame: RejectingFrame) -> None:
        album = await ensure_album(frame, "Trip")
        gone, _ = await upload(frame, album, JPEG + b"1", JPEG + b"2")
        await frame.delete(album, gone)
        assert not await frame.reject(gone)
        assert not await frame.rejected()


class PlaylistContract:
    """Further tests of the port of a frame that shows playlists; its fixture `frame` is one."""

    async def test_a_deleted_photo_leaves_the_playlists(self, frame: PlaylistFrame) -> None:
        album = await ensure_album(frame, "Trip")
        gone, kept = await upload(frame, album, JPEG + b"1", JPEG + b"2")
        playlist = await frame.create_playlist("ss_Trip")
        await frame.add_items(playlist, [gone, kept, gone])
        await frame.delete(album, gone)
        assert shown(await only_playlist(frame, "ss_Trip")) == [kept.photo_id]

    @pytest.mark.parametrize("name", NAMES)
    async def test_a_playlist_is_made_once(self, frame: PlaylistFrame, name: str) -> None:
        assert not await frame.playlists(name)
        first = await frame.create_playlist(name)
        again = await frame.create_playlist(name)
        assert first == again == await only_playlist(frame, name)
        assert (first.name, first.items) == (name, ())

    @pytest.mark.parametrize("expected", [0, 1, 3, 250])
    async def test_a_playlist_is_read_again_whatever_was_expected(
        self, frame: PlaylistFrame, expected: int
    ) -> None:
        album = await ensure_album(frame, "Trip")
        photos = await upload(frame, album, JPEG + b"1", JPEG + b"2", JPEG + b"3")
        made = await frame.create_playlist("ss_Trip")
        await frame.add_items(made, photos)
        now = await frame.playlist(made, expected=expected)
        assert now == await only_playlist(frame, "ss_Trip")
        assert shown(now) == [photo.photo_id for photo in photos]

    async def test_a_playlist_that_is_gone_is_none(self, frame: PlaylistFrame) -> None:
        made = await frame.create_playlist("ss_Trip")
        assert await frame.playlist(replace(made, playlist_id="999999"), expected=3) is None

    async def test_concurrent_callers_make_one_playlist(self, frame: PlaylistFrame) -> None:
        playlists = await asyncio.gather(*(frame.create_playlist("ss_Trip") for _ in range(4)))
        assert len({playlist.playlist_id for playlist in playlists}) == 1

    async def test_items_are_appended_in_order_even_twice(self, frame: PlaylistFrame) -> None:
        album = await ensure_album(frame, "Trip")
        one, two, three = await upload(frame, album, JPEG + b"1", JPEG + b"2", JPEG + b"3")
        playlist = await frame.create_playlist("ss_Trip")
        await frame.add_items(playlist, [two, one])
        await frame.add_items(playlist, [])
        await frame.add_items(playlist, [three, two])
        now = await only_playlist(frame, "ss_Trip")
        assert shown(now) == [two.photo_id, one.photo_id, three.photo_id, two.photo_id]
        assert len({item.item_id for item in now.items}) == 4

    async def test_only_the_named_items_are_removed(self, frame: PlaylistFrame) -> None:
        album = await ensure_album(frame, "Trip")
        one, two, three = await upload(frame, album, JPEG + b"1", JPEG + b"2", JPEG + b"3")
        await frame.add_items(await frame.create_playlist("ss_Trip"), [one, two, one, three])
        playlist = await only_playlist(frame, "ss_Trip")
        await frame.remove_items(playlist, [])
        assert await only_playlist(frame, "ss_Trip") == playlist
        gone = playlist.items[1:3]
        await frame.remove_items(playlist, gone)
        await frame.remove_items(playlist, gone)
        assert (await only_playlist(frame, "ss_Trip")).items == (playlist.items[0], playlist.items[3])
        assert len((await frame.photos(album)).items) == 3


class CaptionsContract:
    """Further tests of the port of a frame that shows captions; its fixture `frame` is one."""

    async def caption(self, frame: Frame, album: FrameAlbum) -> str | None:
        [photo] = (await frame.photos(album)).items
        return photo.caption

    @pytest.mark.parametrize(
        "text", ["", "Rome, May 2026", "Größe 北京 e\u0301", "<b>\"'&\\ #?%2F", "x" * 300]
    )
    async def test_a_caption_is_listed_replaced_and_removed(self, frame: Frame, text: str) -> None:
        assert isinstance(frame, ShowsCaptions)
        album = await ensure_album(frame, "Trip")
        sent = replace(rendition(JPEG), about=AboutPhoto(caption="Sent with the upload"))
        await frame.upload(album, sent)
        # Whether a caption is taken with the upload is up to the frame, but the listing says what it is.
        assert await self.caption(frame, album) in ("", "Sent with the upload")
        [photo] = (await frame.photos(album)).items
        taken = datetime.fromisoformat("2026-05-03T12:30")
        about = AboutPhoto(taken, "A description", "Rome", text)
        for _ in range(2):
            await frame.describe(album, photo, about)
            listed = await self.caption(frame, album)
            assert listed is not None
            assert frame.same_caption(listed, text)
        await frame.describe(album, photo, AboutPhoto())
        assert await self.caption(frame, album) == ""
        [now] = (await frame.photos(album)).items
        assert now == photo

    async def test_different_captions_are_different(self, frame: Frame) -> None:
        assert isinstance(frame, ShowsCaptions)
        for shown, wanted in [("", "Rome"), ("Rome", ""), ("Rome", "Rom"), ("May 2026", "May 2025")]:
            assert not frame.same_caption(shown, wanted)

    async def test_a_photo_that_is_gone_cannot_be_described(self, frame: Frame) -> None:
        assert isinstance(frame, ShowsCaptions)
        album = await ensure_album(frame, "Trip")
        gone, kept = await upload(frame, album, JPEG + b"1", JPEG + b"2")
        await frame.delete(album, gone)
        with pytest.raises(NotFoundError):
            await frame.describe(album, gone, AboutPhoto(caption="Rome"))
        assert [(photo, photo.caption) for photo in (await frame.photos(album)).items] == [(kept, "")]


class OrderContract:
    """Further tests of the port of a frame that keeps an order; its fixture `frame` is one."""

    async def test_photos_are_listed_in_the_order_that_was_asked_for(self, frame: Frame) -> None:
        assert isinstance(frame, KeepsOrder)
        album = await ensure_album(frame, "Trip")
        await upload(frame, album, *(JPEG + bytes([number]) for number in range(12)))
        photos = (await frame.photos(album)).items
        wanted = [photos[place] for place in (5, 0, 11, 3, 9, 1, 10, 2, 8, 4, 6, 7)]
        for _ in range(2):
            now = {photo.digest: photo for photo in (await frame.photos(album)).items}
            await frame.arrange(album, [now[photo.digest] for photo in wanted])
            listed = (await frame.photos(album)).items
            assert [photo.digest for photo in listed] == [photo.digest for photo in wanted]
            assert [plain_name(photo.filename) for photo in listed] == ["IMG_1.jpg"] * 12

    async def test_photos_that_are_not_named_come_last(self, frame: Frame) -> None:
        assert isinstance(frame, KeepsOrder)
        album, other = await ensure_album(frame, "Trip"), await ensure_album(frame, "Other")
        await upload(frame, other, JPEG + b"1", JPEG + b"2")
        await upload(frame, album, *(JPEG + bytes([number]) for number in range(4)))
        photos, others = (await frame.photos(album)).items, (await frame.photos(other)).items
        await frame.arrange(album, [photos[3], photos[1]])
        wanted = [photos[place].digest for place in (3, 1, 0, 2)]
        assert [photo.digest for photo in (await frame.photos(album)).items] == wanted
        assert [photo.digest for photo in (await frame.photos(other)).items] == [one.digest for one in others]
