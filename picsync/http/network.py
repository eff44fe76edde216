"""The way out of this machine: proxies and certificate authorities, the same for every library.

httpx, httplib2 and requests each read the environment by rules of their own, and some end in a traceback over
a value that others accept. So the environment is read here, once, and checked; every client is told the
result, and none looks there itself (`trust_env` is off: that also keeps `.netrc` and `SSLKEYLOGFILE` out).

The process has one network, as it has one environment: `use` sets it when settings are applied.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from picsync.core.errors import ConfigError, Problem
from picsync.core.values import dataclass
from picsync.http import authorities
from picsync.http.allowed import PORTS

_IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy."""

    scheme: str
    """`http` or `https`: how the proxy itself is reached."""
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """The address without name and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Exceptions:
    """Hosts that are reached without a proxy, as `NO_PROXY` lists them."""

    everything: bool = False
    names: tuple[str, ...] = ()
    """Each stands for itself and for all names below it."""
    networks: tuple[_IpNetwork, ...] = ()
    ports: tuple[tuple[str, int], ...] = ()
    """Names and addresses that are excepted at one port only."""

    @classmethod
    def parse(cls, text: str) -> Exceptions:
        """Read names, addresses and ranges, separated by commas or spaces; raises ValueError.

        `nas`, `.example.org`, `*.example.org`, `nas:2283`, `10.0.0.0/8`, `fd00::/8`, `[::1]:80`, `*`.
        """
        names: list[str] = []
        networks: list[_IpNetwork] = []
        ports: list[tuple[str, int]] = []
        everything = False
        for word in filter(None, re.split(r"[\s,]+", text)):
            bare, port = _without_port(word)
            network = _network(bare)
            name = bare.removeprefix("*").removeprefix(".").rstrip(".").lower()
            if word == "*":
                everything = True
            elif port is not None:
                ports.append((str(network.network_address) if network else name, port))
            elif network is not None:
                networks.append(network)
            elif re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name):
                names.append(name)
            else:
                raise ValueError(word)
        return cls(everything, tuple(names), tuple(networks), tuple(ports))

    def cover(self, host: str, port: int) -> bool:
        """Return whether a host is reached directly; `host` is a name, or an address without brackets."""
        if self.everything:
            return True
        host = host.rstrip(".").lower()
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return (host, port) in self.ports or any(
                host == name or host.endswith(f".{name}") for name in self.names
            )
        return (str(address), port) in self.ports or any(address in network for network in self.networks)


def _without_port(word: str) -> tuple[str, int | None]:
    if found := re.fullmatch(r"\[([^\]]*)\](?::([0-9]{1,5}))?", word):
        return found[1], int(found[2]) if found[2] else None
    if found := re.fullmatch(r"([^:]*):([0-9]{1,5})", word):
        return found[1], int(found[2])
    return word, None


def _network(word: str) -> _IpNetwork | None:
    try:
        return ipaddress.ip_network(word, strict=False)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Network:
    """How requests leave."""

    proxies: tuple[tuple[str, Proxy], ...] = ()
    """Scheme of a request's address -> the proxy for it."""
    exceptions: Exceptions = Exceptions()
    own_authorities: str = ""
    """File of the authorities that count besides the public ones; empty for none."""
    public_authorities: str = ""
    """File that stands for the public authorities; empty for those of the package certifi."""
    public_folder: str = ""
    """Folder of such files, named by their hashes; empty for none."""

    @classmethod
    def read(
        cls, environ: Mapping[str, str], own_authorities: str | None = None, *, file: str = "the settings"
    ) -> Network:
        """Read the environment and the setting `caCertificates` of `file`.

        Raises ConfigError, which names the variable and shows no password.
        """
        problems: list[Problem] = []
        proxies = []
        for scheme in ("http", "https"):
            for name in (f"{scheme}_proxy", "all_proxy"):
                variable, text = _variable(environ, name)
                if text:
                    try:
                        proxies.append((scheme, _proxy(text)))
                    except ValueError as error:
                        problems.append(Problem("the environment", None, variable, str(error)))
                    break
        variable, text = _variable(environ, "no_proxy")
        exceptions = Exceptions()
        try:
            exceptions = Exceptions.parse(text)
        except ValueError as error:
            wrong = (
                f"{str(error)[:60]!r} is neither a host name nor an address nor a range such as 10.0.0.0/8."
            )
            problems.append(Problem("the environment", None, variable, wrong))
        network = cls(
            tuple(proxies),
            exceptions,
            own_authorities or "",
            authorities.replacement(environ),
            environ.get("SSL_CERT_DIR", "").strip(),
        )
        problems += network._authority_problems(file)
        if problems:
            raise ConfigError(list(dict.fromkeys(problems)))
        return network

    def proxy(self, scheme: str, host: str, port: int) -> Proxy | None:
        """Return the proxy through which a server is reached, None for none."""
        found = dict(self.proxies).get(scheme)
        return None if found is None or self.exceptions.cover(host, port) else found

    @property
    def context(self) -> ssl.SSLContext:
        """What all clients verify with; made again once a file has changed."""
        files = filter(None, (self.public_authorities, self.own_authorities))
        stamps = tuple(map(authorities.stamp, files))
        with _making:
            return _context(self, stamps)

    def _authority_problems(self, file: str) -> list[Problem]:
        problems = []
        for name, place, path in (
            ("SSL_CERT_FILE", "the environment", self.public_authorities),
            ("caCertificates", file, self.own_authorities),
        ):
            if path and (wrong := _file_problem(path)):
                problems.append(Problem(place, None, name, wrong))
        # Unlike those of `Path` this is not raised at a name that is too long.
        if self.public_folder and not os.path.isdir(self.public_folder):  # noqa: PTH112
            wrong = f"{self.public_folder[:300]} is not a folder. Correct the variable or unset it."
            problems.append(Problem("the environment", None, "SSL_CERT_DIR", wrong))
        return problems


def _variable(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return a variable's name and value; the lower-case spelling wins, as in curl."""
    for spelling in (name, name.upper()):
        if text := environ.get(spelling, "").strip():
            return spelling, text
    return name.upper(), ""


def _proxy(text: str) -> Proxy:
    form = "Write it as http://<host>:<port>, or http://<user>:<password>@<host>:<port>"
    if "://" not in text:
        text = f"http://{text}"
    scheme = text.partition("://")[0].lower()
    if scheme not in PORTS:
        raise ValueError(f"picsync speaks to HTTP proxies, not to one of the kind {scheme[:20]!r}. {form}.")
    rest = text.partition("://")[2]
    encode = "with special characters of the password encoded (# as %23, / as %2F, ? as %3F, @ as %40)"
    try:
        url = urlsplit(f"{scheme}://{rest}")
        host, port = url.hostname, url.port
        # `host` of httpx decodes an international name, and so tells whether it is one.
        checked = httpx.URL(scheme=scheme, host=host or "", port=port)
        usable = bool(checked.host) and "%" not in checked.host and port != 0 and url.path in ("", "/")
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable or url.query or url.fragment or rest.count("@") > 1:
        raise ValueError(f"is not the address of a proxy. {form}, {encode}.")
    return Proxy(
        scheme,
        host or "",
        port or PORTS[scheme],
        unquote(url.username or ""),
        unquote(url.password or ""),
    )


def _file_problem(path: str) -> str:
    try:
        if not Path(path).is_file():
            return f"{path} is not there, or is no file. Correct the path or leave the setting out."
        count = _certificates(path, authorities.stamp(path))
    except ssl.SSLError:
        return f"{path} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)."
    except (OSError, ValueError) as error:
        return f"{path} cannot be read: {error}."
    if not count:
        return f"{path} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)."
    return ""


@functools.lru_cache(maxsize=4)
def _certificates(path: str, _stamp: tuple[int, int] | None) -> int:
    """Return how many certificates a file has; a bundle of public ones takes 50 ms, so it is read once."""
    return authorities.count(path)


_making = threading.Lock()
"""Held while a context is made, so that threads that need the same one at the same time share it."""


@functools.lru_cache(maxsize=2)
def _context(network: Network, _stamps: tuple[tuple[int, int] | None, ...]) -> ssl.SSLContext:
    context = authorities.context(network.public_authorities or authorities.public())
    if network.public_folder:
        context.load_verify_locations(capath=network.public_folder)
    if network.own_authorities:
        context.load_verify_locations(network.own_authorities)
    return context


_current: Network | None = None


def use(own_authorities: str | None = None, environ: Mapping[str, str] | None = None) -> Network:
    """Read the environment and set the network of this process; raises ConfigError, with nothing set."""
    global _current
    _current = Network.read(os.environ if environ is None else environ, own_authorities)
    return _current


@contextmanager
def using(own_authorities: str | None) -> Iterator[None]:
    """Use the network of some settings for the time of the context; raises ConfigError as `use` does."""
    global _current
    before = _current
    use(own_authorities)
    try:
        yield
    finally:
        _current = before


def current() -> Network:
    """Return the network of this process; raises ConfigError if the environment makes none."""
    return _current or use()
