"""What Nixplay is asked for only by a setting: captions as text, and frames that show the playlists."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest

from picsync.core.caption import AboutPhoto
from picsync.core.errors import AmbiguousError, NotFoundError, ProtocolError, RefusedError
from picsync.core.model import FramePhoto, Mark
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.nixplay import Answer, Frame, NixplayOptions, OnFrames
from picsync.frames.base import Assigned
from picsync.frames.nixplay.assigning import TRY_AGAIN_AFTER_S, ShowOn
from picsync.frames.nixplay.devices import Device, devices, shows
from picsync.frames.nixplay.frame import NixplayFrame
from picsync.frames.nixplay.names import same_text
from picsync.frames.nixplay.session import NixplayLogin
from picsync.http.client import Hosts
from picsync.http.retry import Retrier, RetryPolicy
from tests.contract.frame_contract import JPEG, ensure_album, rendition, upload
from tests.frames.nixplay.nixplay_account import PASSWORD, USER, NixplayAccount, nixplay_account

REFUSAL = Answer.json(404, "not found", "NotFoundError")
LIVING, KITCHEN = "Living Room", "Kitchen"


@dataclass
class House:
    """An account with two frames, of which one shows something else, and a playlist of picsync's."""

    account: NixplayAccount
    now: float = 1_000.0

    def frame(self, *names: str, only: bool = False) -> NixplayFrame:
        async def no_wait(_: float) -> None:
            return

        return NixplayFrame(
            NixplayLogin(USER, PASSWORD),
            hosts=Hosts(emulator=self.account.server.url),
            retrier=Retrier(RetryPolicy(), emit=self.account.note, sleep=no_wait),
            emit=self.account.note,
            clock=lambda: self.now,
            show_on=ShowOn(names, only),
        )

    @property
    def frames(self) -> dict[str, Frame]:
        return {frame.name: frame for frame in self.account.service.account().frames.values()}

    def shown(self) -> dict[str, list[str]]:
        playlists = self.account.service.account().playlists.values()
        return {
            name: [each.name for each in playlists if frame in each.frames]
            for name, frame in self.frames.items()
        }

    def sent(self) -> list[str]:
        return [each for each in self.account.asked() if "frame" in each]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with nixplay_account() as account:
        service = account.service
        service.add_frame(KITCHEN)
        album = service.add_album("Trip")
        service.add_playlist("ss_Trip", [service.add_photo(album, "a.jpg", JPEG)])
        house = House(account)
        service.state.assign(house.frames[KITCHEN], service.playlist_named("Favorites"))
        yield house


def at_frames(body: str) -> Fault:
    return Fault(
        kind=FaultKind.BODY, body=body, content_type="application/json", path="/v3/frames", count=None
    )


async def assign(frame: NixplayFrame, name: str = "ss_Trip") -> Assigned | None:
    [playlist] = await frame.playlists(name)
    return await frame.assign(playlist)


async def test_a_playlist_is_put_on_frames_by_name_once(house: House) -> None:
    frame = house.frame(LIVING, "kitchen ")
    assert await assign(frame) == Assigned(True)
    assert house.shown() == {LIVING: ["ss_Trip"], KITCHEN: ["Favorites", "ss_Trip"]}
    assert len([each for each in house.sent() if each.startswith("POST")]) == 2
    before = len(house.account.asked())
    for _ in range(3):
        assert await assign(frame) == Assigned(True)
    # The frames are listed once; then the list of playlists tells enough, which each cycle reads anyway.
    assert not [each for each in house.account.asked()[before:] if "frame" in each]
    await frame.aclose()


async def test_without_a_setting_no_frame_is_touched(house: House) -> None:
    frame = house.frame()
    assert await assign(frame) is None
    assert house.sent() == []
    await frame.aclose()


async def test_other_playlists_go_only_if_that_is_asked_for(house: House) -> None:
    service = house.account.service
    service.state.assign(house.frames[KITCHEN], service.add_playlist("ss_Other"))
    service.state.assign(house.frames[LIVING], service.playlist_named("Favorites"))
    frame = house.frame(KITCHEN, only=True)
    assert await assign(frame) == Assigned(True)
    assert house.shown() == {LIVING: ["Favorites"], KITCHEN: ["ss_Trip", "ss_Other"]}
    await frame.aclose()


async def test_nothing_is_taken_away_before_the_playlist_is_seen_on_the_frame(house: House) -> None:
    house.account.service.options.keep_assignments = False
    frame = house.frame(KITCHEN, only=True)
    assigned = await assign(frame)
    assert assigned is not None
    assert assigned.shown is False
    assert assigned.remark == "Nixplay does not list the playlist ss_Trip on the frame Kitchen."
    assert house.shown()[KITCHEN] == ["Favorites"]
    await frame.aclose()


async def test_a_removal_that_has_no_effect_is_said(house: House) -> None:
    house.account.service.options.keep_removals = False
    frame = house.frame(KITCHEN, only=True)
    expected = Assigned(True, "Nixplay still lists the playlist Favorites on the frame Kitchen.")
    assert await assign(frame) == expected
    before = len(house.sent())
    assert await assign(frame) == expected
    assert len(house.sent()) == before
    house.now += TRY_AGAIN_AFTER_S
    house.account.service.options.keep_removals = True
    assert await assign(frame) == Assigned(True)
    await frame.aclose()


@pytest.mark.parametrize("on_frames", [OnFrames.OBJECTS, OnFrames.NUMBERS, OnFrames.NAMES])
@pytest.mark.parametrize("field", ["framePk", "frame_pk", "pk", "id"])
async def test_each_form_of_the_listings_is_understood(house: House, on_frames: OnFrames, field: str) -> None:
    options = house.account.service.options
    options.on_frames, options.frame_field = on_frames, field
    frame = house.frame(LIVING)
    assert await assign(frame) == Assigned(True)
    assert house.shown()[LIVING] == ["ss_Trip"]
    found = await frame.devices()
    assert [(each.name, each.online, shown) for each, shown in found] == [
        (LIVING, True, ["ss_Trip"]),
        (KITCHEN, True, ["Favorites"]),
    ]
    await frame.aclose()


async def test_a_service_that_does_not_say_is_asked_once_a_day(house: House) -> None:
    house.account.service.options.on_frames = OnFrames.ABSENT
    frame = house.frame(LIVING)
    for _ in range(3):
        assigned = await assign(frame)
        assert assigned is not None
        assert "does not list the playlist" in assigned.remark
    assert len([each for each in house.sent() if each.startswith("POST")]) == 1
    assert house.shown()[LIVING] == ["ss_Trip"]
    house.now += TRY_AGAIN_AFTER_S
    await assign(frame)
    assert len([each for each in house.sent() if each.startswith("POST")]) == 2
    await frame.aclose()


async def test_an_unknown_name_is_told_with_those_that_exist(house: House) -> None:
    frame = house.frame(LIVING, "Bathroom")
    with pytest.raises(NotFoundError) as raised:
        await assign(frame)
    assert raised.value.message == (
        "The Nixplay account has no frame named 'Bathroom'. Its frames: 'Kitchen', 'Living Room'."
    )
    assert "showOn" in raised.value.hint
    assert house.shown()[LIVING] == []
    [finding] = [each for each in await frame.examine() if each.subject == "Nixplay frames"]
    assert (finding.mark, finding.message) == (Mark.PROBLEM, raised.value.message)
    house.account.service.add_frame("Bathroom")
    assert await assign(frame) == Assigned(True)
    [finding] = [each for each in await frame.examine() if each.subject == "Nixplay frames"]
    assert finding.mark is Mark.OK
    await frame.aclose()


async def test_a_name_that_two_frames_have_is_ambiguous(house: House) -> None:
    house.account.service.add_frame(LIVING)
    frame = house.frame(LIVING)
    with pytest.raises(AmbiguousError, match="has 2 frames named 'Living Room'"):
        await assign(frame)
    await frame.aclose()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.STATUS, status=404, path="/v3/frames", count=None),
        at_frames("{}"),
        at_frames('[{"a": 1}]'),
        at_frames("7"),
    ],
)
async def test_frames_that_cannot_be_listed_are_a_remark_and_asked_for_once_a_day(
    house: House, fault: Fault
) -> None:
    house.account.fail(fault)
    frame = house.frame(LIVING)
    asked = []
    for _ in range(3):
        assigned = await assign(frame)
        assert assigned is not None
        assert (assigned.shown, "could not be listed" in assigned.remark) == (None, True)
        asked.append(len(house.sent()))
    assert asked[0] == asked[2]
    await frame.aclose()


async def test_frames_are_listed_without_their_status(house: House) -> None:
    house.account.fail(Fault(kind=FaultKind.STATUS, status=404, path="/v3/frame/online-status", count=None))
    frame = house.frame(LIVING)
    assert await assign(frame) == Assigned(True)
    assert [each.online for each, _ in await frame.devices()] == [None, None]
    await frame.aclose()


async def test_a_refused_assignment_is_a_remark_with_the_answer(house: House) -> None:
    house.account.service.options.assignment_refusal = Answer.json(400, "no such thing", "AssertionError")
    frame = house.frame(LIVING)
    assigned = await assign(frame)
    assert assigned is not None
    assert "no such thing" in assigned.remark
    await frame.aclose()


@pytest.mark.parametrize(
    ("listing", "statuses", "found"),
    [
        ([{"name": "A", "id": 7, "framePk": 8}], [{"framePk": 8, "connected": False}], [("8", False)]),
        ([{"name": "A", "id": 7, "pk": 8}], [{"framePk": 7, "connected": True}], [("7", True)]),
        ([{"name": "A", "id": "7"}], [7, None, {"framePk": []}], [("7", None)]),
        ([{"frame_name": "A", "id": 7}], [{"framePk": 7, "connected": "yes"}], [("7", None)]),
    ],
)
def test_frames_are_read_whatever_their_fields(
    listing: Sequence[object], statuses: Sequence[object], found: Sequence[tuple[str, bool | None]]
) -> None:
    assert [(each.number, each.online) for each in devices(listing, statuses)] == found


@pytest.mark.parametrize("record", [{}, [], 7, {"name": "A"}, {"id": 7}, {"name": "A", "id": "../7"}])
def test_frames_that_cannot_be_named_are_an_error(record: object) -> None:
    with pytest.raises(ProtocolError):
        devices([record], [])


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"pk": 7}, True),
        ({"id": 9, "name": "A"}, False),
        ({"name": "A"}, True),
        (7, True),
        ("7", True),
        ("A", True),
        (True, False),
        (None, False),
        ([7], False),
    ],
)
def test_what_shows_a_playlist(entry: object, expected: bool) -> None:
    assert shows([entry], Device("7", "A")) is expected


# --- captions ---------------------------------------------------------------------------------------------


async def captioned(account: NixplayAccount, text: str) -> tuple[NixplayFrame, FramePhoto]:
    """Set a caption and return the photo as it is listed then."""
    frame = account.frame()
    album = await ensure_album(frame, "Trip")
    [photo] = await upload(frame, album, JPEG)
    assert photo.caption == ""
    await frame.describe(album, photo, AboutPhoto(caption=text))
    [now] = (await frame.photos(album)).items
    return frame, now


@pytest.mark.parametrize(
    ("options", "sent", "listed"),
    [
        (NixplayOptions(), "Fun 😀", "Fun ?"),
        (NixplayOptions(trim_names=True), " Rome ", "Rome"),
        (NixplayOptions(normal_form="NFD"), "Größe", "Gro\u0308ße"),
        (
            NixplayOptions(caption_characters=20),
            "A long walk through the city of Rome",
            "A long walk through ",
        ),
    ],
)
async def test_texts_that_the_service_changes_are_not_sent_again(
    options: NixplayOptions, sent: str, listed: str
) -> None:
    async with nixplay_account(options) as account:
        frame, photo = await captioned(account, sent)
        assert photo.caption == listed
        assert frame.same_caption(photo.caption, sent)
        await frame.aclose()


async def test_a_caption_without_effect_is_not_the_same() -> None:
    async with nixplay_account(NixplayOptions(keep_captions=False)) as account:
        frame, photo = await captioned(account, "Rome")
        assert photo.caption == ""
        assert not frame.same_caption("", "Rome")
        await frame.aclose()


async def test_a_refused_caption_raises() -> None:
    async with nixplay_account(NixplayOptions(caption_refusal=REFUSAL)) as account:
        with pytest.raises(RefusedError):
            await captioned(account, "Rome")


@pytest.mark.parametrize("body", ['"caption": 7,', '"caption": null,', '"caption": {"a": [1]},', ""])
async def test_a_listing_with_odd_captions_is_a_listing(body: str) -> None:
    photo = f'{{"photos": [{{"id": 1, {body} "md5": "{"a" * 32}", "filename": "a.jpg"}}]}}'
    async with nixplay_account() as account:
        frame = account.frame()
        album = await ensure_album(frame, "Trip")
        await frame.upload(album, rendition(JPEG))
        account.fail(
            Fault(kind=FaultKind.BODY, body=photo, content_type="application/json", path="/pictures/json/")
        )
        photos = await frame.photos(album)
        assert [each.caption for each in photos.items] == [""]
        await frame.aclose()


@pytest.mark.parametrize(
    ("listed", "sent", "same"),
    [
        ("Tom &amp; Anna", "Tom & Anna", True),
        ("Rome  May", "Rome May", True),
        ("", "Rome", False),
        ("Rome", "", False),
        ("May 2026", "May 2025", False),
        ("Rom", "Rome", False),
    ],
)
def test_texts_are_compared_as_far_as_services_change_them(listed: str, sent: str, same: bool) -> None:
    assert same_text(listed, sent) is same
