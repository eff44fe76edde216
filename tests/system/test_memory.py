from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tests.cli.command_line import ROOT

# glibc raises its threshold when the large block is freed, and then keeps the small ones.
PROGRAM = """
from picsync.system.memory import return_freed_memory

def resident_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1000

del_me = bytes(30_000_000)
del del_me
blocks = [b"x" * 200_000 for _ in range(250)]
last = b"x" * 200_000
del blocks
before = resident_mb()
assert return_freed_memory()
print(before - resident_mb())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a function of glibc")
def test_freed_memory_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) > 40
