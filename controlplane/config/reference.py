"""The API reference, made from the OpenAPI document: operations grouped by tag, with parameters and curl examples.

Pure over the document, so that the page needs no script and works under the CSP.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    where: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    description: str
    body: str


@dataclass(frozen=True, slots=True)
class ApiOperation:
    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    body: str
    answers: tuple[Answer, ...]
    curl: str


@dataclass(frozen=True, slots=True)
class Group:
    tag: str
    operations: tuple[ApiOperation, ...]


def groups(schema: Mapping[str, Any], base_url: str) -> tuple[Group, ...]:
    found: dict[str, list[ApiOperation]] = {}
    for path, methods in schema.get("paths", {}).items():
        for method in METHODS:
            if method in methods:
                tag = (methods[method].get("tags") or ["other"])[0]
                found.setdefault(tag, []).append(_operation(schema, path, method, methods[method], base_url))
    return tuple(Group(tag, tuple(operations)) for tag, operations in sorted(found.items()))


def _operation(
    schema: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any], base_url: str
) -> ApiOperation:
    body = _body(schema, operation)
    return ApiOperation(
        id=operation.get("operationId", f"{method}-{path}"),
        method=method.upper(),
        path=path,
        summary=operation.get("summary") or operation.get("operationId", ""),
        description=operation.get("description", ""),
        parameters=tuple(_parameter(each) for each in operation.get("parameters", ())),
        body=body,
        answers=tuple(_answers(schema, operation)),
        curl=_curl(method, base_url + path, body),
    )


def _parameter(raw: Mapping[str, Any]) -> Parameter:
    kind = raw.get("schema", {})
    words = [str(kind.get("type", "any"))]
    if "enum" in kind:
        words = [", ".join(map(str, kind["enum"]))]
    if "minimum" in kind or "maximum" in kind:
        words.append(f"{kind.get('minimum', '')}…{kind.get('maximum', '')}")
    return Parameter(
        raw["name"], raw["in"], " ".join(words), bool(raw.get("required")), raw.get("description", "")
    )


def _answers(schema: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[Answer]:
    for status, answer in sorted(operation.get("responses", {}).items()):
        content = answer.get("content", {})
        body = ""
        if status.startswith("2") and "application/json" in content:
            body = _pretty(example_of(schema, content["application/json"].get("schema", {})))
        yield Answer(status, answer.get("description", "") or "Done", body)


def _body(schema: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    media = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if not media:
        return ""
    for example in media.get("examples", {}).values():
        return _pretty(example.get("value"))
    return _pretty(example_of(schema, media.get("schema", {})))


def example_of(schema: Mapping[str, Any], kind: Mapping[str, Any], depth: int = 0) -> Any:
    """A value of the shape that a JSON schema describes."""
    if depth > MAX_DEPTH:
        return "…"
    if "$ref" in kind:
        name = kind["$ref"].rpartition("/")[2]
        return example_of(schema, schema["components"]["schemas"].get(name, {}), depth + 1)
    for combined in ("oneOf", "anyOf", "allOf"):
        if kind.get(combined):
            return example_of(schema, kind[combined][0], depth)
    if "enum" in kind:
        return kind["enum"][0]
    return _plain_example(schema, kind, depth)


def _plain_example(schema: Mapping[str, Any], kind: Mapping[str, Any], depth: int) -> Any:
    declared = kind.get("type")
    name = declared[0] if isinstance(declared, list) and declared else declared
    match name:
        case "object":
            return {
                key: example_of(schema, value, depth + 1)
                for key, value in kind.get("properties", {}).items()
                if not value.get("writeOnly")
            }
        case "array":
            return [example_of(schema, kind.get("items", {}), depth + 1)]
        case "integer" | "number":
            return kind.get("default", kind.get("minimum", 0))
        case "boolean":
            return kind.get("default", False)
        case "string":
            formats = {"date-time": "2026-01-31T12:00:00Z", "uuid": "0b0c3c52-7a0f-4e57-9a5c-3f2a7f4d1e11"}
            return kind.get("default", formats.get(kind.get("format", ""), "…"))
        case _:
            return None


def _curl(method: str, url: str, body: str) -> str:
    parts = ["curl -sS", f'-H "Authorization: Token $KASTELLAN_TOKEN" {url}']
    if method != "get":
        parts.insert(1, f"-X {method.upper()}")
    if method in ("put", "patch", "delete"):
        parts.append("-H 'If-Match: \"ETAG\"'")
    if body:
        parts.append(f"-H 'Content-Type: application/json' -d '{json.dumps(json.loads(body))}'")
    return " ".join(parts)


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
