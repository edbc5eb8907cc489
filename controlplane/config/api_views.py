"""The API's root, its OpenAPI document, and the reference page made from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.config.reference import Group, groups
from controlplane.config.version import VERSION
from controlplane.core.pages import Page, render_page
from controlplane.core.rest import ApiView, check_parameters


class RootSerializer(serializers.Serializer[Any]):
    version = serializers.CharField()
    actor = serializers.CharField()
    kind = serializers.CharField()
    roles = serializers.DictField(child=serializers.CharField())
    scopes = serializers.ListField(child=serializers.CharField(), allow_null=True)
    schema = serializers.CharField()
    docs = serializers.CharField()


class Root(ApiView):
    @extend_schema(
        operation_id="describe_api",
        summary="Version, and who you are",
        tags=["about"],
        responses=RootSerializer,
    )
    def get(self, request: Request) -> Response:
        actor = self.actor
        return Response(
            {
                "version": VERSION,
                "actor": actor.name,
                "kind": actor.kind,
                "roles": {cluster: role.value for cluster, role in actor.roles.items()},
                "scopes": None if actor.scopes is None else sorted(scope.value for scope in actor.scopes),
                "schema": request.build_absolute_uri("schema/"),
                "docs": request.build_absolute_uri("docs/"),
            }
        )


class Schema(SpectacularAPIView):
    """JSON unless YAML is asked for."""

    renderer_classes = [OpenApiJsonRenderer, OpenApiYamlRenderer]

    @extend_schema(
        operation_id="describe_schema",
        summary="This API as OpenAPI 3.1",
        tags=["about"],
        responses=OpenApiTypes.OBJECT,
        parameters=[OpenApiParameter("format", str, enum=["json", "yaml"])],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        check_parameters(self, request)
        answer: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        return answer


@dataclass(frozen=True)
class ReferencePage(Page):
    template: ClassVar[str] = "api/reference.html"

    groups: tuple[Group, ...]
    base_url: str


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    base = f"{request.scheme}://{request.get_host()}"
    return render_page(request, ReferencePage(groups=groups(schema_document(), base), base_url=base))


@lru_cache(maxsize=1)
def schema_document() -> dict[str, Any]:
    """The same for everybody: what one may do does not change what there is."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call, unused-ignore]
    document: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return document
