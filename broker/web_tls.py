"""A certificate for the web server from the cluster's broker authority, made and renewed like every other leaf."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from broker import pki
from broker.credentials import ensure_authorities, ensure_pair, local_hosts
from broker.errors import BundledError
from broker.paths import ClusterPaths, DataPaths
from broker.pki import Purpose
from broker.spec import ClusterSpec

NAME = "kastellan-web"


def web_files(place: ClusterPaths) -> tuple[Path, Path]:
    """Certificate and key; they are there only where `up --tls` was asked for."""
    return place.pki / "web" / "certificate.pem", place.pki / "web" / "key.pem"


def ensure_web_certificate(
    paths: DataPaths, spec: ClusterSpec, names: Collection[str], now: datetime
) -> tuple[Path, Path]:
    """Certificate (with its chain) and key; `names` beyond this machine's own must be such as the authority may certify."""
    local = local_hosts(spec.host)
    hosts = tuple(dict.fromkeys((*local, *names)))
    place = paths.cluster(spec.name)
    authority = ensure_authorities(place, spec, Purpose.BROKERS, local, now).current
    strange = [host for host in hosts if not pki.permits(authority.issuing.certificate, (host,))]
    if strange:
        raise BundledError(
            f"the cluster's authority may not certify {', '.join(strange)}",
            "It is held to this machine's names and private addresses. Name a certificate of yours: KASTELLAN_TLS_CERT.",
        )
    certificate, key = web_files(place)
    ensure_pair(certificate, key, authority, NAME, hosts, now)
    return certificate, key
