"""`picsync family export` and `import`, as they are typed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from click.testing import CliRunner

from picsync.cache.locking import CacheLock
from picsync.cli.family import family

CONFIG = """\
web: {{listen: "127.0.0.1:8090"}}
family: {{}}
frames:
  usb: {{kind: folder, path: {folder}/usb}}
albums:
- {{name: Family, sources: {{folder: [{folder}/photos]}}}}
"""


def test_a_family_moves_to_another_cache(tmp_path: Path) -> None:
    config = tmp_path / "picsync.yaml"
    config.write_text(CONFIG.format(folder=tmp_path))
    archive = str(tmp_path / "family.zip")

    def run(*words: str, cache: str) -> tuple[int, str]:
        options = ["--config", str(config), "--cache", str(tmp_path / cache)]
        done = CliRunner().invoke(family, [*words, *options])
        return done.exit_code, done.output if done.exception is None else f"{done.output}{done.exception}"

    assert run("invite", "Anna", cache="old.db")[0] == 0
    code, said = run("export", archive, cache="old.db")
    assert (code, "rows" in said) == (0, True)
    code, said = run("import", archive, cache="old.db")
    assert code != 0
    assert "not empty" in said
    code, said = run("import", archive, cache="new.db")
    assert (code, "imported" in said) == (0, True)
    assert "Anna" in run("people", cache="new.db")[1]
    assert run("import", archive, "--replace", cache="old.db")[0] == 0

    lock = CacheLock.acquire(tmp_path / "old.db", datetime.now(UTC))
    try:
        code, said = run("import", archive, "--replace", cache="old.db")
    finally:
        lock.release()
    assert code != 0
    assert f"is in use by process {os.getpid()}" in said
