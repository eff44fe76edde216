"""\"Not this one\" on a frame's page, where there are family pages: the photo leaves all frames."""

from __future__ import annotations

from pathlib import Path

from picsync.core.identity import PhotoKey, keyed_name
from picsync.core.model import FramePhoto
from picsync.family.judging import FamilyJudges
from picsync.family.photos import Photos
from picsync.family.state import tables
from picsync.family.state.database import State
from tests.contract.frame_contract import ensure_album, rendition
from tests.family.test_gallery import home_in, key_of, sent
from tests.pictures import jpeg
from tests.sync.household import Painter
from tests.web.frame.running import RunningFrames


async def test_a_photo_leaves_all_frames_and_may_come_back(tmp_path: Path) -> None:
    async with home_in(tmp_path, Painter()) as home:
        await home.gallery.upload(await ensure_album(home.gallery, "Family"), sent("rose"))
        [known] = await home.photos.in_category("Family")

        async def hide(frame: str, photo: FramePhoto) -> None:
            await home.photos.hide_shown(photo, frame=frame)

        frames = RunningFrames(tmp_path, hide=hide)
        await frames.server.start("127.0.0.1", 0)
        try:
            album = await ensure_album(frames.tablet, "Family")
            for name in ("rose", "oak"):
                key = PhotoKey(key_of("a" if name == "rose" else "z"), "b" * 10, "abcd", 1000)
                await frames.tablet.upload(album, rendition(jpeg(name), keyed_name(f"{name}.jpg", key)))
            async with frames.device(frames.token()) as device:
                shown = (await device.get("/frame/tablet/photos.json")).json()["photos"]
                assert len(shown) == 2
                answer = await device.post("/frame/tablet/reject", json={"photo": shown[0]["id"]})
                assert answer.status_code == 204
        finally:
            await frames.server.close()
        [hidden] = await home.photos.hidden_at("tablet")
        assert len((await frames.tablet.photos(album)).items) == 1
        # The family's pages alone remember it: there it can be restored for all frames.
        assert not await frames.tablet.rejected()
        keys = (await FamilyJudges(home.state).judgements(ratings=False, captions=False)).hidden
        # Only the rose is on the family's pages; the oak is hidden as an item.
        assert keys in ({known.photo, key_of("a")}, {key_of("z")})
        assert hidden.photo in keys
        assert await home.photos.restore(hidden.photo, by=None)
        keys = (await FamilyJudges(home.state).judgements(ratings=False, captions=False)).hidden
        assert not keys


async def test_of_a_pair_both_photos_are_hidden(tmp_path: Path) -> None:
    state = await State.open(str(tmp_path / "cache.db"))
    try:
        photos = Photos(state)
        key = PhotoKey("a" * 10, "b" * 10, "abcd", 1000, ("c" * 10, "d" * 10))
        photo = FramePhoto("1", rendition(jpeg("pair")).digest, keyed_name("pair.jpg", key))
        await photos.hide_shown(photo, frame="hall")
        assert {each.photo for each in await photos.hidden_at("hall")} == {"a" * 10, "c" * 10}
        rows = await state.read(lambda connection: connection.execute(tables.act.select()).all())
        assert {(row.act, row.detail) for row in rows} == {("hid", "hall")}
    finally:
        await state.aclose()
