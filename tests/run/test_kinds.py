"""A registered kind works everywhere, without a change elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from picsync.cli.reference import reference
from picsync.core.errors import ConfigError
from picsync.core.events import CycleOutcome
from picsync.core.model import Finding, Mark
from picsync.doctor import examine
from picsync.run.settings import Settings, SettingsFiles, album_rules
from picsync.run.wiring import inspect_cache, open_tools, operations
from picsync.sync.cycle import run_cycle
from tests.cli.command_line import CommandLine
from tests.pictures import jpeg
from tests.run.toys import Toys

CONFIG = """\
frames:
  top: {kind: shelf, board: 3}
  low: {kind: shelf, account: cellar, board: 1}
albums:
- name: Family
  frames: [top, low]
  sources:
    boxes: [red, {box: blue, lid: true}]
    attic: [red]
"""
CREDENTIALS = """\
boxes: {key: abc}
shelf: {owner: anna}
accounts:
  attic: {kind: boxes, key: def}
  cellar: {kind: shelf, owner: hans}
"""


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Toys:
    found = Toys()
    found.register(monkeypatch)
    for account in ("boxes", "attic"):
        found.box(account).put("red", "same-id", jpeg(account))
    found.box("boxes").put("blue", "other", jpeg("blue"))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "picsync.yaml").write_text(CONFIG, "utf-8")
    (tmp_path / ".picsync-credentials.yaml").touch(0o600)
    (tmp_path / ".picsync-credentials.yaml").write_text(CREDENTIALS, "utf-8")
    return tmp_path


def files(folder: Path, environ: Mapping[str, str] | None = None) -> SettingsFiles:
    return SettingsFiles(folder / "picsync.yaml", environ or {}, [folder / ".picsync-credentials.yaml"])


def problems(folder: Path, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        files(folder, environ).load()
    return str(caught.value).replace(f"{folder}/", "")


@asynccontextmanager
async def cycles(folder: Path, settings: Settings) -> AsyncIterator[list[CycleOutcome]]:
    """Run a cycle of each rule on each frame."""
    async with open_tools(
        settings.config,
        settings.credentials,
        cache=str(folder / "cache.db"),
        emit=lambda _: None,
        notify=lambda _: None,
    ) as tools:
        yield [(await run_cycle(rule, tools)).outcome for rule in album_rules(settings.config)]


async def test_whole_syncs(toys: Toys, folder: Path) -> None:
    settings = files(folder).load()
    async with cycles(folder, settings) as outcomes:
        assert outcomes == [CycleOutcome.DONE, CycleOutcome.DONE]
    top, low = toys.shelf("shelf", 3), toys.shelf("cellar", 1)
    assert len(top.digests("Family")) == 3
    assert top.digests("Family") == low.digests("Family") == set(low.playlist_digests("ss_Family"))
    toys.box("attic").remove("red", "same-id")
    async with cycles(folder, settings) as outcomes:
        assert outcomes == [CycleOutcome.DONE, CycleOutcome.DONE]
    assert len(top.digests("Family")) == len(low.digests("Family")) == 2


async def test_an_incomplete_listing_deletes_nothing(toys: Toys, folder: Path) -> None:
    settings = files(folder).load()
    async with cycles(folder, settings):
        pass
    toys.box("attic").listing_problem["red"] = "The lid is stuck."
    toys.box("attic").listed_until["red"] = 0
    async with cycles(folder, settings) as outcomes:
        assert CycleOutcome.DONE not in outcomes
    assert len(toys.shelf("shelf", 3).digests("Family")) == 3


async def test_the_photos_of_two_accounts_share_no_row_of_the_cache(toys: Toys, folder: Path) -> None:
    settings = files(folder).load()
    async with cycles(folder, settings):
        pass
    assert (await inspect_cache(str(folder / "cache.db"))).entries == {"boxes": 2, "attic": 1}
    before = [len(toys.box(name).downloads) for name in ("boxes", "attic")]
    async with cycles(folder, settings):
        pass
    assert [len(toys.box(name).downloads) for name in ("boxes", "attic")] == before


def test_environment_variables(toys: Toys, folder: Path) -> None:
    (folder / ".picsync-credentials.yaml").unlink()
    environ = {
        "PICSYNC_BOXES__KEY": "abc",
        "PICSYNC_SHELF__OWNER": "anna",
        "PICSYNC_ACCOUNTS__ATTIC__KIND": "boxes",
        "PICSYNC_ACCOUNTS__ATTIC__KEY": "def",
        "PICSYNC_ACCOUNTS__CELLAR": "{kind: shelf, owner: hans}",
        "PICSYNC_FRAMES__TOP__BOARD": "4",
    }
    settings = files(folder, environ).load()
    assert settings.credentials.kinds == {
        "boxes": "boxes",
        "shelf": "shelf",
        "attic": "boxes",
        "cellar": "shelf",
    }
    assert settings.config.frame("top", {}).options.board == 4  # type: ignore[union-attr] # it has them


def test_expected_requests_are_counted_by_account(toys: Toys, folder: Path) -> None:
    assert operations(files(folder).load()) == [
        ("Shelf", "put"),
        ("Shelf (cellar)", "put"),
        ("Boxes", "rummage"),
        ("Boxes (attic)", "rummage"),
    ]


async def test_the_doctor_looks_at_each(toys: Toys, folder: Path) -> None:
    found: list[Finding] = [
        finding async for finding in examine(files(folder), str(folder / "cache.db"), lambda _: None)
    ]
    subjects = {finding.subject for finding in found}
    assert {"Memory (top)", "Memory (low)", "boxes", "boxes (attic)", "rule Family"} <= subjects
    assert not [one for one in found if one.mark is Mark.PROBLEM and "Family" not in one.subject]


@pytest.mark.parametrize(
    ("where", "old", "new", "message"),
    [
        ("picsync.yaml", "lid: true", "lip: true", "picsync.yaml:8: albums[0].sources.boxes[1].lip: is not"),
        ("picsync.yaml", "board: 3", "borad: 3", "picsync.yaml:2: frames.top.borad: is not"),
        ("picsync.yaml", "[top, low]", "[top, shelf]", "`shelf` needs an entry under `frames:`"),
        ("picsync.yaml", "[top, low]", "[top, boxes]", "`boxes` is a source, not a frame"),
        (
            ".picsync-credentials.yaml",
            "key: def",
            "kye: def",
            ".picsync-credentials.yaml:4: accounts.attic.kye: is not",
        ),
        (".picsync-credentials.yaml", "{key: abc}", "", "boxes.key: is missing"),
        (".picsync-credentials.yaml", ", owner: hans", "", "accounts.cellar.owner: is missing"),
        (".picsync-credentials.yaml", "kind: boxes", "kind: boxen", "did you mean `boxes`?"),
    ],
)
def test_mistakes_are_reported_with_their_place(
    toys: Toys, folder: Path, where: str, old: str, new: str, message: str
) -> None:
    text = (folder / where).read_text("utf-8")
    assert old in text
    (folder / where).write_text(text.replace(old, new), "utf-8")
    assert message in problems(folder)


def test_the_reference_has_the_sections(toys: Toys) -> None:
    text = reference()
    assert "| `boxes.key` | What opens the boxes. |" in text
    assert "`PICSYNC_SHELF__OWNER`" in text


def test_the_commands_know_it(cli: CommandLine, toys: Toys) -> None:
    cli.credentials.write_text(CREDENTIALS, "utf-8")
    shown = cli.run("sources")
    assert "boxes: Boxes\n  Boxes full of pictures.\n      boxes:\n      - red\n" in shown.out
    assert "attic [red]: 1 item" in cli.run("list", "attic", "red").out.replace("attic red", "attic [red]")
    cli.run("list", "attic").assert_message(2, "attic needs an entry. Write: picsync list attic red")
    cli.run("list", "atic", "red").assert_message(2, "'atic' is not a kind of source", "`attic`")
