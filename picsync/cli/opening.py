"""Frames of the configuration, opened for one command."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from picsync.cli import logs
from picsync.cli.commands import suggestion
from picsync.cli.sync import load_libraries

if TYPE_CHECKING:
    from picsync.frames.base import Frame
    from picsync.run.settings import Settings

T = TypeVar("T")


def load_settings(config: Path) -> Settings:
    """Read all settings; raises ConfigError."""
    load_libraries()
    from picsync.run.settings import SettingsFiles

    return SettingsFiles(config, os.environ).load()


def rules_on(settings: Settings, frame: str) -> Sequence[str]:
    """Return the names of the rules that go to a frame."""
    return [album.name for album in settings.config.albums if frame in album.frames]


def with_frames(
    settings: Settings, name: str | None, cache: str, work: Callable[[dict[str, Frame]], Awaitable[T]]
) -> T:
    """Open the frame of that name, or all of them; raises UsageError for an unknown name."""
    from picsync.run.settings import frames_in_use
    from picsync.run.wiring import open_frames

    used = [frame.name for frame in frames_in_use(settings.config, settings.credentials)]
    known = list(dict.fromkeys([*used, *settings.config.frames]))
    if name is not None and name not in known:
        listed = ", ".join(known)
        raise click.UsageError(f"There is no frame {name!r}.{suggestion(name, known)} Frames: {listed}.")
    names = known if name is None else [name]

    async def run() -> T:
        async with open_frames(
            settings.config, settings.credentials, names, cache=cache, emit=logs.LogView()
        ) as frames:
            return await work(frames)

    return asyncio.run(run())
