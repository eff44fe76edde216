"""The settings of what picsync listens on: the status page, the web pages, and webhooks."""

from __future__ import annotations

import ipaddress
import re
from functools import partial
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, SkipValidation

from picsync.config.options import Options, listed
from picsync.core.values import dataclass
from picsync.http.addresses import web_address

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on."""

    host: str
    """Empty for all of the machine's addresses; an IPv6 address without brackets."""
    port: int
    """0 lets the system choose."""

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def overlaps(self, other: Listen) -> bool:
        """Whether both cannot be listened on at the same time."""
        anywhere = ("", "0.0.0.0", "::")  # noqa: S104 - only compared
        same_host = self.host == other.host or self.host in anywhere or other.host in anywhere
        return same_host and self.port == other.port != 0


def _but_is(value: object) -> str:
    """Return the invalid value, for the end of a message."""
    return f", not {value[:60]!r}" if isinstance(value, str) else ""


def _listen(value: object) -> object:
    if isinstance(value, Listen):
        return value
    text = value if isinstance(value, str) else ""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:\[\]/]*)):([0-9]{1,5})", text)
    if not found or int(found[3]) > 65535:
        raise ValueError(f'must be `":<port>"` or `"<address>:<port>"`, such as ":1971"{_but_is(value)}')
    return Listen(found[1] or found[2] or "", int(found[3]))


def _web_url(value: str) -> str:
    return str(web_address(value, "http://nas:1971/"))


def _root_address(served: str, example: str, value: str) -> str:
    """Return the address of a host; `served` is what picsync serves below it."""
    url = web_address(value, example)
    if url.path not in ("", "/") or url.query or url.fragment:
        raise ValueError(f"must have no path after the host, since {served}: write for example {example}")
    return str(url)


_PAGES = partial(_root_address, "the pages are at /frame/<name>", "http://nas:8090/")
_HOOKS = partial(_root_address, "services call /hooks/<name>", "https://photos.example.org/")


class Listener(Options):
    """The settings of an HTTP listener."""

    listen: Annotated[Listen, BeforeValidator(_listen)] = Field(
        description="Address and port to listen on; without an address, all addresses of the machine. With "
        "port 0, the system chooses a port.",
        examples=['":1971"', '"127.0.0.1:20000"', '"[::1]:9000"'],
    )


class StatusListener(Listener):
    """The listener of the status page and the metrics."""

    address: Annotated[str, AfterValidator(_web_url)] | None = Field(
        default=None,
        description="The URL at which you open the status page; notifications link to it. Without it, they "
        "use this machine's name and the port; in a container, whose name cannot be resolved from outside, "
        "they contain no link.",
        examples=["http://nas:1971/"],
    )


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:_-]+", each):
            raise ValueError(
                f"must be the beginnings of addresses, such as http://homeassistant.local:8123{_but_is(each)}"
            )
    return value


def _networks(value: object) -> object:
    if not isinstance(value, (list, tuple)):
        return value
    return tuple(_network(each) for each in value)


def _network(value: object) -> Network:
    try:
        return ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        raise ValueError(
            f"must be an address such as 172.18.0.2, or a network such as 10.0.0.0/8, not {str(value)[:60]!r}"
        ) from None


class WebListener(Listener):
    """The listener of the pages for everybody at home."""

    listen: Annotated[Listen, BeforeValidator(_listen)] = Field(
        default=Listen("", 8090),
        description="Address and port to listen on; without an address, all addresses of the machine. With "
        "port 0, the system chooses a port.",
        examples=['":8090"', '"192.168.1.20:8090"'],
    )
    url: Annotated[str, AfterValidator(_PAGES)] | None = Field(
        default=None,
        description="The URL at which the other devices reach this listener, for the links that `picsync"
        " frame open` prints. By default this machine's name and the port; in a container, whose name other"
        " devices do not know, set it.",
        examples=["http://nas:8090/"],
    )
    embed: Annotated[
        tuple[str, ...] | None, BeforeValidator(listed), AfterValidator(lambda v: v and _origins(v))
    ] = Field(
        default=None,
        description="The web sites that may show a frame's page inside a page of theirs (`<iframe>`), such"
        " as Home Assistant. An empty list: none. By default all: without the token, such a page shows a"
        " pairing code and no photo.",
        examples=["[http://homeassistant.local:8123]"],
    )
    proxies: Annotated[
        SkipValidation[tuple[Network, ...]], BeforeValidator(_networks), BeforeValidator(listed)
    ] = Field(
        default=(),
        description="Addresses or networks of your reverse proxies. What these say in `X-Forwarded-For`,"
        " `-Proto` and `-Host` is believed; from all others it is ignored. Needed for `family` behind a"
        " proxy: the limits for wrong links are counted by address, and cookies are marked as secure.",
        examples=["[127.0.0.1, 172.18.0.0/16]"],
    )


def _hook_token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{20,200}", value.get_secret_value()):
        raise ValueError(
            "must have 20 to 200 letters, digits, `-` or `_`; `openssl rand -hex 16` prints a good one"
        )
    return value


class Webhooks(Options):
    """The listener of webhooks."""

    listen: Annotated[Listen, BeforeValidator(_listen)] | None = Field(
        default=None,
        description="Address and port to listen on; without an address, all addresses of the machine. By"
        " default webhooks are served on `web.listen`.",
        examples=['":8091"', '"127.0.0.1:8091"'],
    )
    url: Annotated[str, AfterValidator(_HOOKS)] | None = Field(
        default=None,
        description="The URL at which services reach this listener from outside. Only `picsync doctor` uses"
        " it, to check the route.",
        examples=["https://photos.example.org/"],
    )
    token: Annotated[SecretStr, AfterValidator(_hook_token)] | None = Field(
        default=None,
        description="A secret for services other than Dropbox: each `POST /hooks/<token>` starts the next"
        " cycle of all rules. Set it in the environment if other people can read this file. Absent by"
        " default.",
        examples=['"<token>"'],
    )
