"""What is shown and when, decided without a browser: tests in Node of what a browser runs."""

import json
from importlib import resources
from pathlib import Path

from tests.clients import need_npm, run


async def test_logic_of_the_page() -> None:
    need_npm()
    logic = resources.files("picsync.web.frame").joinpath("assets", "logic.js")
    with resources.as_file(logic) as script:
        result = json.loads(await run("node", Path(__file__).parent / "logic.test.cjs", script))
    assert result["failed"] == []
    assert result["ran"] >= 30
