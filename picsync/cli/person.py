"""Asking and telling the person at the terminal, beside what a command prints as its result."""

from __future__ import annotations

import sys

import click


def ask_person(prompt: str) -> str:
    """Return a line from stdin; raises EOFError if nobody is there to type."""
    click.echo(prompt, err=True, nl=False)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip()


def say(message: str) -> None:
    """Tell a person something on stderr."""
    click.echo(message, err=True)
