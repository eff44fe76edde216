"""Has worker processes render pictures: as many as there are processors, started and stopped as needed.

Each worker handles one picture at a time. Whatever happens to it (a crash, an endless loop, no memory) costs
that picture only; the next one gets another worker. Files are passed as open descriptors, so that the spool's
files need no names, and nothing is left behind however a process ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from picsync.core.caption import NOTHING, Details, Told
from picsync.core.errors import ItemError
from picsync.core.recipe import ORIGINAL, Recipe
from picsync.core.values import dataclass
from picsync.rendering import protocol
from picsync.rendering.protocol import Limits, Task

if TYPE_CHECKING:
    from picsync.media.treatment import Treatment

IDLE_S = 5.0
"""A worker without work ends after this time; starting one takes a quarter of a second of CPU."""
WORKER_BYTES = 200 * 2**20
"""Resident memory of a worker with a picture of 50 megapixels."""
_SERVICE_BYTES = 110 * 2**20
"""Resident memory of the service itself."""
_LIBRARY_BYTES = 64 * 2**20
"""Address space of a worker that is not resident."""
_START_LIMIT_S = 60.0
_GRACE_S = 30.0
"""How much later than its own limit a worker that does not answer is killed."""
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""Variables that a worker receives. None of them contains secrets."""
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_CPU_LIMIT = "/sys/fs/cgroup/cpu.max"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What became of an original."""

    treatment: Treatment
    """`AS_IS`: the original's bytes are to be sent, and nothing was written; else the target has them."""
    mime_type: str
    """Of what is to be sent."""
    width: int
    height: int
    """Pixels of what is to be sent; 0 if unknown, which happens only as `AS_IS`."""
    size_bytes: int
    """Of what is to be sent."""
    notes: tuple[str, ...] = ()
    """Sentences about the original, such as that its colour profile is damaged."""
    original: tuple[int, int] | None = None
    """Width and height of the original in pixels, as it is shown; None if unknown."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a picture tells of itself."""

    width: int | None
    height: int | None
    """In pixels, as shown; None if unknown."""
    rating: int | None
    """1 to 5; None if it has none."""
    look: int | None
    """Perceptual hash of 64 bits."""


class WorkerError(Exception):
    """A worker ended, or answered something else than expected."""


class Renderer:
    """Renders pictures in worker processes. All methods belong to one event loop.

    The first picture starts a worker. Workers end when they were idle for a while, at `aclose`, and when this
    process ends in any way.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        limits: Limits | None = None,
        idle_s: float = IDLE_S,
        command: Sequence[str] = (sys.executable, "-P", "-m", "picsync.rendering.worker"),
    ) -> None:
        """Use at most `workers` processes; by default, as many as processors and memory allow."""
        self.workers = allowed_workers() if workers is None else workers
        self._limits = limits or limits_here()
        self._idle_s = idle_s
        self._command = command
        self._free = asyncio.Semaphore(self.workers)
        self._idle: list[_Worker] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def render(
        self, source: BinaryIO, recipe: Recipe, target: BinaryIO, about: Details = NOTHING
    ) -> Rendered:
        """Make what the recipe says of `source`, and write it to `target` unless it is to be sent as it is.

        Both are open files with descriptors, whose positions are undefined afterwards; what `target`
        contained is lost. Waits for a free worker. `about` is for a caption.

        Raises ItemError, unusable, with the reason, if no rendition can be made: the picture cannot be read,
        is too large, took too long, or crashed its worker. Raises ItemError that is not unusable if no worker
        can be started, and OSError if `target` cannot be written, such as on a full disk.
        """
        return await self._rendered(protocol.Order(recipe, self._limits, about), source, target)

    async def render_half(
        self, source: BinaryIO, recipe: Recipe, target: BinaryIO, about: Details = NOTHING
    ) -> Rendered:
        """Make the left half of a pair, for `render_pair`; raises as `render` does.

        If `source` is no portrait, it is only examined: `AS_IS`.
        """
        return await self._rendered(protocol.Order(recipe, self._limits, about, Task.LEFT), source, target)

    async def render_pair(
        self, source: BinaryIO, recipe: Recipe, target: BinaryIO, about: Details, left: BinaryIO
    ) -> Rendered:
        """Make a pair of the `left` half that was made before, and `source`; raises as `render` does.

        If `source` is no portrait, it is only examined: `AS_IS`.
        """
        order = protocol.Order(recipe, self._limits, about, Task.RIGHT)
        return await self._rendered(order, source, target, left)

    async def cover(self, source: BinaryIO, recipe: Recipe, target: BinaryIO) -> Rendered:
        """Make the cover of a video that fits the recipe's panel; raises as `render` does.

        A video of which no frame can be decoded, or that costs too much, gets a drawn cover.
        """
        try:
            return await self._rendered(protocol.Order(recipe, self._limits, task=Task.COVER), source, target)
        except ItemError as error:
            if not error.unusable:
                raise
        return await self._rendered(protocol.Order(recipe, self._limits, task=Task.STILL), source, target)

    async def _rendered(self, order: protocol.Order, *files: BinaryIO) -> Rendered:
        # Most cycles render nothing, and need no parser.
        from picsync.media.treatment import Treatment

        answer = await self._answer(order, *files)
        original = (answer.original_width, answer.original_height)
        return Rendered(
            Treatment(answer.treatment),
            answer.mime_type,
            answer.width,
            answer.height,
            answer.size_bytes,
            answer.notes,
            original if all(original) else None,
        )

    async def examine(self, source: BinaryIO) -> Examined:
        """Return what a picture tells of itself; raises as `render` does."""
        answer = await self._answer(protocol.Order(ORIGINAL, self._limits, task=Task.EXAMINE), source, source)
        try:
            look = int(answer.look, 16) if answer.look else None
        except ValueError:
            look = None
        return Examined(answer.width or None, answer.height or None, answer.rating or None, look)

    async def tell(self, source: BinaryIO, *, place: bool) -> Told:
        """Return what a picture's metadata tell, and the place if asked for; raises as `render` does."""
        order = protocol.Order(ORIGINAL, self._limits, task=Task.TELL, place=place)
        answer = await self._answer(order, source, source)
        try:
            taken = datetime.fromisoformat(answer.taken) if answer.taken else None
        except ValueError:
            taken = None
        return Told(taken, answer.description, answer.place if place else None)

    async def _answer(
        self, order: protocol.Order, source: BinaryIO, target: BinaryIO, *others: BinaryIO
    ) -> protocol.Answer:
        line = protocol.order_line(order)
        async with self._free:
            worker = await self._worker()
            try:
                answer = await worker.ask(line, (source, *others), target, self._limits)
            except WorkerError as error:
                self._end(worker)
                raise ItemError(f"{error}.", unusable=True) from error
            except BaseException:
                self._end(worker)
                raise
            else:
                self._idle.append(worker)
            finally:
                self._rest()
        if answer.error_number:
            raise OSError(answer.error_number, os.strerror(answer.error_number))
        if answer.unusable:
            raise ItemError(f"{answer.unusable}.", unusable=True)
        return answer

    async def aclose(self) -> None:
        """End all workers; safe to call twice. Renders in progress must have ended or been cancelled."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._end_idle()
        while self._ending:
            await asyncio.wait(set(self._ending))

    async def _worker(self) -> _Worker:
        """Return a worker that is alive."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            self._end(worker)
        try:
            return await _Worker.start(self._command, self._limits)
        except (OSError, WorkerError) as error:
            raise ItemError(
                f"no process could be started to render it: {error}.",
                hint="The next cycle tries again; if that fails, check the limits of memory and processes.",
            ) from error

    def _rest(self) -> None:
        """End the workers after a while without work."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._idle_s, self._end_idle)

    def _end_idle(self) -> None:
        idle, self._idle = self._idle, []
        for worker in idle:
            self._end(worker)

    def _end(self, worker: _Worker) -> None:
        task = asyncio.get_running_loop().create_task(worker.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class _Worker:
    """One worker process, and the socket to it."""

    def __init__(self, process: asyncio.subprocess.Process, connection: socket.socket) -> None:
        self._process = process
        self._connection = connection

    @classmethod
    async def start(cls, command: Sequence[str], limits: Limits) -> _Worker:
        """Start a process and wait until it is ready. Raises OSError or WorkerError."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                # On the thread of the event loop, which lives as long as this process: the kernel ends a
                # worker together with the thread that started it.
                process = await asyncio.create_subprocess_exec(
                    *command,
                    str(os.getpid()),
                    str(limits.memory_bytes),
                    stdin=theirs.fileno(),
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    env=_environment(),
                    cwd="/",
                    # Ctrl-C in the terminal is for picsync, which lets this finish.
                    process_group=0,
                )
        except BaseException:
            ours.close()
            raise
        worker = cls(process, ours)
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                await worker._line(limits)
        except TimeoutError:
            await worker.end()
            raise WorkerError("the process did not become ready") from None
        except BaseException:
            await worker.end()
            raise
        return worker

    @property
    def alive(self) -> bool:
        """Whether the process is there; one without work has nothing to say but that it ended."""
        if self._process.returncode is not None:
            return False
        with suppress(BlockingIOError):
            return bool(self._connection.recv(1, socket.MSG_PEEK)) and False
        return True

    async def ask(
        self, order: bytes, sources: Sequence[BinaryIO], target: BinaryIO, limits: Limits
    ) -> protocol.Answer:
        """Send an order and return the answer; raises WorkerError, and then the worker is to be ended."""
        try:
            with ExitStack() as stack:
                original, *others = [stack.enter_context(_reader(source)).fileno() for source in sources]
                # It fits into the socket's buffer, which is empty.
                socket.send_fds(self._connection, [order], [original, target.fileno(), *others])
            async with asyncio.timeout(limits.wall_s + _GRACE_S):
                return protocol.read_answer(await self._line(limits))
        except TimeoutError:
            raise WorkerError(_took_too_long(limits)) from None
        except OSError as error:
            raise WorkerError(f"the process that rendered it could not be reached: {error}") from error
        except ValueError as error:
            raise WorkerError("the process that rendered it answered with garbage") from error

    async def _line(self, limits: Limits) -> bytes:
        loop = asyncio.get_running_loop()
        line = b""
        while not line.endswith(b"\n"):
            try:
                block = await loop.sock_recv(self._connection, protocol.MAX_LINE_BYTES)
            except ConnectionError:
                block = b""
            if not block:
                raise WorkerError(_cause(await self._process.wait(), limits))
            line += block
            if len(line) > protocol.MAX_LINE_BYTES:
                raise ValueError("an endless answer")
        return line

    async def end(self) -> None:
        """Kill the process, and wait until it is gone."""
        self._connection.close()
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def _reader(source: BinaryIO) -> BinaryIO:
    """Return the file, opened once more for reading only: a worker cannot change the original."""
    try:
        return Path(f"/proc/self/fd/{source.fileno()}").open("rb", buffering=0)
    except OSError:
        return os.fdopen(os.dup(source.fileno()), "rb", buffering=0)


def _took_too_long(limits: Limits) -> str:
    return f"rendering it took longer than {limits.cpu_s} s of CPU, or {limits.wall_s:.0f} s in all"


def _cause(code: int, limits: Limits) -> str:
    """Return in words why a worker ended."""
    match -code:
        case signal.SIGXCPU | signal.SIGALRM:
            return _took_too_long(limits)
        case signal.SIGKILL:
            return (
                "the process that rendered it was killed, most likely by the kernel because the machine or"
                " the container ran out of memory"
            )
        case number if number > 0:
            with suppress(ValueError):
                return f"the process that rendered it crashed ({signal.Signals(number).name})"
    return f"the process that rendered it ended unexpectedly (exit code {code})"


def _environment() -> dict[str, str]:
    """Return a worker's environment: where libraries are, and few arenas for few threads."""
    inherited = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return {
        **inherited,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
        # The list of cities is UTF-8, whatever the language of the machine.
        "PYTHONUTF8": "1",
        "MALLOC_ARENA_MAX": "1",
        # The next picture uses the memory of this one: clearing new memory takes up to half of the time.
        # Large pictures give it back first.
        "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
        "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20),
    }


def allowed_workers() -> int:
    """Return how many workers processors and memory have room for; at least one."""
    processors = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = Path(_CPU_LIMIT).read_text().split()[:2]
        processors = min(processors, -(-int(quota) // int(period)))
    memory = container_bytes()
    return max(
        1, processors if memory is None else min(processors, (memory - _SERVICE_BYTES) // WORKER_BYTES)
    )


def container_bytes() -> int | None:
    """Return how much memory the container may use; None if there is no limit."""
    for name in _MEMORY_LIMITS:
        with suppress(OSError, ValueError):
            return int(Path(name).read_text())
    return None


def limits_here() -> Limits:
    """Return limits that fit this container: a picture that needs more is refused before the kernel acts."""
    memory = container_bytes()
    if memory is None:
        return Limits()
    left = max(memory - _SERVICE_BYTES, WORKER_BYTES) + _LIBRARY_BYTES
    return Limits(memory_bytes=min(Limits().memory_bytes, left))
