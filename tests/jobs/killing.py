"""Kills a process at one of its system calls that change files."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import traceback
from collections.abc import Callable
from typing import Any

import httpx

from picsync.http.transport import Transport
from picsync.system import renaming
from tests.jobs.camera import Camera

CALLS = ("write", "fsync", "unlink", "mkdir", "link", "rename", "replace", "ftruncate", "utime", "open")


class Calls:
    """Counts system calls of this process, and may end it at one of them."""

    def __init__(self, mode: str, kill_at: int = 0, *, torn: bool = False) -> None:
        """`mode` is `rename`, `link` (no renameat2) or `copy` (the targets are on another file system).

        With `requests`, what is counted is the beginning of each HTTP request and that of its response.
        With `torn`, half of a write is still done.
        """
        self.count = 0
        self._mode = mode
        self._kill_at = kill_at
        self._torn = torn

    def install(self) -> None:
        """Replace the functions for the rest of the process's life."""
        if self._mode == "requests":
            self._count_requests()
            return
        for name in CALLS:
            setattr(os, name, self._counted(name, getattr(os, name)))
        real = renaming.rename_without_replacing

        def rename(source: str, target: str, source_folder: int, target_folder: int) -> None:
            if self._mode == "link":
                raise OSError(errno.EINVAL, "unsupported")
            self._pass()
            real(source, target, source_folder, target_folder)

        renaming.rename_without_replacing = rename

    def _count_requests(self) -> None:
        real = Transport.handle_async_request

        async def handle(transport: Transport, request: httpx.Request) -> httpx.Response:
            self._pass()
            response = await real(transport, request)
            self._pass()
            return response

        setattr(Transport, "handle_async_request", handle)  # noqa: B010 - for the process's life

    def _pass(self) -> None:
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            changes = name != "open" or (len(arguments) > 1 and arguments[1] & os.O_CREAT)
            if changes:
                if self._torn and name == "write" and self.count + 1 == self._kill_at:
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                self._pass()
            return real(*arguments, **options)

        return call


def run_in_child(work: Callable[[], Any], calls: Calls | None = None) -> Any:
    """Run `work` in a process of its own; return what it returns, which is JSON, or None if it was killed.

    With `calls`, the result is a pair: that, and the number of calls.
    """
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        with os.fdopen(read) as answer:
            said = answer.read()
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return None
        assert os.waitstatus_to_exitcode(status) == 0
        return json.loads(said)
    report = os.write
    try:
        if calls is not None:
            calls.install()
        result = work()
        report(write, json.dumps(result if calls is None else [result, calls.count]).encode())
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the parent sees the code
        traceback.print_exc()
        os._exit(1)


def sort_in_child(camera: Camera, mode: str, kill_at: int = 0, *, torn: bool = False) -> int:
    """Run a pass in a process of its own; return its number of calls, or -1 if it was killed."""
    calls = Calls(mode, kill_at, torn=torn)
    found = run_in_child(lambda: asyncio.run(_sort(Camera(camera.root, camera.to))), calls)
    return -1 if found is None else int(found[1])


async def _sort(camera: Camera) -> None:
    camera.changes["videos"] = f"{camera.to or camera.root}/videos"
    report = await camera.sort()
    assert not report.failures, report.failures
    await camera.aclose()
