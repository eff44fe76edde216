"""The discovery document of the Library API, made from the methods that the emulator has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from picsync.emulators.google.account import SCOPE_PREFIX
from picsync.emulators.google.api import Method

_VERBS = re.compile(
    r"BatchAdd|BatchRemove|BatchGet|BatchCreate|List|Create|Get|Update|Search|Share|Unshare|Join|Leave"
)
_NAMES = {
    "BatchAdd": "batchAddMediaItems",
    "BatchRemove": "batchRemoveMediaItems",
    "Update": "patch",
}


def document(methods: Iterable[Method], root: str) -> Mapping[str, Any]:
    """Return the document for a client that reaches the API at `root` (no trailing slash)."""
    resources: dict[str, dict[str, dict[str, Any]]] = {}
    scopes: set[str] = set()
    for method in methods:
        resource = re.split(r"[/:]", method.path.removeprefix("/v1/"))[0]
        verb = _VERBS.match(method.name)
        name = "" if verb is None else _NAMES.get(verb[0], verb[0][0].lower() + verb[0][1:])
        described = resources.setdefault(resource, {"methods": {}})["methods"]
        described[name] = _method(method, f"photoslibrary.{resource}.{name}")
        scopes.update(method.scopes)
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": "photoslibrary:v1",
        "name": "photoslibrary",
        "version": "v1",
        "title": "Photos Library API",
        "protocol": "rest",
        "rootUrl": f"{root}/",
        "servicePath": "",
        "baseUrl": f"{root}/",
        "batchPath": "batch",
        "auth": {
            "oauth2": {"scopes": {SCOPE_PREFIX + scope: {"description": scope} for scope in sorted(scopes)}}
        },
        "parameters": {"fields": {"location": "query", "type": "string"}},
        "schemas": {"Any": {"id": "Any", "type": "object", "additionalProperties": {"type": "any"}}},
        "resources": resources,
    }


def _method(method: Method, identity: str) -> dict[str, Any]:
    in_path = re.findall(r"\{(\w+)\}", method.path)
    parameters: dict[str, dict[str, Any]] = {
        name: {"location": "path", "required": True, "type": "string", "pattern": "^[^/]+$"}
        for name in in_path
    }
    for name in sorted(method.query):
        kind = {"pageSize": "integer", "excludeNonAppCreatedData": "boolean"}.get(name, "string")
        parameters[name] = {"location": "query", "type": kind}
        if name == "mediaItemIds":
            parameters[name]["repeated"] = True
    described: dict[str, Any] = {
        "id": identity,
        "path": re.sub(r"\{(\w+)\}", r"{+\1}", method.path.removeprefix("/")),
        "flatPath": method.path.removeprefix("/"),
        "httpMethod": method.verb,
        "parameters": parameters,
        "parameterOrder": in_path,
        "response": {"$ref": "Any"},
        "scopes": [SCOPE_PREFIX + scope for scope in method.scopes],
    }
    if method.verb != "GET":
        described["request"] = {"$ref": "Any"}
    return described
