"""`picsync demo --organize`: a phone's pictures arrive in an emulated Dropbox, where picsync sorts them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from picsync.cli.scenes import Staged
from picsync.core.values import dataclass

if TYPE_CHECKING:
    from picsync.emulators.world import World

CAMERA = "/Camera Uploads"
SORTED = "/Photos"
_FIRST = 6
"""Pictures that are there at the start."""
_PAUSE_S = 2.0
"""Between the pictures that follow: long enough to see each of them being sorted."""


def stage(world: World, camera: Path) -> Staged:
    """Let the phone's folder be the camera uploads of an account; return the settings that sort them."""
    world.dropbox.directory_folder(camera, CAMERA)
    world.dropbox.create_folder(SORTED)
    grant = world.dropbox.log_in(("files.metadata.read", "files.content.read", "files.content.write"))
    rule = {
        "name": "camera",
        "from": f"dropbox:{CAMERA}",
        "to": f"dropbox:{SORTED}/{{year}}/{{year}}-{{month}}",
        "unsorted": "dropbox:/Unsorted",
        "log": "dropbox:/Logs/picsync.txt",
    }
    return Staged(
        [{"path": SORTED, "recursive": True}],
        {"dropbox": {"app_key": grant.app.key, "refresh_token": grant.refresh_token}},
        {"organize": [rule]},
    )


@dataclass(slots=True)
class Phone:
    """Takes pictures: some at once, the others one after the other."""

    taken: Sequence[Path]
    camera: Path
    _task: asyncio.Task[None] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Begin; needs a running event loop."""
        for path in self.taken[:_FIRST]:
            self._take(path)
        self._task = asyncio.create_task(self._go_on())

    async def aclose(self) -> None:
        """Take no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _go_on(self) -> None:
        for path in itertools.islice(self.taken, _FIRST, None):
            await asyncio.sleep(_PAUSE_S)
            self._take(path)

    def _take(self, path: Path) -> None:
        path.rename(self.camera / path.name)
