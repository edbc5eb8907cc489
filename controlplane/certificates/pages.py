"""What each certificate template is given."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from controlplane.certificates.forms import IssueForm, RenewForm, RevokeForm, WatchForm
from controlplane.certificates.listing import facts_of
from controlplane.certificates.logic.expiry import Span
from controlplane.certificates.logic.protection import Protection, Verdict
from controlplane.certificates.logic.standing import Facts, Standing
from controlplane.certificates.logic.state import Origin
from controlplane.certificates.models import Certificate, Download, RevocationList
from controlplane.certificates.selectors import AuthorityView, ExpiryRow, OwnRow
from controlplane.certificates.services.issuing import Delivery
from controlplane.certificates.trust import Trust
from controlplane.clusters.logic.blocks import BlockState
from controlplane.clusters.logic.credentials import Accepted
from controlplane.clusters.models import Cluster
from controlplane.core.pages import Page
from controlplane.core.tables import Table
from controlplane.gateways.errors import GatewayError


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate with how it stands. `blocked` None: the cluster did not say who is."""

    certificate: Certificate
    span: Span
    trust: Trust = field(default_factory=Trust)
    blocked: frozenset[str] | None = None

    @property
    def facts(self) -> Facts:
        return facts_of(self.certificate, self.span, self.trust, self.blocked)

    @property
    def refused(self) -> bool:
        """By brokers, before its end: its authority was dropped."""
        return self.facts.refused

    @property
    def state(self) -> str:
        return self.facts.words

    @property
    def tone(self) -> str:
        return self.facts.tone

    @property
    def ends_matters(self) -> bool:
        """Whether somebody has to do something before the end."""
        return self.facts.standing in (Standing.VALID, Standing.EXPIRED)

    @property
    def issue_anew(self) -> bool:
        """What is revoked, or was renewed and is untrusted, cannot be renewed: its name takes a new certificate."""
        return bool(self.certificate.revoked_at or (self.certificate.replaced_by and self.refused))


@dataclass(frozen=True)
class CertificateListPage(Page):
    template: ClassVar[str] = "certificates/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"certificate-table"})

    cluster: Cluster
    table: Table[Certificate]
    rows: tuple[CertificateRow, ...]
    state: str
    states: dict[str, str]
    authority: str
    of_old: int
    dropping: bool
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
    others: Accepted
    downloads: tuple[Download, ...]
    acls: int | None
    can_give: bool
    can: dict[str, bool]

    @property
    def of_its_owners_key(self) -> bool:
        return self.certificate.origin == Origin.CSR.value

    @property
    def user(self) -> str:
        return self.certificate.principal.partition(":")[2]

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
    acls: int | None = None
    can_give: bool = False
    #: Where it came about with a service account: what else was made, in words.
    account: str = ""
    made: str = ""

    @property
    def user(self) -> str:
        return self.delivery.certificate.principal.partition(":")[2]

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
