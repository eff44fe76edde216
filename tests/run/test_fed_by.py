"""Which jobs run after the rule that fills the folders that they read."""

from __future__ import annotations

from pathlib import Path

import pytest

from picsync.run.settings import Settings, SettingsFiles, fed_by, fed_by_mirror, mirroring, organizing

CREDENTIALS = """\
nixplay: {username: x, password: y}
dropbox: {app_key: k, refresh_token: r}
accounts:
  aunt: {kind: dropbox, app_key: k, refresh_token: r}
"""
ORGANIZE = 'organize: [{name: camera, from: "dropbox:/Camera Uploads", to: "dropbox:/Archive/{year}"}]\n'


@pytest.mark.parametrize(
    ("sources", "fed"),
    [
        ("{dropbox: [{path: /Archive, recursive: true}]}", True),
        ("{dropbox: [/archive/2026]}", True),
        ("{dropbox: [/Elsewhere]}", False),
        ("{aunt: [{path: /Archive, recursive: true}]}", False),
        ('{inbox: {incoming: "dropbox:/Archive/in", work: "dropbox:/S/w", done: "dropbox:/S/d"}}', True),
    ],
)
def test_albums_of_dropbox_run_after_the_rule_that_sorts_there(
    tmp_path: Path, sources: str, fed: bool
) -> None:
    settings = load(tmp_path, f"{ORGANIZE}albums: [{{name: A, sources: {sources}}}]\n")
    [rule] = organizing(settings.config)
    found = fed_by(settings.config, settings.credentials.kinds, rule.rule, rule.account)
    assert found == (frozenset({"A"}) if fed else frozenset())


def test_albums_of_dropbox_run_after_the_mirror_that_writes_there(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        'mirror: [{name: m, from: /p, to: "dropbox:/Backup"}]\n'
        "albums: [{name: A, sources: {dropbox: [/Backup/2026]}}]\n",
    )
    [rule] = mirroring(settings.config)
    assert fed_by_mirror(settings.config, settings.credentials.kinds, rule) == {"A"}


def load(folder: Path, config: str) -> Settings:
    (folder / "picsync.yaml").write_text(config)
    (folder / "credentials.yaml").write_text(CREDENTIALS)
    return SettingsFiles(folder / "picsync.yaml", {}, [folder / "credentials.yaml"]).load()
