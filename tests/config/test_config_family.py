"""The settings of the family's pages."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from picsync.config.family import Family


@pytest.mark.parametrize("place", ["s3://bucket/prefix", "S3://bucket", "https://photos.example.org/"])
def test_the_library_is_a_folder(place: str) -> None:
    with pytest.raises(ValidationError, match="object storage is not supported"):
        Family(library=place)


def test_a_library_has_an_absolute_path() -> None:
    assert str(Family(library="/library").library_path) == "/library"
    with pytest.raises(ValidationError):
        Family(library="library")
