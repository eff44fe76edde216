"""The library in a folder and in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from picsync.family.bucketlibrary import BucketLibrary
from picsync.family.library import FolderLibrary
from picsync.system.library import INCOMING, MARKER
from tests.contract.library_contract import LibraryContract, LibraryWorld
from tests.family.storage import storage


class TestFolder(LibraryContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> LibraryWorld:
        root = tmp_path / "library"
        root.mkdir()

        def put(stored: str, content: bytes) -> None:
            (root / stored).parent.mkdir(exist_ok=True)
            (root / stored).write_bytes(content)

        def vanish() -> None:
            root.rename(tmp_path / "away")
            root.mkdir()

        def everything() -> set[str]:
            files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
            return files - {MARKER}

        library = FolderLibrary(root, ["Family"])
        library.open(known=False)
        return LibraryWorld(
            library,
            lambda: FolderLibrary(root, ["Family"]),
            put,
            lambda stored: (root / stored).read_bytes(),
            vanish,
            everything,
        )


class TestBucket(LibraryContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> Iterator[LibraryWorld]:
        with storage() as server:
            bucket = server.bucket()

            def again() -> BucketLibrary:
                return BucketLibrary(bucket, tmp_path / "incoming", ["Family"])

            def vanish() -> None:
                for found in list(bucket.find("")):
                    bucket.delete(found.key)

            def everything() -> set[str]:
                found = {each.key for each in bucket.find("")} - {MARKER, "Family/"}
                return found | bucket.unfinished(f"{INCOMING}/")

            library = again()
            library.open(known=False)
            yield LibraryWorld(
                library,
                again,
                lambda stored, content: bucket.put(stored, content, len(content)),
                lambda stored: b"".join(bucket.read(stored)),
                vanish,
                everything,
            )
