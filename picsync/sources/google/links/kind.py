"""The kind `sharedlinks`: Google Photos albums shared by link."""

from __future__ import annotations

from collections.abc import Sequence

from picsync.config.kinds import Kind, Opening
from picsync.http.retry import Operation
from picsync.sources.base import Source
from picsync.sources.google.links.options import Link


def _open(opening: Opening) -> Source:
    from picsync.sources.google.links.source import SharedLinksSource

    return SharedLinksSource(
        opening.entries, hosts=opening.hosts, retrier_for=opening.retrier, emit=opening.emit
    )


def _operations() -> Sequence[Operation]:
    from picsync.sources.google.links.source import OPERATIONS

    return OPERATIONS


SHAREDLINKS: Kind[Source] = Kind(
    name="sharedlinks",
    title="Google Photos link",
    summary="Google Photos albums that are shared by link; needs no account and no key.",
    example="sharedlinks:\n- https://photos.app.goo.gl/<code>    # from the album's Share button",
    options=Link,
    open=_open,
    needs_entry="https://photos.app.goo.gl/<code>",
    operations=_operations,
)
