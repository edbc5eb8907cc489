"""The MBean explorer: its page, and the same in the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters import selectors as clusters
from controlplane.clusters.access import cluster_view
from controlplane.clusters.models import Cluster
from controlplane.clusters.rest import ClusterApiView
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.pages import render_page
from controlplane.core.rest import list_answer, list_parameters, list_schema
from controlplane.gateways.errors import GatewayError
from controlplane.metrics import mbeans, pages


@require_safe
@cluster_view(Action.METRICS_VIEW)
def page(request: HttpRequest, cluster: Cluster, broker: int) -> HttpResponse:
    search, name = request.GET.get("search", "").strip(), request.GET.get("name", "")
    names: tuple[str, ...] = ()
    opened, error = None, None
    try:
        names = mbeans.search(cluster.name, broker, search)
        opened = mbeans.read(cluster.name, broker, name) if name else None
    except GatewayError as failure:
        error = failure
    return render_page(
        request,
        pages.MBeansPage(
            cluster=cluster,
            broker=broker,
            brokers=tuple(clusters.brokers(cluster).values_list("broker_id", flat=True)),
            search=search,
            found=len(names),
            names=names[: mbeans.MOST],
            opened=opened,
            error=error,
        ),
    )


class MBeanNameSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()


class AttributeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.CharField(allow_blank=True, help_text="Text as it is, everything else as JSON.")


class MBeanSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    attributes = AttributeSerializer(many=True)
    metrics = serializers.ListField(
        child=serializers.CharField(), help_text="Under which names the history has it."
    )


class MBeansApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.METRICS_VIEW}

    @extend_schema(
        summary="Find MBeans of a broker",
        description="`search` are words, all of which a name has to hold.",
        parameters=list_parameters(("name",)),
        responses=list_schema(MBeanNameSerializer),
        tags=["metrics"],
    )
    def get(self, request: Request, cluster: str, broker: int) -> Response:
        found = mbeans.search(self.cluster.name, broker, request.query_params.get("search", ""))
        rows = [{"name": name} for name in found]
        return list_answer(request, rows, dict, sortable=("name",), default_sort="name")


class MBeanApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.METRICS_VIEW}

    @extend_schema(
        summary="Read an MBean of a broker",
        parameters=[OpenApiParameter("name", str, required=True, description="Its whole object name.")],
        responses=MBeanSerializer,
        tags=["metrics"],
    )
    def get(self, request: Request, cluster: str, broker: int) -> Response:
        name = request.query_params.get("name", "")
        if not name:
            raise Invalid(fields={"name": ["The whole object name of an MBean."]})
        return Response(asdict(mbeans.read(self.cluster.name, broker, name)))
