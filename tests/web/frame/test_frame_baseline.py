"""The page's files are in the JavaScript and CSS of 2014; newer things are used where a browser has them."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from picsync.web.frame.page import assets
from tests.clients import need_npm, run

SCRIPTS = [name for name in assets() if name.endswith(".js")]
HERE = Path(__file__).parent

NEWER = {
    "Promise", "Map", "Set", "WeakMap", "Symbol", "Proxy", "Reflect", "URLSearchParams",
    "AbortController", "fetch", "IntersectionObserver", "ResizeObserver", "PointerEvent",
    "structuredClone", "queueMicrotask", "globalThis", "includes", "find", "findIndex", "startsWith",
    "endsWith", "padStart", "padEnd", "repeat", "assign", "entries", "from", "of", "flat",
    "flatMap", "closest", "matches", "append", "prepend", "replaceWith", "replaceChildren", "remove",
    "imul", "sign", "trunc", "isInteger", "isFinite", "finally", "allSettled", "animate",
    "getAnimations", "sendBeacon", "indexedDB", "toggle",
}  # fmt: skip
"""Names of what came after Chrome 30, or of what it had with other parameters."""

ALLOWED = {
    "sw.js": {"Promise", "fetch"},  # a browser with service workers has these
}

PROPERTIES = {
    "-ms-text-size-adjust", "-ms-user-select", "-moz-user-select", "-webkit-backface-visibility",
    "-webkit-font-feature-settings", "-webkit-tap-highlight-color", "-webkit-text-size-adjust",
    "-webkit-transform", "-webkit-transform-origin", "-webkit-transition", "-webkit-user-select",
    "backface-visibility", "background", "border", "border-radius", "bottom", "box-shadow",
    "box-sizing", "color", "cursor", "display", "fill", "font", "font-family", "font-feature-settings",
    "font-size", "font-weight", "height", "left", "letter-spacing", "line-height", "margin",
    "margin-left", "margin-top", "max-height", "max-width", "min-height", "min-width", "opacity",
    "outline", "overflow", "padding", "padding-bottom", "pointer-events", "position", "right", "stroke",
    "stroke-linecap", "stroke-linejoin", "stroke-width", "text-align", "text-overflow", "text-shadow",
    "text-transform", "top", "transform", "transform-origin", "transition", "user-select",
    "vertical-align", "visibility", "white-space", "width", "word-wrap",
}  # fmt: skip
"""What Chrome 30 knows; an unknown one, such as `user-select` without a prefix, it skips."""


@pytest.fixture(scope="module")
def parsed() -> dict[str, dict[str, list[str]]]:
    """What acorn, set to ES5, says about each script: an error, or the names in it."""
    need_npm("acorn", "acorn-walk")
    texts = {name: assets()[name].body.decode() for name in SCRIPTS}
    found: dict[str, dict[str, list[str]]] = json.loads(
        asyncio.run(run("node", HERE / "es5.cjs", stdin=json.dumps(texts)))
    )
    return found


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_es5(parsed: dict[str, dict[str, list[str]]], name: str) -> None:
    assert parsed[name]["errors"] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_use_no_function_newer_than_2014(parsed: dict[str, dict[str, list[str]]], name: str) -> None:
    assert NEWER & set(parsed[name]["names"]) - ALLOWED.get(name, set()) == set()


async def test_the_check_finds_newer_things() -> None:
    need_npm("acorn", "acorn-walk")
    texts = {"a": "let a = 1;", "b": "[1].includes(1)", "c": "x => x", "d": "var a = b?.c", "e": "f(`x`)"}
    found = json.loads(await run("node", HERE / "es5.cjs", stdin=json.dumps(texts)))
    assert {name for name, result in found.items() if result["errors"]} == {"a", "c", "d", "e"}
    assert "includes" in found["b"]["names"]


def baseline(css: str) -> str:
    """Return the style sheet without comments and without what is in @supports."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    kept, at = "", 0
    for match in re.finditer(r"@supports[^{]*\{", css):
        if match.start() < at:
            continue
        kept += css[at : match.start()]
        depth, at = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(css[at], 0)
            at += 1
    return kept + css[at:]


def problems(css: str) -> list[str]:
    css = baseline(css)
    found = [rule for rule in re.findall(r"@[\w-]+", css) if rule != "@media"]
    for body in re.findall(r"\{([^{}]*)\}", css):
        for declaration in filter(str.strip, body.split(";")):
            name, _, value = declaration.strip().partition(":")
            if name not in PROPERTIES:
                found.append(name)
            found += re.findall(
                r"\b(?:var|env|min|max|clamp)\(|\b(?:grid|contents|sticky|fit-content|unset|revert)\b", value
            )
            found += re.findall(r"#(?:[0-9a-f]{4}|[0-9a-f]{8})\b", value)
    found += re.findall(r":(?:is|where|has|focus-visible|focus-within)\b", css)
    return found


def test_style_sheet_is_of_2014() -> None:
    assert problems(assets()["frame.css"].body.decode()) == []


@pytest.mark.parametrize(
    "css",
    [
        "a { inset: 0 }",
        "a { display: grid }",
        "a { color: var(--x) }",
        "a:focus-visible { top: 0 }",
        "a { color: #0008 }",
        "@layer x { a { top: 0 } }",
        "@supports (top: 0) { b { top: 0 } } a { aspect-ratio: 1 }",
    ],
)
def test_the_check_finds_newer_css(css: str) -> None:
    assert problems(css)
    assert not problems(f"@supports (x: y) {{ {css} }}")
