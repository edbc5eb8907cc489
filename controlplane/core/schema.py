"""How operations describe themselves in the OpenAPI document: problem answers, headers, operation ids."""

from __future__ import annotations

import inspect
import re
from typing import Any, ClassVar, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.views import APIView

#: Where a domain's package is called otherwise than people would call it.
TAGS = {
    "users": "kafka users",
    "workers": "connect",
    "accounts": "users",
    "audit": "operations",
    "config": "about",
}
HTTP_METHODS = ("get", "post", "put", "patch", "delete")


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457. `code` is stable; `detail` says what happened, `hint` what to do."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    retriable = serializers.BooleanField()
    request_id = serializers.CharField()
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False
    )


class ProblemAutoSchema(AutoSchema):  # type: ignore[no-untyped-call, unused-ignore]
    """Adds the problem answers that every operation may give, where the view does not describe its own."""

    common: ClassVar[dict[str, str]] = {
        "401": "No valid token or session",
        "403": "The role or the token's scopes do not allow it",
        "404": "There is no such object, or you may not see it",
        "503": "Kafka or a part of the control plane cannot be reached",
    }
    for_writes: ClassVar[dict[str, str]] = {
        "400": "The body is not JSON",
        "409": "In conflict with the present state",
        "415": "The body is not application/json",
        "422": "Not valid, or refused with reasons",
    }
    for_conditional: ClassVar[dict[str, str]] = {
        "412": "The state moved since the tag was taken",
        "428": "If-Match is required",
    }

    def get_operation_id(self) -> str:
        """`<verb>_<view>` where a view does not name its operation: two views never share one."""
        verb = {"get": "get", "post": "post", "put": "put", "patch": "alter", "delete": "delete"}
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self.view).__name__).lower()
        return f"{verb.get(self.method.lower(), self.method.lower())}_{name}"

    def get_description(self) -> str:  # type: ignore[override, unused-ignore]
        """Only what was written about this very view: the words of a base class are for its authors."""
        return inspect.cleandoc(vars(type(self.view)).get("__doc__") or "")

    def get_tags(self) -> list[str]:
        """One tag per domain; brokers stand apart from the clusters that they belong to."""
        domain = type(self.view).__module__.split(".")[1]
        if domain == "clusters":
            return ["brokers" if "/brokers/" in self.path else "clusters"]
        return [TAGS.get(domain, domain.replace("_", " "))]

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction)  # type: ignore[no-untyped-call, unused-ignore]
        component = self.resolve_serializer(ProblemSerializer, "response")  # type: ignore[no-untyped-call, unused-ignore]
        extra = dict(self.common)
        if self.method in ("GET",):
            extra["422"] = "A parameter is not valid"
        else:
            extra |= self.for_writes
        if self.method in ("PUT", "PATCH", "DELETE") or self._takes_a_condition():
            extra |= self.for_conditional
        for status, description in extra.items():
            content = {"application/problem+json": {"schema": component.ref}}
            bodies.setdefault(status, {"content": content, "description": description})
        return bodies

    def _takes_a_condition(self) -> bool:
        named = self.get_override_parameters()  # type: ignore[no-untyped-call, unused-ignore]
        return any(isinstance(each, OpenApiParameter) and each.name == "If-Match" for each in named)


def query_parameters(view: APIView, method: str) -> dict[str, OpenApiParameter] | None:
    """What the document says that an operation takes; None for a method that it does not describe."""
    handler = getattr(type(view), method.lower(), None)
    described = getattr(handler, "kwargs", {}).get("schema")
    if described is None:
        return None
    schema: Any = described()
    schema.view, schema.method = view, method
    named = [each for each in schema.get_override_parameters() if isinstance(each, OpenApiParameter)]
    return {each.name: each for each in named if each.location == OpenApiParameter.QUERY}


def describe_headers(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Idempotency-Key on POST, If-Match on PUT, PATCH and DELETE: handled by the base view, so described here."""
    for operations in result.get("paths", {}).values():
        for method in HTTP_METHODS:
            if method in operations and method != "get":
                parameters = operations[method].setdefault("parameters", [])
                header = _header(method)
                if all(each["name"] != header["name"] for each in parameters):
                    parameters.append(header)
    return result


def close_request_bodies(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """`core.rest.valid_data` refuses unknown fields: the document says so."""
    for name, component in result.get("components", {}).get("schemas", {}).items():
        if name.endswith("Request") and "properties" in component:
            component["additionalProperties"] = False
    return result


def _header(method: str) -> dict[str, Any]:
    if method == "post":
        return {
            "in": "header",
            "name": "Idempotency-Key",
            "description": "Repeats of the request under one key have one effect; kept for 24 hours.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
        }
    return {
        "in": "header",
        "name": "If-Match",
        "description": "The ETag of the state that the change was decided on. Required where the answer 428 says so.",
        "schema": {"type": "string"},
    }
