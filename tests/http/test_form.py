"""Multipart bodies equal those of httpx, and threads read their file from its start."""

from __future__ import annotations

import asyncio
import io
import threading

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.http.form import BLOCK_BYTES, FileForm

FIELDS = {"key": "a/b", "content-type": "image/jpeg", "Policy": "x=="}


async def body(form: FileForm) -> bytes:
    return b"".join([block async for block in form])


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 1])
@pytest.mark.parametrize("filename", ["a.jpg", 'quote " and \\.jpg', "Größe 北京\r\n.jpg"])
async def test_the_body_is_that_of_httpx(size: int, filename: str) -> None:
    content = bytes(index % 251 for index in range(size))
    file = io.BytesIO(content)
    file.seek(0, io.SEEK_END)
    form = FileForm(FIELDS, file, size, filename=filename, mime_type="image/jpeg")
    boundary = form.headers["content-type"].partition("boundary=")[2]
    whole = httpx.Request(
        "POST",
        "http://x",
        data=FIELDS,
        files={"file": (filename, content, "image/jpeg")},
        headers={"content-type": f"multipart/form-data; boundary={boundary}"},
    ).read()
    for _ in range(2):  # As often as it is sent.
        assert await body(form) == whole
    assert form.headers["content-length"] == str(len(whole))


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=5), st.binary(max_size=200))
def test_the_announced_length_is_true(fields: dict[str, str], content: bytes) -> None:
    form = FileForm(fields, io.BytesIO(content), len(content), filename="a.jpg", mime_type="image/jpeg")
    assert form.headers["content-length"] == str(len(asyncio.run(body(form))))


async def test_a_cancelled_body_leaves_the_file_before_it_lets_go() -> None:
    begun, go_on, left = threading.Event(), threading.Event(), []

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            begun.set()
            go_on.wait(20)
            left.append(True)
            return super().read(size)

    form = FileForm(FIELDS, Slow(b"x" * 10), 10, filename="a.jpg", mime_type="image/jpeg")
    sending = asyncio.create_task(body(form))
    await asyncio.to_thread(begun.wait, 20)
    sending.cancel()
    await asyncio.sleep(0)
    assert not sending.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert left == [True]
