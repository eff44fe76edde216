"""The command as a program: help, version, completion, start-up, closed output."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version

import click
import pytest

from picsync.cli.main import COMMANDS, run
from picsync.cli.main import cli as root_command
from tests.cli.command_line import COMMAND, ROOT, CommandLine

HEAVY = ("httpx", "googleapiclient", "google", "sqlalchemy", "alembic", "rich", "pydantic", "aiohttp", "PIL")


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            sub = command.get_command(context, name)
            assert sub is not None
            assert sub.name == name
            yield from commands(sub, (*path, name))


@pytest.mark.parametrize("path", list(commands(root_command)), ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_has_help(
    capsys: pytest.CaptureFixture[str], path: tuple[str, ...], option: str
) -> None:
    assert run([*path, option]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"Usage: {' '.join(('picsync', *path))} ")
    assert max(map(len, out.splitlines())) <= 80


def test_the_help_tells_of_each_command_what_it_tells_itself() -> None:
    context = click.Context(root_command)
    for name, (_, summary) in COMMANDS.items():
        command = root_command.get_command(context, name)
        assert command is not None
        assert command.help is not None
        whole = " ".join(command.help.replace("(default: picsync.yaml) ", "").split())
        assert whole.startswith(summary.removesuffix(".")), name


def test_the_help_loads_no_command() -> None:
    code = (
        "import sys\nfrom picsync.cli.main import run\nrun(['--help'])\n"
        "print(sorted(name for name in sys.modules if name.startswith('picsync.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1]
    command_line = [f"picsync.cli{part}" for part in ("", ".commands", ".exits", ".main", ".streams")]
    core = [f"picsync.core{part}" for part in ("", ".errors", ".text", ".values")]
    assert loaded == str([*command_line, *core, "picsync.system", "picsync.system.localtime"])


def test_version(cli: CommandLine) -> None:
    assert cli.run("--version").out == f"picsync {version('picsync')}\n"


def test_no_command_shows_the_help(cli: CommandLine) -> None:
    result = cli.run()
    assert result.code == 2
    assert "Commands:" in result.out + result.err


def test_the_installed_command() -> None:
    program = shutil.which("picsync", path=f"{sys.prefix}/bin")
    assert program is not None
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("picsync ")


@pytest.mark.parametrize("arguments", [["--help"], ["sync", "--help"], ["--version"], ["completion", "bash"]])
def test_what_needs_no_service_loads_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom picsync.cli.main import run\n"
        f"run({arguments!r})\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [*COMMAND[:-1], code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_completion_for_bash(cli: CommandLine) -> None:
    script = cli.run("completion", "bash").out
    source = (
        f"{script}\ncomplete -p picsync\nCOMP_WORDS=(picsync ni); COMP_CWORD=1\n_picsync_completion picsync\n"
    )
    environ = {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "--norc", "-c", source + 'printf "%s\\n" "${COMPREPLY[@]}"'],
        capture_output=True,
        text=True,
        check=True,
        env=environ,
    )
    assert done.stdout.splitlines()[-1] == "nixplay"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("shell", "words"), [("zsh", "#compdef picsync"), ("fish", "complete --no-files --command picsync")]
)
def test_completion_for_other_shells(cli: CommandLine, shell: str, words: str) -> None:
    script = cli.run("completion", shell)
    assert script.code == 0
    assert words in script.out
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n", "-c", script.out], check=True)


def test_an_environment_variable_names_the_cache(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICSYNC_CACHE", str(cli.folder / "named.db"))
    assert "named.db: there is no cache yet" in cli.run("cache", "status").out


def test_a_mistyped_command_gets_a_suggestion(cli: CommandLine) -> None:
    cli.run("sycn").assert_message(2, "No such command 'sycn'. Did you mean `sync`?")
    cli.run("sync", "--dry-rnu").assert_message(2, "--dry-run")
