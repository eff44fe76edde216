"""A client made from an emulated discovery document, and the document as a check of what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build

from picsync.emulators.google import GooglePhotos
from picsync.emulators.server import EmulatorServer

_JSON: Mapping[str, type] = {"string": str, "boolean": bool, "integer": int, "object": dict, "any": object}


class Client:
    """Google's client of an API, beginning with a refresh token only; holds responds against the document."""

    def __init__(self, server: EmulatorServer, google: GooglePhotos, host: str, *scopes: str) -> None:
        issued = google.issue_credentials(scopes) if scopes else google.issue_credentials()
        self._credentials = Credentials(  # type: ignore[no-untyped-call]
            None,
            refresh_token=issued["refresh_token"],
            token_uri=f"{server.url}/oauth2.googleapis.com/token",
            client_id=issued["client_id"],
            client_secret=issued["client_secret"],
        )
        self._url = f"{server.url}/{host}/$discovery/rest?version="
        self._name = host.partition(".")[0]
        self._service: Any = None
        self.called: set[str] = set()

    def __enter__(self) -> Client:
        self._service = build(
            self._name,
            "v1",
            credentials=self._credentials,
            discoveryServiceUrl=f"{self._url}{{apiVersion}}",
            static_discovery=False,
            cache_discovery=False,
        )
        self.document: Mapping[str, Any] = httpx.get(f"{self._url}v1").raise_for_status().json()
        return self

    def __exit__(self, *_: object) -> None:
        self._service.close()

    def __call__(self, name: str, **parameters: Any) -> Any:
        """Call a method such as `albums.list`; raises what the client raises."""
        resource, _, verb = name.partition(".")
        self.called.add(name)
        value = getattr(getattr(self._service, resource)(), verb)(**parameters).execute()
        conforms(
            self.document, self.document["resources"][resource]["methods"][verb]["response"], value, name
        )
        return value

    @property
    def methods(self) -> set[str]:
        """All methods of the document."""
        return {
            f"{name}.{verb}"
            for name, resource in self.document["resources"].items()
            for verb in resource["methods"]
        }


def conforms(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any, path: str = "") -> None:
    """Fail unless a JSON value has the schema's type, to any depth, and no field beyond it."""
    if "$ref" in schema:
        schema = document["schemas"][schema["$ref"]]
    kind = schema["type"]
    if kind == "array":
        assert isinstance(value, list), path
        assert value, f"{path}: an empty list is a default and left out"
        for number, each in enumerate(value):
            conforms(document, schema["items"], each, f"{path}[{number}]")
    elif "properties" in schema:
        assert isinstance(value, dict), path
        assert value.keys() <= schema["properties"].keys(), path
        for name, each in value.items():
            assert each not in ("", None, False), f"{path}.{name}: a default is left out"
            conforms(document, schema["properties"][name], each, f"{path}.{name}")
    elif kind == "number":
        assert isinstance(value, int | float), path
    else:
        assert isinstance(value, _JSON[kind]), f"{path}: {value!r}"
        assert isinstance(value, bool) == (kind == "boolean"), path
        assert "enum" not in schema or value in schema["enum"], f"{path}: {value!r}"
        assert schema.get("format") != "int64" or int(str(value)), path
