"""How often a file is read from storage that fails."""

from __future__ import annotations

import pytest

from picsync.core.errors import ItemError, TransientError
from picsync.http.pace import DOWNLOADS, Pace
from picsync.sources.reading import READ_ATTEMPTS, read_again


class Storage:
    """Fails with these errors, then reads."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.log: list[str] = []

    async def read(self) -> None:
        self.log.append("read")
        if self.errors:
            raise self.errors.pop(0)

    async def pause(self) -> None:
        self.log.append("pause")


async def test_a_failure_of_the_moment_is_read_again_after_a_pause() -> None:
    storage = Storage(*[TransientError("stale")] * (READ_ATTEMPTS - 1))
    await read_again(storage.read, Pace().limit("storage", DOWNLOADS), pause=storage.pause)
    assert storage.log == ["read", *["pause", "read"] * (READ_ATTEMPTS - 1)]


async def test_storage_that_keeps_failing_is_given_up() -> None:
    errors = [TransientError(f"failure {number}") for number in range(1, READ_ATTEMPTS + 2)]
    storage = Storage(*errors)
    with pytest.raises(TransientError, match=f"failure {READ_ATTEMPTS}"):
        await read_again(storage.read, Pace().limit("storage", DOWNLOADS))
    assert storage.log == ["read"] * READ_ATTEMPTS


async def test_no_other_failure_is_read_again() -> None:
    storage = Storage(ItemError("it has changed"))
    with pytest.raises(ItemError):
        await read_again(storage.read, Pace().limit("storage", DOWNLOADS), pause=storage.pause)
    assert storage.log == ["read"]
