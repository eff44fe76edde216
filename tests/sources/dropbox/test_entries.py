from __future__ import annotations

import pytest
from pydantic import ValidationError

from picsync.config.credentials import Account
from picsync.core.errors import ConfigError
from picsync.core.model import Mark
from picsync.sources.dropbox.kind import DROPBOX
from picsync.sources.dropbox.options import DropboxEntry
from picsync.vendors.dropbox.credentials import DropboxLogin
from tests.sources.dropbox.dropbox_server import dropbox_server

LINK = "https://www.dropbox.com/scl/fo/abcdefghij/ABCdef?rlkey=topsecret&dl=0"


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("/Family/Frame", "/Family/Frame"),
        ("/Family//Frame/", "/Family/Frame"),
        ("/", "/"),
        ("/ü 🦄", "/ü 🦄"),
    ],
)
def test_paths_are_taken_as_people_write_them(written: str, path: str) -> None:
    assert str(DropboxEntry.model_validate(written)) == path


def test_the_root_is_written_as_nothing_for_the_api() -> None:
    assert (DropboxEntry(path="/").root, DropboxEntry(path="/a").root) == ("", "/a")


@pytest.mark.parametrize(
    "written",
    [LINK, LINK.replace("https://www.", "HTTPS://"), f" <{LINK}>\n", LINK.replace("&dl=0", "&dl=1&st=x")],
)
def test_links_are_taken_as_people_paste_them_and_named_without_their_key(written: str) -> None:
    entry = DropboxEntry.model_validate(written)
    assert str(entry).startswith("dropbox.com/abcdef#")
    assert "topsecret" not in str(entry) + repr(entry)
    assert str(entry) == str(DropboxEntry(link=LINK))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("Family", "must begin with a slash"),
        ("/a/../b", "must not contain"),
        ("https://www.dropbox.com/scl/fi/abcdefgh/a.jpg?rlkey=topsecret", "shared link of a folder"),
        ("https://www.dropbox.com/home/Family?preview=topsecret.jpg", "write its path"),
        ("https://www.dropbox.com/homes/Family", "shared link of a folder"),
        ("https://evil.example/scl/fo/abcdefgh/x?rlkey=topsecret", "shared link of a folder"),
        ({"path": "/a", "link": LINK}, "either `path` or `link`"),
        ({}, "either `path` or `link`"),
        ({"path": "/a", "include": "/b"}, "pattern"),
    ],
)
def test_mistakes_are_named_and_secrets_are_not(written: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as error:
        DropboxEntry.model_validate(written)
    assert "topsecret" not in str(error.value)


def account(**keys: str) -> Account:
    return Account("dropbox", "dropbox", DropboxLogin.model_validate(keys))


def test_what_an_account_lacks_is_named_with_the_command_that_helps() -> None:
    folder, link = DropboxEntry(path="/a"), DropboxEntry(link=LINK)
    for keys, entries, message in (
        ({}, [folder], "app_key"),
        ({"app_key": "k"}, [folder], "picsync dropbox login"),
        ({"app_key": "k", "app_secret": "s"}, [folder, link], "refresh_token"),
        ({"app_key": "k"}, [link], "app_secret"),
        ({"app_key": "k", "app_secret": "s"}, [], "refresh_token"),
    ):
        with pytest.raises(ConfigError, match=message):
            DROPBOX.require(account(**keys), entries)
    DROPBOX.require(account(app_key="k", app_secret="s"), [link])
    DROPBOX.require(account(app_key="k", refresh_token="r"), [folder, link])


async def test_the_doctor_names_what_is_wrong_with_each_folder() -> None:
    async with dropbox_server() as server:
        server.add("/Family/a.jpg")
        link = server.share("/Family")
        dead = server.share("/Family")
        dead.revoked = True
        entries = ("/Family", "/", "/Missing", "/Family/a.jpg", link.url, dead.url)
        findings = await server.source(*entries).examine()
        assert [finding.mark for finding in findings] == [
            Mark.OK, Mark.OK, Mark.OK, Mark.PROBLEM, Mark.PROBLEM, Mark.OK, Mark.PROBLEM,
        ]  # fmt: skip
        assert "accepted" in findings[0].message
        assert "immediately" in findings[1].message
        assert all(finding.fix for finding in findings if finding.mark is Mark.PROBLEM)
