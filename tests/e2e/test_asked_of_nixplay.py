"""Two Nixplay accounts, each shown on a frame of its own, with captions as text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from picsync.core.errors import ConfigError
from picsync.core.events import CycleOutcome, CycleReport, Event, NoticeKind
from picsync.emulators.nixplay import Nixplay
from picsync.emulators.server import EmulatorServer
from picsync.run.settings import SettingsFiles, album_rules
from picsync.run.wiring import open_tools
from picsync.sync.cycle import run_cycle
from tests.sync.test_captions import photo

CREDENTIALS = """\
nixplay: {username: anna, password: password-of-anna}
accounts:
  grandpa: {kind: nixplay, username: hans, password: password-of-hans}
"""
FRAMES = """\
frames:
  nixplay: {kind: nixplay, rendition: {caption: "{description}", captionAs: text}}
  grandpa: {kind: nixplay, account: grandpa, showOn: [Living Room, Porch], only: true}
"""


@dataclass
class House:
    folder: Path
    nixplay: Nixplay
    server: EmulatorServer

    @property
    def files(self) -> SettingsFiles:
        return SettingsFiles(self.folder / "picsync.yaml", {}, [self.folder / ".picsync-credentials.yaml"])

    def write(self, frames: str = FRAMES, rule: str = "frames: [nixplay, grandpa]") -> None:
        credentials = self.folder / ".picsync-credentials.yaml"
        credentials.touch(0o600)
        credentials.write_text(CREDENTIALS, "utf-8")
        (self.folder / "picsync.yaml").write_text(
            f"emulator: {self.server.url}\n{frames}albums:\n- name: Family\n  {rule}\n"
            f"  sources: {{folder: [{{path: {self.folder / 'photos'}, quiet: 0s}}]}}\n",
            "utf-8",
        )

    async def sync(self) -> list[CycleReport]:
        settings, events = self.files.load(), list[Event]()
        rules = album_rules(settings.config, settings.credentials.kinds)
        async with open_tools(
            settings.config,
            settings.credentials,
            cache=str(self.folder / "cache.db"),
            emit=events.append,
            notify=lambda text: None,
        ) as tools:
            return [await run_cycle(rule, tools) for rule in rules]

    def shown(self, user: str) -> dict[str, list[str]]:
        account = self.nixplay.account(user)
        return {
            frame.name: [each.name for each in account.playlists.values() if frame in each.frames]
            for frame in account.frames.values()
        }

    def captions(self, user: str) -> set[str]:
        album = self.nixplay.album_named("Family", user=user)
        return {each.caption for each in self.nixplay.album_photos(album)}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    nixplay = Nixplay()
    nixplay.add_user("anna", "password-of-anna")
    nixplay.add_user("hans", "password-of-hans")
    nixplay.add_frame("Porch", user="hans")
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("Granny", "Rome"):
        (photos / f"{name}.jpg").write_bytes(photo(name))
    try:
        async with EmulatorServer([nixplay]) as server:
            house = House(tmp_path, nixplay, server)
            house.write()
            yield house
    finally:
        nixplay.close()


async def test_each_account_shows_what_its_entry_asks_for(house: House) -> None:
    porch = next(each for each in house.nixplay.account("hans").frames.values() if each.name == "Porch")
    house.nixplay.state.assign(porch, house.nixplay.playlist_named("Favorites", user="hans"))
    reports = await house.sync()
    assert [each.outcome for each in reports] == [CycleOutcome.DONE] * 2
    assert house.captions("anna") == {"Granny", "Rome"}
    assert house.captions("hans") == {""}
    assert house.shown("hans") == {"Living Room": ["ss_Family"], "Porch": ["ss_Family"]}
    assert house.shown("anna") == {"Living Room": []}
    mine, grandpas = reports
    assert [each.kind for each in mine.notices] == [NoticeKind.PLAYLIST_NEW]
    # Nothing is to be done by hand where picsync has done it.
    assert (grandpas.notices, grandpas.assigned) == ((), True)
    changes = house.nixplay.counters.total()
    for report in await house.sync():
        assert report.outcome is CycleOutcome.DONE
    assert house.nixplay.counters.total() == changes


async def test_another_caption_changes_texts_only(house: House) -> None:
    await house.sync()
    added = house.nixplay.counters["add_photo"]
    house.write(FRAMES.replace("{description}", "{description} ({taken:%Y})"))
    [mine, _] = await house.sync()
    assert mine.captions_written == 2
    assert house.captions("anna") == {"Granny (2024)", "Rome (2024)"}
    assert house.nixplay.counters["add_photo"] == added


async def test_a_frame_that_is_not_there_fails_with_the_names(house: House) -> None:
    house.write(FRAMES.replace("Porch", "Bathroom"))
    _, grandpas = await house.sync()
    assert grandpas.outcome is CycleOutcome.FAILED
    [failure] = grandpas.failures
    assert "'Bathroom'. Its frames: 'Living Room', 'Porch'." in str(failure.error)
    assert grandpas.on_frame == grandpas.in_playlist == 2


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ("g: {kind: nixplay, account: grandpa, only: true}", "needs `showOn`"),
        ("g: {kind: nixplay, account: grandpa, showOn: [A, a]}", "names 'a' twice; remove one of them"),
        ("g: {kind: nixplay, account: grandpa, showOn: ['']}", "has an empty name"),
        ("g: {kind: nixplay, account: grandpa, showOn: {A: b}}", "must be a list"),
        ("g: {kind: nixplay, account: grandma}", "must name an account of the credentials file"),
        ("g: {kind: nixplay, account: grandpa, showon: [A]}", "showOn"),
        (
            "g: {kind: folder, path: /mnt/x, rendition: {captionAs: text}}",
            "a frame of the kind `folder` shows no captions of its own",
        ),
        ("nixplay: {kind: nixplay, rendition: {captionAs: words}}", "must be `picture` or `text`"),
    ],
)
async def test_wrong_entries_are_one_message_each(house: House, frames: str, message: str) -> None:
    house.write(f"frames:\n  {frames}\n", "frames: [nixplay]")
    with pytest.raises(ConfigError) as raised:
        house.files.load()
    [problem] = raised.value.problems
    assert message in problem.text
    assert problem.line == 3


async def test_a_frame_named_twice_is_one_message(house: House) -> None:
    house.write("frames:\n  g: {kind: nixplay, account: grandpa}\n  g: {kind: nixplay}\n", "frames: [g]")
    with pytest.raises(ConfigError) as raised:
        house.files.load()
    assert len(raised.value.problems) == 1


async def test_two_entries_of_one_account_are_one_frame(house: House) -> None:
    house.write(
        "frames:\n  a: {kind: nixplay, account: grandpa, showOn: [Porch]}\n"
        "  b: {kind: nixplay, account: grandpa, showOn: [Living Room]}\n",
        "frames: [a, b]",
    )
    with pytest.raises(ConfigError) as raised:
        house.files.load()
    [problem] = raised.value.problems
    assert "`b` is the same frame as `a`" in problem.text
