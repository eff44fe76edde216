"""Frames of the kind `web` in a running process, with the commands that manage their devices."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import httpx
import pytest

from picsync.cli.main import run
from picsync.config import environment
from picsync.core.errors import ConfigError
from picsync.run.settings import SettingsFiles
from tests.cli.command_line import PATIENCE_S, CommandLine
from tests.run.sync_process import SyncProcess

FRAMES = "frames: {tablet: {kind: web}}"


def test_a_web_frame_and_its_devices(cli: CommandLine) -> None:
    cli.add(2)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        web = f"web: {{listen: '127.0.0.1:{port}', url: 'http://127.0.0.1:{port}'}}"
        cli.write_config(head=["every: 300ms", FRAMES, web], rule=["frames: tablet"])
        with SyncProcess(cli) as picsync, httpx.Client(timeout=PATIENCE_S) as tablet:
            said = picsync.said("cannot listen")
            assert "web.listen" in said
            assert f"port {port}: another process already uses it" in said
            picsync.said("2 photos uploaded")
            other.close()
            picsync.said("Frames: ")

            opened = cli.run("frame", "open", "--config", str(cli.config))
            assert opened.code == 0, opened.err
            link = opened.out.strip()
            assert re.fullmatch(rf"http://127\.0\.0\.1:{port}/frame/tablet\?token=[\w-]{{32}}", link)
            assert tablet.get(link, follow_redirects=True).status_code == 200
            base = link.partition("?")[0]
            photos = tablet.get(f"{base}/photos.json").json()["photos"]
            assert len(photos) == 2
            tablet.post(f"{base}/seen", json={"photo": photos[0]["id"], "paused": True})

            with httpx.Client(timeout=PATIENCE_S) as second:
                page = second.get(base).text
                found = re.search(r'"code": ?"([0-9]{6})"', page)
                assert found, page
                wrong = f"{(int(found[1]) + 1) % 1_000_000:06}"
                cli.run("frame", "pair", wrong).assert_message(1, "No page shows the code", wrong)
                cli.run("frame", "pair", "12").assert_message(2, "six digits")
                paired = cli.run("frame", "pair", found[1])
                assert (paired.code, paired.out.partition(":")[0]) == (0, "tablet"), paired.err
                assert second.get(f"{base}/pairing").json() == {"paired": True}
                assert second.get(f"{base}/photos.json").status_code == 200

            [told] = json.loads(cli.run("frame", "list", "--json", "--config", str(cli.config)).out)
            assert (told["photos"], told["photo"].rpartition(".")[2]) == (2, "jpg")
            assert told["seen_at"]

            listed = cli.run("frame", "tokens", "tablet", "--config", str(cli.config))
            lines = listed.out.splitlines()
            assert len(lines) == 3, listed.err
            assert "a link" in lines[1]
            assert "(no name)" not in listed.out, "what the second device shows is not known yet"
            assert "(paused)" in lines[1]
            assert "a code" in lines[2]
            cli.run("frame", "revoke", "tablet", "nobody", "--config", str(cli.config)).assert_message(
                1, "has no token 'nobody'", "nothing was changed"
            )
            gone = cli.run("frame", "revoke", "tablet", "--all", "--config", str(cli.config))
            assert "2 devices can no longer show the frame" in gone.out
            assert tablet.get(f"{base}/photos.json").status_code == 401
    assert picsync.text.count("cannot listen") == 1
    assert link.rpartition("=")[2] not in picsync.text


def test_commands_without_a_running_picsync(cli: CommandLine) -> None:
    cli.write_config(head=[FRAMES], rule=["frames: tablet"])
    at = ("--config", str(cli.config))
    cli.run("frame", "pair", "123456").assert_message(1, "No running picsync", "has answered")
    opened = cli.run("frame", "open", "tablet", *at)
    assert "?token=" in opened.out
    assert "Set `every` in picsync.yaml" in opened.err
    assert len(cli.run("frame", "tokens", *at).out.splitlines()) == 2
    cli.run("frame", "open", "tabelt", *at).assert_message(2, "Did you mean `tablet`?")
    assert cli.run("frame", "revoke", "tablet", "--all", *at).code == 0
    assert cli.run("frame", "tokens", *at).out == ""


def test_the_link_has_the_port_in_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "CONTAINER_MARKS", (tmp_path,))
    monkeypatch.chdir(tmp_path)
    rule = "albums: [{name: A, frames: tablet, sources: {folder: [/photos]}}]"
    (tmp_path / "picsync.yaml").write_text(
        f"{FRAMES}\n{rule}\nevery: 1h\nweb: {{listen: ':9123'}}\n", "utf-8"
    )
    assert run(["frame", "open", "--cache", str(tmp_path / "cache.db")]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("http://<this machine>:9123/frame/tablet?token=")
    assert "every" not in captured.err


@pytest.mark.parametrize(
    ("listeners", "problem"),
    [
        ('prometheus: {listen: ":8090"}', "web.listen: is :8090, which `prometheus.listen` (:8090) already"),
        ('web: {listen: "127.0.0.1:90"}\npprof: {listen: ":90"}', "pprof.listen: is :90, which `web.listen`"),
        ('web: {listen: ":99999"}', "web.listen"),
        ("web: {listen: 8090}", "web.listen"),
        ("web: {url: nas}", "web.url"),
        ("web: {url: 'http://nas/picsync'}", "no path after the host"),
        ("web: {embed: [homeassistant]}", "web.embed"),
    ],
)
def test_wrong_listeners_are_one_clear_message(tmp_path: Path, listeners: str, problem: str) -> None:
    config = tmp_path / "picsync.yaml"
    rule = "albums: [{name: A, frames: tablet, sources: {folder: [/photos]}}]"
    config.write_text(f"{FRAMES}\n{rule}\n{listeners}\n", "utf-8")
    with pytest.raises(ConfigError) as caught:
        SettingsFiles(config, {}, [tmp_path / "none.yaml"]).load()
    [found] = caught.value.problems
    assert problem in str(found)


def test_two_web_frames_have_folders_of_their_own(tmp_path: Path) -> None:
    config = tmp_path / "picsync.yaml"
    frames = "frames: {tablet: {kind: web}, hall: {kind: web}}"
    rule = "albums: [{name: A, frames: [tablet, hall], sources: {folder: [/photos]}}]"
    config.write_text(f"{frames}\n{rule}\n", "utf-8")
    SettingsFiles(config, {}, [tmp_path / "none.yaml"]).load()
    config.write_text(f"{frames.replace('kind: web', 'kind: web, path: /photos/x')}\n{rule}\n", "utf-8")
    with pytest.raises(ConfigError) as caught:
        SettingsFiles(config, {}, [tmp_path / "none.yaml"]).load()
    assert "is the same frame as" in str(caught.value) or "overlaps" in str(caught.value)
