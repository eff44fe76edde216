"""Questions and messages to the user at the terminal, separate from a command's result."""

from __future__ import annotations

import sys

import click


def ask_person(prompt: str) -> str:
    """Return a line from stdin; raises EOFError at the end of input."""
    click.echo(prompt, err=True, nl=False)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip()


def say(message: str) -> None:
    """Print a message to stderr."""
    click.echo(message, err=True)
