"""Any response of Dropbox: at most an error of picsync."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from picsync.core.errors import PicsyncError
from picsync.http.retry import Answer, Operation, WireError
from picsync.vendors.dropbox import wire
from picsync.vendors.dropbox.filetree import FileTree, TreeEntry
from picsync.vendors.dropbox.refusals import ExpiredTokenError, own_error, refusal
from picsync.vendors.dropbox.tokens import token_refusal
from tests.fuzz.mutations import Json, inputs, mutated

OPERATION = Operation("Test", "ask")
FILE: Json = {
    ".tag": "file",
    "name": "IMG_1.jpg",
    "id": "id:AAEXAMPLE",
    "path_lower": "/f/img_1.jpg",
    "path_display": "/F/IMG_1.jpg",
    "client_modified": "2026-08-01T09:10:11Z",
    "server_modified": "2026-08-01T09:12:00Z",
    "rev": "015f9c0a2b3c4d",
    "size": 2481190,
    "is_downloadable": True,
    "content_hash": "bc62d4b80d9e36da29c16c5d4d9f11731f36052c72401a76c23c0fb5a9b74423",
}
GONE: Json = {".tag": "deleted", "name": "a", "path_lower": "/f/a", "path_display": "/F/a"}
ANSWERS: dict[str, tuple[TypeAdapter[Any], Json]] = {
    "page": (wire.FOLDER_PAGE, {"entries": [FILE, GONE], "cursor": "AAE", "has_more": True}),
    "poll": (wire.POLL, {"changes": False, "backoff": 60}),
    "file": (wire.METADATA, FILE),
    "token": (wire.TOKEN, {"access_token": "sl.A", "expires_in": 14400, "scope": "a b"}),
    "job": (wire.JOB, {".tag": "complete", "entries": [{".tag": "success", "metadata": FILE}]}),
    "batch": (wire.BATCH_RESULT, {"entries": [{".tag": "failure", "failure": {".tag": "path"}}]}),
}
ERROR: Json = {
    "error_summary": "path/conflict/file/..",
    "error": {
        ".tag": "path",
        "reason": {".tag": "conflict", "conflict": {".tag": "file"}},
        "upload_session_id": "pid:1",
        "retry_after": 300,
        "required_scope": "files.content.read",
    },
}


@inputs(150)
@given(
    st.sampled_from(sorted(ANSWERS)).flatmap(lambda name: st.tuples(st.just(name), mutated(ANSWERS[name][1])))
)
def test_any_answer(answer: tuple[str, bytes]) -> None:
    name, content = answer
    with suppress(PicsyncError):
        found = wire.parse(OPERATION, ANSWERS[name][0], httpx.Response(200, content=content))
        if isinstance(found, wire.FolderPage):
            tree = FileTree()
            tree.apply(found.entries)
            for entry in tree.entries.values():
                assert TreeEntry.parse(str(entry)) == entry
                assert entry.modified_at is None or entry.modified_at.tzinfo


@inputs(150)
@given(st.sampled_from([400, 401, 403, 404, 409, 422, 429, 500]), mutated(ERROR))
def test_any_refusal(status: int, content: bytes) -> None:
    answer = Answer(status, None, content[:200].decode(errors="replace"))
    error = refusal(OPERATION, httpx.Response(status), answer, content)
    assert isinstance(error, PicsyncError | WireError | ExpiredTokenError)
    assert isinstance(token_refusal(answer, content), PicsyncError | WireError)


@inputs(60)
@given(
    st.recursive(
        st.none() | st.sampled_from(["path", "conflict", "x"]) | st.integers(),
        lambda inner: st.dictionaries(
            st.sampled_from([".tag", "path", "reason", "conflict"]), inner, max_size=3
        ),
        max_leaves=8,
    )
)
def test_any_failure_of_an_entry(error: object) -> None:
    assert isinstance(own_error(OPERATION, error), PicsyncError | WireError)
