"""Mistakes about accounts and frames: one message each, with file, line and what to write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from picsync.core.errors import ConfigError
from picsync.run.settings import SettingsFiles

NIXPLAY = "nixplay: {username: u, password: p}\n"
RULE = "albums:\n- name: A\n  sources: {folder: [/p]}\n"
OPA = "accounts:\n  opa: {kind: nixplay, username: x, password: y}\n"
AUNT = "accounts:\n  aunt: {kind: immich, server: 'http://x', api_key: k}\n"


def problems(folder: Path, config: str, credentials: str, environ: Mapping[str, str]) -> list[str]:
    (folder / "picsync.yaml").write_text(config, "utf-8")
    path = folder / "credentials.yaml"
    path.touch(0o600)
    path.write_text(NIXPLAY + credentials, "utf-8")
    with pytest.raises(ConfigError) as caught:
        SettingsFiles(folder / "picsync.yaml", environ, [path]).load()
    return [str(one).replace(f"{folder}/", "") for one in caught.value.problems]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "local: {kind: nixplay}",
            "accounts.local: `local` stands for this machine in places such as `from`;",
        ),
        ("g: {username: x}", "accounts.g: has no `kind`; add one, such as `kind: nixplay`."),
        (
            "g: {kind: nixpaly}",
            "accounts.g.kind: 'nixpaly' is not a kind of account; did you mean `nixplay`?",
        ),
        ("g: {kind: folder}", "accounts.g.kind: 'folder' is not a kind of account. Known kinds: `nixplay`"),
        (
            "immich: {kind: nixplay}",
            "accounts.immich: has the name of the kind `immich`; choose another name.",
        ),
        (
            "folder: {kind: nixplay}",
            "accounts.folder: has the name of the kind `folder`; choose another name.",
        ),
        ("Shared-Links: {kind: immich}", "accounts.Shared-Links: has the name of the kind `sharedlinks`;"),
        (
            "nixplay: {kind: nixplay}",
            "accounts.nixplay: is defined twice: the section `nixplay` is this account.",
        ),
        (
            "'a b': {kind: nixplay}",
            "accounts.a b: cannot be a name: use up to 40 letters, digits, `-` and `_`",
        ),
        ("'': {kind: nixplay}", "accounts.: cannot be a name: "),
        ("../x: {kind: nixplay}", "accounts.../x: cannot be a name: "),
        (f"{'x' * 41}: {{kind: nixplay}}", f"accounts.{'x' * 41}: cannot be a name: "),
        ("g: text", "accounts.g: must be a group of settings such as `{kind: nixplay, ...}`."),
    ],
)
def test_an_account(tmp_path: Path, entry: str, message: str) -> None:
    [problem] = problems(tmp_path, RULE, f"accounts:\n  {entry}\n", {})
    assert problem.startswith(f"credentials.yaml:3: {message}")


def test_an_account_that_is_there_twice(tmp_path: Path) -> None:
    assert problems(tmp_path, RULE, f"{OPA}  opa: {{kind: nixplay}}\n", {}) == [
        "credentials.yaml:4: accounts.opa: is there twice (first in line 3); remove one of them."
    ]
    [problem] = problems(tmp_path, RULE, f"{OPA}  Opa: {{kind: nixplay}}\n", {})
    assert "accounts.Opa: differs from `opa` only by capitals" in problem


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "frames: [immich]",
            "4: albums[0].frames[0]: `immich` is a source, not a frame; name it under `sources:`.",
        ),
        (
            "frames: aunt",
            "4: albums[0].frames[0]: `aunt` is a source, not a frame; name it under `sources:`.",
        ),
        (
            "frames: [folder]",
            "4: albums[0].frames[0]: `folder` needs an entry under `frames:` at the top level",
        ),
        ("frames: [nixplya]", "4: albums[0].frames[0]: `nixplya` is not a frame; did you mean `nixplay`?"),
        ("frames: [[nixplay]]", "4: albums[0].frames[0]: must be a text, not a list."),
        ("frames: [{usb: {kind: folder}}]", "4: albums[0].frames[0]: must be a text, not a group"),
        ("frames: [nixplay, nixplay]", "4: albums[0].frames[1]: names `nixplay` twice; remove one of them."),
    ],
)
def test_the_frames_of_a_rule(tmp_path: Path, line: str, message: str) -> None:
    [problem] = problems(tmp_path, f"{RULE}  {line}\n", AUNT, {})
    assert problem.startswith(f"picsync.yaml:{message}")
    assert not problem.endswith("?.")


@pytest.mark.parametrize("name", ["nixplay", "opa", "usb"])
def test_a_frame_among_the_sources(tmp_path: Path, name: str) -> None:
    """Wherever the frame comes from: its kind, an account, an entry of `frames:`."""
    config = f"frames: {{usb: {{kind: folder, path: /u}}}}\nalbums:\n- name: A\n  sources:\n    {name}: [x]\n"
    assert problems(tmp_path, config, OPA, {}) == [
        (
            f"picsync.yaml:5: albums[0].sources.{name}: is a frame, not a source; "
            "name it under `frames:` of the rule."
        )
    ]


@pytest.mark.parametrize(
    ("frames", "first", "second", "message"),
    [
        (
            "{}",
            "[nixplay]",
            "[nixplay]",
            "albums[1].name: is 'A', like that of an earlier album rule for the frame",
        ),
        (
            "{n2: {kind: nixplay}}",
            "[nixplay]",
            "[n2]",
            "albums[1].frames[0]: `n2` is the same frame as `nixplay`, where an earlier rule fills",
        ),
        (
            "{a: {kind: folder, path: /u}, b: {kind: folder, path: /u/}}",
            "[a]",
            "[b]",
            "albums[1].frames[0]: `b` is the same frame as `a`, where an earlier rule fills an album 'A';",
        ),
        (
            "{n2: {kind: nixplay}}",
            "[nixplay, n2]",
            "[opa]",
            "albums[0].frames[1]: `n2` is the same frame as `nixplay`; remove one of them.",
        ),
    ],
)
def test_two_rules_for_one_album(tmp_path: Path, frames: str, first: str, second: str, message: str) -> None:
    rule = "- {{name: A, sources: {{folder: [/p]}}, frames: {}}}\n"
    config = f"frames: {frames}\nalbums:\n{rule.format(first)}{rule.format(second)}"
    [problem] = problems(tmp_path, config, OPA, {})
    assert message in problem
    assert problem.startswith(f"picsync.yaml:{3 if 'albums[0]' in message else 4}: ")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "x: {kind: immich}",
            (
                "frames.x.kind: 'immich' is not a kind of frame. Known kinds: `nixplay`, `folder`, `web`,"
                " `dropbox`."
            ),
        ),
        (
            "x: {kind: nixplay, account: nobody}",
            "frames.x.account: must name an account of the credentials file",
        ),
        (
            "opa: {kind: folder, path: /u}",
            "frames.opa: `opa` is an account of the kind `nixplay`, too; choose",
        ),
        (
            "opa: {kind: nixplay, showOn: Hall}",
            (
                "frames.opa: `opa` is an account of the kind `nixplay`, too; choose another name, or add"
                " `account: opa`."
            ),
        ),
        ("immich: {kind: folder, path: /u}", "frames.immich: `immich` is a kind of source, too; choose"),
        ("'a/b': {kind: folder, path: /u}", "frames.a/b: cannot be a name: "),
        ("x: {kind: folder}", "frames.x.path: is missing"),
        ("x: {kind: folder, path: //}", "frames.x.path: must not be `/`, the root of the machine;"),
        (
            "x: {kind: folder, path: /u, account: opa}",
            "frames.x.account: a frame of the kind `folder` belongs to no account; remove `account`.",
        ),
        ("x: {kind: folder, path: u}", "frames.x.path: must be an absolute path such as /photos"),
    ],
)
def test_an_entry_of_frames(tmp_path: Path, entry: str, message: str) -> None:
    [problem] = problems(tmp_path, f"frames:\n  {entry}\n{RULE}", OPA, {})
    assert problem.startswith(f"picsync.yaml:2: {message}")


def test_a_frame_inside_a_source(tmp_path: Path) -> None:
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    (tmp_path / "elsewhere").symlink_to(tmp_path / "photos" / "sub")
    for path in (tmp_path / "photos", tmp_path / "photos" / "sub", tmp_path / "elsewhere"):
        config = (
            f"frames:\n  usb: {{kind: folder, path: {path}}}\n"
            f"albums:\n- {{name: A, frames: usb, sources: {{folder: [{tmp_path}/photos]}}}}\n"
        )
        [problem] = problems(tmp_path, config, "", {})
        assert problem.startswith("picsync.yaml:2: frames.usb: ")
        what = "is the folder of a source" if path.name == "photos" else "is in "
        assert f"{path.name} {what}" in problem


def test_frames_that_overlap(tmp_path: Path) -> None:
    config = (
        "frames:\n  a: {kind: folder, path: /u/a}\n  b: {kind: folder, path: /u}\n"
        "albums:\n- {name: A, frames: [a, b], sources: {folder: [/p]}}\n"
    )
    assert problems(tmp_path, config, "", {}) == [
        "picsync.yaml:3: frames.b: /u overlaps with /u/a, the directory of the frame `a`. Choose another one."
    ]


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (
            "PICSYNC_ACCOUNTS__GRANDPA__PASSWORD",
            (
                "accounts.grandpa: is a name that nothing else mentions; "
                "to define it, set PICSYNC_ACCOUNTS__GRANDPA__KIND."
            ),
        ),
        (
            "PICSYNC_ACCOUNTS__OPPA__PASSWORD",
            "accounts.oppa: is a name that nothing else mentions; did you mean `opa`?",
        ),
        (
            "PICSYNC_FRAMES__USB__PATH",
            "frames.usb: is a name that nothing else mentions; to define it, set PICSYNC_FRAMES__USB__KIND.",
        ),
        (
            "PICSYNC_ACCOUNTS__A__B__PASSWORD",
            "is not a setting of picsync; did you mean `PICSYNC_ACCOUNTS__<NAME>__PASSWORD`?",
        ),
    ],
)
def test_variables_that_fit_to_nothing(tmp_path: Path, variable: str, message: str) -> None:
    found = problems(tmp_path, RULE, OPA, {variable: "/secret"})
    assert found == [f"environment variable {variable}: {message}"]
