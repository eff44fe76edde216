"""Passwords as they are stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from picsync.cli.family import family
from picsync.family.passwords import WeakPasswordError, check, matches, stored
from tests.cli.test_cli_family_archive import CONFIG


def test_only_the_password_matches_and_no_two_are_stored_alike() -> None:
    known = stored("Gro\u00dfm\u00fctter 7")
    assert "Gro" not in known
    assert known != stored("Gro\u00dfm\u00fctter 7")
    assert matches("Gro\u00dfmu\u0308tter 7", known), "another keyboard writes the accent apart"
    assert not matches("Gro\u00dfmutter 7", known)


@pytest.mark.parametrize("known", [None, "", "x", "scrypt$14$8$5$00$", "scrypt$60$8$5$00$00", "a$b$c$d$e$f"])
def test_what_is_no_stored_password_matches_nothing(known: str | None) -> None:
    assert not matches("", known)
    assert not matches("some password", known)


@pytest.mark.parametrize("password", ["short", "x" * 201, "aaaaaaaaaaaa", "Grandmother"])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(WeakPasswordError):
        check(password, "grandmother")


def test_the_command_sets_and_removes_a_password(tmp_path: Path) -> None:
    config = tmp_path / "picsync.yaml"

    def run(*words: str, said: str = "") -> tuple[int, str]:
        options = ["--config", str(config), "--cache", str(tmp_path / "cache.db")]
        done = CliRunner().invoke(family, [*words, *options], input=said)
        return done.exit_code, done.output

    config.write_text(CONFIG.format(folder=tmp_path))
    assert "passwords: true" in run("password", "Anna")[1]
    config.write_text(CONFIG.format(folder=tmp_path).replace("family: {}", "family: {passwords: true}"))
    run("invite", "Anna")
    twice = "correct horse\ncorrect horse\n"
    assert run("password", "Ana", said=twice)[0] != 0
    assert "too few" in run("password", "Anna", said="aaaaaaaaaaa\naaaaaaaaaaa\n")[1]
    code, output = run("password", "Anna", said=twice)
    assert (code, "can sign in" in output, "horse" in output) == (0, True, False)
    assert run("password", "Anna", "--remove")[0] == 0
