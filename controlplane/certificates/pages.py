"""What each certificate template is given."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from controlplane.certificates.forms import IssueForm, RenewForm, RevokeForm, WatchForm
from controlplane.certificates.logic.expiry import UNTRUSTED, Life, Span
from controlplane.certificates.logic.protection import Protection, Verdict
from controlplane.certificates.models import Certificate, Download, RevocationList
from controlplane.certificates.selectors import AuthorityView, ExpiryRow, OwnRow
from controlplane.certificates.services.issuing import Delivery
from controlplane.certificates.trust import Trust
from controlplane.clusters.logic.blocks import BlockState
from controlplane.clusters.models import Cluster
from controlplane.core.pages import Page
from controlplane.core.tables import Table
from controlplane.gateways.errors import GatewayError


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate with the one word that says how it stands."""

    certificate: Certificate
    span: Span
    trust: Trust = field(default_factory=Trust)

    @property
    def refused(self) -> bool:
        """By brokers, before its end: its authority was dropped."""
        return self.trust.ended(self.certificate) and self.span.life is not Life.EXPIRED

    @property
    def state(self) -> str:
        if self.certificate.revoked_at:
            return "revoked"
        if self.refused:
            return UNTRUSTED
        return "replaced" if self.certificate.replaced_by else self.span.life.value

    @property
    def tone(self) -> str:
        if self.certificate.revoked_at or self.refused:
            return "critical"
        return "unknown" if self.certificate.replaced_by else self.span.tone

    @property
    def ends_matters(self) -> bool:
        """Whether somebody has to do something before the end."""
        return self.state not in ("revoked", "replaced", UNTRUSTED)


@dataclass(frozen=True)
class CertificateListPage(Page):
    template: ClassVar[str] = "certificates/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"certificate-table"})

    cluster: Cluster
    table: Table[Certificate]
    rows: tuple[CertificateRow, ...]
    state: str
    states: tuple[str, ...]
    can: dict[str, bool]


@dataclass(frozen=True)
class OwnPage(Page):
    template: ClassVar[str] = "certificates/own.html"

    cluster: Cluster
    rows: tuple[OwnRow, ...]


@dataclass(frozen=True)
class AuthoritiesPage(Page):
    template: ClassVar[str] = "certificates/authorities.html"

    cluster: Cluster
    views: tuple[AuthorityView, ...]
    truststores: tuple[str, ...]
    lists: tuple[tuple[str, str, RevocationList], ...]
    can: dict[str, bool]


@dataclass(frozen=True)
class ExpiryPage(Page):
    template: ClassVar[str] = "certificates/expiry.html"
    partials: ClassVar[frozenset[str]] = frozenset({"expiry-table"})

    cluster: Cluster
    table: Table[ExpiryRow]
    kind: str
    kinds: dict[str, str]
    ending: int
    can: dict[str, bool]


@dataclass(frozen=True)
class CertificatePage(Page):
    """`blocking` is None where the cluster did not answer; `block_error` is then why."""

    template: ClassVar[str] = "certificates/detail.html"

    cluster: Cluster
    certificate: Certificate
    row: CertificateRow
    untrusted_since: datetime | None
    verdict: Verdict
    blocking: BlockState | None
    block_error: GatewayError | None
    downloads: tuple[Download, ...]
    can: dict[str, bool]

    @property
    def block_wanted(self) -> bool:
        """Revoked, and brokers accept it still: what is left to do."""
        return self.verdict.protection is Protection.REVOKED_ONLY


@dataclass(frozen=True)
class IssuePage(Page):
    template: ClassVar[str] = "certificates/issue.html"

    cluster: Cluster
    form: IssueForm


@dataclass(frozen=True)
class RenewPage(Page):
    template: ClassVar[str] = "certificates/renew.html"

    cluster: Cluster
    certificate: Certificate
    form: RenewForm


@dataclass(frozen=True)
class RevokePage(Page):
    template: ClassVar[str] = "certificates/revoke.html"

    cluster: Cluster
    certificate: Certificate
    form: RevokeForm


@dataclass(frozen=True)
class WatchPage(Page):
    template: ClassVar[str] = "certificates/watch.html"

    cluster: Cluster
    form: WatchForm


@dataclass(frozen=True)
class IssuedPage(Page):
    """Shown once, as the answer to Apply: the archive is inside the page and nowhere else."""

    template: ClassVar[str] = "certificates/issued.html"

    cluster: Cluster
    delivery: Delivery
    has_rights: bool = False

    @property
    def archive_base64(self) -> str:
        return base64.b64encode(self.delivery.archive).decode()

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        uses = FILES if self.delivery.key_pem else FILES | WITHOUT_KEY
        return tuple((name, uses.get(name, "")) for name in self.delivery.files)


#: What each file of the archive is for.
FILES = {
    "README.txt": "What is in here, and how to try it",
    "ca.pem": "The root that the brokers' certificates end in",
    "certificate.pem": "The certificate and its authority",
    "key.pem": "The private key, PKCS#8",
    "keystore.pem": "Key and certificate in one file, for Java's PEM key store",
    "keystore.p12": "Key and certificate as PKCS#12",
    "keystore.jks": "Key and certificate as JKS, for old tools only",
    "truststore.p12": "The root as PKCS#12",
    "truststore.jks": "The root as JKS",
    "client.properties": "Java: everything inside, as PEM",
    "client-pkcs12.properties": "Java, with the PKCS#12 files",
    "client-jks.properties": "Java, with the JKS files",
    "kcat.conf": "kcat and other librdkafka programs",
    "confluent_kafka_client.py": "Python: confluent-kafka",
    "kafka_python_client.py": "Python: kafka-python",
}
#: Where the owner kept the key.
WITHOUT_KEY = {
    "client.properties": "Java, with the keystore.pem that you make of your key and certificate.pem (README.txt)",
    "kcat.conf": "kcat and other librdkafka programs, with your key as key.pem",
    "confluent_kafka_client.py": "Python: confluent-kafka, with your key as key.pem",
    "kafka_python_client.py": "Python: kafka-python, with your key as key.pem",
}
