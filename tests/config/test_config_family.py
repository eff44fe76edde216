"""The settings of the family's pages."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from picsync.config.family import Family
from picsync.core.buckets import BucketPlace


@pytest.mark.parametrize(
    "place", ["S3://bucket", "https://photos.example.org/", "s3://", "s3://B", "s3://b/../x"]
)
def test_the_library_is_a_folder_or_a_bucket(place: str) -> None:
    with pytest.raises(ValidationError, match="s3://<bucket>"):
        Family(library=place)


def test_a_bucket_has_a_prefix_with_a_slash() -> None:
    assert Family(library="s3://family-photos").library_place == BucketPlace("family-photos")
    found = Family(library="s3://family-photos/a//b").library_place
    assert found == BucketPlace("family-photos", "a/b/")
    assert str(found) == "s3://family-photos/a/b"


def test_a_library_has_an_absolute_path() -> None:
    assert str(Family(library="/library").library_place) == "/library"
    with pytest.raises(ValidationError):
        Family(library="library")
