"""`--cache` before the command's name, as the Go program has it."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from picsync.cli.main import cli


def commands(
    command: click.Command, context: click.Context, path: tuple[str, ...] = ()
) -> Iterator[tuple[click.Command, tuple[str, ...]]]:
    if not isinstance(command, click.Group):
        yield command, path
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from commands(inner, click.Context(inner, parent=context, info_name=name), (*path, name))


WITH_CACHE = [
    path
    for command, path in commands(cli, click.Context(cli))
    if any(option.name == "cache" for option in command.params)
]


@pytest.mark.parametrize("path", WITH_CACHE, ids=" ".join)
def test_every_command_takes_the_path(path: tuple[str, ...]) -> None:
    context = click.Context(cli)
    with context.scope():
        cli.callback(cache="/a/cache.db")  # type: ignore[misc]  # it has one
    given = context.default_map
    for name in path:
        assert given is not None
        given = given.get(name)
    assert given == {"cache": "/a/cache.db"}
