from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from picsync.config import Credentials
from picsync.core.errors import ConfigError
from picsync.frames.nixplay.credentials import NixplayAccount, require_account
from picsync.run.kinds import read_credentials
from picsync.sources.immich.credentials import ImmichKey
from picsync.vendors.google.credentials import GoogleAccess, GooglePhotosLogin, require_client, require_login
from tests.config.builders import credentials, credentials_problems

GO_FILE = """\
nixplay:
  username: me
  password: 0123
googlephotos:
  api:
    key: client
    secret: s3cret
  access:
    token_type: Bearer
    access_token: acc3ss
    refresh_token: refr3sh
    expiry: "2022-09-21T10:11:12.123456789-04:00"
smugmug:
  api: {key: a, secret: b}
"""


def test_reads_the_file_of_the_go_picsync(tmp_path: Path) -> None:
    loaded = credentials(tmp_path, GO_FILE)
    assert loaded.sections.get("nixplay") == NixplayAccount(username="me", password=SecretStr("0123"))
    google = require_login(loaded.account("googlephotos"))
    assert (google.api.key, google.api.secret.get_secret_value()) == ("client", "s3cret")
    assert google.access == GoogleAccess(
        token_type="Bearer",
        access_token=SecretStr("acc3ss"),
        refresh_token=SecretStr("refr3sh"),
        expiry=datetime(2022, 9, 21, 14, 11, 12, 123456, UTC),
    )
    assert loaded.warnings == ()


def test_secrets_are_not_printed(tmp_path: Path) -> None:
    loaded = credentials(tmp_path, GO_FILE)
    for text in (
        repr(loaded),
        str(loaded),
        f"{loaded.sections.get('nixplay')}",
        repr(loaded.sections.get("googlephotos")),
    ):
        assert not any(secret in text for secret in ("0123", "s3cret", "acc3ss", "refr3sh"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-09-21T10:11:12Z", datetime(2022, 9, 21, 10, 11, 12, 0, UTC)),
        ("2022-09-21T10:11:12.1Z", datetime(2022, 9, 21, 10, 11, 12, 100_000, UTC)),
        ("2022-09-21t10:11:12.000000999+05:30", datetime(2022, 9, 21, 4, 41, 12, 0, UTC)),
        ("2022-09-21 10:11:12.5-04:00", datetime(2022, 9, 21, 14, 11, 12, 500_000, UTC)),
        ("2022-09-21 10:11:12", datetime(2022, 9, 21, 10, 11, 12, 0, UTC)),
        ("2022-09-21", datetime(2022, 9, 21, tzinfo=UTC)),
        ("1663755072", datetime(2022, 9, 21, 10, 11, 12, 0, UTC)),
        ("9999-12-31T23:59:59+23:00", datetime(9999, 12, 31, 0, 59, 59, 0, UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_expiry(tmp_path: Path, text: str, quote: str, expected: datetime | None) -> None:
    if quote and not text:
        return
    loaded = credentials(tmp_path, f"googlephotos: {{access: {{expiry: {quote}{text}{quote}}}}}")
    google = loaded.account("googlephotos").read(GooglePhotosLogin)
    assert google.access.expiry == expected
    assert expected is None or google.access.expiry is None or google.access.expiry.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "2022-13-01",
        "2022-09-21T10",
        "9999-12-31T23:59:59-23:00",
        "2022-09-21T10:11:12+99:00",
    ],
)
def test_expiry_that_is_no_time(tmp_path: Path, text: str) -> None:
    message = credentials_problems(tmp_path, f"googlephotos:\n  access:\n    expiry: '{text}'")
    wanted = 'must be a time such as "2022-09-21T10:11:12.123456789-04:00".'
    assert message == f".picsync-credentials.yaml:3: googlephotos.access.expiry: {wanted}"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "nixplay: {user: me, passwort: geheim}\nevery: 1h\nfoo: [geheim]",
            [
                ":1: nixplay.user: is not a setting that picsync knows; did you mean `username`?",
                ":1: nixplay.passwort: is not a setting that picsync knows; did you mean `password`?",
                ":2: every: does not belong here; move it to picsync.yaml.",
                ":3: foo: is not a setting that picsync knows; known here: `nixplay`, `dropbox`",
            ],
        ),
        (
            "nixplay: geheim",
            [":1: nixplay: must be a group of settings, indented `key: value` lines, not a single value."],
        ),
        (
            "nixplay:\n  password: [geheim]",
            [':2: nixplay.password: must be a text, not a list; write for example `password: "<password>"`.'],
        ),
        ("geheim", [": must consist of `key: value` lines, as shown in doc/configuration.md."]),
        (
            "nixplay:\n  password: a\n  password: b\n",
            [":3: nixplay.password: is there twice (first in line 2); remove one of them."],
        ),
    ],
)
def test_problems(tmp_path: Path, text: str, problems: list[str]) -> None:
    found = credentials_problems(tmp_path, text).splitlines()
    assert len(found) == len(problems)
    for line, problem in zip(found, problems, strict=True):
        assert line.startswith(f".picsync-credentials.yaml{problem}")


@pytest.mark.parametrize(
    "line",
    [
        "password: *geheim",
        "password: !geheim",
        "password: &geheim",
        "password: %geheim",
        "password: @geheim",
        "password: `geheim",
        "password: [geheim",
        "password: {geheim",
        "password: 'x'geheim",
        'password: "\\geheim"',
        "password: x: geheim",
        "password:geheim",
        "password: |geheim",
        "password: {geheim}",
        "password: - geheim",
        "password: ? geheim",
    ],
)
def test_passwords_that_yaml_misreads_are_not_shown(tmp_path: Path, line: str) -> None:
    try:
        loaded = credentials(tmp_path, f"nixplay:\n  username: me\n  {line}\n")
        require_account(loaded.account("nixplay"))
    except ConfigError as error:
        message = str(error)
    else:
        message = repr(loaded)
    assert "geheim" not in message


def test_what_is_missing_is_said_when_it_is_needed(tmp_path: Path) -> None:
    loaded = credentials(tmp_path, "nixplay: {username: me}\ngooglephotos: {api: {key: k, secret: s}}")
    with pytest.raises(ConfigError) as caught:
        require_account(loaded.account("nixplay"))
    assert str(caught.value) == (
        f"{tmp_path}/.picsync-credentials.yaml: nixplay.password: is missing. Write your Nixplay account "
        "there: `nixplay: {username: <name>, password: <password>}`."
    )
    assert require_client(loaded.account("googlephotos")).key == "k"
    with pytest.raises(
        ConfigError, match=r"access.refresh_token: is missing. Run: picsync googlephotos login."
    ):
        require_login(loaded.account("googlephotos"))


def test_without_a_file_the_places_are_named(tmp_path: Path) -> None:
    loaded = credentials(tmp_path, None)
    assert (loaded.sections.get("nixplay"), loaded.sections.get("googlephotos"), loaded.path) == (
        None,
        None,
        None,
    )
    for name, need in (
        ("nixplay", require_account),
        ("googlephotos", require_client),
        ("googlephotos", require_login),
    ):
        with pytest.raises(ConfigError) as caught:
            need(loaded.account(name))
        places = f"{tmp_path}/absent.yaml or {tmp_path}/.picsync-credentials.yaml (no such file): "
        assert all(str(problem).startswith(places) for problem in caught.value.problems)


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    loaded = credentials(tmp_path, "# to be written by the login\n")
    assert (loaded.sections.get("nixplay"), loaded.sections.get("googlephotos")) == (None, None)
    assert loaded.path == tmp_path / ".picsync-credentials.yaml"


def test_the_first_file_is_read(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    for path in (first, second):
        path.touch(0o600)
        path.write_text(f"nixplay: {{username: {path.stem}}}")
    assert read_credentials({}, [first, second]).sections.get("nixplay") == NixplayAccount(username="first")


@pytest.mark.parametrize(
    ("mode", "warned"),
    [
        (0o600, ""),
        (0o400, ""),
        (0o440, ""),
        (0o640, "every user of its group can read it"),
        (0o460, "every user of its group can read it"),
        (0o620, "every user of its group can change it"),
        (0o644, "every user of this machine can read it"),
        (0o604, "every user of this machine can read it"),
        (0o602, "every user of this machine can change it"),
        (0o444, "every user of this machine can read it"),
    ],
)
def test_a_file_that_others_can_open_gives_a_warning(tmp_path: Path, mode: int, warned: str) -> None:
    path = tmp_path / "credentials.yaml"
    path.write_text("nixplay: {username: me}")
    path.chmod(mode)
    warnings = [str(one) for one in read_credentials({}, [path]).warnings]
    advice = f"run: chmod 600 {path} (for a Kubernetes secret: `defaultMode: 0440`)."
    assert warnings == ([f"{path}: holds passwords, but {warned}; {advice}"] if warned else [])


def test_credentials_can_be_made_without_files() -> None:
    account = NixplayAccount(username="me", password=SecretStr("p"))
    made = Credentials({"nixplay": account, "googlephotos": GooglePhotosLogin()})
    assert require_account(made.account("nixplay")).username == "me"
    with pytest.raises(ConfigError, match=r"googlephotos\.api\.secret: is missing"):
        require_login(made.account("googlephotos"))


@pytest.mark.parametrize(
    "written", [" k3y\n", "\ufeffk3y", "\u201ck3y\u201d", "\u200bk3y\r\n", "<k3y>", "'k3y'"]
)
def test_keys_lose_what_was_copied_along(tmp_path: Path, written: str) -> None:
    environ = {"PICSYNC_IMMICH__API_KEY": written, "PICSYNC_GOOGLEPHOTOS__API__SECRET": written}
    found = credentials(tmp_path, None, environ)
    assert found.account("immich").read(ImmichKey).api_key.get_secret_value() == "k3y"
    assert found.account("googlephotos").read(GooglePhotosLogin).api.secret.get_secret_value() == "k3y"


@pytest.mark.parametrize("written", ["k\u00e9y", "k 3y", "k\n3y", "k\x1by", "k\u201dy"])
def test_a_key_that_fits_no_header_is_refused(tmp_path: Path, written: str) -> None:
    with pytest.raises(
        ConfigError, match=r"PICSYNC_IMMICH__API_KEY: immich.api_key: .* at position 2"
    ) as caught:
        credentials(tmp_path, None, {"PICSYNC_IMMICH__API_KEY": written})
    assert written not in str(caught.value)


def test_a_password_loses_its_line_end_alone(tmp_path: Path) -> None:
    found = credentials(tmp_path, None, {"PICSYNC_NIXPLAY__PASSWORD": ' "p\u00e4ss" \r\n'})
    assert found.account("nixplay").read(NixplayAccount).password.get_secret_value() == ' "p\u00e4ss" '


@pytest.mark.parametrize(
    "server", ["http://nas:99999", "http://[::1", "http://xn--0/", "http://u:p@nas", "nas"]
)
def test_an_unusable_server_is_refused_at_once(tmp_path: Path, server: str) -> None:
    with pytest.raises(ConfigError, match=r"immich\.server: must"):
        credentials(tmp_path, None, {"PICSYNC_IMMICH__SERVER": server})
