"""Public parts as files, each taken away by somebody: who and when is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from django.utils import timezone

from controlplane.certificates.logic import keystores
from controlplane.certificates.logic.state import Origin
from controlplane.certificates.models import Certificate, Download
from controlplane.certificates.services.issuing import ZIP_WITHOUT_KEY, packed
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import client_endpoint
from controlplane.core.access import Actor
from controlplane.core.errors import NotFound


@dataclass(frozen=True, slots=True)
class File:
    name: str
    content: bytes
    media_type: str


MEDIA = {
    "pem": "application/x-pem-file",
    "p12": "application/x-pkcs12",
    "jks": "application/x-java-keystore",
    "zip": "application/zip",
}
STORES = tuple(MEDIA[kind] for kind in ("pem", "p12", "jks"))
Maker = Callable[[tuple[x509.Certificate, ...], str], bytes]
TRUSTSTORES: dict[str, Maker] = {
    "ca.pem": lambda _, pem: pem.encode(),
    "truststore.p12": lambda roots, _: keystores.pkcs12_truststore(roots),
    "truststore.jks": lambda roots, _: keystores.jks_truststore(roots, now=timezone.now()),
}


def chain(actor: Actor, certificate: Certificate) -> File:
    record(actor, certificate.cluster, "chain.pem", certificate)
    return _file(f"{certificate.common_name}-chain.pem", certificate.chain_pem.encode())


def without_key(actor: Actor, certificate: Certificate) -> File:
    """What its owner got when it was issued, packed again with the trust and the addresses of now."""
    if certificate.origin != Origin.CSR.value:
        raise NotFound(
            "There is no ZIP of this certificate: its key was made here, and handed over once",
            hint="Renew it: the new one comes with a ZIP, once.",
        )
    delivery = packed(certificate, "", timezone.now())
    record(actor, certificate.cluster, ZIP_WITHOUT_KEY, certificate)
    return _file(delivery.archive_name, delivery.archive)


def truststore(actor: Actor, cluster: Cluster, name: str) -> File:
    """What clients trust the brokers by: every root that is trusted now, two while a key is being replaced."""
    maker = TRUSTSTORES.get(name)
    if maker is None:
        raise NotFound(f"There is no trust store {name!r}", hint=f"One of {', '.join(TRUSTSTORES)}.")
    pem = client_endpoint(cluster, "SSL").ca_pem
    if not pem:
        raise NotFound(
            f"The authority of {cluster.title} was never given to Kastellan",
            hint="It is trusted by what this machine trusts; take the certificate from where its brokers run.",
        )
    content = maker(tuple(x509.load_pem_x509_certificates(pem.encode())), pem)
    record(actor, cluster, name)
    return _file(name, content)


def authority(actor: Actor, cluster: Cluster, name: str, pem: str) -> File:
    record(actor, cluster, name)
    return _file(name, pem.encode())


def record(actor: Actor, cluster: Cluster, what: str, certificate: Certificate | None = None) -> None:
    Download.objects.create(
        cluster=cluster, certificate=certificate, what=what[:80], actor=actor.name[:240], at=timezone.now()
    )


def _file(name: str, content: bytes) -> File:
    return File(name, content, MEDIA[name.rpartition(".")[2]])
