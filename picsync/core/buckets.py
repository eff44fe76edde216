"""Places in object storage, written `s3://bucket/prefix`."""

from __future__ import annotations

import re

from picsync.core.values import dataclass

SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""As AWS names buckets; the other services accept these, too."""
MAX_PREFIX = 200


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """A bucket, or what is below a prefix in it."""

    bucket: str
    prefix: str = ""
    """With a slash at the end, unless it is empty."""

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")


def parse_bucket(text: str) -> BucketPlace:
    """Return the place that a setting names; raises ValueError, without a full stop."""
    bucket, _, prefix = text.removeprefix(SCHEME).partition("/")
    if not text.startswith(SCHEME) or not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise ValueError("must be `s3://<bucket>` or `s3://<bucket>/<prefix>`")
    parts = [part for part in prefix.split("/") if part]
    if any(part in {".", ".."} or not part.isprintable() for part in parts) or len(prefix) > MAX_PREFIX:
        raise ValueError(f"must have a prefix of printable parts, at most {MAX_PREFIX} characters long")
    return BucketPlace(bucket, "".join(f"{part}/" for part in parts))
