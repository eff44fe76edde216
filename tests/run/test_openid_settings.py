"""What `family.oidc` needs elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from picsync.core.errors import ConfigError
from picsync.run.settings import SettingsFiles

RULE = "frames: {tablet: {kind: web}}\nalbums: [{name: A, frames: tablet, sources: {folder: [/photos]}}]"
CLIENT = {"PICSYNC_OIDC__CLIENT_ID": "picsync", "PICSYNC_OIDC__CLIENT_SECRET": "marked-secret"}
URL = 'web: {url: "https://photos.example.org"}'


def problems(folder: Path, lines: str, environ: dict[str, str]) -> list[str]:
    config = folder / "picsync.yaml"
    config.write_text(f"{RULE}\n{lines}\n", "utf-8")
    try:
        SettingsFiles(config, environ, [folder / "none.yaml"]).load()
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_it_needs_the_address_of_the_pages_and_a_client(tmp_path: Path) -> None:
    oidc = "family: {oidc: {issuer: 'https://auth.example.org'}}"
    assert problems(tmp_path, f"{URL}\n{oidc}", CLIENT) == []
    [url] = problems(tmp_path, oidc, CLIENT)
    assert "needs `web: {url: ...}`" in url
    lacking = problems(tmp_path, f"{URL}\n{oidc}", {})
    assert [line.rpartition(": ")[0].rpartition(" ")[2] for line in lacking] == [
        "oidc.client_id",
        "oidc.client_secret",
    ]


@pytest.mark.parametrize("issuer", ["http://auth.example.org", "auth.example.org", "https://a.example/?x"])
def test_an_issuer_is_an_encrypted_address(tmp_path: Path, issuer: str) -> None:
    [found] = problems(tmp_path, f"{URL}\nfamily: {{oidc: {{issuer: '{issuer}'}}}}", CLIENT)
    assert "family.oidc.issuer" in found
