"""`picsync init`: from questions to files that `picsync sync` and Docker can use."""

from __future__ import annotations

import io
import os
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from picsync.cli.setupfiles import SetUp, compose_file, config_text, credentials_text, install, unit_file
from picsync.config import environment
from picsync.core.errors import ConfigError
from picsync.emulators.google import generated_jpeg
from picsync.emulators.world import NIXPLAY_PASSWORD, NIXPLAY_USER
from picsync.frames.nixplay.credentials import require_account
from picsync.run.kinds import read_config, read_credentials
from picsync.sources.immich.credentials import require_key
from picsync.vendors.dropbox.credentials import require_login
from tests.cli.command_line import CommandLine, Result
from tests.pictures import jpeg

LOGIN = (NIXPLAY_USER, NIXPLAY_PASSWORD)
NIXPLAY = {"nixplay": {"username": "u", "password": "p"}}


@pytest.fixture
def empty(cli: CommandLine) -> CommandLine:
    """A household that has no files yet."""
    cli.config.unlink()
    cli.credentials.unlink()
    return cli


def shared_link(cli: CommandLine, count: int) -> str:
    album = cli.google.add_album("Holidays", app_created=False)
    for number in range(count):
        cli.google.add_item(album, f"IMG_{number}.jpg", generated_jpeg(number, 5000), app_created=False)
    return cli.google.share(album).short_link


def answer(cli: CommandLine, *lines: str) -> Result:
    """Run `picsync init` in the empty folder with these lines as what the user types."""
    typed = "".join(f"{line}\n" for line in lines)
    with (cli.folder.parent / "typed").open("w+", encoding="utf-8") as file:
        file.write(typed)
        file.seek(0)
        return cli.start("init", stdin=file).end()


def test_a_shared_link_is_on_the_frame_by_what_init_has_written(empty: CommandLine) -> None:
    link = shared_link(empty, 3)
    pasted = f"\ufeff“{link.replace('https', 'HTTPS')}”\u200b"
    result = answer(empty, *LOGIN, pasted, "", "Oma", "15m", "y", "none")
    result.assert_message(0)
    assert "3 items found" in result.out
    assert "upload" in result.out
    assert empty.writes() == []
    assert "\u200b" not in empty.config.read_text("utf-8")
    for path in (empty.config, empty.credentials):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = read_config(empty.config, {})
    assert [(rule.name, list(rule.sources)) for rule in config.albums] == [("Oma", ["sharedlinks"])]
    empty.run("sync", "--once").assert_message(0, "3 photos uploaded")
    assert len(empty.nixplay.album_photos(empty.nixplay.album_named("Oma"))) == 3


def test_wrong_answers_are_asked_for_again(empty: CommandLine) -> None:
    link = shared_link(empty, 1)
    gone = link[:-3] + "xyz"
    result = answer(
        empty, NIXPLAY_USER, "wrong", *LOGIN, "nonsense", gone, "n", link, "", "  ", "Oma", "soon", "1h", "n",
        "none",
    )  # fmt: skip
    result.assert_message(0, "Try again.", "neither an address", "The name must not be empty")
    config = read_config(empty.config, {})
    assert len(config.albums[0].sources["sharedlinks"]) == 1


def test_albums_of_an_immich_server_are_chosen_by_number(empty: CommandLine, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"".join(generated_jpeg(1, 5000).chunks()))
    empty.world.immich.directory_album(photos, "Grandma")
    permissions = ("asset.read", "asset.view", "asset.download", "asset.statistics", "album.read")
    key = empty.world.immich.add_key(permissions).secret
    server = f"http://{empty.world.immich.host}"
    result = answer(empty, *LOGIN, server, "wrong key", server, key, "1", "", "", "", "n", "none")
    result.assert_message(0)
    assert "Grandma" in result.out
    found = require_key(read_credentials({}, [empty.credentials]).account("immich"))
    assert found.api_key.get_secret_value() == key
    config = read_config(empty.config, {})
    assert [str(entry) for entry in config.albums[0].sources["immich"]] == ["Grandma"]


def test_a_folder_in_dropbox_is_on_the_frame_by_what_init_has_written(empty: CommandLine) -> None:
    dropbox = empty.world.dropbox
    dropbox.put("/Family/Frame/a.jpg", jpeg("a"))
    dropbox.put("/Family/Frame/2024/b.jpg", jpeg("b"))
    process = empty.start("init", stdin=subprocess.PIPE)
    for line in (*LOGIN, "dropbox", "0000000000000000"):
        process.type(line)
    with_nothing = process.line_with("oauth2/authorize")
    assert "client_id=0000000000000000" in with_nothing
    for line in ("", "y", dropbox.app.key):
        process.type(line)
    page = httpx.get(process.line_with("oauth2/authorize").strip()).text
    code = page.partition('data-token="')[2].partition('"')[0]
    for line in (
        code, "/Famly", "n", "n", "/Family/../Frame", "n", "Family/Frame/", "y", "", "Oma", "1h", "n", "none"
    ):  # fmt: skip
        process.type(line)
    result = process.end()
    result.assert_message(0, "no code was pasted", "There is no folder /Famly", "must not contain `.`, `..`")
    assert "/Family\n" in result.out
    assert "2 items found" in result.out
    grant = dropbox.accounts.grants[-1]
    assert set(grant.scopes) == {"files.content.read", "files.metadata.read"}
    saved = require_login(read_credentials({}, [empty.credentials]).account("dropbox"))
    assert (saved.app_key, saved.refresh_token.get_secret_value()) == (dropbox.app.key, grant.refresh_token)
    assert grant.refresh_token not in result.out + result.err
    [entry] = read_config(empty.config, {}).albums[0].sources["dropbox"]
    assert str(entry) == "/Family/Frame (recursive)"
    empty.run("sync", "--once").assert_message(0, "2 photos uploaded")


def test_a_link_of_dropbox_needs_one_more_permission(empty: CommandLine) -> None:
    dropbox = empty.world.dropbox
    dropbox.put("/Mine/a.jpg", jpeg("a"))
    link = dropbox.share(dropbox.create_folder("/Trip")).url
    dropbox.put("/Trip/b.jpg", jpeg("b"))
    process = empty.start("init", stdin=subprocess.PIPE)
    for line in (*LOGIN, "dropbox:/Mine", dropbox.app.key):
        process.type(line)
    for lines in (("n", link, ""), ("n", "", "Oma", "1h", "n", "none")):
        page = httpx.get(process.line_with("oauth2/authorize").strip()).text
        process.type(page.partition('data-token="')[2].partition('"')[0])
        for line in lines:
            process.type(line)
    process.end().assert_message(0)
    assert set(dropbox.accounts.grants[-1].scopes) == {
        "files.content.read",
        "files.metadata.read",
        "sharing.read",
    }
    empty.run("sync", "--once").assert_message(0, "2 photos uploaded")


def test_an_address_without_immich_is_refused_before_the_key(empty: CommandLine) -> None:
    link = shared_link(empty, 1)
    result = answer(empty, *LOGIN, "http://photos.google.com.example", link, "", "", "", "n", "none")
    result.assert_message(0, "There is no Immich server at http")
    assert "API key" not in result.out
    assert "immich" not in empty.credentials.read_text("utf-8")


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with one photo in ~/Pics."""
    home = tmp_path_factory.mktemp("home")
    (home / "Pics").mkdir()
    (home / "Pics" / "a.jpg").write_bytes(b"".join(generated_jpeg(1, 5000).chunks()))
    monkeypatch.setenv("HOME", str(home))
    return home


def answer_here(
    cli: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch, lines: Sequence[str], *, container: bool
) -> Result:
    """Run `picsync init` in this process, in a container or not."""
    mark = home / "mark"
    if container:
        mark.touch()
    monkeypatch.setattr(environment, "CONTAINER_MARKS", (mark,))
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return cli.run("init")


def test_outside_a_container_a_home_folder_is_expanded(
    empty: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (*LOGIN, "~/nowhere", "n", "~/Pics", "", "", "", "n", "compose")
    result = answer_here(empty, home, monkeypatch, lines, container=False)
    result.assert_message(0, "There is no folder", "nowhere")
    config = read_config(empty.config, {})
    assert [entry.path for entry in config.albums[0].sources["folder"]] == [str(home / "Pics")]
    mounts = YAML(typ="safe").load(empty.folder / "compose.yaml")["services"]["picsync"]["volumes"]
    assert [mount["target"] for mount in mounts if mount["source"] == str(home / "Pics")] == [
        str(home / "Pics")
    ]


def test_in_a_container_only_whole_paths_are_taken(
    empty: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = str(home / "unseen")
    lines = (*LOGIN, "~/Pics", unseen, "n", unseen, "y", str(home / "Pics"), "", "", "", "n", "none")
    result = answer_here(empty, home, monkeypatch, lines, container=True)
    result.assert_message(0, "Give the full path")
    assert "does not exist in this container" in result.out
    assert "1 item found" in result.out
    config = read_config(empty.config, {})
    assert [entry.path for entry in config.albums[0].sources["folder"]] == [unseen, str(home / "Pics")]


def test_a_cache_that_is_not_there_yet_hinders_nothing(
    empty: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICSYNC_CACHE", "/nowhere/cache.db")
    result = answer(empty, *LOGIN, shared_link(empty, 1), "", "", "", "y", "none")
    result.assert_message(0)
    assert "1 item found" in result.out


def test_init_replaces_no_file(cli: CommandLine) -> None:
    before = cli.config.read_bytes()
    cli.run("init").assert_message(2, "picsync.yaml already exists", "picsync doctor")
    assert cli.config.read_bytes() == before


def test_who_stops_half_way_finds_nothing_written(empty: CommandLine) -> None:
    answer(empty, *LOGIN).assert_message(130, "Stopped.")
    assert [path.name for path in empty.folder.iterdir()] == []


def test_compose_gets_the_owner_and_the_folders(empty: CommandLine, tmp_path: Path) -> None:
    photos = tmp_path / "my $photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"".join(generated_jpeg(1, 5000).chunks()))
    answer(empty, *LOGIN, str(photos), "", "", "", "n", "compose").assert_message(0)
    service = YAML(typ="safe").load(empty.folder / "compose.yaml")["services"]["picsync"]
    assert service["user"] == ":".join(map(str, SetUp(empty.folder, "Family").user))
    assert (empty.folder / "cache").is_dir()
    mounts = {mount["target"]: mount for mount in service["volumes"]}
    assert set(mounts) == {
        "/etc/picsync",
        "/etc/picsync-credentials",
        "/data",
        str(photos).replace("$", "$$"),
    }
    assert {target for target, mount in mounts.items() if not mount.get("read_only")} == {"/data"}


@pytest.mark.parametrize(
    "odd", ['"', "\\", "#", ": ", "'", "é\N{GRINNING FACE}", "{{a}}", "\t", "%d$HOME", "- ", "yes"]
)
def test_odd_answers_are_read_back_as_they_were_given(tmp_path: Path, odd: str) -> None:
    config = config_text(f"a{odd}b", {"folder": [f"/photos/{odd.strip()}x"]}, "1h")
    immich = {"server": "http://nas", "api_key": f"k{ord(odd[0])}"}
    nixplay = {"username": f"u{odd}v", "password": f"p{odd}w"}
    install(tmp_path, config, credentials_text({"nixplay": nixplay, "immich": immich}))
    found = require_account(read_credentials({}, [tmp_path / ".picsync-credentials.yaml"]).account("nixplay"))
    assert found.username == f"u{odd}v"
    assert found.password.get_secret_value() == f"p{odd}w"
    assert read_config(tmp_path / "picsync.yaml", {}).albums[0].name == f"a{odd}b"


def test_nothing_is_written_that_sync_would_refuse(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        install(tmp_path, config_text("a", {"nonsense": ["x"]}, "1h"), credentials_text(NIXPLAY))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / ".picsync-credentials.yaml").write_text("mine")
    with pytest.raises(ConfigError):
        install(tmp_path, config_text("a", {"folder": ["/p"]}, "1h"), credentials_text(NIXPLAY))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        ".picsync-credentials.yaml": "mine"
    }


def test_compose_file_is_as_strict_as_the_repositorys(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    own: dict[str, Any] = YAML(typ="safe").load(compose_file(SetUp(tmp_path, "Family")))["services"][
        "picsync"
    ]
    ours: dict[str, Any] = YAML(typ="safe").load(root / "compose.yaml")["services"]["picsync"]
    kept = (
        "image", "restart", "stop_grace_period", "read_only", "tmpfs", "mem_limit", "pids_limit", "cap_drop",
        "security_opt", "logging", "ports",
    )  # fmt: skip
    assert {key: own[key] for key in kept} == {key: ours[key] for key in kept}


def test_the_unit_names_this_picsync(tmp_path: Path) -> None:
    text = unit_file(SetUp(tmp_path / 'a "b" $c %d', "Family"))
    assert f'sync "{tmp_path}/a \\"b\\" $$c %%d/picsync.yaml"\n' in text
    assert "RestartPreventExitStatus=2 3\n" in text
    assert os.access(text.partition('ExecStart="')[2].partition('"')[0], os.X_OK)
