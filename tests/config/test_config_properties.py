"""Any files and environment give a value or a ConfigError."""

import re
import string
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from picsync.config import Config, Credentials, Known, load_config, merge_login
from picsync.config.loading import config_shape, credentials_shape
from picsync.config.shape import Shape
from picsync.config.tree import FieldPath
from picsync.core.errors import ConfigError, Problem
from picsync.frames.nixplay.credentials import require_account
from picsync.run.kinds import known, logins, read_config, read_credentials
from picsync.vendors.google.credentials import login_fields
from tests.config.builders import KINDS
from tests.config.test_config_login_file import LOGIN

WORDS = st.sampled_from(
    [
        "albums",
        "name",
        "sources",
        "googlephotos",
        "dryRun",
        "delete",
        "maxDelete",
        "every",
        "prometheus",
        "pprof",
        "listen",
        "emulator",
        "nixplay",
        "username",
        "password",
        "api",
        "access",
        "expiry",
        "smugmug",
        "1h",
        "20%",
        ":1971",
        "true",
        "no",
        "~",
        "null",
        "''",
        "0",
        "-1",
        "x",
        "http://h:1",
        "2022-09-21",
        "*a",
        "&a",
        "<<",
        "!x",
    ]
)
MARKS = st.sampled_from(
    [": ", "\n", "\n  ", "\n- ", " ", "{", "}", "[", "]", ", ", "#", "'", '"', "? ", "|", "---\n", "\t"]
)
YAMLISH = st.lists(WORDS | MARKS, max_size=40).map("".join)
TREES = st.recursive(
    WORDS | st.text(string.printable, max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(WORDS, inner), max_size=4).map(
            lambda pairs: f"{{{', '.join(f'{key}: {value}' for key, value in pairs)}}}"
        )
    ),
    max_leaves=12,
)
TEXTS = st.text(max_size=60) | YAMLISH | TREES
SEGMENTS = st.lists(WORDS.map(str.upper) | st.sampled_from(["0", "1", "99", "DRY_RUN", ""]), max_size=5)
ENVIRONS = st.dictionaries(
    SEGMENTS.map(lambda words: f"PICSYNC_{'__'.join(words)}"),
    TEXTS | st.text(st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF), max_size=2),
    max_size=4,
)
MANY = settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def load(path: Path, environ: dict[str, str]) -> None:
    with suppress(ConfigError):
        assert isinstance(load_config(path, environ=environ, known=Known(KINDS), logins=logins()), Config)
    with suppress(ConfigError):
        assert isinstance(read_credentials(environ, [path]), Credentials)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.yaml"


@MANY
@given(st.binary(max_size=60) | TEXTS.map(lambda text: text.encode(errors="replace")))
def test_any_file(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    load(path, {})


@MANY
@given(TEXTS, ENVIRONS)
def test_any_environment(path: Path, text: str, environ: dict[str, str]) -> None:
    path.write_bytes(text.encode(errors="replace"))
    load(path, environ)


@MANY
@given(st.text("abcdefghijklmnopqrstuvwxyz{}[],:&*!|>'\"%@`#\\ -?", max_size=12))
def test_no_password_of_the_environment_is_shown(text: str) -> None:
    secret = f"{text}geheim"
    environ = {
        "PICSYNC_NIXPLAY": f"{{username: u, password: {secret}}}",
        "PICSYNC_GOOGLEPHOTOS": f"access:\n  refresh_token: {secret}\n",
        "PICSYNC_GOOGLEPHOTOS__API__SECRET": secret,
        "PICSYNC_GOOGLEPHOTOS__ACCESS__EXPIRY": secret,
    }
    with pytest.raises(ConfigError) as caught:
        read_credentials(environ, [])
    assert "geheim" not in str(caught.value)


@MANY
@given(TEXTS)
def test_a_login_is_written_or_the_file_stays(path: Path, text: str) -> None:
    content = text.encode(errors="replace")
    path.write_bytes(content)
    try:
        merge_login(path, ("googlephotos",), login_fields(LOGIN))
    except ConfigError:
        assert path.read_bytes() == content
    else:
        with suppress(ConfigError):
            assert require_account(read_credentials({}, [path]).account("nixplay"))


ODD_VALUES = (
    *("[]", "[1]", "[[x]]", "[{a: b}]", "{}", "{a: b}", "{? [1] : 2}", "1", "1.5", "-1", ".inf", "true", "x"),
    *('""', "2020-01-01", "1e400", "!!set {a}", "!!omap [a: b]", "!!binary aGk=", "!!timestamp 2020"),
    "!!python/object/apply:os.system [x]",
)


def nested(path: FieldPath, value: str) -> str:
    """Return YAML that has a value at a path and nothing else."""
    for step in reversed(path):
        value = f"[{value}]" if isinstance(step, int) else f"{{{step}: {value}}}"
    return value


@pytest.mark.parametrize("value", ODD_VALUES)
def test_no_setting_shows_a_sentence_of_the_library(tmp_path: Path, value: str) -> None:
    """Each setting gets every third value; together, the values meet every model of settings."""
    part = ODD_VALUES.index(value) % 3
    config, secrets = tmp_path / "picsync.yaml", tmp_path / "credentials.yaml"
    secrets.touch(0o600)
    said: list[Problem] = []

    def collect(shape: Shape, file: Path, load: Callable[[], object]) -> None:
        for path, _ in islice(shape.walk(), part, None, 3):
            file.write_text(nested(path, value), encoding="utf-8")
            try:
                load()
            except ConfigError as error:
                said.extend(error.problems)

    collect(config_shape(known()), config, lambda: read_config(config, {}))
    collect(credentials_shape(logins()), secrets, lambda: read_credentials({}, [secrets]))
    assert said
    foreign = re.compile("nput should|should be a valid|keyword argument|is not usable|instance of")
    assert [problem for problem in said if foreign.search(problem.message)] == []
