import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import pytest
import yaml
from annotated_types import MinLen
from pydantic import BaseModel, ValidationError

from picsync.config import AlbumRule, Config, Known, Listen, Listener, MaxDelete, StatusListener, load_config
from picsync.config.tree import parse_yaml
from picsync.core.errors import ConfigError
from picsync.frames.nixplay.client import OPERATIONS as NIXPLAY
from picsync.frames.nixplay.client import PHOTOS
from picsync.run.kinds import logins
from picsync.sources.google.library.source import OPERATIONS as GOOGLEPHOTOS
from tests.config.builders import KINDS, RULE, config, config_problems


def test_reads_the_example_of_the_go_picsync(tmp_path: Path) -> None:
    text = """\
albums:
- name: AllMyStuff
  sources:
    googlephotos:
    - <ID for a googlephotos album>
  #dryRun: true
  #delete: false
  #forcePublish: true
every: 1h
prometheus:
  listen: ":1971"
"""
    rule = AlbumRule(name="AllMyStuff", sources={"googlephotos": ("<ID for a googlephotos album>",)})
    expected = Config(
        albums=(rule,), every=timedelta(hours=1), prometheus=StatusListener(listen=Listen("", 1971))
    )
    assert config(tmp_path, text) == expected


def test_reads_every_setting(tmp_path: Path) -> None:
    text = """\
albums:
- name: 2022
  sources: {googlephotos: [a, 0123], localfolder: /photos}
  dryRun: yes
  delete: off
  forcePublish: True
  videos: "true"
  maxDelete: 12.5%
every: 90s
prometheus: {listen: "127.0.0.1:0"}
pprof: {listen: "[::1]:9"}
emulator: http://127.0.0.1:8080/
"""
    loaded = config(tmp_path, text)
    [rule] = loaded.albums
    assert rule.name == "2022"
    assert rule.sources == {"googlephotos": ("a", "0123"), "localfolder": ("/photos",)}
    assert (rule.dry_run, rule.delete, rule.force_publish, rule.videos) == (True, False, True, True)
    assert rule.max_delete == MaxDelete(percent=12.5)
    assert loaded.every == timedelta(seconds=90)
    assert loaded.prometheus == StatusListener(listen=Listen("127.0.0.1", 0))
    assert loaded.pprof == Listener(listen=Listen("::1", 9))
    assert loaded.emulator == "http://127.0.0.1:8080"


def test_defaults(tmp_path: Path) -> None:
    loaded = config(tmp_path, "albums: {name: X}")
    [rule] = loaded.albums
    assert (rule.dry_run, rule.delete, rule.force_publish, rule.videos) == (False, True, False, False)
    assert (rule.sources, rule.max_delete, rule.overflow) == ({}, None, "newest")
    assert (loaded.every, loaded.prometheus, loaded.pprof, loaded.emulator) == (None, None, None, None)


@pytest.mark.parametrize("sources", ["", "{}", "{googlephotos: }", "{googlephotos: []}"])
def test_a_rule_without_sources_is_left_to_the_cycle(tmp_path: Path, sources: str) -> None:
    [rule] = config(tmp_path, f"albums: [{{name: X, sources: {sources}}}]").albums
    assert not any(rule.sources.values())


def test_aliases_and_merge_keys_work(tmp_path: Path) -> None:
    text = (
        "albums:\n- &x {name: a, delete: n, videos: y}\n- {<<: [*x], name: b, videos: n}\n- {<<: *x, name: c}"
    )
    rules = config(tmp_path, text).albums
    assert [(rule.name, rule.delete, rule.videos) for rule in rules] == [
        ("a", False, True),
        ("b", False, False),
        ("c", False, True),
    ]


def test_values_can_be_dumped(tmp_path: Path) -> None:
    [rule] = config(tmp_path, f"albums:\n{RULE}").albums
    assert rule.model_dump(by_alias=True)["sources"] == {"googlephotos": ("id",)}


def test_values_cannot_be_changed(tmp_path: Path) -> None:
    loaded = config(tmp_path, f"albums:\n{RULE}")
    with pytest.raises(ValidationError):
        loaded.every = None  # type: ignore[misc]  # refusing this is what is tested
    with pytest.raises(TypeError):
        loaded.albums[0].sources["x"] = ()  # type: ignore[index]  # as above


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("every: 90", "every: needs a unit: write `90s` for seconds or `90m` for minutes."),
        ("every: 0s", "every: must be greater than zero; to run once and exit, leave the setting out."),
        ("every: -1h", "every: must be greater than zero; to run once and exit, leave the setting out."),
        ("every: 1ns", "every: must be greater than zero; to run once and exit, leave the setting out."),
        ("every: daily", "every: must be a duration such as `10m`, `1h30m` or `90s`, not 'daily'."),
        ("every: 1d", "every: has the unknown unit 'd' in '1d'; the units are ns, us, ms, s, m and h."),
        (
            "prometheus: {listen: 1971}",
            'prometheus.listen: must be `":<port>"` or `"<address>:<port>"`, such as ":1971", not \'1971\'.',
        ),
        (
            "pprof: {listen: '::1:9'}",
            'pprof.listen: must be `":<port>"` or `"<address>:<port>"`, such as ":1971", not \'::1:9\'.',
        ),
        (
            "pprof: {listen: ':65536'}",
            'pprof.listen: must be `":<port>"` or `"<address>:<port>"`, such as ":1971", not \':65536\'.',
        ),
        ("prometheus: {}", 'prometheus.listen: is missing; write for example `listen: ":1971"`.'),
        (
            "prometheus: on",
            "prometheus: must be a group of settings, indented `key: value` lines, not a single value",
        ),
        ("emulator: localhost:80", "emulator: must be a URL of the form `http://<host>:<port>`."),
        ("emulator: http://localhost", "emulator: must be a URL of the form `http://<host>:<port>`."),
        ("emulator: http://u:p@localhost:1", "emulator: must be a URL of the form `http://<host>:<port>`."),
        ("emulator: http://localhost:x", "emulator: must be a URL of the form `http://<host>:<port>`."),
        ("evry: 1h", "evry: is not a setting that picsync knows; did you mean `every`?"),
        (
            "nixplay: {password: geheim}",
            "nixplay: does not belong here; move it to .picsync-credentials.yaml.",
        ),
        ("dryRun: true", "dryRun: does not belong here; move it to `albums[]`."),
        (
            "colour: red",
            "colour: is not a setting that picsync knows; known here: `albums`, `frames`, `every`",
        ),
        ("every: 1h\nevery: 2h", "every: is there twice (first in line 1); remove one of them."),
    ],
)
def test_problems_at_the_top(tmp_path: Path, line: str, problem: str) -> None:
    number = len(line.splitlines())
    [found] = config_problems(tmp_path, f"{line}\nalbums:\n{RULE}")
    assert found.startswith(f"picsync.yaml:{number}: {problem}")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("dryRun: yep", "dryRun: must be true or false, not 'yep'."),
        ("delete: 1", "delete: must be true or false, not '1'."),
        ("delete: [no]", "delete: must be true or false, not a list; write for example `delete: false`."),
        (
            "forcepublish: yes",
            "forcepublish: is not a setting that picsync knows; did you mean `forcePublish`?",
        ),
        ("dry_run: yes", "dry_run: is not a setting that picsync knows; did you mean `dryRun`?"),
        (
            "maxDelete: many",
            "maxDelete: must be a number of photos such as 50, or a share such as \"20%\", not 'many'.",
        ),
        (
            "maxDelete: 101%",
            "maxDelete: must be a number of photos such as 50, or a share such as \"20%\", not '101%'.",
        ),
        (
            "maxDelete: -1",
            "maxDelete: must be a number of photos such as 50, or a share such as \"20%\", not '-1'.",
        ),
        ('prometheus: {listen: ":1"}', "prometheus: does not belong here; move it to the top level."),
        (
            "sources: {google: [a]}",
            "sources.google: is not a source that picsync knows; did you mean `googlephotos`?",
        ),
        (
            "sources: {gogle: }",
            "sources.gogle: is not a source that picsync knows; did you mean `googlephotos`?",
        ),
        (
            "sources: {smugmug: [a]}",
            "sources.smugmug: is not a source that picsync knows; known here: `googlephotos`, `localfolder`.",
        ),
        ("sources: {googlephotos: [a, [b]]}", "sources.googlephotos[1]: must be a text, not a list."),
        ("sources: {googlephotos: [a, ]}", None),
        (
            "sources: {googlephotos: [a, '']}",
            "sources.googlephotos[1]: must be the name of an album, not empty.",
        ),
        ("sources: {googlephotos: [a, ~]}", "sources.googlephotos[1]: must be a text, not nothing."),
        (
            "sources: {googlephotos: {id: a}}",
            "sources.googlephotos: must be a list, with one `- ...` line",
        ),
        (
            "sources: [a]",
            "sources: must be a group of settings, indented `key: value` lines, not a list",
        ),
    ],
)
def test_problems_of_a_rule(tmp_path: Path, line: str, problem: str | None) -> None:
    text = f"albums:\n- name: X\n  {line}\n"
    if problem is None:
        config(tmp_path, text)
    else:
        [found] = config_problems(tmp_path, text)
        assert found.startswith(f"picsync.yaml:3: albums[0].{problem}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "- dryRun: true",
            "picsync.yaml:2: albums[0].name: is missing; write for example `name: AllMyStuff`.",
        ),
        (
            "- name: ' '",
            "picsync.yaml:2: albums[0].name: must not be empty: it is the name of the album",
        ),
        (
            "- name: X\n- name: Y\n- name: X",
            "picsync.yaml:4: albums[2].name: is 'X', like that of an earlier",
        ),
        (
            "- name: X\n- name: ' X '",
            "picsync.yaml:3: albums[1].name: is ' X ', like that of an earlier",
        ),
        (
            "- name: \N{LATIN SMALL LETTER E WITH ACUTE}\n- name: e\N{COMBINING ACUTE ACCENT}",
            "picsync.yaml:3: albums[1].name: is 'e\N{COMBINING ACUTE ACCENT}', like that of an earlier",
        ),
        (
            "- name: X\n  overflow: split\n- name: X_3",
            "picsync.yaml:1: albums: 'X_3' cannot be the name of a rule, since 'X' has `overflow: split`",
        ),
        (
            "- name: X\n  overflow: split\n- name: ' X_3 '",
            "picsync.yaml:1: albums: ' X_3 ' cannot be the name of a rule, since 'X' has `overflow: split`",
        ),
        ("- name: X\n  overflow: most", "picsync.yaml:3: albums[0].overflow: "),
        (
            "  []",
            "picsync.yaml:1: albums: must have at least one album rule",
        ),
    ],
)
def test_problems_of_the_rules(tmp_path: Path, text: str, problem: str) -> None:
    [found] = config_problems(tmp_path, f"albums:\n{text}\n")
    assert found.startswith(problem)


def test_all_problems_are_reported_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "albums:\n- name: X\n  sorces: {}\n  dryRun: a\n- name: X\n- delete: b\nevery: 5\nevery: 6\nfoo: 1"
    found = config_problems(tmp_path, text, {"PICSYNC_PPROF__LISTEN": "x", "PICSYNC_EVRY": "1h"})
    assert [one.split(": ")[:2] for one in found] == [
        ["picsync.yaml:3", "albums[0].sorces"],
        ["picsync.yaml:4", "albums[0].dryRun"],
        ["picsync.yaml:6", "albums[2].name"],
        ["picsync.yaml:6", "albums[2].delete"],
        ["picsync.yaml:8", "every"],
        ["picsync.yaml:9", "foo"],
        ["environment variable PICSYNC_EVRY", "is not a setting of picsync; did you mean `PICSYNC_EVERY`?"],
        ["environment variable PICSYNC_PPROF__LISTEN", "pprof.listen"],
    ]


def bomb() -> str:
    layers = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 10))
    return f"l0: &l0 [x]\n{layers}"


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (
            b"",
            None,
            "the file is empty; write for example `albums: [{name: Family, sources: {sharedlinks: [<lin",
        ),
        (b"# nothing\n", None, "the file is empty; write for example `albums: [{name: Family"),
        (b"- a\n", None, "must consist of `key: value` lines"),
        (b"hello\n", None, "must consist of `key: value` lines"),
        (b"a: b\n c: d\n", 2, "is not valid YAML: mapping values are not allowed in this context."),
        (b"a:\n\t- b\n", 2, "is not valid YAML: found character"),
        (b"a: *b\n", 1, "is not valid YAML: found undefined alias"),
        (b"a: {b: c\n", 1, "is not valid YAML: did not find expected ',' or '}'"),
        (b"a: b\n---\nc: d\n", 2, "is not valid YAML: but found another document."),
        (b'a: "\\UFFFFFFFF"', None, "is not valid YAML"),
        (b"a: b\nc: \x00", 2, "is not valid YAML: control characters are not allowed"),
        (b"a: b\nc: \xff", 2, "is not UTF-8 text; save it as UTF-8."),
        ("a: b".encode("utf-16"), 1, "is not UTF-8 text; save it as UTF-8."),
        (b"[" * 999 + b"]" * 999, None, "is nested too deeply"),
        (b"[" * 20_000, 1, "is not valid YAML: exceeded maximum nesting depth."),
        (b"a: &x 1\nb: &x 2\n", 2, "is not valid YAML: two anchors (`&name`) have the same name."),
        ("a: \u00e9\u00e9\u00e9\nb: \x00\n\n\n".encode(), 2, "is not valid YAML: control characters"),
        (b"a: &a [*a]\n", 1, "is nested too deeply or has too many values"),
        (bomb().encode(), 2, "is nested too deeply or has too many values"),
        (b"a" * (1 << 18) + b"a", None, "is larger than 256 KiB, so it is not the right file."),
    ],
)
def test_files_that_say_nothing(tmp_path: Path, content: bytes, line: int | None, problem: str) -> None:
    path = tmp_path / "picsync.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ={}, known=Known(KINDS), logins=logins())
    [found] = caught.value.problems
    assert found.file == str(path)
    if line is None or problem.endswith("values"):
        assert found.message.startswith(problem)
    else:
        assert (found.line, found.message[: len(problem)]) == (line, problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "? [a]\n: b\n",
            "picsync.yaml:1: has a key that is not a word; put the key in quotes",
        ),
        ("every: !go 1h\n", "picsync.yaml:1: every: has a value that begins with `!`; put it in quotes."),
        (
            '"\\x1b[31m": 1\n',
            "picsync.yaml:1: \ufffd[31m: is not a setting that picsync knows; known here: `al",
        ),
        ('emulator: "\\ud800"\n', "picsync.yaml:1: is not valid YAML: found invalid Unicode character"),
        ("<<: x\n", "picsync.yaml:1: <<: must be an alias of a mapping, such as `<<: *name`."),
    ],
)
def test_odd_yaml(tmp_path: Path, text: str, problem: str) -> None:
    [found] = config_problems(tmp_path, f"{text}albums:\n{RULE}")
    assert found.startswith(problem)


def test_a_file_with_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "picsync.yaml"
    path.write_bytes(b"\xef\xbb\xbfalbums:\r\n- name: X\r\nevery: 1m\r\n")
    assert load_config(path, environ={}, known=Known(KINDS), logins=logins()).every == timedelta(minutes=1)


def test_no_file(tmp_path: Path) -> None:
    [problem] = config_problems(tmp_path, None, {"PICSYNC_EVERY": "1h"})
    assert problem.startswith("picsync.yaml: there is no such file; run `picsync init` to create it, or set")


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory, but a file is needed here"):
        load_config(tmp_path, environ={}, known=Known(KINDS), logins=logins())


def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "loop"
    path.symlink_to(path)
    with pytest.raises(ConfigError, match="cannot be read: Too many levels of symbolic links"):
        load_config(path, environ={}, known=Known(KINDS), logins=logins())


class Options(BaseModel, extra="forbid"):
    depth: int = 1


def test_the_models_of_sources_speak_plain_english_too(tmp_path: Path) -> None:
    path = tmp_path / "picsync.yaml"
    path.write_text(
        "albums:\n- name: X\n  sources:\n    links: ['']\n    deep:\n    - depth: much\n    - deepth: 1\n"
    )
    kinds = {"links": Annotated[str, MinLen(1)], "deep": Options}
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ={}, known=Known(kinds), logins=logins())
    assert [(one.line, one.field, one.message) for one in caught.value.problems] == [
        (4, "albums[0].sources.links[0]", "must not be empty."),
        (6, "albums[0].sources.deep[0].depth", "must be a whole number, not a single value."),
        (
            7,
            "albums[0].sources.deep[1].deepth",
            "is not a setting that picsync knows; did you mean `depth`?",
        ),
    ]


def test_importing_it_reads_no_yaml_library() -> None:
    code = "import sys, picsync.config; sys.exit(not {'yaml', 'ruamel.yaml'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_where_libyaml_is_missing_the_same_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[2] / "picsync.yaml.example").read_text("utf-8")
    trees = [parse_yaml(text, "picsync.yaml", [])]
    monkeypatch.delattr(yaml, "CSafeLoader")
    trees.append(parse_yaml(text, "picsync.yaml", []))
    assert trees[0] == trees[1]
    with pytest.raises(ConfigError, match="is nested too deeply"):
        parse_yaml("[" * 99 + "]" * 99, "picsync.yaml", [])


def test_what_goes_on_at_a_time(tmp_path: Path) -> None:
    text = "concurrency: {uploads: 3}\nalbums:\n" + RULE
    assert config(tmp_path, text).concurrency.uploads == 3
    changed = config(tmp_path, text, {"PICSYNC_CONCURRENCY__UPLOADS": "2", "PICSYNC_CONCURRENCY__API": "1"})
    assert changed.concurrency.model_dump(exclude_unset=True) == {"uploads": 2, "api": 1}


def test_default_concurrency_is_that_of_the_stages(tmp_path: Path) -> None:
    stages = {PHOTOS, *(operation.stage for operation in NIXPLAY + GOOGLEPHOTOS)}
    loaded = config(tmp_path, "albums:\n" + RULE).concurrency
    assert loaded.model_dump() == {stage.name: stage.cap for stage in stages}
    assert loaded.model_fields_set == set()


@pytest.mark.parametrize("value", ["0", "-1", "65", "many"])
def test_a_number_at_a_time_that_makes_no_sense(tmp_path: Path, value: str) -> None:
    (problem,) = config_problems(tmp_path, f"concurrency: {{api: {value}}}\nalbums:\n{RULE}")
    assert problem.startswith("picsync.yaml:1: concurrency.api: must be a")


def test_an_unknown_stage_is_named(tmp_path: Path) -> None:
    (problem,) = config_problems(tmp_path, f"concurrency: {{upload: 3}}\nalbums:\n{RULE}")
    assert "did you mean uploads" in problem.replace("`", "")
