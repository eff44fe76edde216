"""The credentials file: types of its values, sections of all kinds, and named accounts.

Every field may be missing from the file: which ones are needed depends on their use, so `Account.require`
reports missing ones when they are needed. Secrets have a type that does not print itself. The kinds declare
the sections (`Kind.credentials`); the keys are those of the Go picsync.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    SkipValidation,
    ValidationInfo,
    create_model,
)

from picsync.config.named import Entry, read_entries_of_kinds
from picsync.core.errors import ConfigError, Problem
from picsync.core.text import pasted
from picsync.core.values import dataclass

FILE_NAME = ".picsync-credentials.yaml"
CREDENTIALS_PATHS = (Path(FILE_NAME), Path("/etc/picsync-credentials") / FILE_NAME)
"""Where the credentials file is looked for; the first one that exists is read."""

EMPTY = SecretStr("")

Logins: TypeAlias = Mapping[str, type[BaseModel]]
"""Kind -> the model of an account's section, for kinds that need an account."""
M = TypeVar("M", bound=BaseModel)


def _key(value: str) -> str:
    """Return a key without white space copied along; it must be valid in an HTTP header."""
    key = pasted(value)
    wrong = next((at for at, one in enumerate(key, 1) if not "!" <= one <= "~"), None)
    if wrong is not None:
        raise ValueError(
            f"has a character that keys do not contain, such as a space or an accent, at position {wrong};"
            " copy it again"
        )
    return key


def _secret_key(value: SecretStr) -> SecretStr:
    return SecretStr(_key(value.get_secret_value()))


def _password(value: SecretStr) -> SecretStr:
    """Return a password without a trailing line end; any other character may be intended."""
    return SecretStr(value.get_secret_value().rstrip("\r\n").removeprefix("\ufeff"))


Key: TypeAlias = Annotated[str, AfterValidator(_key)]
SecretKey: TypeAlias = Annotated[SecretStr, AfterValidator(_secret_key)]
"""A secret that is sent in a header or a form, and contains only characters that are valid in both."""
Password: TypeAlias = Annotated[SecretStr, AfterValidator(_password)]


class Section(BaseModel):
    """Base of all sections of the credentials file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class NamedAccount(Section):
    """Common keys of every entry under `accounts:`."""

    kind: str = Field(
        description="The kind of the account: the name of the section that it would have on its own.",
        examples=["nixplay"],
    )


def _accounts(value: object, info: ValidationInfo) -> object:
    logins = info.context if isinstance(info.context, Mapping) else {}
    return read_entries_of_kinds(value, logins, noun="account")


Accounts: TypeAlias = Annotated[SkipValidation[Mapping[str, Entry]], BeforeValidator(_accounts)]


@lru_cache(maxsize=8)
def _file_model(logins: tuple[tuple[str, type[BaseModel]], ...]) -> type[BaseModel]:
    sections: dict[str, Any] = {
        kind: (model | None, Field(default=None, description=inspect.getdoc(model))) for kind, model in logins
    }
    return create_model(
        "CredentialsFile",
        __base__=Section,
        **sections,
        accounts=(
            Accounts,
            Field(
                default_factory=dict,
                description="Additional accounts, by names of your choice: `kind`, and the keys that the "
                "section of that kind has. In picsync.yaml, an account of a source is named under "
                "`sources:`, one of a frame under `frames:`.",
                examples=['{grandpa: {kind: nixplay, username: hans, password: "<password>"}}'],
            ),
        ),
        smugmug=(Any, Field(default=None, repr=False, description="Ignored; used by the Go picsync only.")),
    )


def file_model(logins: Logins) -> type[BaseModel]:
    """Return the model of the whole file."""
    return _file_model(tuple(logins.items()))


@dataclass(frozen=True, slots=True)
class Account:
    """A login at a service, or a server; named after its kind unless the user named it."""

    name: str
    kind: str
    section: BaseModel | None = None
    """Its section of the credentials; None if there is none."""
    file: str = FILE_NAME
    """The file, for messages."""

    @property
    def named(self) -> bool:
        """Whether the user chose its name."""
        return self.name != self.kind

    @property
    def keys(self) -> tuple[str, ...]:
        """The path of its section."""
        return ("accounts", self.name) if self.named else (self.kind,)

    @property
    def section_name(self) -> str:
        """The path of its section, for messages."""
        return ".".join(self.keys)

    def read(self, model: type[M]) -> M:
        """Return its section, empty if there is none."""
        return model() if self.section is None else cast("M", self.section)

    def require(self, values: Mapping[str, str], advice: str) -> None:
        """Raise ConfigError if one of the values is empty; `values` are by key within the section."""
        missing = [name for name, value in values.items() if not value]
        if missing:
            problems = [
                Problem(self.file, None, f"{self.section_name}.{name}", "is missing.") for name in missing
            ]
            raise ConfigError(problems, hint=f"{advice}.")

    def example(self, inside: str) -> str:
        """Return an example of its section, with `inside` between the braces."""
        if self.named:
            return f"`accounts: {{{self.name}: {{kind: {self.kind}, {inside}}}}}`"
        return f"`{self.kind}: {{{inside}}}`"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The content of credentials file and environment, and where the file was looked for."""

    sections: Mapping[str, BaseModel] = field(default_factory=dict)
    """Sections of the accounts that are named after their kind."""
    named: Mapping[str, Entry] = field(default_factory=dict)
    """The accounts under `accounts:`."""
    path: Path | None = None
    """The file that was read; None if there was none."""
    looked_for: tuple[Path, ...] = CREDENTIALS_PATHS
    warnings: tuple[Problem, ...] = ()
    """Warnings that do not stop picsync, such as about a file that everyone can read."""

    @property
    def kinds(self) -> dict[str, str]:
        """Name of every configured account -> its kind."""
        named = {name: entry.kind for name, entry in self.named.items()}
        return {**{kind: kind for kind in self.sections}, **named}

    def account(self, name: str) -> Account:
        """Return an account; one without configuration is named after its kind."""
        if name in self.named:
            entry = self.named[name]
            return Account(name, entry.kind, entry.options, self._file())
        return Account(name, name, self.sections.get(name), self._file())

    def _file(self) -> str:
        return str(self.path) if self.path else f"{_listed(self.looked_for)} (no such file)"


def _listed(paths: Sequence[Path]) -> str:
    return " or ".join(str(path) for path in paths) or FILE_NAME
