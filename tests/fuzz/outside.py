"""Commands of picsync with any environment, credentials and settings: each ends with a message and a code.

`python -m tests.fuzz.outside --count 5000` plays that many commands, determined by the seed. Most run in a
fork of this process; some start their own interpreter, which reads variables before picsync does.
Requirements: each command ends with a documented exit code; its output is text without a traceback, a warning
of Python or a secret; a failure has a message.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NoReturn

from picsync.cli.exits import Exit
from picsync.config.environment import variable
from picsync.config.loading import config_shape, credentials_shape
from picsync.config.shape import Shape
from picsync.run.kinds import known, logins
from tests.fuzz.rawanswers import HOSTS

CASE_S = 60
INTERPRETED_S = 240
SLOW_S = 10.0
SECRET = "geheim-0123456789"
INTERPRETED = 0.04
"""The share of cases that start an interpreter."""

COMMANDS = (
    ["sync", "--once", "--dry-run"],
    ["sync", "--once"],
    ["doctor"],
    ["doctor", "--json"],
    ["list", "googlephotos", "x"],
    ["list", "immich"],
    ["list", "folder", "."],
    ["googlephotos", "list"],
    ["nixplay", "list"],
    ["notify", "test"],
    ["sources"],
    ["cache", "status"],
    ["allow-deletes"],
    ["sync-now"],
    ["picked", "list"],
    ["completion", "bash"],
    ["--version"],
    ["--help"],
)

ADDRESSES = (
    "",
    " ",
    "http://127.0.0.1:9",
    "127.0.0.1:9",
    "http://",
    "http://nas:99999",
    "http://[::1",
    "http://[::1]:9",
    "socks5://x:1",
    "http://u:p#w@x:1",
    "http://u:p@x:1/path",
    "ftp://x",
    "http://x:0",
    "http://x:-1",
    "//x",
    "\x1b[2J",
    "http://\udcff",
    "javascript:1",
    "a" * 5_000,
    "http://" + "a." * 2_000,
    "\u200bhttp://127.0.0.1:9\u200b",
    "\u201chttp://x\u201d",
    "HTTP://127.0.0.1:9",
    "http://x y",
    "http://x\nHost: y",
    "http://127.0.0.1:9/?q#f",
    "http://\u2460",
    "http://%31",
    "None",
    "0",
    "direct://",
)
PATHS = (
    "",
    " ",
    "/nonexistent/x",
    ".",
    "/",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/proc/self/mem",
    "/etc/passwd",
    "a" * 5_000,
    "x/" * 3_000,
    "\udcff",
    "~",
    "~nobody/x",
    "$HOME",
    "-",
    "\x1b[2J",
    "fifo",
    "empty",
    "text",
    "pem",
    "folder",
)
WORDS = (
    "",
    " ",
    "0",
    "1",
    "-1",
    "true",
    "no",
    "yes please",
    "NaN",
    "inf",
    "1e999",
    "9" * 400,
    "0x10",
    "1h",
    "10ms",
    "-5m",
    "9" * 30 + "h",
    "20%",
    "-1%",
    "101%",
    ":1971",
    ":0",
    ":99999",
    "[::]:1",
    "{",
    "[",
    "{a: b}",
    "[1, 2",
    "!!python/object:os.system x",
    "!x",
    "&a [*a]",
    "*a",
    "'",
    '"',
    "|",
    "? x",
    "- -",
    "\t",
    "\udcff",
    "\u202e",
    "\x1b[2J\x07",
    "\ufeff",
    "%YAML 9.9",
    "\u0663",
    "null",
)
LISTS = (
    "*",
    ",,,",
    "10.0.0.0/8",
    "10.0.0.0/99",
    "[::1]",
    "::1",
    "fe80::%eth0/64",
    "localhost,.x",
    "[",
    "*.x,*",
    "a" * 5_000,
    "1.2.3.4:x",
)
ZONES = (
    "",
    ":",
    "Europe/Berlin",
    "Nowhere/City",
    "../../etc/passwd",
    "/etc/passwd",
    "UTC+25",
    "A" * 10_000,
    "EST5EDT,M3.2.0",
    "\udcff",
    "/dev/zero",
    "/nonexistent",
    "<>",
    "UTC\n",
    "Europe",
    "CET-1CEST,M3.5.0/99",
)
LOCALES = (
    "",
    "C",
    "POSIX",
    "de_DE.ISO-8859-1",
    "xx_YY",
    "C.UTF-8",
    "\udcff",
    "en_US.UTF-16",
    "a" * 5_000,
    "tr_TR.UTF-8",
)
SIZES = ("", "-1", "0", "1", "abc", "9" * 40, "80")

POOLS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"), ADDRESSES
    ),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), LISTS + ADDRESSES),
    **dict.fromkeys(
        (
            *(
                "SSL_CERT_FILE",
                "SSL_CERT_DIR",
                "REQUESTS_CA_BUNDLE",
                "CURL_CA_BUNDLE",
                "SSLKEYLOGFILE",
                "NETRC",
                "HOME",
            ),
            *(
                "XDG_CONFIG_HOME",
                "XDG_CACHE_HOME",
                "GOOGLE_APPLICATION_CREDENTIALS",
                "PICSYNC_CACHE",
                "OPENSSL_CONF",
            ),
            *("PICSYNC_CA_CERTIFICATES", "HTTPLIB2_CA_CERTS", "SQLITE_TMPDIR", "TZDIR", "PWD"),
        ),
        PATHS,
    ),
    **dict.fromkeys(("TZ",), ZONES),
    **dict.fromkeys(("LANG", "LC_ALL", "LC_CTYPE", "LANGUAGE", "LC_MESSAGES"), LOCALES),
    **dict.fromkeys(("COLUMNS", "LINES"), SIZES),
    **dict.fromkeys(
        ("TERM", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "PAGER", "BROWSER", "EDITOR", "USER"), WORDS
    ),
    **dict.fromkeys(
        ("OAUTHLIB_INSECURE_TRANSPORT", "OAUTHLIB_RELAX_TOKEN_SCOPE", "PICSYNC_LOG_FORMAT"), WORDS
    ),
    **dict.fromkeys(
        (
            "NOTIFY_SOCKET",
            "KUBERNETES_SERVICE_HOST",
            "container",
            "PICSYNC_",
            "PICSYNC_X",
            "SOURCE_DATE_EPOCH",
        ),
        WORDS,
    ),
    "PICSYNC_EMULATOR": ADDRESSES,
    "TMPDIR": PATHS,
}
INTERPRETER: Mapping[str, tuple[str, ...]] = {
    "PYTHONIOENCODING": (
        "latin-1:strict",
        "ascii:strict",
        "cp1252",
        ":replace",
        "utf-8:surrogateescape",
    ),
    "PYTHONUTF8": ("0", "1"),
    "PYTHONOPTIMIZE": ("1", "2"),
    "PYTHONUNBUFFERED": ("1",),
    "PYTHONDEVMODE": ("1",),
    "PYTHONASYNCIODEBUG": ("1",),
    "PYTHONTRACEMALLOC": ("5",),
    "PYTHONFAULTHANDLER": ("1",),
    "PYTHONHASHSEED": ("0", "4294967295"),
    "PYTHONDONTWRITEBYTECODE": ("1",),
    "PYTHONPYCACHEPREFIX": ("/nonexistent", "/dev/null"),
    "PYTHONCOERCECLOCALE": ("0", "warn"),
    "PYTHONINTMAXSTRDIGITS": ("0", "640"),
    "PYTHONSAFEPATH": ("1",),
    "PYTHONNOUSERSITE": ("1",),
    "PYTHONBREAKPOINT": ("0", "x.y"),
}

CREDENTIALS = f"""\
nixplay:
  username: somebody
  password: {SECRET}
googlephotos:
  api:
    key: id.apps.googleusercontent.com
    secret: {SECRET}
  access:
    access_token: {SECRET}
    refresh_token: {SECRET}
    expiry: "2022-09-21T10:11:12.123456789-04:00"
immich:
  server: http://127.0.0.1:9
  api_key: {SECRET}
"""
SETTINGS = """\
every: 1h
emulator: http://127.0.0.1:9
albums:
- name: Trip
  sources:
    folder: [FOLDER]
    googlephotos: [x]
    immich: [{album: y}]
"""
VALUES = (
    *WORDS,
    *ADDRESSES,
    ".nan",
    "-.inf",
    "1e400",
    "0o777",
    "0b2",
    "1_000",
    "12:30:45",
    "2020-01-01",
    "!!binary aGk=",
    "!!set {a, b}",
    "!!timestamp 2020-01-01",
    "!!float x",
    "!!int x",
    "!!bool 5",
    "!!omap [a: b]",
    '"\\uD800"',
    '"\\x00"',
    '"\\e[2J"',
    '"\\U00110000"',
    '"\\q"',
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "2022-02-30T00:00:00Z",
    "2022-09-21T25:61:61Z",
    "NaN",
    "Infinity",
    '{"access_token": NaN}',
    '{"a": 1e999}',
    '{"a": "b"',
    "[" * 30 + "]" * 30,
    "[" * 300 + "]" * 300,
    "[" * 100_000,
    "{a: " * 50 + "}" * 50,
    "{? [a] : b}",
    "{? {a: b} : c}",
    "{<<: *x}",
    "{a: 1, a: 2}",
    "<<",
    "~",
    "@x",
    "`x`",
    "%x",
    "a: b: c",
    "# x",
    "'a\n\n  b'",
    ">-\n    x",
    "\u201cx\u201d",
    "x\u200b",
    "\u00e9",
    "\U0001f600",
    "x" * 100_000,
    "!" + "x" * 20_000 + " y",
    "&" + "x" * 20_000 + " y",
    "*" + "x" * 20_000,
)
FILES = (
    b"",
    b"\xef\xbb\xbf",
    b"\x00",
    b"\xff\xfe",
    b"---\n...\n---\n",
    b"%YAML 9.9\n---\n",
    b"[]",
    b"5",
    b"null",
    b"text",
    b"{",
    b"\t",
    b'{"installed": {"client_id": "x", "client_secret": "y"}}',
    b"- " * 3_000,
    b"a: &a [*a, *a]",
    b"\x80" * 50,
    b"x" * 2_000_000,
)


@dataclass
class Case:
    number: str
    command: list[str]
    environ: dict[str, str]
    credentials: bytes
    settings: bytes
    interpreted: bool


@dataclass
class Played:
    codes: Counter[int] = field(default_factory=Counter)
    interpreted: int = 0
    failed: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def table(self) -> str:
        codes = ", ".join(f"{count} with exit code {code}" for code, count in sorted(self.codes.items()))
        which = f"{sum(self.codes.values())} commands ({self.interpreted} in interpreters of their own)"
        return f"{which}: {codes}; {len(self.failed)} failures, {self.seconds:.0f} s"


def _names(shape: Shape, path: tuple[str | int, ...] = (), depth: int = 0) -> list[str]:
    found = [variable(path)] if path else []
    if depth < 5:
        for key, inner in shape.keys.items():
            found += _names(inner, (*path, key), depth + 1)
        if shape.items is not None:
            found += _names(shape.items, (*path, 0), depth + 1)
        if shape.named is not None:
            found += _names(shape.named, (*path, "one"), depth + 1)
    return found


NAMES = sorted({*_names(config_shape(known())), *_names(credentials_shape(logins()))})


def _spoilt(rng: Random, text: str) -> bytes:
    """Return a file with something wrong in it, mostly one value."""
    lines = text.splitlines()
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randrange(len(lines))
        key = lines[at].partition(": ")[0].removesuffix(":")
        match rng.randrange(10):
            case 0:
                lines[at] = f"{key} {rng.choice(VALUES)}"
            case 1:
                lines.insert(at, lines[at])
            case 2:
                lines[at] = " " * rng.randrange(6) + lines[at]
            case _:
                lines[at] = f"{key}: {rng.choice(VALUES)}"
    return _torn(rng, "\n".join(lines).encode("utf-8", "surrogateescape"))


def _torn(rng: Random, whole: bytes) -> bytes:
    match rng.randrange(16):
        case 0:
            return rng.choice(FILES)
        case 1:
            return whole.decode("utf-8", "replace").encode("utf-16")
        case 2:
            return whole[: rng.randrange(len(whole) + 1)]
        case 3:
            return whole.replace(b"\n", b"\r\n")
        case 4:
            return whole + rng.randbytes(5)
        case 5:
            return whole.replace(b": ", b":\t")
        case _:
            return whole


def draw(seed: int, number: int) -> Case:
    rng = Random(f"{seed}:{number}")
    interpreted = rng.random() < INTERPRETED
    environ = {"PATH": os.environ.get("PATH", "")}
    for _ in range(rng.randrange(5)):
        if rng.random() < 0.4:
            environ[rng.choice(NAMES)] = rng.choice(VALUES)[:60_000]
        else:
            name = rng.choice(sorted(POOLS))
            environ[name] = rng.choice(POOLS[name])
    if rng.random() < 0.1:
        host = rng.choice(HOSTS).decode("utf-8", "surrogateescape")
        environ["https_proxy"] = f"http://{host}:1"
    if interpreted:
        for _ in range(2):
            name = rng.choice(sorted(INTERPRETER))
            environ[name] = rng.choice(INTERPRETER[name])
    credentials = _spoilt(rng, CREDENTIALS) if rng.random() < 0.7 else CREDENTIALS.encode()
    settings = _spoilt(rng, SETTINGS) if rng.random() < 0.2 else SETTINGS.encode()
    environ = {name: value.replace("\0", "") for name, value in environ.items()}
    return Case(f"{seed}:{number}", rng.choice(COMMANDS), environ, credentials, settings, interpreted)


def play(case: Case, folder: Path) -> tuple[int, str]:
    """Run a command in its folder; return its exit code, and what it printed."""
    _furnish(folder)
    place = str(folder / "folder").encode()
    (folder / "picsync.yaml").write_bytes(case.settings.replace(b"FOLDER", place))
    credentials = folder / ".picsync-credentials.yaml"
    credentials.touch(mode=0o600)
    credentials.write_bytes(case.credentials)
    printed = folder / "printed"
    with printed.open("wb") as out:
        run = _interpreted if case.interpreted else _forked
        code = run(case, folder, out.fileno())
    return code, printed.read_bytes().decode("utf-8", "replace")


def _furnish(folder: Path) -> None:
    if not (folder / "folder").exists():
        (folder / "folder").mkdir()
        (folder / "empty").touch()
        (folder / "text").write_text("no certificate")
        os.mkfifo(folder / "fifo")
        (folder / "pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def _interpreted(case: Case, folder: Path, out: int) -> int:
    command = [sys.executable, "-c", "from tests.cli.short_waits import main; main()", *case.command]
    root = str(Path(__file__).parents[2])
    environ = {**case.environ, "PYTHONPATH": root}
    process = subprocess.Popen(
        command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out
    )
    try:
        return process.wait(INTERPRETED_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return -signal.SIGALRM


def _forked(case: Case, folder: Path, out: int) -> int:
    child = os.fork()
    if not child:
        _child(case, folder, out)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _child(case: Case, folder: Path, out: int) -> NoReturn:
    code = 99
    try:
        signal.alarm(CASE_S)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(case.environ)
        tempfile.tempdir = None
        time.tzset()
        sys.argv = ["picsync", *case.command]
        from tests.cli.short_waits import main

        main()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0 if left.code is None else 98
    except BaseException:  # noqa: BLE001 - whatever is raised is the result
        traceback.print_exc()
    finally:
        if "LOADED" in os.environ:
            Path(os.environ["LOADED"]).write_text(
                " ".join(name for name in sys.modules if name != "__main__")
            )
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


TROUBLE = ("Traceback", "Exception ignored", "Warning: ", "Fatal Python")
_ODD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff]")


def faults(case: Case, code: int, printed: str) -> list[str]:
    """Return what is wrong with the end of a command."""
    found = []
    if code not in set(Exit) - {Exit.INTERRUPTED}:
        found.append(f"exit code {code}")
    found += [word for word in TROUBLE if word in printed]
    if code and not printed.strip():
        found.append("says nothing")
    if odd := _ODD.findall(printed):
        found.append(f"prints {odd[:5]}")
    if SECRET in printed:
        found.append("shows a secret")
    return found


def campaign(seed: int, count: int, seconds: float = 1e9) -> Played:
    played = Played()
    began = time.monotonic()
    # Loaded once, for all that are forked.
    import picsync.cli.sync
    import picsync.doctor
    import picsync.run.process  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            if time.monotonic() - began > seconds:
                break
            case = draw(seed, number)
            at = time.monotonic()
            code, printed = play(case, Path(folder))
            if time.monotonic() - at > SLOW_S:
                played.slow.append(f"{case.number} {' '.join(case.command)}: {time.monotonic() - at:.0f} s")
            played.codes[code] += 1
            played.interpreted += case.interpreted
            if wrong := faults(case, code, printed):
                played.failed.append(_described(case, wrong, printed))
    played.seconds = time.monotonic() - began
    return played


def _load_modules(folder: Path) -> None:
    """Import all that good commands import, once for all that are forked."""
    for command in (["sync", "--once"], ["doctor"]):
        case = Case("", command, {"LOADED": "loaded"}, CREDENTIALS.encode(), SETTINGS.encode(), False)
        play(case, folder)
        for name in (folder / "loaded").read_text().split():
            importlib.import_module(name)


def _described(case: Case, wrong: list[str], printed: str) -> str:
    environ = {name: value[:100] for name, value in case.environ.items() if name != "PATH"}
    lines = [line[:200] for line in printed.splitlines()[-40:]]
    files = [f"{case.credentials[:600]!r}", f"{case.settings[:300]!r}"]
    head = f"FAILED {case.number} {' '.join(case.command)}: {', '.join(wrong)}"
    return "\n".join([head, str(environ), *files, *lines])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.outside", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="decides what is drawn")
    parser.add_argument("--count", type=int, default=1_000, help="commands to run")
    parser.add_argument("--seconds", type=float, default=1e9, help="at most")
    parser.add_argument("--replay", default="", help="a case as a failure names it")
    arguments = parser.parse_args()
    if arguments.replay:
        seed, number = map(int, arguments.replay.split(":"))
        case = draw(seed, number)
        with tempfile.TemporaryDirectory() as folder:
            code, printed = play(case, Path(folder))
        print(_described(case, [f"exit code {code}", *faults(case, code, printed)], printed))
        return 0
    played = campaign(arguments.seed, arguments.count, arguments.seconds)
    for failure in played.failed[:20]:
        print(failure)
    print("\n".join(["slow:", *played.slow]) if played.slow else "none was slow")
    print(played.table())
    return int(bool(played.failed))


if __name__ == "__main__":
    sys.exit(main())
