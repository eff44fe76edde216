"""Shared helpers of the configuration's tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from picsync.config import Config, Credentials, Known, load_config
from picsync.core.errors import ConfigError
from picsync.run.kinds import known, logins, read_credentials

KINDS: dict[str, Any] = {"googlephotos": known().sources["googlephotos"], "localfolder": str}
RULE = "- name: X\n  sources: {googlephotos: [id]}\n"


def config(
    tmp_path: Path,
    text: str | None,
    environ: Mapping[str, str] | None = None,
    *,
    may_name: Known = Known(KINDS),  # noqa: B008 - a constant
) -> Config:
    """Load `text` as picsync.yaml; None for no file."""
    path = tmp_path / "picsync.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    return load_config(path, environ=environ or {}, known=may_name, logins=logins())


def config_problems(tmp_path: Path, text: str | None, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the problems of a picsync.yaml, without its directory."""
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, text, environ)
    return [str(one).removeprefix(f"{tmp_path}/") for one in caught.value.problems]


def credentials(tmp_path: Path, text: str | None, environ: Mapping[str, str] | None = None) -> Credentials:
    """Load `text` as the credentials file, readable only by its owner; None for no file."""
    path = tmp_path / ".picsync-credentials.yaml"
    if text is not None:
        path.touch(0o600)
        path.write_text(text, encoding="utf-8")
    return read_credentials(environ or {}, [tmp_path / "absent.yaml", path])


def credentials_problems(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the message about a credentials file, without its directory."""
    with pytest.raises(ConfigError) as caught:
        credentials(tmp_path, text, environ)
    return str(caught.value).replace(f"{tmp_path}/", "")
