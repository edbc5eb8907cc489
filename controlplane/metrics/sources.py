"""Sources of a broker's metrics behind one interface: who is polled, and the samples of one, under the names of `names`.

`Jolokia` of bundled brokers, `PrometheusText` of external ones. A cluster whose metrics are on a Prometheus server
(`remote`) has nobody to poll: nothing of it is written here.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from controlplane.clusters import selectors as clusters
from controlplane.clusters.models import Cluster
from controlplane.core.secrets import context_for, decrypt
from controlplane.gateways import broker as bundled
from controlplane.gateways.addresses import PRIVATE, Allowed
from controlplane.gateways.errors import AuthenticationFailed, BadAnswer, NotFound
from controlplane.gateways.jolokia import Endpoint, read_mbeans
from controlplane.gateways.outbound import Outbound, parse_url, trusting
from controlplane.metrics.logic import sources as logic
from controlplane.metrics.logic.exposition import Raw, normalised
from controlplane.metrics.logic.sources import Broker, SourceRequest
from controlplane.metrics.models import MetricSource, SourceKind
from controlplane.metrics.names import QUERIES, Sample, samples_of

#: Of one exposition. A broker with thousands of topics has some megabytes.
MOST_BYTES = 24_000_000
MOST_LINES = 200_000
TIMEOUT_S = 5.0


class Source(Protocol):
    def targets(self) -> tuple[int, ...]:
        """The brokers that are polled."""
        ...

    def read(self, broker: int) -> list[Sample]:
        """Raises GatewayError."""
        ...


@dataclass(frozen=True, slots=True)
class Jolokia:
    """The agents of a bundled cluster, on loopback."""

    cluster: str

    def targets(self) -> tuple[int, ...]:
        return tuple(node.id for node in bundled.bundled_cluster(self.cluster).staying)

    def endpoint(self, broker: int) -> Endpoint:
        spec = bundled.bundled_cluster(self.cluster)
        found = bundled.jolokia_endpoint(spec, spec.node(broker))
        return Endpoint(found.url, found.username, found.password_file)

    def read(self, broker: int) -> list[Sample]:
        return samples_of(read_mbeans(self.endpoint(broker), QUERIES))


@dataclass(frozen=True, slots=True)
class PrometheusText:
    """What each broker's exporter says, by an address of its own or a template."""

    request: SourceRequest
    brokers: tuple[Broker, ...]
    secret: str = ""

    def targets(self) -> tuple[int, ...]:
        # One that is named is asked also where Kafka does not know it (yet): its silence is worth knowing.
        named = logic.named_brokers(self.request.urls)
        return tuple(sorted({*named, *(b.id for b in self.brokers if logic.url_of(self.request.urls, b))}))

    def read(self, broker: int) -> list[Sample]:
        return normalised(self.lines(broker))

    def lines(self, broker: int) -> list[Raw]:
        return list(parsed(self.text(broker)))

    def text(self, broker: int) -> str:
        known = next((each for each in self.brokers if each.id == broker), Broker(broker, ""))
        url = logic.url_of(self.request.urls, known)
        if url is None:
            raise NotFound(f"No address of metrics is known of broker {broker}")
        answer = outbound_for(self.request, url).request(
            "GET",
            url,
            headers={
                "Accept": "text/plain;version=0.0.4",
                **authorization(self.request.username, self.secret),
            },
            timeout_s=TIMEOUT_S,
            max_bytes=MOST_BYTES,
        )
        check_status(answer.status, url)
        return answer.body.decode("utf-8", "replace")


def parsed(text: str) -> Iterator[Raw]:
    """Raises BadAnswer for what is no Prometheus text."""
    try:
        for count, sample in enumerate(
            each for family in text_string_to_metric_families(text) for each in family.samples
        ):
            if count >= MOST_LINES:
                raise BadAnswer(
                    f"More than {MOST_LINES:,} series", "Leave out what nobody looks at, in its rules"
                )
            yield Raw(sample.name, sample.labels, float(sample.value))
    except (ValueError, IndexError, KeyError) as error:
        raise BadAnswer("The answer is no Prometheus text", "Is it the address of the exporter?") from error


def check_status(status: int, url: str) -> None:
    if status in (401, 403):
        raise AuthenticationFailed(f"{url} answered {status}", "Check user, password or token of the metrics")
    if not 200 <= status < 300:
        raise BadAnswer(f"{url} answered {status}")


def authorization(username: str, secret: str) -> dict[str, str]:
    if username:
        pair = b64encode(f"{username}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {"Authorization": f"Bearer {secret}"} if secret else {}


def outbound_for(request: SourceRequest, url: str) -> Outbound:
    return Outbound(allowed_for(request, url), tls=trusting(request.ca_pem))


def allowed_for(request: SourceRequest, url: str) -> Allowed:
    """What the installation allows; where an administrator allowed it, the address that was typed, or of addresses that
    brokers advertise the private networks."""
    if not request.allow_private:
        return Allowed.of(settings.ALLOWED_TARGETS)
    own = PRIVATE if logic.takes_hosts(request.urls) else (parse_url(url).hostname or "",)
    return Allowed.of([*settings.ALLOWED_TARGETS, *filter(None, own)])


def row_of(cluster: Cluster) -> MetricSource | None:
    return MetricSource.objects.filter(cluster=cluster).first() if cluster.external else None


def request_of(row: MetricSource) -> SourceRequest:
    return SourceRequest(
        row.kind,
        tuple(row.urls.split("\n")),
        row.matchers,
        row.username,
        None,
        row.allow_private,
        row.ca_pem,
    )


def secret_of(row: MetricSource) -> str:
    return decrypt(row.secret, context=secret_context(row)) if row.secret else ""


def secret_context(row: MetricSource) -> str:
    return context_for("metrics_metricsource", row.pk, "secret")


def source_of(name: str) -> Source | None:
    """None where there is nobody to poll: no source was given, or a server is asked."""
    row = MetricSource.objects.filter(cluster__name=name).select_related("cluster").first()
    if row is None:
        external = Cluster.objects.filter(name=name, kind="external").exists()
        return None if external else Jolokia(name)
    return (
        text_source(row.cluster, request_of(row), secret_of(row)) if row.kind == SourceKind.SCRAPE else None
    )


def is_elsewhere(name: str) -> bool:
    """Its metrics are on a server: nothing of it is written here."""
    return MetricSource.objects.filter(cluster__name=name, kind=SourceKind.SERVER).exists()


def text_source(cluster: Cluster, request: SourceRequest, secret: str) -> PrometheusText:
    rows = clusters.brokers(cluster).values_list("broker_id", "host")
    return PrometheusText(request, tuple(Broker(broker, host) for broker, host in rows), secret)
