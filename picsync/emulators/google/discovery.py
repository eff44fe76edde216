"""Discovery documents, generated from the emulator's methods and their messages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from picsync.emulators.google import schemas
from picsync.emulators.google.account import SCOPE_PREFIX
from picsync.emulators.google.api import COMMON_PARAMETERS, Method
from picsync.emulators.google.errors import json_answer
from picsync.emulators.google.pages import not_found
from picsync.emulators.google.schemas import Message
from picsync.emulators.service import origin

_QUERY: Mapping[str, Mapping[str, Any]] = {
    "pageSize": {"type": "integer", "format": "int32"},
    "excludeNonAppCreatedData": {"type": "boolean"},
    "prettyPrint": {"type": "boolean", "default": "true"},
    "alt": {"type": "string", "enum": ["json"], "default": "json"},
    "updateMask": {"type": "string", "format": "google-fieldmask"},
    "mediaItemIds": {"type": "string", "repeated": True},
}


@dataclass(frozen=True, slots=True)
class Discovery:
    """Serves the discovery document of one API."""

    name: str
    title: str
    host: str
    messages: Mapping[str, Message]
    methods: Sequence[Method]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the document with the URL under which this client reaches the API."""
        if request.query.get("version", "v1") != "v1":
            return await not_found(request)
        return json_answer(self._document(origin(request, self.host)))

    def _document(self, root: str) -> Mapping[str, Any]:
        resources: dict[str, dict[str, dict[str, Any]]] = {}
        scopes: set[str] = set()
        for method in self.methods:
            resource, _, verb = method.identity.partition(".")
            resources.setdefault(resource, {"methods": {}})["methods"][verb] = _method(self.name, method)
            scopes.update(SCOPE_PREFIX + scope for scope in method.scopes)
        return {
            "kind": "discovery#restDescription",
            "discoveryVersion": "v1",
            "id": f"{self.name}:v1",
            "name": self.name,
            "version": "v1",
            "title": self.title,
            "protocol": "rest",
            "rootUrl": f"{root}/",
            "servicePath": "",
            "basePath": "",
            "baseUrl": f"{root}/",
            "batchPath": "batch",
            "auth": {"oauth2": {"scopes": {scope: {"description": scope} for scope in sorted(scopes)}}},
            "parameters": {each: _in_query(each) for each in sorted(COMMON_PARAMETERS)},
            "schemas": schemas.described(self.messages),
            "resources": resources,
        }


def _method(api: str, method: Method) -> dict[str, Any]:
    in_path = re.findall(r"\{(\w+)\}", method.path)
    parameters: dict[str, dict[str, Any]] = {
        name: {"location": "path", "required": True, "type": "string", "pattern": "^[^/]+$"}
        for name in in_path
    }
    parameters |= {name: _in_query(name) for name in sorted(method.query)}
    described: dict[str, Any] = {
        "id": f"{api}.{method.identity}",
        "path": re.sub(r"\{(\w+)\}", r"{+\1}", method.path.removeprefix("/")),
        "flatPath": method.path.removeprefix("/"),
        "httpMethod": method.verb,
        "parameters": parameters,
        "parameterOrder": in_path,
        "response": {"$ref": method.response},
        "scopes": [SCOPE_PREFIX + scope for scope in method.scopes],
    }
    if method.request:
        described["request"] = {"$ref": method.request}
    return described


def _in_query(name: str) -> dict[str, Any]:
    return {"location": "query", **_QUERY.get(name, {"type": "string"})}
