"""tus-js-client, which most pages with resumable uploads use, sends a photo to the family's library."""

from __future__ import annotations

import json
from pathlib import Path

from picsync.family.people import Role
from tests.clients import HERE, need_npm, run
from tests.web.family.sent import photo
from tests.web.family.served import serve


async def test_an_upload_that_was_stopped_continues(tmp_path: Path) -> None:
    need_npm("tus-js-client")
    content = photo(1, size=(320, 240)) + b"\0" * 3000
    file = tmp_path / "Größe.jpg"
    file.write_bytes(content)
    async with serve(tmp_path) as pages:
        made = await pages.services.people.invite("Anna", Role.MEMBER)
        token = (await pages.services.people.api_token(made.person.person, "tus")).token
        command = ["node", str(HERE / "tus.mjs"), f"{pages.url}/api/uploads/tus", token, str(file), "Garden"]
        first = json.loads(await run(*command, "1500"))
        assert first["stopped"]
        second = json.loads(await run(*command))
        assert [each.split()[0] for each in second["requests"]][:2] == ["HEAD", "PATCH"]
        uploads = pages.services.uploads
        assert uploads is not None
        [upload] = await uploads.wait(made.person.person, [second["url"].rpartition("/")[2]])
        assert (upload.state, upload.stored) == ("ready", "Garden/Größe.jpg")
        assert (tmp_path / "library/Garden/Größe.jpg").read_bytes() == content
