"""Grafana and Prometheus: the page that says how, its files, and the same files in the API."""

from __future__ import annotations

import io
import zipfile
from typing import ClassVar
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from controlplane.clusters.access import cluster_view
from controlplane.clusters.models import Cluster
from controlplane.clusters.rest import ClusterApiView
from controlplane.core.access import Action
from controlplane.core.downloads import attachment
from controlplane.core.pages import render_page
from controlplane.metrics import federation, grafana, pages
from controlplane.metrics.boards import BOARDS, OF_CLUSTER

#: ZIP has no zone and nothing before 1980; the same boards give the same bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)


@require_safe
@cluster_view(Action.METRICS_VIEW)
def page(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    return render_page(
        request,
        pages.ExportPage(
            cluster=cluster,
            boards=OF_CLUSTER,
            dashboards=tuple(BOARDS.values()),
            source=_source(request, cluster.name),
            scrape=_scrape(request, cluster.name),
        ),
    )


@require_safe
@cluster_view(Action.METRICS_VIEW)
def grafana_files(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    return _zip(request, cluster.name)


@require_safe
@cluster_view(Action.METRICS_VIEW)
def scrape_config(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    return _yaml(request, cluster.name)


class GrafanaApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.METRICS_VIEW}

    @extend_schema(
        summary="Download Grafana dashboards",
        description="A ZIP: dashboards, and the provisioning files of the data source and of the folder.",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
        tags=["metrics"],
    )
    def get(self, request: Request, cluster: str) -> HttpResponse:
        return _zip(request, self.cluster.name)


class ScrapeConfigApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.METRICS_VIEW}

    @extend_schema(
        summary="Read the scrape configuration for a Prometheus",
        responses={(200, "application/yaml"): OpenApiTypes.OBJECT},
        tags=["metrics"],
    )
    def get(self, request: Request, cluster: str) -> HttpResponse:
        return _yaml(request, self.cluster.name)


def _zip(request: HttpRequest | Request, cluster: str) -> HttpResponse:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in grafana.files(cluster, _source(request, cluster)).items():
            archive.writestr(zipfile.ZipInfo(f"kastellan-grafana/{path}", EPOCH), text, zipfile.ZIP_DEFLATED)
    return attachment(made.getvalue(), "application/zip", f"kastellan-grafana-{cluster}.zip")


def _yaml(request: HttpRequest | Request, cluster: str) -> HttpResponse:
    return attachment(_scrape(request, cluster).encode(), "application/yaml", f"prometheus-{cluster}.yml")


def _source(request: HttpRequest | Request, cluster: str) -> str:
    """The Prometheus API's address, as this request reached us."""
    path = reverse("api:prometheus:query", args=(cluster,)).removesuffix("/api/v1/query")
    return request.build_absolute_uri(path)


def _scrape(request: HttpRequest | Request, cluster: str) -> str:
    address = urlsplit(request.build_absolute_uri(reverse("api:prometheus:federate", args=(cluster,))))
    return federation.scrape_config(cluster, scheme=address.scheme, host=address.netloc, path=address.path)
