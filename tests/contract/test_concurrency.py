"""`concurrency.downloads` applies to every kind of source."""

from __future__ import annotations

import pytest

from picsync.http.pace import DOWNLOADS, Pace
from picsync.http.retry import Operation
from picsync.sources.google.picked.api import DOWNLOAD_PICKED
from picsync.sources.kinds import SOURCES


def downloads(kind: str) -> list[Operation]:
    return [each for each in SOURCES[kind].operations() if each.name.startswith("download")]


@pytest.mark.parametrize("kind", SOURCES)
def test_downloads_of_every_kind_obey_the_setting(kind: str) -> None:
    pace = Pace({"downloads": 3})
    operations = downloads(kind)
    assert operations or not SOURCES[kind].operations(), "a kind that sends requests downloads by one of them"
    for operation in (*operations, DOWNLOAD_PICKED):
        assert operation.stage.name == DOWNLOADS.name
        assert pace.cap(operation.stage) == 3
        assert pace.limit(operation.service, operation.stage).value <= 3
