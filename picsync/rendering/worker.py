"""The program of a worker process: renders one picture after the other until its input ends."""

from __future__ import annotations

import contextlib
import os
import socket
import sys

from picsync.rendering import confinement, protocol

RECEIVED_FILES = 3
"""The original, the target, and for a pair the left half."""


def main(parent: int, memory_bytes: int) -> None:
    """Serve orders that come over the socket at descriptor 0, within limits."""
    confinement.end_with(parent)
    with socket.socket(fileno=os.dup(0)) as connection:
        confinement.confine(memory_bytes)
        # Only now, with limits: decoders have a lot of code.
        from picsync.rendering import pictures as _  # noqa: F401 - loaded before the first picture

        connection.sendall(b"\n")
        while True:
            line, files = _receive(connection)
            if not line:
                return
            connection.sendall(protocol.answer_line(_answer(line, files)))


def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    line, files = b"", []
    while not line.endswith(b"\n"):
        block, received, _, _ = socket.recv_fds(connection, protocol.MAX_LINE_BYTES, RECEIVED_FILES)
        files += received
        if not block:
            return b"", files
        line += block
    return line, files


def _answer(line: bytes, files: list[int]) -> protocol.Answer:
    from picsync.rendering import pictures as made

    order = protocol.read_order(line)
    limits = order.limits
    confinement.limit_time(limits.cpu_s, limits.wall_s)
    try:
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(open(files[0], "rb"))  # noqa: PTH123 - a descriptor
            target = stack.enter_context(open(files[1], "wb"))  # noqa: PTH123
            others = [stack.enter_context(open(file, "rb")) for file in files[2:]]  # noqa: PTH123
            if order.task is protocol.Task.EXAMINE:
                return made.examine(source, limits)
            if order.task is protocol.Task.TELL:
                return made.tell(source, limits, order)
            target.truncate(0)
            target.seek(0)
            if order.task in (protocol.Task.COVER, protocol.Task.STILL):
                from picsync.rendering import videos

                decode = order.task is protocol.Task.COVER
                return videos.cover(source, order.recipe, target, decode=decode)
            return made.render(source, order.recipe, target, limits, order.about, order.task, *others)
    except Exception as error:  # noqa: BLE001 - decoders raise anything; it costs this picture only
        if isinstance(error, OSError) and made.is_about_files(error):
            return protocol.Answer(error_number=error.errno or 0)
        return protocol.Answer(unusable=made.reason(error, limits))
    finally:
        confinement.limit_time(0, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
