"""Forks processes that run picsync, one at a time, from one that has imported it: they start at once.

Reads one JSON object a line: `arguments`, `folder`, `log`. Writes the process id, then the wait status.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

PRELOADED = (
    "picsync.cache.store",
    "picsync.cli.main",
    "picsync.frames.nixplay.frame",
    "picsync.sources.google.library.source",
    "picsync.run.wiring",
)


def serve() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            return become(order["arguments"], order["folder"], order["log"])
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)
    return None


def become(arguments: list[str], folder: str, log: str) -> None:
    """Be `picsync` in this process, as if it had been started in `folder`."""
    from picsync.cli.main import main

    os.chdir(folder)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, stream in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, output)):
        os.dup2(stream, number)
    sys.argv = ["picsync", *arguments]
    main()


if __name__ == "__main__":
    serve()
