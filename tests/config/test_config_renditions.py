from pathlib import Path

import pytest

from picsync.config import Config, Known, renditions
from picsync.core.recipe import ORIGINAL, Fit, Panel, Recipe
from picsync.run.kinds import known
from picsync.run.renditions import rendition_on
from tests.config.builders import config, config_problems

KNOWN: Known = known()
NIXPLAY = Panel(1920, 1200)


def loaded(tmp_path: Path, rule: str = "", frame: str = "") -> Config:
    text = f"frames: {{x: {{kind: nixplay{', ' if frame else ''}{frame}}}}}\n"
    text += f"albums:\n- name: A\n  sources: {{folder: [/p]}}\n  frames: [x]\n  {rule}\n"
    return config(tmp_path, text, may_name=KNOWN)


def recipe(tmp_path: Path, rule: str = "", frame: str = "") -> Recipe:
    read = loaded(tmp_path, rule, frame)
    return rendition_on(read, {}, "x", read.albums[0].rendition).recipe


def test_the_default_is_auto_for_the_largest_panel_of_the_kind(tmp_path: Path) -> None:
    assert recipe(tmp_path) == Recipe(panel=NIXPLAY)


def test_a_frame_without_an_entry_has_the_panel_of_its_kind(tmp_path: Path) -> None:
    read = config(tmp_path, "albums:\n- {name: A, sources: {folder: [/p]}}\n", may_name=KNOWN)
    assert rendition_on(read, {}, "nixplay").recipe == Recipe(panel=NIXPLAY)
    assert rendition_on(read, {"grandpa": "nixplay"}, "grandpa").recipe == Recipe(panel=NIXPLAY)


def test_a_folder_keeps_the_size_of_photos(tmp_path: Path) -> None:
    text = "frames: {usb: {kind: folder, path: /u}}\n"
    text += "albums:\n- {name: A, sources: {folder: [/p]}, frames: usb}\n"
    assert rendition_on(config(tmp_path, text, may_name=KNOWN), {}, "usb").recipe == Recipe()


@pytest.mark.parametrize(
    ("rule", "frame", "expected"),
    [
        ("rendition: auto", "", Recipe(panel=NIXPLAY)),
        ("rendition: original", "", ORIGINAL),
        ("rendition: original", "rendition: {quality: 80}", ORIGINAL),
        ("", "rendition: original", ORIGINAL),
        ("rendition: auto", "rendition: original", Recipe(panel=NIXPLAY)),
        ("rendition: auto", "rendition: {quality: 80}", Recipe(panel=NIXPLAY, quality=80)),
        ("rendition: {fit: cover}", "rendition: original", Recipe(panel=NIXPLAY, fit=Fit.COVER)),
        ("", "panel: 1280x800", Recipe(panel=Panel(1280, 800))),
        ("", "panel: 1280x800, rendition: {panel: 1024x600}", Recipe(panel=Panel(1024, 600))),
        ("rendition: {panel: 800x480}", "panel: 1280x800", Recipe(panel=Panel(800, 480))),
        (
            "rendition: {quality: 70, progressive: no}",
            "rendition: {quality: 80, fit: auto, progressive: yes, keep: location}",
            Recipe(panel=NIXPLAY, quality=70, fit=Fit.AUTO, keep_location=True),
        ),
        ("rendition: {keep: []}", "rendition: {keep: [location]}", Recipe(panel=NIXPLAY)),
        ("rendition: {background: '#A0b0C0'}", "", Recipe(panel=NIXPLAY, background="#a0b0c0")),
        ("rendition: {background: blur}", "", Recipe(panel=NIXPLAY, background="blur")),
        (
            "rendition: {caption: '{taken:%B %Y}'}",
            "rendition: {caption: '{album}', language: DE}",
            Recipe(panel=NIXPLAY, caption="{taken:%B %Y}", language="de"),
        ),
        ("rendition: {language: de}", "", Recipe(panel=NIXPLAY)),
        ("rendition: {caption: A, language: no}", "", Recipe(panel=NIXPLAY, caption="A", language="no")),
        (
            "rendition: {caption: A, language: pt_br}",
            "",
            Recipe(panel=NIXPLAY, caption="A", language="pt-BR"),
        ),
    ],
)
def test_the_keys_of_the_rule_override_those_of_the_frame(
    tmp_path: Path, rule: str, frame: str, expected: Recipe
) -> None:
    assert recipe(tmp_path, rule, frame) == expected


def test_originals_are_replaced_only_on_request(tmp_path: Path) -> None:
    read = loaded(tmp_path, "rendition: {replace: true}", "rendition: {quality: 80}")
    found = rendition_on(read, {}, "x", read.albums[0].rendition)
    assert (found.recipe, found.replace) == (Recipe(panel=NIXPLAY, quality=80), True)
    assert not rendition_on(read, {}, "x").replace


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{panel: 0x0}", ".panel: must be the width and height of the frame's display in pixels, such as"),
        ("{panel: 1280}", ".panel: must be the width and height"),
        ("{panel: 1280x99999}", ".panel: must be the width and height"),
        ("{panel: [1280, 800]}", ".panel: must be the width and height"),
        ("{quality: 101}", ".quality: must be a number from 1 to 95; beyond that, files only become larger."),
        ("{quality: 0}", ".quality: must be a number from 1 to 95"),
        ("{quality: high}", ".quality: must be a number from 1 to 95"),
        (
            "{background: red}",
            '.background: must be `black`, `blur` or a colour such as "#203040" (in quotes).',
        ),
        ("{background: '#12345'}", ".background: must be `black`, `blur` or a colour"),
        ("{caption: '{place_name}'}", ".caption: has the unknown placeholder {place_name}; there are {desc"),
        ("{caption: '{}'}", ".caption: has the unknown placeholder {}; there are {description}"),
        ("{caption: '{taken'}", ".caption: has a brace without its counterpart; a placeholder is written as"),
        (
            "{caption: '{taken:%Q}'}",
            ".caption: has the unknown directive %Q in the date {taken:%Q}; there are",
        ),
        (
            "{caption: '{taken:date}'}",
            ".caption: has no directive in the date {taken:date}; write, for example",
        ),
        ("{caption: '{album:%B}'}", ".caption: has a format in {album}; only {taken} takes one"),
        ("{caption: '  '}", ".caption: must not be empty."),
        ("{caption: {taken: B}}", ".caption: must be a text in quotes, such as"),
        ("{language: klingon}", ".language: must be a language such as `de`, `en-GB` or `pt-BR`."),
        ("{language: xx}", ".language: xx is no language that picsync knows; write, for example, `de`."),
        ("{fit: stretch}", ".fit: must be `contain`, `cover` or `auto`."),
        ("{keep: [faces]}", ".keep[0]: must be `location`."),
        ("{replace: maybe}", ".replace: must be true or false, not 'maybe'."),
        ("{pannel: 800x480}", ".pannel: is not a setting that picsync knows; did you mean `panel`?"),
        ("none", ": must be `auto`, `original`, or a group of settings such as `{panel: 1280x800}`."),
        ("[auto]", ": must be a group of settings, indented `key: value` lines, not a list"),
    ],
)
def test_bad_values_are_named_with_their_place(tmp_path: Path, value: str, message: str) -> None:
    text = f"albums:\n- name: A\n  sources: {{localfolder: [/p]}}\n  rendition: {value}\n"
    (problem,) = config_problems(tmp_path, text)
    assert problem.startswith(f"picsync.yaml:4: albums[0].rendition{message}")
    with pytest.raises(Exception, match="rendition") as caught:
        loaded(tmp_path, frame=f"rendition: {value}")
    assert f"picsync.yaml:1: frames.x.rendition{message}" in str(caught.value)


def test_a_place_needs_a_list_of_cities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recipe(tmp_path, "rendition: {caption: '{place}'}").caption == "{place}"
    monkeypatch.setattr(renditions, "find_spec", lambda _: None)
    text = "albums:\n- name: A\n  sources: {localfolder: [/p]}\n  rendition: {caption: '{place}'}\n"
    (problem,) = config_problems(tmp_path, text)
    assert problem.startswith(
        "picsync.yaml:4: albums[0].rendition.caption: has {place}, which needs a list of"
    )
    assert "pip install 'picsync[places]'" in problem


def test_a_bad_panel_of_a_frame_is_named_with_its_other_problems(tmp_path: Path) -> None:
    text = (
        "frames:\n  usb:\n    kind: folder\n    panel: 0x0\n    pth: /u\n"
        "albums:\n- {name: A, sources: {folder: [/p]}, frames: usb}\n"
    )
    with pytest.raises(Exception, match="panel") as caught:
        config(tmp_path, text, may_name=KNOWN)
    assert "picsync.yaml:4: frames.usb.panel: must be the width and height" in str(caught.value)
    assert "did you mean `path`?" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("original", ORIGINAL), ("{quality: 80}", Recipe(panel=NIXPLAY, quality=80))],
)
def test_renditions_from_the_environment(tmp_path: Path, value: str, expected: Recipe) -> None:
    text = "albums:\n- {name: A, sources: {folder: [/p]}}\n"
    read = config(tmp_path, text, {"PICSYNC_ALBUMS__0__RENDITION": value}, may_name=KNOWN)
    assert rendition_on(read, {}, "nixplay", read.albums[0].rendition).recipe == expected


def test_one_key_from_the_environment(tmp_path: Path) -> None:
    text = "albums:\n- {name: A, sources: {folder: [/p]}, rendition: {fit: auto}}\n"
    read = config(tmp_path, text, {"PICSYNC_ALBUMS__0__RENDITION__QUALITY": "70"}, may_name=KNOWN)
    found = rendition_on(read, {}, "nixplay", read.albums[0].rendition).recipe
    assert found == Recipe(panel=NIXPLAY, fit=Fit.AUTO, quality=70)
