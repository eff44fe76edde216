"""Webhooks in a running process, as Dropbox and other programs call them."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from picsync.core.errors import ConfigError
from picsync.run.settings import SettingsFiles
from tests.cli.command_line import PATIENCE_S, CommandLine
from tests.pictures import jpeg
from tests.run.sync_process import SyncProcess

TOKEN = "0123456789abcdef0123"


def test_dropbox_and_others_report_changes(cli: CommandLine) -> None:
    dropbox = cli.world.dropbox

    async def put(name: str) -> None:
        dropbox.put(f"/Frame/{name}", jpeg(name.encode()))

    async def register(url: str) -> None:
        await dropbox.webhooks.register(dropbox.app, url)

    cli.add(1)
    cli.on_loop(put("1.jpg"))
    head = ["every: 3h", f"webhooks: {{listen: '127.0.0.1:0', token: {TOKEN}}}"]
    cli.write_config(head=head, more_sources=", dropbox: [/Frame]")
    with SyncProcess(cli) as picsync, httpx.Client(timeout=PATIENCE_S) as other:
        url = picsync.said("Webhooks: ").partition("Webhooks: ")[2].split()[0].rstrip('"')
        picsync.said("2 photos uploaded")
        cli.on_loop(register(f"{url}dropbox"))
        cli.on_loop(put("2.png"))
        picsync.said("Webhook: a call from dropbox: checking Family")
        picsync.said("1 photo uploaded")

        cli.add(1)
        assert other.post(f"{url}{TOKEN}").status_code == 200
        picsync.said("Webhook: a call with the token: checking Family")
        picsync.said("1 photo uploaded")
        assert not any(TOKEN in line for line in picsync.lines)


def test_on_the_port_of_the_frames(cli: CommandLine) -> None:
    cli.add(1)
    head = [
        "every: 3h",
        "frames: {tablet: {kind: web}}",
        "web: {listen: '127.0.0.1:0'}",
        f"webhooks: {{token: {TOKEN}}}",
    ]
    cli.write_config(head=head, rule=["frames: tablet"])
    with SyncProcess(cli) as picsync, httpx.Client(timeout=PATIENCE_S) as other:
        url = picsync.said("Frames: ").partition("Frames: ")[2].split("frame/")[0]
        assert other.get(f"{url}frame/tablet").status_code == 200
        assert other.post(f"{url}hooks/{TOKEN}").status_code == 200
        picsync.said("Webhook: a call with the token")


def test_doctor_checks_the_route(cli: CommandLine) -> None:
    dropbox = cli.world.dropbox

    async def make() -> None:
        dropbox.create_folder("/Frame")

    cli.on_loop(make())
    head = ["every: 3h", "webhooks: {listen: '127.0.0.1:0'}"]
    cli.write_config(head=head, more_sources=", dropbox: [/Frame]")
    assert "webhooks: the route from outside was not checked" in cli.run("doctor").out
    with SyncProcess(cli) as picsync:
        url = picsync.said("Webhooks: ").partition("Webhooks: ")[2].split("hooks/")[0]
        head = ["every: 3h", f"webhooks: {{listen: '127.0.0.1:0', url: '{url}'}}"]
        cli.write_config(head=head, more_sources=", dropbox: [/Frame]")
        picsync.said("Webhooks: ")  # on another port, with the new settings
    said = " ".join(cli.run("doctor").out.split())
    assert "hooks/dropbox does not answer (ConnectError). Start picsync" in said


def load(folder: Path, config: str, credentials: str) -> None:
    (folder / "picsync.yaml").write_text(config, "utf-8")
    path = folder / "credentials.yaml"
    path.touch(0o600)
    path.write_text(credentials, "utf-8")
    SettingsFiles(folder / "picsync.yaml", {}, [path]).load()


NIXPLAY = "nixplay: {username: u, password: p}\n"
DROPBOX = "dropbox: {app_key: k, refresh_token: r}\n"
LINKS = "albums: [{name: A, sources: {sharedlinks: [https://photos.app.goo.gl/abc]}}]\n"
FOLDER = "albums: [{name: A, sources: {dropbox: [/A]}}]\n"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (LINKS + "webhooks: {listen: ':8091'}", "webhooks: has no purpose"),
        (LINKS + f"webhooks: {{token: {TOKEN}}}", "webhooks: needs an address to listen on"),
        (LINKS + "webhooks: {listen: ':8091', token: short}", "must have 20 to 200 letters"),
        (FOLDER + "webhooks: {listen: ':8091'}", "app_secret"),
        (FOLDER + "webhooks: {listen: ':1971'}\nprometheus: {listen: ':1971'}", "already uses"),
        (FOLDER + "webhooks: {listen: ':1'}\nweb: {listen: ':1'}", "Or remove `webhooks.listen`"),
        (FOLDER + "webhooks: {listen: ':8091', url: 'http://x/hooks'}", "services call /hooks/<name>"),
        (FOLDER + "webhooks: on", "webhooks"),
    ],
)
def test_mistakes(tmp_path: Path, config: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, config, NIXPLAY + DROPBOX)

    assert message in str(caught.value)
    assert "short" not in str(caught.value)


def test_webhooks_with_everything(tmp_path: Path) -> None:
    load(tmp_path, FOLDER + "webhooks: {listen: ':8091'}", NIXPLAY + DROPBOX.replace("}", ", app_secret: s}"))
