"""`picsync emulator` as a process."""

from __future__ import annotations

import re
import signal
import ssl
from pathlib import Path

import httpx
import pytest
import trustme

from picsync.cli.emulator import SHARED_PAGES
from picsync.emulators.google import generated_jpeg
from picsync.emulators.google.sharingoptions import VARIANTS
from tests.cli.command_line import STRICT, CommandLine, Process

LISTEN = ("emulator", "--listen", "127.0.0.1:0")


def introduction(process: Process) -> dict[str, str]:
    """Return what it prints, line by line, up to the last."""
    found: dict[str, str] = {}
    while not (line := process.line()).startswith("Ctrl-C"):
        assert line, process.end()
        found |= dict(
            re.findall(r"(Serving at|user|password|album|secret|client ID|Frame page:) (\S+?)[,\s]", line)
        )
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped(cli: CommandLine, number: signal.Signals) -> None:
    process = cli.start(*LISTEN, command=STRICT)
    said = introduction(process)
    url = said["Serving at"]
    login = {"email": said["user"], "password": said["password"]}
    assert httpx.post(f"{url}/api.nixplay.com/www-login/", data=login).json()["success"] is True
    by_host = httpx.post(f"{url}/www-login/", data=login, headers={"Host": "api.nixplay.com"})
    assert by_host.json()["success"] is True
    assert httpx.get(f"{url}/v1/albums", headers={"Host": "photoslibrary.googleapis.com"}).status_code == 401
    assert "<html" in httpx.get(said["Frame page:"]).text
    assert len(httpx.get(f"{url}/_emulator/requests").json()) == 3
    process.signal(number)
    result = process.end()
    assert (result.code, result.err) == (0, "")


def test_it_serves_over_tls(cli: CommandLine, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    process = cli.start(*LISTEN, "--tls-cert", "cert.pem", "--tls-key", "key.pem")
    url = introduction(process)["Serving at"]
    assert url.startswith("https://")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with httpx.Client(verify=context) as client:
        assert client.get(f"{url}/_emulator/requests").json() == []
    process.signal(signal.SIGINT)
    assert process.end().code == 0


@pytest.mark.parametrize("era", ["2025", "legacy"])
def test_a_sync_with_its_own_words(cli: CommandLine, tmp_path: Path, era: str) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "one.jpg").write_bytes(b"".join(generated_jpeg(1, 5000).chunks()))
    process = cli.start(*LISTEN, "--photos", "photos", "--era", era)
    lines: list[str] = []
    while not lines or not lines[-1].startswith("Ctrl-C"):
        lines.append(process.line())
    text = "".join(lines)

    def said(words: str) -> str:
        found = re.search(words + r" ([^,\s]+)", text)
        assert found, text
        return found[1]

    cli.config.write_text(
        f"emulator: {said('Serving at')}\n"
        f"albums: [{{name: X, sources: {{googlephotos: [{said('album')}]}}}}]\n",
        "utf-8",
    )
    cli.credentials.write_text(
        f"nixplay: {{username: {said('user')}, password: {said('password')}}}\n"
        f"googlephotos: {{api: {{key: {said('client ID')}, secret: {said('client secret')}}},"
        f" access: {{refresh_token: {said('refresh token')}}}}}\n",
        "utf-8",
    )
    synced = cli.start("sync", env={"PICSYNC_EMULATOR": ""}).end()
    synced.assert_message(0, "1 photo uploaded")
    process.signal(signal.SIGTERM)
    assert process.end().code == 0


def test_the_page_of_a_shared_album_has_variants(cli: CommandLine, tmp_path: Path) -> None:
    assert tuple(VARIANTS) == SHARED_PAGES
    (tmp_path / "photos").mkdir()
    process = cli.start(*LISTEN, "--photos", "photos", "--shared-page", "consent", "--shared-page", "scripts")
    lines: list[str] = []
    while not lines or not lines[-1].startswith("Ctrl-C"):
        lines.append(process.line())
    text = "".join(lines)
    url, code = re.findall(r"Serving at (\S+)|photos\.app\.goo\.gl/(\S+)", text)
    with httpx.Client(base_url=url[0], headers={"User-Agent": "curl/8"}) as visitor:
        page = visitor.get(f"/photos.app.goo.gl/{code[1]}").headers["Location"]
        assert "consent.google.com" in visitor.get(page).headers["Location"]
        cookie = {"Cookie": "SOCS=CAI"}
        assert "AF_initDataCallback" not in visitor.get(page, headers=cookie).text
        assert (
            "AF_initDataCallback" in visitor.get(page, headers={**cookie, "User-Agent": "Mozilla/5.0"}).text
        )
    process.signal(signal.SIGINT)
    assert process.end().code == 0
