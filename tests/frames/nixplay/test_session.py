"""Login at Nixplay: once, again when a session has ended, and the password never appears in a message."""

from __future__ import annotations

import asyncio
import json

import pytest

from picsync.core.errors import LoginNeeded, ProtocolError, TransientError
from picsync.core.events import LoggedIn, LoginRefused, RetryScheduled
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.nixplay import ExpiredSession
from picsync.frames.nixplay.frame import NixplayFrame
from picsync.frames.nixplay.session import NixplayLogin
from tests.contract.frame_contract import JPEG, rendition, upload
from tests.frames.nixplay.nixplay_account import PASSWORD, USER, NixplayAccount

LOGIN_PAGE = "\n <!DOCTYPE html><html><body>Log in</body></html>"


def logins(account: NixplayAccount) -> int:
    return len(account.requests("^/www-login/$"))


async def test_the_first_request_logs_in_and_the_others_do_not(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    await asyncio.gather(*(frame.albums() for _ in range(5)))
    await frame.albums()
    assert logins(account) == 1
    assert account.events == [LoggedIn("Nixplay")]


async def test_a_login_that_was_begun_is_not_begun_again(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    frame.prepare()
    await asyncio.gather(*(frame.albums() for _ in range(5)))
    assert logins(account) == 1
    assert account.events == [LoggedIn("Nixplay")]


async def test_failed_early_login_surfaces_on_the_first_request(account: NixplayAccount) -> None:
    frame = account.frame(password="wrong")
    frame.prepare()
    await account.server.log.wait_for(lambda log: any(record.done for record in log.records))
    for _ in range(3):
        with pytest.raises(LoginNeeded, match="refused the password"):
            await frame.albums()
    assert logins(account) == 1
    session = frame._client._session
    session._forget_prepared()
    with pytest.raises(LoginNeeded):
        await frame.albums()
    assert logins(account) == 2
    await frame.aclose()


async def test_a_login_that_was_begun_ends_with_the_frame(account: NixplayAccount) -> None:
    account.fail(Fault(kind=FaultKind.HANG, path="^/www-login/$"))
    frame = account.frame()
    frame.prepare()
    await account.server.log.wait_for(lambda log: bool(log.records))
    await frame.aclose()
    assert [task for task in asyncio.all_tasks() if "picsync/frames" in repr(task)] == []


async def test_writes_carry_the_csrf_token_and_the_web_apps_origin(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    await frame.create_album("Trip")
    [request] = account.requests("^/album/create/json/$")
    assert request.headers["X-CSRFToken"]
    assert request.headers["X-CSRFToken"] in request.headers["Cookie"]
    assert request.headers["Origin"] == "https://app.nixplay.com"
    assert request.headers["Referer"] == "https://app.nixplay.com/"


async def test_neither_s3_nor_the_monitor_see_the_session(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    await frame.upload(await frame.create_album("Trip"), rendition(JPEG))
    others = [record for record in account.server.log.records if record.host != "api.nixplay.com"]
    assert {record.host.partition(".")[0] for record in others} == {"nixplay-prod-upload", "upload-monitor"}
    for record in others:
        assert not {"cookie", "x-csrftoken", "origin", "referer"} & {name.lower() for name in record.headers}


@pytest.mark.parametrize("expired", list(ExpiredSession), ids=lambda each: each.name)
async def test_an_ended_session_is_renewed_in_mid_run(
    account: NixplayAccount, frame: NixplayFrame, expired: ExpiredSession
) -> None:
    account.service.options.expired_session = expired
    album = await frame.create_album("Trip")
    photos = await upload(frame, album, JPEG + b"1", JPEG + b"2")
    account.service.expire_sessions()
    playlist = await frame.create_playlist("ss_Trip")
    account.service.expire_sessions()
    if expired in (ExpiredSession.REDIRECT, ExpiredSession.PAGE):
        # What may have been added already is not added again before a look.
        with pytest.raises(ProtocolError, match="Nixplay add items"):
            await frame.add_items(playlist, photos)
        assert await frame.playlists("ss_Trip") == [playlist]
    await frame.add_items(playlist, photos)
    account.service.expire_sessions()
    results = await asyncio.gather(*(frame.upload(album, rendition(JPEG + bytes([n]))) for n in range(3)))
    account.service.expire_sessions()
    await frame.delete(album, photos[0])
    assert len(results) == 3
    assert logins(account) == 5
    assert not any("Cookie" in request.headers for request in account.requests("^/www-login/$"))
    assert len(account.service.album_named("Trip").photos) == 4
    assert len(account.service.playlist_named("ss_Trip").items) == 1


@pytest.mark.parametrize("path", ["^/v3/playlists$", "^/v2/albums/web/json/$"])
async def test_a_page_for_people_is_taken_for_an_ended_session(
    account: NixplayAccount, frame: NixplayFrame, path: str
) -> None:
    await frame.create_album("Trip")
    await frame.create_playlist("ss_Trip")
    account.fail(Fault(kind=FaultKind.BODY, path=path, body=LOGIN_PAGE, content_type="text/html"))
    # The first look-up uses the listing that confirmed the creation.
    for _ in range(2):
        assert await frame.find_album("Trip")
        assert await frame.playlists("ss_Trip")
    assert logins(account) == 2


async def test_a_page_for_people_is_no_answer_to_a_delete(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    album = await frame.create_album("Trip")
    [photo] = await upload(frame, album, JPEG)
    account.fail(Fault(kind=FaultKind.BODY, path="/delete/json/", body=LOGIN_PAGE))
    await frame.delete(album, photo)
    assert not account.service.album_named("Trip").photos


@pytest.mark.parametrize("done", [True, False])
async def test_write_answered_with_html_is_checked_before_a_repeat(
    account: NixplayAccount, frame: NixplayFrame, done: bool
) -> None:
    album = await frame.create_album("Trip")
    photos = await upload(frame, album, JPEG)
    playlist = await frame.create_playlist("ss_Trip")
    account.fail(Fault(kind=FaultKind.BODY, path="/items$", body=LOGIN_PAGE, after=done))
    with pytest.raises(ProtocolError, match="Nixplay add items"):
        await frame.add_items(playlist, photos)
    [playlist] = await frame.playlists("ss_Trip")
    assert len(playlist.items) == done
    assert len(account.requests("/items$")) == 1


async def test_a_garbled_creation_makes_only_one_album(account: NixplayAccount, frame: NixplayFrame) -> None:
    account.fail(
        Fault(kind=FaultKind.BODY, path="/album/create/", body=LOGIN_PAGE, after=True),
        Fault(kind=FaultKind.BODY, path="^/user/profile/edit/$", body=LOGIN_PAGE, count=None),
    )
    await frame.create_album("Trip")
    assert len(account.service.albums_named("Trip")) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_right_after_a_login_needs_a_person(
    account: NixplayAccount, frame: NixplayFrame, status: int
) -> None:
    account.fail(Fault(kind=FaultKind.STATUS, path="/albums/", status=status, count=None))
    with pytest.raises(LoginNeeded, match=f"list web albums.*{status}.*login succeeded"):
        await frame.albums()
    assert logins(account) == 2


@pytest.mark.parametrize("kind", [FaultKind.REDIRECT, FaultKind.BODY])
async def test_a_page_even_after_a_login_makes_no_sense(
    account: NixplayAccount, frame: NixplayFrame, kind: FaultKind
) -> None:
    account.fail(Fault(kind=kind, path="/albums/", body=LOGIN_PAGE, location="/login", count=None))
    with pytest.raises(ProtocolError, match="list web albums"):
        await frame.albums()
    assert logins(account) == 2


async def test_a_wrong_password_is_said_in_the_services_words(account: NixplayAccount) -> None:
    frame = account.frame(password="wrong-s3cret")
    results = await asyncio.gather(*(frame.albums() for _ in range(4)), return_exceptions=True)
    assert logins(account) == 1
    for error in results:
        assert isinstance(error, LoginNeeded)
        assert str(error) == (
            "Nixplay refused the password for anna: Please check your username and password. "
            "Check `nixplay:` in .picsync-credentials.yaml."
        )
    with pytest.raises(LoginNeeded):
        await frame.albums()
    assert {type(event) for event in account.events} == {LoginRefused}
    await frame.aclose()


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ([], "no reason given"),
        (None, "no reason given"),
        (["Locked."], "Locked"),
        ("Locked", "Locked"),
        ({"__all__": {"messages": [["One."], ["Two.", 3]]}, "email": "One."}, "One. Two"),
        (7, "no reason given"),
    ],
)
async def test_any_shape_of_login_errors_is_a_refusal(
    account: NixplayAccount, frame: NixplayFrame, errors: object, said: str
) -> None:
    body = json.dumps({"valid": False, "success": False, "token": "", "errors": errors})
    account.fail(Fault(kind=FaultKind.BODY, path="/www-login/", body=body, content_type="application/json"))
    with pytest.raises(LoginNeeded, match=f"for anna: {said}\\."):
        await frame.albums()


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_login_refused_by_status_needs_a_person(
    account: NixplayAccount, frame: NixplayFrame, status: int
) -> None:
    account.fail(Fault(kind=FaultKind.STATUS, path="/www-login/", status=status, body="{}"))
    with pytest.raises(LoginNeeded, match=f"status {status}"):
        await frame.albums()


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", '{"success":"maybe"}'])
async def test_a_login_answer_that_makes_no_sense_is_asked_for_again(
    account: NixplayAccount, frame: NixplayFrame, body: str
) -> None:
    fault = Fault(kind=FaultKind.BODY, path="/www-login/", body=body, count=2)
    account.fail(fault)
    assert await frame.albums()
    assert len([event for event in account.events if isinstance(event, RetryScheduled)]) == 2


async def test_a_service_that_is_down_is_not_a_login_problem(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.fail(Fault(kind=FaultKind.STATUS, status=503, count=None))
    with pytest.raises(TransientError, match="Nixplay login: the service answered 503"):
        await frame.albums()
    account.server.faults.clear()
    assert await frame.albums()


def test_the_password_is_not_shown() -> None:
    assert PASSWORD not in repr(NixplayLogin(USER, PASSWORD))
