"""The page about the API, made of the OpenAPI document; it needs no script and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from picsync.web.family.guards import Viewer
from picsync.web.family.pages import page

router = APIRouter(include_in_schema=False)

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request does."""

    method: str
    path: str
    text: str
    fields: tuple[tuple[str, str, str], ...]
    """Of the request: name, type, description."""
    answer: str


@router.get("/api")
async def reference(request: Request, session: Viewer) -> Response:
    """Show what programs can do."""
    document = request.app.openapi()
    topics: dict[str, list[Operation]] = {}
    for topic, operation in _operations(document):
        topics.setdefault(topic, []).append(operation)
    return page(request, "api.html", session, topics=topics)


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if (about := methods.get(method)) is None:
                continue
            fields = [
                (each["name"], _type(each.get("schema", {})), each.get("description", ""))
                for each in about.get("parameters", ())
            ]
            for content in about.get("requestBody", {}).get("content", {}).values():
                fields += _fields(content.get("schema", {}), document)
            yield (
                (about.get("tags") or ["other"])[0],
                Operation(
                    method.upper(),
                    path,
                    about.get("description", ""),
                    tuple(fields),
                    _answer(about["responses"]),
                ),
            )


def _fields(schema: Mapping[str, Any], document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    found = document["components"]["schemas"].get(_name(schema), schema)
    return [
        (name, _type(each), each.get("description", "")) for name, each in found.get("properties", {}).items()
    ]


def _answer(responses: Mapping[str, Any]) -> str:
    for status, response in responses.items():
        if status.startswith("2"):
            types = {_type(each.get("schema", {})) for each in response.get("content", {}).values()}
            return " ".join([status, *sorted(types - {""})])
    return ""


def _type(schema: Mapping[str, Any]) -> str:
    """Return a type in few words."""
    if name := _name(schema):
        return name
    if some := schema.get("anyOf"):
        return " or ".join(_type(each) for each in some)
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", ""))


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]
