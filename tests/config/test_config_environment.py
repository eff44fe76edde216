from datetime import timedelta
from pathlib import Path

import pytest

from picsync.config import AlbumRule, Listen, MaxDelete
from picsync.frames.nixplay.credentials import require_account
from picsync.vendors.google.credentials import require_login
from tests.config.builders import RULE, config, config_problems, credentials, credentials_problems

ALBUMS = "[{name: X, sources: {googlephotos: [id]}}]"
X = AlbumRule(name="X", sources={"googlephotos": ("id",)})


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    environ = {
        "PICSYNC_ALBUMS": ALBUMS,
        "PICSYNC_EVERY": "10m",
        "PICSYNC_PROMETHEUS__LISTEN": ":1971",
        "PICSYNC_EMULATOR": "http://h:1",
        "PICSYNC_NIXPLAY__PASSWORD": "not for this file",
        "PICSYNC_CACHE": "an option of the command line",
        "PICSYNC_LOG_FORMAT": "json",
        "PATH": "/bin",
        "picsync_every": "another name",
    }
    loaded = config(tmp_path, None, environ)
    assert loaded.albums == (X,)
    assert loaded.every == timedelta(minutes=10)
    assert loaded.prometheus is not None
    assert loaded.prometheus.listen == Listen("", 1971)
    assert loaded.emulator == "http://h:1"


@pytest.mark.parametrize(
    ("environ", "rules"),
    [
        ({"PICSYNC_ALBUMS": "{name: Y}"}, [AlbumRule(name="Y")]),
        ({"PICSYNC_ALBUMS__0__DELETE": "false"}, [X.model_copy(update={"delete": False})]),
        ({"PICSYNC_ALBUMS__0__DRYRUN": "yes"}, [X.model_copy(update={"dry_run": True})]),
        ({"PICSYNC_ALBUMS__0__DRY_RUN": "on"}, [X.model_copy(update={"dry_run": True})]),
        (
            {"PICSYNC_ALBUMS__0__MAX_DELETE": "20%"},
            [X.model_copy(update={"max_delete": MaxDelete(percent=20)})],
        ),
        ({"PICSYNC_ALBUMS__1__NAME": "Y"}, [X, AlbumRule(name="Y")]),
        (
            {f"PICSYNC_ALBUMS__{number}__NAME": f"Y{number}" for number in range(11, 0, -1)},
            [X, *(AlbumRule(name=f"Y{number}") for number in range(1, 12))],
        ),
        (
            {"PICSYNC_ALBUMS__0__SOURCES__GOOGLEPHOTOS__1": "id2"},
            [AlbumRule(name="X", sources={"googlephotos": ("id", "id2")})],
        ),
        (
            {"PICSYNC_ALBUMS__0__SOURCES__LOCALFOLDER": "/photos"},
            [AlbumRule(name="X", sources={"googlephotos": ("id",), "localfolder": ("/photos",)})],
        ),
        ({"PICSYNC_ALBUMS__0__SOURCES": "{}"}, [AlbumRule(name="X")]),
        (
            {"PICSYNC_ALBUMS": "[{name: Y}]", "PICSYNC_ALBUMS__0__DELETE": "no"},
            [AlbumRule(name="Y", delete=False)],
        ),
        ({"PICSYNC_ALBUMS": "", "PICSYNC_ALBUMS__0__NAME": ""}, [X]),
    ],
)
@pytest.mark.parametrize("text", [f"albums:\n{RULE}", "albums: {name: X, sources: {googlephotos: id}}"])
def test_it_goes_before_the_file(
    tmp_path: Path, text: str, environ: dict[str, str], rules: list[AlbumRule]
) -> None:
    assert list(config(tmp_path, text, environ).albums) == rules


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("EVRY", "1h", "is not a setting of picsync; did you mean `PICSYNC_EVERY`?"),
        ("FOOBAR", "1", "is not a setting of picsync; doc/configuration.md lists them all."),
        ("", "1", "is not a setting of picsync; doc/configuration.md lists them all."),
        ("NIXPLAY_PASSWORD", "x", "is not a setting of picsync; did you mean `PICSYNC_NIXPLAY__PASSWORD`?"),
        ("ALBUMS__3__DELET", "x", "is not a setting of picsync; did you mean `PICSYNC_ALBUMS__0__DELETE`?"),
        ("ALBUMS__X__DELETE", "x", "is not a setting of picsync; did you mean `PICSYNC_ALBUMS__0__DELETE`?"),
        ("EVERY__0", "x", "is not a setting of picsync; did you mean `PICSYNC_EVERY`?"),
        ("EVERY", "5", "every: needs a unit: write `5s` for seconds or `5m` for minutes."),
        ("ALBUMS__0__DELETE", "1", "albums[0].delete: must be true or false, not '1'."),
        ("ALBUMS__4__NAME", "Y", "albums[4].name: has the number 4, but the next free one is 1."),
        ("ALBUMS__1__DELETE", "no", "albums[1].name: is missing; write for example `name: AllMyStuff`."),
        (
            "ALBUMS",
            "[{name: Y, delte: no}]",
            "albums[0].delte: is not a setting that picsync knows; did you m",
        ),
        ("ALBUMS", "[{name: Y", "is not valid YAML: did not find expected ',' or '}'"),
        ("PPROF", "{listen: ':1', listen: ':2'}", "listen: is there twice; remove one of them."),
        ("EVERY", "\udcff", "every: must be UTF-8 text."),
    ],
)
def test_problems_name_the_variable(tmp_path: Path, name: str, value: str, problem: str) -> None:
    [found] = config_problems(tmp_path, f"albums:\n{RULE}", {f"PICSYNC_{name}": value})
    assert found.startswith(f"environment variable PICSYNC_{name}: {problem}")


def test_a_conflicting_value_in_the_file_is_reported(tmp_path: Path) -> None:
    [found] = config_problems(tmp_path, f"albums:\n{RULE}pprof: 1\n", {"PICSYNC_PPROF__LISTEN": ":1"})
    assert found.startswith("picsync.yaml:4: pprof: must be a group of settings")


def test_credentials(tmp_path: Path) -> None:
    environ = {
        "PICSYNC_NIXPLAY__PASSWORD": "*raw: [text] #",
        "PICSYNC_GOOGLEPHOTOS__ACCESS__REFRESH_TOKEN": "refresh",
        "PICSYNC_GOOGLEPHOTOS__API": "{key: k, secret: s}",
        "PICSYNC_EVERY": "not for this file",
    }
    loaded = credentials(tmp_path, "nixplay: {username: u, password: p}", environ)
    assert require_account(loaded.account("nixplay")).password.get_secret_value() == "*raw: [text] #"
    assert require_account(loaded.account("nixplay")).username == "u"
    google = require_login(loaded.account("googlephotos"))
    assert (google.api.key, google.access.refresh_token.get_secret_value()) == ("k", "refresh")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PICSYNC_NIXPLAY", "{username: u, password: [geheim"),
        ("PICSYNC_NIXPLAY", "{username: u, password: *geheim}"),
        ("PICSYNC_NIXPLAY", "{username: u, password: x,geheim}"),
        ("PICSYNC_NIXPLAY", "{username: u, password:geheim}"),
        ("PICSYNC_NIXPLAY", "{username: u, password: !geheim x}"),
        ("PICSYNC_NIXPLAY", "geheim"),
        ("PICSYNC_NIXPLAY__PASSWORT", "geheim"),
        ("PICSYNC_NIXPLAY__PASSWORD", "geheim\udcff"),
        ("PICSYNC_GOOGLEPHOTOS__ACCESS__EXPIRY", "geheim"),
    ],
)
def test_problems_never_show_a_secret(tmp_path: Path, name: str, value: str) -> None:
    message = credentials_problems(tmp_path, "", {name: value})
    assert message.startswith(f"environment variable {name}: ")
    assert "geheim" not in message
