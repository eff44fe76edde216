from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.config.builders import RULE, config, config_problems

ONE = SecretStr("mailto://user:geheim@example.com")
TWO = SecretStr("tgram://123:geheim/45?a=b,c#d")


def urls(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> tuple[SecretStr, ...]:
    loaded = config(tmp_path, f"{text}\nalbums:\n{RULE}", environ)
    shown = f"{loaded!r} {loaded} {loaded.model_dump()} {loaded.model_dump_json()}"
    assert "geheim" not in shown
    return loaded.notify


def test_nobody_is_told_by_default(tmp_path: Path) -> None:
    assert urls(tmp_path, "every: 1h") == ()
    assert urls(tmp_path, "notify: []") == ()


@pytest.mark.parametrize(
    "text",
    [
        f'notify: ["{ONE.get_secret_value()}", "{TWO.get_secret_value()}"]',
        f"notify:\n- {ONE.get_secret_value()}\n- {TWO.get_secret_value()}",
    ],
)
def test_a_list(tmp_path: Path, text: str) -> None:
    assert urls(tmp_path, text) == (ONE, TWO)


def test_a_single_one(tmp_path: Path) -> None:
    assert urls(tmp_path, f"notify: {TWO.get_secret_value()}") == (TWO,)


def test_the_environment(tmp_path: Path) -> None:
    one, two = ONE.get_secret_value(), TWO.get_secret_value()
    assert urls(tmp_path, "notify: a://b", {"PICSYNC_NOTIFY": one}) == (ONE,)
    assert urls(tmp_path, "", {"PICSYNC_NOTIFY": f'["{one}", "{two}"]'}) == (ONE, TWO)
    assert urls(tmp_path, "notify: a://b", {"PICSYNC_NOTIFY__0": one, "PICSYNC_NOTIFY__1": two}) == (ONE, TWO)


FORM = "must be an Apprise URL of the form `<service>://...`; doc/notifications.md has examples."


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("geheim", f"notify[0]: {FORM}"),
        ('["a://geheim", "geheim@b"]', f"notify[1]: {FORM}"),
        ('["a://geheim", "mailto://"]', f"notify[1]: {FORM}"),
        ('["a://geheim", [geheim]]', "notify[1]: must be a text, not a list."),
        ("{urls: geheim}", "notify: must be a list, with one `- ...` line for each element, not a group"),
    ],
)
def test_problems_show_no_value(tmp_path: Path, value: str, problem: str) -> None:
    for place, text, environ in (
        ("picsync.yaml:1: ", f"notify: {value}\n", {}),
        ("environment variable PICSYNC_NOTIFY: ", "", {"PICSYNC_NOTIFY": value}),
    ):
        [found] = config_problems(tmp_path, f"{text}albums:\n{RULE}", environ)
        assert found.startswith(place + problem)
        assert "geheim" not in found
