from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.stacks import STACKS, Stack, trusting


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    with trusting(tmp_path):
        yield STACKS[request.param]
