"""An emulated S3 on loopback: moto's server, with faults at the wire.

moto (github.com/getmoto/moto) is not picsync's own: it was written against the documentation and the
responses of AWS, and is checked by clients of others.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from picsync.core.buckets import BucketPlace
from picsync.vendors.s3.bucket import Bucket
from picsync.vendors.s3.credentials import StorageKey

Answer = tuple[str, bytes]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Handler = Callable[[dict[str, Any], Callable[..., Any], Application], Iterable[bytes]]
"""Handles a request (WSGI) instead of the application, which it may call."""
Fault = Callable[[str, str], Answer | Handler | None]
REFUSED: Answer = ("503 Slow Down", b"<Error><Code>SlowDown</Code></Error>")
DENIED: Answer = ("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>")


class Storage:
    """The server. `fault` is asked about each request, by method and path with query."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.fault: Fault = lambda _method, _path: None
        self.break_off = ""
        """Part of the path of an object whose next download ends early."""
        self.requests: list[tuple[str, str, int]] = []
        """Method, path with query, and bytes of the body."""

    @property
    def key(self) -> StorageKey:
        return StorageKey(
            access_key_id="id",
            secret_access_key=SecretStr("the-secret"),
            endpoint=self.url,
            region="eu-central-1",
        )

    def bucket(self, prefix: str = "photos/", **options: Any) -> Bucket:
        """Return a new bucket."""
        place = BucketPlace(f"family-{secrets.token_hex(6)}", prefix)
        made = Bucket(place, self.key, **options)
        made._client.create_bucket(
            Bucket=place.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        return made

    def unreachable(self) -> None:
        self.fault = lambda _method, _path: REFUSED


@contextmanager
def storage() -> Iterator[Storage]:
    """Serve a storage at a port that the system chooses."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = Storage(f"http://{host}:{port}")
    serving = server._server
    assert serving is not None
    application = serving.app

    def faulty(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
        path = environ["PATH_INFO"] + (f"?{query}" if query else "")
        length = int(environ.get("CONTENT_LENGTH") or 0)
        found.requests.append((method, path, length))
        answer = found.fault(method, path)
        if callable(answer):
            return answer(environ, start, application)
        if answer is not None:
            environ["wsgi.input"].read(length)
            body = b"" if method == "HEAD" else answer[1]
            start(answer[0], [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body]
        answered: Iterable[bytes] = application(environ, start)
        if found.break_off and method == "GET" and found.break_off in environ["PATH_INFO"]:
            found.break_off = ""
            content = b"".join(answered)
            return [content[: len(content) // 2]]
        return answered

    serving.app = faulty
    try:
        yield found
    finally:
        server.stop()


if __name__ == "__main__":
    with storage() as served:
        print(served.url, flush=True)
        sys.stdin.read()
