from collections.abc import Iterator

import pytest

from tests.fuzz.wireserver import Loop, looping


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with looping() as started:
        yield started
