"""The kind `uploads`: albums of the family's library."""

from __future__ import annotations

from picsync.config.kinds import Kind, Opening
from picsync.core.buckets import BucketPlace
from picsync.core.errors import ConfigError, Problem
from picsync.sources.base import Source
from picsync.sources.uploads.options import UploadsEntry
from picsync.system.library import BUCKET_INCOMING
from picsync.vendors.s3.credentials import StorageKey, require_storage_key


def _open(opening: Opening) -> Source:
    from picsync.sources.uploads.source import UploadsSource

    if opening.library is None:
        problem = (
            "needs `family: {library: /folder}` in picsync.yaml, the folder or bucket where uploads live."
        )
        raise ConfigError([Problem("picsync.yaml", None, "sources.uploads", problem)])
    if isinstance(opening.library, BucketPlace):
        from picsync.sources.uploads.bucket import BucketSource
        from picsync.vendors.s3.bucket import Bucket

        return BucketSource(
            tuple(opening.entries),
            Bucket(opening.library, require_storage_key(opening.account)),
            opening.own_folder / BUCKET_INCOMING,
            pace=opening.pace,
            sleep=opening.sleep,
        )
    return UploadsSource(
        tuple(opening.entries),
        opening.library,
        own_folder=opening.own_folder,
        pace=opening.pace,
        sleep=opening.sleep,
    )


UPLOADS: Kind[Source] = Kind(
    name="uploads",
    title="Uploads",
    summary="Photos that the family has sent on picsync's own pages: albums of the library.",
    example="uploads: [Family]",
    options=UploadsEntry,
    credentials=StorageKey,
    open=_open,
)
