"""Worker processes: what they cannot do, and what becomes of a picture that ends one."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image

from picsync.core.caption import NOTHING
from picsync.core.errors import ItemError
from picsync.core.recipe import ORIGINAL, Panel, Recipe
from picsync.media.treatment import Treatment
from picsync.rendering.pool import Rendered, Renderer, allowed_workers
from picsync.rendering.protocol import Limits
from tests.rendering.drawing import assert_quarters, baseline, coded, opened, quarters


def landlock() -> bool:
    """Whether the kernel has Landlock: it tells its version."""
    return bool(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) > 0)


SMALL = Recipe(panel=Panel(32, 24))


@pytest.fixture
async def renderer() -> AsyncIterator[Renderer]:
    one = Renderer(1)
    yield one
    await one.aclose()


async def render(renderer: Renderer, data: bytes, recipe: Recipe, folder: Path) -> tuple[Rendered, bytes]:
    with (folder / "source").open("w+b") as source, (folder / "target").open("w+b") as target:
        source.write(data)
        source.flush()
        rendered = await renderer.render(source, recipe, target)
        target.seek(0)
        return rendered, target.read()


async def test_a_large_photo_becomes_a_small_one(renderer: Renderer, tmp_path: Path) -> None:
    rendered, data = await render(renderer, baseline(640, 480), SMALL, tmp_path)
    assert rendered == Rendered(Treatment.RENDER, "image/jpeg", 32, 24, len(data), original=(640, 480))
    assert opened(data).size == (32, 24)
    assert_quarters(opened(data))


async def test_a_fine_photo_is_left_alone(renderer: Renderer, tmp_path: Path) -> None:
    photo = baseline()
    rendered, data = await render(renderer, photo, Recipe(), tmp_path)
    assert rendered == Rendered(Treatment.AS_IS, "image/jpeg", 64, 48, len(photo), original=(64, 48))
    assert data == b""


async def test_a_pair_is_made_in_two_steps(renderer: Renderer, tmp_path: Path) -> None:
    pairs = Recipe(panel=Panel(320, 160), pair=True)
    with ExitStack() as stack:
        left, half, right, target = (
            stack.enter_context((tmp_path / name).open("w+b", buffering=0)) for name in "abcd"
        )
        left.write(coded(Image.new("RGB", (120, 160), "red"), "JPEG"))
        right.write(coded(Image.new("RGB", (120, 160), "blue"), "PNG"))
        await renderer.render_half(left, pairs, half)
        rendered = await renderer.render_pair(right, pairs, target, NOTHING, half)
        target.seek(0)
        image = opened(target.read())
    assert (rendered.width, rendered.height, rendered.original) == (244, 160, (120, 160))
    assert image.size == (244, 160)


async def test_the_recipe_original_leaves_everything_alone(renderer: Renderer, tmp_path: Path) -> None:
    photo = coded(quarters(), "PNG")
    rendered, data = await render(renderer, photo, ORIGINAL, tmp_path)
    assert rendered == Rendered(Treatment.AS_IS, "image/png", 0, 0, len(photo))
    assert data == b""


async def test_the_target_keeps_nothing_of_its_former_content(renderer: Renderer, tmp_path: Path) -> None:
    with (tmp_path / "s").open("w+b") as source, (tmp_path / "t").open("w+b") as target:
        source.write(baseline(640, 480))
        source.flush()
        target.write(b"x" * 100_000)
        target.flush()
        rendered = await renderer.render(source, SMALL, target)
        assert os.fstat(target.fileno()).st_size == rendered.size_bytes


async def test_workers_end_when_idle(tmp_path: Path) -> None:
    renderer = Renderer(1, idle_s=0.01)
    await render(renderer, baseline(640, 480), SMALL, tmp_path)
    (worker,) = renderer._idle
    await asyncio.wait_for(worker._process.wait(), 30)
    assert renderer._idle == []
    _, data = await render(renderer, baseline(640, 480), SMALL, tmp_path)
    assert data
    await renderer.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_picture_uses_the_memory_of_the_one_before(renderer: Renderer, tmp_path: Path) -> None:
    photo = coded(Image.new("RGB", (2400, 1800), "red"), "PNG")
    faults = [0]
    for _ in range(3):
        await render(renderer, photo, Recipe(panel=Panel(320, 240)), tmp_path)
        (worker,) = renderer._idle
        status = Path(f"/proc/{worker._process.pid}/stat").read_text().rpartition(")")[2].split()
        faults.append(int(status[7]))
    # It has more than 4,000 pages of 4 KiB.
    assert faults[3] - faults[2] < 1_000


async def test_renders_run_side_by_side_up_to_the_limit(tmp_path: Path) -> None:
    renderer = Renderer(2)
    for name in "abcd":
        (tmp_path / name).mkdir()
    await asyncio.gather(*(render(renderer, baseline(640, 480), SMALL, tmp_path / name) for name in "abcd"))
    assert len(renderer._idle) == 2
    await renderer.aclose()


async def test_a_dead_idle_worker_costs_nothing(renderer: Renderer, tmp_path: Path) -> None:
    await render(renderer, baseline(640, 480), SMALL, tmp_path)
    (worker,) = renderer._idle
    worker._process.kill()
    await worker._process.wait()
    _, data = await render(renderer, baseline(640, 480), SMALL, tmp_path)
    assert data


async def test_a_cancelled_render_ends_its_worker(tmp_path: Path) -> None:
    renderer = hostile(tmp_path, "while True: pass")
    task = asyncio.create_task(render(renderer, baseline(), SMALL, tmp_path))
    pid = await started(tmp_path)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await renderer.aclose()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def hostile(folder: Path, code: str, limits: Limits | None = None) -> Renderer:
    """Return a renderer whose decoder runs `code` instead: a picture has taken control of it."""
    program = folder / "worker.py"
    program.write_text(
        "import os, sys, signal, socket, subprocess, resource\n"
        "from pathlib import Path\n"
        "from picsync.rendering import pictures, worker\n"
        f"pid = open({str(folder / 'pid')!r}, 'w')\n"
        "def render(*ignored):\n"
        "    pid.write(str(os.getpid()))\n"
        "    pid.flush()\n"
        f"{textwrap.indent(code, '    ')}\n"
        "pictures.render = render\n"
        "worker.main(int(sys.argv[1]), int(sys.argv[2]))\n"
    )
    return Renderer(1, limits=limits, command=(sys.executable, "-P", str(program)))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed (SIGSEGV)"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "ran out of memory"),
        ("os._exit(3)", "ended unexpectedly (exit code 3)"),
        ("while True: pass", "took longer than 1 s of CPU"),
        ("signal.pause()", "took longer than 1 s of CPU, or 2 s in all"),
        ("bytearray(2**31)", "needs more memory than a worker process may use (512 MiB)"),
        ("os.write(3, b'garbage\\n'); signal.pause()", "answered with garbage"),
        ("os.write(3, b'{}\\n'); signal.pause()", "answered with garbage"),
        ("os.write(3, b'[]\\n'); signal.pause()", "answered with garbage"),
        ("while True: os.write(3, b'x' * 65536)", "answered with garbage"),
        ("raise RuntimeError('odd')", "that picsync cannot read (the decoder says: RuntimeError: odd)"),
        ("raise RecursionError", "that picsync cannot read (the decoder says: RecursionError)"),
    ],
)
async def test_a_hostile_picture_costs_only_itself(code: str, words: str, tmp_path: Path) -> None:
    limits = Limits(cpu_s=1, wall_s=2, memory_bytes=512 * 2**20)
    renderer = hostile(tmp_path, code.replace("write(3", "write(0"), limits)
    with pytest.raises(ItemError) as caught:
        await render(renderer, baseline(), SMALL, tmp_path)
    assert caught.value.unusable
    assert words in caught.value.message
    renderer._command = Renderer(1)._command
    await asyncio.wait_for(renderer.aclose(), 30)
    _, data = await render(renderer, baseline(640, 480), SMALL, tmp_path)
    assert_quarters(opened(data))
    await renderer.aclose()


@pytest.mark.parametrize(
    "code",
    [
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "subprocess.run(['/bin/true'], check=True)",
        "os.execv('/bin/true', ['true'])",
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no filter of system calls")
async def test_a_worker_opens_no_connection_and_starts_no_program(code: str, tmp_path: Path) -> None:
    renderer = hostile(tmp_path, f"try: {code}\nexcept PermissionError: raise RuntimeError('refused')")
    with pytest.raises(ItemError, match="refused"):
        await render(renderer, baseline(), SMALL, tmp_path)
    await renderer.aclose()


@pytest.mark.skipif(not landlock(), reason="the kernel has no Landlock")
async def test_a_worker_opens_no_files_but_its_own_code(tmp_path: Path) -> None:
    secret = tmp_path / ".picsync-credentials.yaml"
    secret.write_text("nixplay: {password: hunter2}")
    attempts = [
        f"open({str(secret)!r})",
        f"open({str(tmp_path / 'new')!r}, 'w')",
        f"os.unlink({str(secret)!r})",
        "open('/proc/self/environ')",
        "open('/etc/passwd')",
    ]
    code = "done = []\nimport xml.dom\n" + "".join(
        f"try: {attempt}; done.append({number})\nexcept PermissionError: pass\n"
        for number, attempt in enumerate(attempts)
    )
    renderer = hostile(tmp_path, f"{code}raise RuntimeError(repr(done))")
    with pytest.raises(ItemError, match=r"RuntimeError: \[\]"):
        await render(renderer, baseline(), SMALL, tmp_path)
    await renderer.aclose()
    assert secret.exists()


async def test_a_worker_knows_no_secrets_and_has_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICSYNC_CACHE", "/data/secret.db")
    monkeypatch.setenv("NIXPLAY_PASSWORD", "hunter2")
    with (tmp_path / "open").open("wb") as inherited:
        os.set_inheritable(inherited.fileno(), True)
        code = (
            "names = sorted(os.environ)\n"
            "files = []\n"
            "for number in range(100):\n"
            "    try: files.append(os.fstat(number).st_ino)\n"
            "    except OSError: pass\n"
            "core = resource.getrlimit(resource.RLIMIT_CORE)\n"
            f"own = os.stat({str(inherited.name)!r}).st_ino in files\n"
            "secrets = [name for name in names if name.startswith(('PICSYNC', 'NIXPLAY'))]\n"
            "raise RuntimeError(repr((secrets, own, core)))"
        )
        renderer = hostile(tmp_path, code)
        with pytest.raises(ItemError) as caught:
            await render(renderer, baseline(), SMALL, tmp_path)
    await renderer.aclose()
    assert "([], False, (0, 0))" in caught.value.message


async def test_a_worker_cannot_change_the_original(tmp_path: Path) -> None:
    renderer = hostile(tmp_path, "ignored[0].raw.fileno() and os.write(ignored[0].fileno(), b'x')")
    photo = baseline()
    with (tmp_path / "s").open("w+b") as source, (tmp_path / "t").open("w+b") as target:
        source.write(photo)
        source.flush()
        with pytest.raises(OSError, match="Bad file descriptor"):
            await renderer.render(source, SMALL, target)
        source.seek(0)
        assert source.read() == photo
    await renderer.aclose()


async def test_a_full_disk_is_not_the_fault_of_the_picture(tmp_path: Path) -> None:
    renderer = hostile(tmp_path, "raise OSError(28, 'No space left on device')")
    with pytest.raises(OSError, match="No space left on device") as caught:
        await render(renderer, baseline(), SMALL, tmp_path)
    assert caught.value.errno == errno.ENOSPC
    await renderer.aclose()


async def test_no_worker_can_be_started(tmp_path: Path) -> None:
    renderer = Renderer(1, command=(sys.executable, "-c", "raise SystemExit(9)"))
    with pytest.raises(ItemError, match="exit code 9") as caught:
        await render(renderer, baseline(), SMALL, tmp_path)
    assert not caught.value.unusable
    renderer = Renderer(1, command=("/nonexistent",))
    with pytest.raises(ItemError, match="no process could be started") as caught:
        await render(renderer, baseline(), SMALL, tmp_path)
    assert not caught.value.unusable


async def test_workers_end_with_the_service(tmp_path: Path) -> None:
    """Killed at the worst instant, the service leaves neither a process nor a file."""
    renderer = hostile(tmp_path, "while True: pass")
    service = tmp_path / "service.py"
    service.write_text(
        "import asyncio, sys, tempfile\n"
        "from picsync.core.recipe import Recipe\n"
        "from picsync.rendering.pool import Renderer\n"
        "async def main():\n"
        f"    renderer = Renderer(1, command={tuple(renderer._command)!r})\n"
        "    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:\n"
        "        await renderer.render(source, Recipe(), target)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, str(service))
    pid = await started(tmp_path)
    process.kill()
    await process.wait()
    await until(lambda: gone(pid))


async def started(folder: Path) -> int:
    """Wait until a hostile worker renders; return its process ID."""
    async with asyncio.timeout(30):
        while not (folder / "pid").exists() or not (folder / "pid").read_text():
            await asyncio.sleep(0.01)
    return int((folder / "pid").read_text())


async def until(claim: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await claim():
            await asyncio.sleep(0.01)


async def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def test_there_is_at_least_one_worker() -> None:
    assert 1 <= allowed_workers() <= (os.cpu_count() or 1)
