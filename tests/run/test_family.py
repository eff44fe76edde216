"""A configuration with `family`: jobs of the pages beside those of frames."""

from __future__ import annotations

import asyncio
import re
import socket
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from picsync.config.family import FRAME
from picsync.core.errors import ConfigError
from picsync.core.events import CycleFinished, CycleOutcome, Event
from picsync.family.news import Newsroom, Told
from picsync.family.people import People
from picsync.family.photos import Photos
from picsync.family.state.database import State, path_beside
from picsync.jobs.albums import AlbumJob
from picsync.run.process import LongRun, RunContext
from picsync.run.scheduler import Stop, run_once
from picsync.run.settings import Settings, SettingsFiles
from tests.observe.notify.test_notifier import serving
from tests.pictures import jpeg
from tests.web.family.sample import NOW, add_sample, sample

CONFIG = """
family: {categories: [Family]}
frames: {kitchen: {kind: folder, path: FOLDER/kitchen}}
albums:
  - {name: Family, frames: [kitchen], sources: {folder: [{path: FOLDER/photos, quiet: 0s}]}}
  - {name: Private, frames: [kitchen], sources: {folder: [{path: FOLDER/private, quiet: 0s}]}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def put(path: Path) -> None:
    path.write_bytes(jpeg(path.stem))


def settings_in(folder: Path, config: str = CONFIG) -> Settings:
    for name in ("photos", "private"):
        (folder / name).mkdir(exist_ok=True)
        put(folder / name / f"{name}.jpg")
    (folder / "kitchen").mkdir(exist_ok=True)
    (folder / "picsync.yaml").write_text(config.replace("FOLDER", str(folder)), "utf-8")
    return SettingsFiles(folder / "picsync.yaml", {}, ()).load()


async def cycles(
    folder: Path, settings: Settings, *, dry_run: bool = False
) -> dict[str, tuple[CycleOutcome, int]]:
    """Run each job once; return its outcome, and how many photos its frame has."""
    events: list[Event] = []
    said: list[str] = []
    context = RunContext(str(folder / "cache.db"), events.append, said.append, Stop(), dry_run=dry_run)
    async with context.open_jobs(settings) as jobs:
        assert all(isinstance(job, AlbumJob) for job in jobs)
        reports = await run_once(jobs, context.stop, events.append)
    return {report.rule: (report.outcome, report.on_frame or 0) for report in reports}  # type: ignore[attr-defined] # of albums


async def test_categories_are_on_the_pages_too(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    jobs = ["Family on kitchen", f"Family on {FRAME}", "Private on kitchen"]
    assert settings.jobs == jobs
    done = CycleOutcome.DONE
    assert await cycles(tmp_path, settings) == dict.fromkeys(jobs, (done, 1))
    state = await State.open(str(tmp_path / "cache.db"))
    try:
        photos = Photos(state)
        [photo] = await photos.in_category("Family")
        assert not await photos.in_category("Private")
        await photos.hide(photo.photo, by=None)
    finally:
        await state.aclose()
    put(tmp_path / "photos" / "other.jpg")
    assert await cycles(tmp_path, settings) == {
        "Family on kitchen": (done, 1),
        f"Family on {FRAME}": (done, 2),
        "Private on kitchen": (done, 1),
    }


async def test_a_plan_makes_no_state(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    found = await cycles(tmp_path, settings, dry_run=True)
    assert set(found) == {"Family on kitchen", "Private on kitchen"}
    assert not path_beside(tmp_path / "cache.db").exists()


async def test_frames_keep_what_they_have_without_the_state(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    await cycles(tmp_path, settings)
    path_beside(tmp_path / "cache.db").write_bytes(b"no database, but as long as one would be" * 100)
    put(tmp_path / "photos" / "other.jpg")
    found = await cycles(tmp_path, settings)
    assert found["Family on kitchen"] == (CycleOutcome.FAILED, 0)
    assert len(list((tmp_path / "kitchen").glob("*.jpg"))) == 2


async def test_without_the_section_nothing_of_it_is_there(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, CONFIG.replace("family: {categories: [Family]}", ""))
    assert settings.jobs == ["Family on kitchen", "Private on kitchen"]
    await cycles(tmp_path, settings)
    assert not path_beside(tmp_path / "cache.db").exists()


async def test_hiding_begins_cycles_at_once(tmp_path: Path) -> None:
    settings_in(tmp_path, f"every: 1h\nweb: {{listen: '127.0.0.1:{free_port()}'}}\n{CONFIG}")
    files, cache = SettingsFiles(tmp_path / "picsync.yaml", {}, ()), str(tmp_path / "cache.db")
    put(tmp_path / "photos" / "other.jpg")
    stop, first, again = Stop(), asyncio.Event(), asyncio.Event()
    finished: list[str] = []

    def read(event: Event) -> None:
        if isinstance(event, CycleFinished):
            finished.append(event.report.rule)
            if len(finished) == 3:
                first.set()
            elif len(finished) > 3 and event.report.rule == "Family on kitchen":
                again.set()

    settings = files.load()
    listen = settings.config.web.listen if settings.config.web else None
    assert listen is not None
    long_run = LongRun(files, RunContext(cache, read, lambda _message: None, stop))
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        running = group.create_task(long_run.run(settings))
        await first.wait()
        state = await State.open(cache)
        try:
            [photo, *_] = await Photos(state).in_category("Family")
            session = await People(state).api_token(
                (await People(state).invite("Anna")).person.person, "test"
            )
        finally:
            await state.aclose()
        headers = {"Authorization": f"Bearer {session.token}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listen.port}", headers=headers) as device:
            seen = (await device.get(f"/api/photos/{photo.photo}")).json()
            assert seen["frames"] == ["kitchen"]
            page = await device.get(f"/photo/{photo.photo}", headers={"Accept": "text/html"})
            assert "<dt>On the frame</dt><dd>kitchen</dd>" in page.text
            answer = await device.put(f"/api/photos/{photo.photo}/hidden")
            assert answer.status_code < 300, answer.text
        await again.wait()
        stop.ask()
        await running
    assert len(list((tmp_path / "kitchen").glob("*.jpg"))) == 2


async def test_news_is_sent_to_the_receivers(tmp_path: Path) -> None:
    async with serving() as receiver:
        said = f"""
every: 1h
web: {{listen: '127.0.0.1:{free_port()}'}}
notify: '{receiver.url.get_secret_value()}'
{CONFIG.replace("[Family]", "[Family], notify: {digest: weekly, champions: true}")}"""
        settings = settings_in(tmp_path, said)
        files, cache = SettingsFiles(tmp_path / "picsync.yaml", {}, ()), str(tmp_path / "cache.db")
        state = await State.open(cache)
        try:
            await add_sample(state, [sample(1, description="A rose"), sample(2)])
            room = Newsroom(state)
            await room.tell(await room.key(receiver.url.get_secret_value()), Told(NOW - timedelta(days=7)))
        finally:
            await state.aclose()
        stop = Stop()
        running = asyncio.create_task(
            LongRun(files, RunContext(cache, lambda _: None, lambda _: None, stop)).run(settings)
        )
        async with asyncio.timeout(60):
            letter = await receiver.letters.get()
        stop.ask()
        await running
    assert letter["title"] == "Family photos: new photos"
    # The cycle that began at the same time may have added one.
    assert re.match(r"[23] new photos in the last \d+ days\.", letter["message"])


def test_news_needs_a_receiver(tmp_path: Path) -> None:
    news = CONFIG.replace("[Family]", "[Family], notify: {digest: weekly}")
    with pytest.raises(ConfigError, match=r"family\.notify: needs `every`"):
        settings_in(tmp_path, news)
    with pytest.raises(ConfigError, match=r"family\.notify: needs `notify`"):
        settings_in(tmp_path, f"every: 1h\n{news}")
