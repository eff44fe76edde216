"""`picsync family`, as it is typed, without a running picsync."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from picsync.cli.family import family

CONFIG = """\
web: {{listen: "127.0.0.1:8090", url: "https://photos.example.org/"}}
family:
  passwords: true
{more}
frames:
  usb: {{kind: folder, path: {folder}/usb}}
albums:
- {{name: Family, sources: {{folder: [{folder}/photos]}}}}
"""
BY_EMAIL = "  oidc: {issuer: 'https://auth.example.org', byEmail: true}"

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "picsync.yaml"
    path.write_text(CONFIG.format(folder=tmp_path, more=""))
    return path


@pytest.fixture
def run(config: Path, tmp_path: Path) -> Run:
    def run(*words: str, typed: str = "") -> tuple[int, str]:
        options = ["--config", str(config), "--cache", str(tmp_path / "cache.db")]
        done = CliRunner().invoke(family, [*words, *options], input=typed)
        return done.exit_code, done.output

    return run


def test_people_are_invited_changed_and_removed(run: Run) -> None:
    code, said = run("people")
    assert (code, "Nobody yet." in said) == (0, True)
    code, said = run("invite", "Anna")
    assert code == 0
    assert re.search(r"https://photos\.example\.org/join/\S{20,}", said)
    assert "Send it to Anna (administrator)." in said
    assert "(viewer)" in run("invite", "Ben", "--role", "viewer")[1]
    for words in (("role", "Anna", "member"), ("invite", "anna", "--role", "member")):
        code, said = run(*words)
        assert (code, "Anna is the only administrator. Make somebody else" in said) == (1, True)
    assert run("role", "ben", "administrator") == (0, "ben: administrator.\n")
    assert run("role", "Anna", "member")[0] == 0
    roles = {each["name"]: each["role"] for each in json.loads(run("people", "--json")[1])}
    assert roles == {"Anna": "member", "Ben": "administrator"}
    code, said = run("role", "Bean", "member")
    assert (code, "There is nobody called 'Bean'." in said) == (1, True)
    code, said = run("revoke", "Anna", "no-such-device")
    assert (code, "Anna has no device 'no-such-device'." in said) == (1, True)
    assert run("revoke", "Anna")[0] == 2
    assert run("revoke", "Anna", "--all") == (0, "Anna is let in no more.\n")
    assert [each["name"] for each in json.loads(run("people", "--json")[1])] == ["Ben"]


def test_a_password_is_asked_for_twice(run: Run) -> None:
    run("invite", "Anna")
    code, said = run("password", "Hanna")
    assert (code, "Password" in said, "did you mean" in said.lower()) == (1, False, True)
    code, said = run("password", "Anna", typed="short\nshort\n")
    assert (code, "10 to 200 characters. Nothing was changed." in said) == (1, True)
    assert run("password", "Anna", typed="correct horse\nother horse\n")[0] == 1
    code, said = run("password", "Anna", typed="correct horse\ncorrect horse\n")
    assert (code, "Anna can sign in by the password now." in said) == (0, True)
    assert "horse" not in said
    assert "Anna has no password now." in run("password", "Anna", "--remove")[1]


def test_an_address_needs_a_provider_that_verifies_it(run: Run, config: Path, tmp_path: Path) -> None:
    code, said = run("invite", "Anna", "--email", "anna@example.org")
    assert (code, "no `byEmail: true` below `family.oidc`" in said) == (2, True)
    assert "Nobody yet." in run("people")[1]
    config.write_text(CONFIG.format(folder=tmp_path, more=BY_EMAIL))
    assert run("invite", "Anna", "--email", "Anna@Example.org")[0] == 0
    code, said = run("invite", "Ben", "--email", "anna@example.ORG")
    assert (code, "Nobody was invited:" in said) == (1, True)
    code, said = run("invite", "Ben", "--email", "not an address")
    assert (code, "ADDRESS cannot be used:" in said) == (2, True)
    assert [each["name"] for each in json.loads(run("people", "--json")[1])] == ["Anna"]
    assert run("invite", "Anna", "--email", "")[0] == 0
    assert run("invite", "Ben", "--email", "anna@example.org")[0] == 0


def test_without_family_pages_there_is_nobody_to_invite(run: Run, config: Path, tmp_path: Path) -> None:
    config.write_text(CONFIG.format(folder=tmp_path, more="").replace("family:\n  passwords: true\n", ""))
    code, said = run("invite", "Anna")
    assert (code, "picsync.yaml has no `family`" in said) == (2, True)
