"""Responses of Google's client library as bytes; loads that library."""

from __future__ import annotations

from googleapiclient.model import JsonModel


class Undecoded(JsonModel):  # type: ignore[misc] # the library has no types
    """Sends JSON, and returns the bytes of a response: pydantic parses and validates them in one pass."""

    def deserialize(self, content: bytes) -> bytes:
        """Return the bytes of a 2xx response."""
        return content

    @property
    def no_content_response(self) -> bytes:
        """What is returned for a 204, which has no JSON."""
        return b""
