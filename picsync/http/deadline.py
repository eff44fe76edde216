"""How long each stage of a request may take; pure arithmetic.

A read timeout only limits the time between two bytes: a server that sends a byte now and then never exceeds
it. So each stage (connecting, sending, waiting for the head of the response, reading the body) also has a
total, plus time for each byte that is transferred, so that a large file on a slow connection is not cut off.
Time spent waiting for a concurrency limit, or by the reader between two pieces of a response, does not count.
"""

from __future__ import annotations

SILENCES = 3
"""A stage may take this many times the read timeout, in addition to the time for its bytes."""

LEAST_BYTES_PER_S = 1_000
"""The slowest connection that is supported: several transfers share 256 kbit/s and have more each."""

WHOLE_S = 600.0
"""Maximum seconds for the body of a response, in addition to the time for its bytes: no valid response needs
as long."""

WHOLE_LEAST_BYTES_PER_S = 12_000
"""The slowest connection for a whole large file: a video of 500 MB may take half a day."""

CONNECT_S = 60.0
"""Maximum seconds for name, connection, proxy and TLS together."""


class Allotment:
    """The remaining seconds of one stage of a request."""

    def __init__(self, silence_s: float, size_bytes: int = 0) -> None:
        """Start with what a request with a read timeout of `silence_s` and `size_bytes` to send has."""
        self._most_s = SILENCES * silence_s
        self.left_s = self._most_s + size_bytes / LEAST_BYTES_PER_S

    def waited(self, seconds: float, size_bytes: int) -> None:
        """Subtract the time until `size_bytes` arrived, and add the time for them.

        Time beyond the initial value is lost: a fast start does not allow a slow rest.
        """
        self.left_s = min(self._most_s, self.left_s - seconds + size_bytes / LEAST_BYTES_PER_S)


class BodyAllotment(Allotment):
    """The remaining seconds of the body of a response, which also has an overall limit."""

    def __init__(self, silence_s: float) -> None:
        """Start with the seconds for the body of a response, for a read timeout of `silence_s`."""
        super().__init__(silence_s)
        self._whole_s = WHOLE_S

    def waited(self, seconds: float, size_bytes: int) -> None:
        """Subtract the time until `size_bytes` arrived, and add the time for them."""
        super().waited(seconds, size_bytes)
        self._whole_s += size_bytes / WHOLE_LEAST_BYTES_PER_S - seconds
        self.left_s = min(self.left_s, self._whole_s)
