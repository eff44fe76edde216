"""The credentials file's section for the bucket of the family's library."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from picsync.config.credentials import EMPTY, Account, Key, SecretKey, Section
from picsync.core.text import pasted
from picsync.http.addresses import base_address


def _endpoint(value: str) -> str:
    if not pasted(value):
        return ""
    url = base_address(value, "https://minio.example.org:9000", "only the service's address")
    return str(url).rstrip("/")


class StorageKey(Section):
    """Access to the bucket of `family.library`, for a library in object storage."""

    access_key_id: Key = Field(
        default="",
        repr=False,
        description="ID of a key that may list, read, write and delete in the bucket.",
        examples=["<key-ID>"],
    )
    secret_access_key: SecretKey = Field(
        default=EMPTY, description="The secret of that key.", examples=['"<secret-key>"']
    )
    endpoint: Annotated[str, AfterValidator(_endpoint)] = Field(
        default="",
        description="Address of the service, at which the family's browsers reach it, too; none for AWS.",
        examples=["https://minio.example.org:9000"],
    )
    region: Key = Field(
        default="",
        description="The region of the bucket; `us-east-1` by default. Garage: `garage`, R2: `auto`.",
        examples=["eu-central-1"],
    )


def require_storage_key(account: Account) -> StorageKey:
    """Return a section with a key; raises ConfigError, which says what is missing."""
    key = account.read(StorageKey)
    account.require(
        {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key.get_secret_value()},
        "`family.library` is in object storage. Write a key of its bucket there:"
        f" {account.example('access_key_id: <ID>, secret_access_key: <secret>')}",
    )
    return key
