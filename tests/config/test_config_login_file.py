import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from picsync.config import merge_login
from picsync.core.errors import ConfigError
from picsync.run.kinds import read_credentials
from picsync.vendors.google.credentials import (
    GoogleAccess,
    GoogleClient,
    GooglePhotosLogin,
    login_fields,
    require_login,
)

EXPIRY = datetime(2030, 1, 2, 3, 4, 5, 678, UTC)
ACCESS = GoogleAccess(
    access_token=SecretStr("new-access"), refresh_token=SecretStr("new-refresh"), expiry=EXPIRY
)
LOGIN = GooglePhotosLogin(api=GoogleClient(key="id", secret=SecretStr("new-secret")), access=ACCESS)
WRITTEN = """\
googlephotos:
  api:
    key: id
    secret: new-secret
  access:
    token_type: Bearer
    access_token: new-access
    refresh_token: new-refresh
    expiry: 2030-01-02T03:04:05.000678Z
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".picsync-credentials.yaml"


def test_makes_the_file(path: Path) -> None:
    before = os.umask(0)
    try:
        merge_login(path, ("googlephotos",), login_fields(LOGIN))
    finally:
        os.umask(before)
    assert path.read_text() == WRITTEN
    assert mode(path) == 0o600
    assert require_login(read_credentials({}, [path]).account("googlephotos")) == LOGIN


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", WRITTEN),
        ("# mine", f"# mine\n{WRITTEN}"),
        ("---\n# mine\n", f"---\n# mine\n{WRITTEN}"),
        ("# mine\n---\n# too\nnixplay: {}\n", f"# mine\n---\n# too\nnixplay: {{}}\n{WRITTEN}"),
        ("%YAML 1.1\n---\nnixplay: {}\n", f"%YAML 1.1\n---\nnixplay: {{}}\n{WRITTEN}"),
        ("~\n", WRITTEN),
        ("googlephotos:\n", WRITTEN),
        ("googlephotos: ''\n", WRITTEN),
        ("nixplay: {username: a} # x\n", f"nixplay: {{username: a}} # x\n{WRITTEN}"),
        ("unknown: [1, 0x1F]\n", f"unknown: [1, 0x1F]\n{WRITTEN}"),
    ],
)
def test_adds_to_the_file(path: Path, before: str, after: str) -> None:
    path.write_text(before)
    merge_login(path, ("googlephotos",), login_fields(LOGIN))
    assert path.read_text() == after
    assert mode(path) == 0o600


def test_keeps_everything_else(path: Path) -> None:
    text = """\
# My credentials.
nixplay:
    username: me        # my name
    password: 0123

# From the Google console:
googlephotos:
    access:
        expiry: "2022-09-21T10:11:12.123456789-04:00"
        refresh_token: 'old'  # will be new
        access_token: old
    api:
        key: id
        secret: "new-secret"

# No longer used:
smugmug:
    # old stuff
    api: {key: 1e3, secret: 2022-01-01, on: yes}
# The end.
"""
    path.write_text(text)
    merge_login(path, ("googlephotos",), login_fields(GooglePhotosLogin(access=ACCESS)))
    expected = (
        text.replace("2022-09-21T10:11:12.123456789-04:00", "2030-01-02T03:04:05.000678Z")
        .replace("'old'", "'new-refresh'")
        .replace("access_token: old", "access_token: new-access")
        .replace("    access:\n", "    access:\n        token_type: Bearer\n")
    )
    assert [line.split() for line in path.read_text().splitlines()] == [
        line.split() for line in expected.splitlines()
    ]
    assert "    username: me        # my name\n    password: 0123\n" in path.read_text()
    assert require_login(read_credentials({}, [path]).account("googlephotos")) == LOGIN


def test_narrows_the_mode_and_writes_through_a_link(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "real.yaml"
    target.parent.mkdir()
    target.write_text("nixplay: {username: a}\n")
    target.chmod(0o666)
    path.symlink_to(Path("elsewhere") / "real.yaml")
    merge_login(path, ("googlephotos",), login_fields(LOGIN))
    assert path.is_symlink()
    assert mode(target) == 0o600
    assert target.read_text() == f"nixplay: {{username: a}}\n{WRITTEN}"
    assert sorted(tmp_path.rglob("*")) == [path, target.parent, target]


def test_makes_the_target_of_a_dangling_link(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "real.yaml")
    merge_login(path, ("googlephotos",), login_fields(LOGIN))
    assert (tmp_path / "real.yaml").read_text() == WRITTEN
    assert path.is_symlink()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("- a\n", "must consist of `key: value` lines; nothing was written to it."),
        ("a: b\na: c\n", "is there twice (first in line 1); remove one of them."),
        ("a: {b\n", "is not valid YAML"),
        ("nixplay: &x {username: a}\ngooglephotos: *x\n", "is written in a way that picsync cannot add to"),
    ],
)
def test_a_file_it_cannot_add_to_stays_as_it_was(path: Path, content: str, problem: str) -> None:
    path.write_text(content)
    path.chmod(0o644)
    with pytest.raises(ConfigError) as caught:
        merge_login(path, ("googlephotos",), login_fields(LOGIN))
    [found] = caught.value.problems
    assert found.message.startswith(problem)
    assert (path.read_text(), mode(path)) == (content, 0o644)
    assert list(path.parent.iterdir()) == [path]


def test_a_place_it_cannot_write_to(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be written: No such file or directory\. Create .*absent"):
        merge_login(tmp_path / "absent" / "file.yaml", ("googlephotos",), login_fields(LOGIN))
    with pytest.raises(ConfigError, match="is a directory"):
        merge_login(tmp_path, ("googlephotos",), login_fields(LOGIN))


PLAIN = st.text("0123456789abcdefxXoO.+-_:eEnNyYsTZ~", min_size=1, max_size=30)


@given(st.lists(PLAIN, min_size=2, max_size=2), PLAIN)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_other_text_changes_and_every_secret_comes_back(
    path: Path, others: list[str], secret: str
) -> None:
    content = f"nixplay:\n  username: {others[0]}\n  password: {others[1]}\n"
    path.write_text(content)
    try:
        read_credentials({}, [path])
    except ConfigError:
        return
    access = GoogleAccess(refresh_token=SecretStr(secret))
    before = read_credentials({}, [path]).sections.get("nixplay")
    merge_login(
        path,
        ("googlephotos",),
        login_fields(GooglePhotosLogin(api=GoogleClient(key="k", secret=SecretStr("s")), access=access)),
    )
    loaded = read_credentials({}, [path])
    assert loaded.sections.get("nixplay") == before
    assert require_login(loaded.account("googlephotos")).access == access
