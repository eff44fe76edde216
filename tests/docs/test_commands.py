"""doc/commands.md describes the commands as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from picsync.cli.exits import Exit
from picsync.cli.main import cli

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "doc" / "commands.md").read_text("utf-8")


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            assert found is not None
            yield from commands(found, f"{name} {sub}")


ALL = dict(commands(cli, "picsync"))


def test_every_command_is_documented() -> None:
    leaves = [name for name, command in ALL.items() if not isinstance(command, click.Group)]
    assert [name for name in leaves if f"`{name}" not in TEXT] == []


def test_every_documented_command_exists() -> None:
    named = re.findall(r"`(picsync [a-z]+(?:[ -][a-z]+)*)", TEXT)
    for name in named:
        words = name.split()
        known = max(
            (" ".join(words[:n]) for n in range(1, len(words) + 1) if " ".join(words[:n]) in ALL), key=len
        )
        rest = words[len(known.split()) :]
        assert not isinstance(ALL[known], click.Group) or not rest, name


def test_every_option_is_documented_and_exists() -> None:
    options = {
        option
        for command in ALL.values()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    } - {"--help"}
    text = TEXT + (ROOT / "doc" / "emulator.md").read_text("utf-8")
    assert {option for option in options if option not in text} - {"--version"} == set()
    assert set(re.findall(r"(?<![-\w])--[a-z][a-z-]+", text)) - options - {"--help", "--version"} == set()


def test_exit_codes_are_documented() -> None:
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", TEXT, flags=re.MULTILINE)
    assert {(int(code), name) for code, name in rows} == {(code.value, code.name) for code in Exit}
