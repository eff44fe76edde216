"""Requests as files beside the cache: permissions, expiry, and wake-ups."""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from picsync.core.errors import CacheError
from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.model import Digest, FramePhoto, MediaItem, Photos
from picsync.core.plan import (
    Hold,
    HoldReason,
    Rule,
    Situation,
    plan_changes,
)
from picsync.core.select import Candidate
from picsync.system.control import ALLOWED_FOR, Requests

START = datetime(2026, 1, 1, tzinfo=UTC)


def photos(count: int, first: int = 0) -> tuple[FramePhoto, ...]:
    return tuple(FramePhoto(str(n), Digest.md5(f"{n:032x}")) for n in range(first, first + count))


def held(count: int) -> CycleReport:
    hold = Hold(HoldReason.BRAKE, photos(count), 2 * count)
    return CycleReport("A", CycleOutcome.HELD, on_frame=count, in_playlist=count, hold=hold)


def refuse(error: CacheError) -> None:
    pytest.fail(str(error))


DONE = CycleReport("A", CycleOutcome.DONE, on_frame=0, in_playlist=0)


@pytest.fixture
def requests(tmp_path: Path) -> Requests:
    return replace(Requests.beside(str(tmp_path / "cache.db")), now=lambda: START)


def test_permission_covers_held_photos_until_they_are_deleted(requests: Requests) -> None:
    requests.note(held(30))
    requests.allow(requests.held()["A"])
    allowed = requests.allowed("A")
    assert allowed == {photo.digest for photo in photos(30)}
    assert requests.allowed("B") == frozenset()
    requests.note(replace(DONE, outcome=CycleOutcome.STOPPED))
    assert requests.allowed("A") == allowed
    requests.note(DONE)
    assert (requests.allowed("A"), requests.held()) == (frozenset(), {})


def test_a_permission_ends(requests: Requests) -> None:
    requests.note(held(30))
    requests.allow(requests.held()["A"])
    later = replace(requests, now=lambda: START + ALLOWED_FOR + timedelta(seconds=1))
    assert later.allowed("A") == frozenset()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"until": 1}', '{"until": "2999-01-01", "photos": [1]}'])
def test_a_damaged_file_permits_nothing(requests: Requests, text: str) -> None:
    requests.note(held(1))
    (requests.folder / "allow-1.json").write_text(text)
    (requests.folder / "held.json").write_text(text)
    assert (requests.allowed("A"), requests.held()) == (frozenset(), {})


def test_a_token_is_made_once_and_again(requests: Requests) -> None:
    assert requests.token() is None
    token = requests.new_token()
    assert requests.token() == token
    assert len(token) == 32
    again = requests.new_token()
    assert requests.token() == again != token
    for text in ("", "short", "\xff" * 40):
        (requests.folder / "operator-token").write_text(text, "utf-8")
        assert requests.token() is None


def test_only_the_owner_reads_them(requests: Requests) -> None:
    requests.note(held(1))
    requests.ask_for_cycle(None)
    requests.new_token()
    assert stat.S_IMODE(requests.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in requests.folder.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("more", "kept", "deleted"),
    [(0, 5, True), (1, 5, True), (11, 5, False), (1, 0, False)],
    ids=["those permitted", "one more", "many more", "one more empties it"],
)
def test_what_goes_beyond_a_permission_must_pass_the_brake(more: int, kept: int, *, deleted: bool) -> None:
    there = photos(30 + more)
    rule = Rule("A", allowed=frozenset(photo.digest for photo in photos(30)))

    stay = photos(kept, first=900)
    candidates = [Candidate(MediaItem("folder", photo.photo_id), photo.digest) for photo in stay]
    plan = plan_changes(rule, Situation(candidates, [], Photos(there + stay), []))
    assert bool(plan.deletes) is deleted


async def test_a_service_is_woken_and_takes_each_request_once(requests: Requests) -> None:
    assert not requests.wake()
    woken = asyncio.Event()
    with requests.listening(["A", "B"], woken.set, refuse):
        requests.ask_for_cycle("A")
        requests.ask_for_cycle("gone")
        (requests.folder / "sync-odd.json").write_text('{"format": 1, "rule": {"a": [1]}}', "utf-8")
        assert requests.wake()
        assert requests.rules() == ["A", "B"]
        await woken.wait()
        assert requests.take_asked(["A", "B"]) == {"A"}
        assert requests.take_asked(["A", "B"]) == set()
    assert not requests.wake()


@pytest.mark.parametrize("what", ["a file for the folder", "a file for the FIFO", "a link for the FIFO"])
async def test_a_service_that_cannot_be_woken_says_why(requests: Requests, what: str) -> None:
    fifo = requests.folder / "wake"
    if what == "a file for the folder":
        requests.folder.write_text("")
    else:
        requests.folder.mkdir()
        fifo.write_text("") if "file" in what else fifo.symlink_to("elsewhere")
    said: list[str] = []
    with requests.listening(["A"], lambda: None, lambda error: said.append(str(error))):
        assert not requests.wake()
    assert len(said) == 1
    assert "cannot wake this picsync" in said[0]
    assert str(requests.folder) in said[0]


async def test_another_user_is_told_that_it_may_not_wake_the_service(requests: Requests) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may become another user")
    with requests.listening(["A"], lambda: None, refuse):
        requests.folder.parent.chmod(0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(CacheError, match="cannot be notified") as caught:
                requests.wake()
        finally:
            os.seteuid(0)
        assert "as the user that picsync runs as" in caught.value.hint
