"""What each ACL template is given. A cluster that does not answer is `error`, never an empty list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypedDict

from controlplane.acls.forms import AclForm, BundleForm, ExplainForm, ImportForm, WatchForm, WhoForm
from controlplane.acls.logic.authorize import Authorizer
from controlplane.acls.logic.authorizer_log import Denial
from controlplane.acls.logic.findings import Finding, Usage
from controlplane.acls.logic.questions import Verdict
from controlplane.acls.logic.remedies import Remedy, allowed_now, remedies
from controlplane.acls.logic.selection import Filters, Group, Matrix, Row
from controlplane.acls.logic.who import WhoMay
from controlplane.acls.models import AclWatch
from controlplane.acls.selectors import DenialReport
from controlplane.clusters.logic.credentials import Accepted
from controlplane.clusters.models import Cluster
from controlplane.core.pages import Page
from controlplane.core.tables import Table
from controlplane.gateways.errors import GatewayError


class AclHead(TypedDict):
    cluster: Cluster
    tab: str
    can_edit: bool
    error: GatewayError | None


@dataclass(frozen=True)
class AclPage(Page):
    cluster: Cluster
    tab: str
    can_edit: bool
    error: GatewayError | None


@dataclass(frozen=True)
class AclListPage(AclPage):
    template: ClassVar[str] = "acls/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"acl-table"})

    table: Table[Row]
    filters: Filters
    total: int
    chips: tuple[tuple[str, str, str], ...]
    choices: dict[str, tuple[str, ...]]
    super_users: frozenset[str]
    blocked: frozenset[str]
    accepted: Accepted

    @property
    def is_blocked(self) -> bool:
        return self.filters.principal in self.blocked


@dataclass(frozen=True)
class AclGroupsPage(AclPage):
    """`kind` is principal or resource."""

    template: ClassVar[str] = "acls/groups.html"
    partials: ClassVar[frozenset[str]] = frozenset({"acl-groups"})

    kind: str
    table: Table[Group]
    super_users: frozenset[str]


@dataclass(frozen=True)
class AclMatrixPage(AclPage):
    template: ClassVar[str] = "acls/matrix.html"
    partials: ClassVar[frozenset[str]] = frozenset({"acl-matrix"})

    table: Table[Group]
    matrix: Matrix
    legend: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class AclExplainPage(AclPage):
    """The bindings of the way out, as their forms post them."""

    template: ClassVar[str] = "acls/explain.html"

    form: ExplainForm
    verdict: Verdict | None
    missing: tuple[Row, ...]
    in_the_way: tuple[Row, ...]
    principals: tuple[str, ...]
    unknown: str


@dataclass(frozen=True)
class AclWhoPage(AclPage):
    """`found` is None until something was asked."""

    template: ClassVar[str] = "acls/who.html"

    form: WhoForm
    found: WhoMay | None
    question: str
    unknown: str


@dataclass(frozen=True)
class TopicAccessPage(Page):
    """A partial that a topic's page asks for: what applies to the topic, and who may write and read it."""

    template: ClassVar[str] = "acls/of_topic.html"

    cluster: Cluster
    topic: str
    rows: tuple[Row, ...]
    may: tuple[tuple[str, WhoMay], ...]
    error: GatewayError | None
    can_edit: bool


@dataclass(frozen=True)
class AclFindingsPage(AclPage):
    template: ClassVar[str] = "acls/findings.html"

    findings: tuple[Finding, ...]
    kinds: tuple[tuple[str, str, int], ...]
    kind: str
    usage: Usage | None
    watch: AclWatch | None
    watch_form: WatchForm


@dataclass(frozen=True)
class AclDenialsPage(AclPage):
    template: ClassVar[str] = "acls/denials.html"
    partials: ClassVar[frozenset[str]] = frozenset({"acl-denials"})

    report: DenialReport
    table: Table[Denial]
    #: None where the cluster does not say what it allows now.
    state: Authorizer | None

    @property
    def rows(self) -> tuple[tuple[Denial, tuple[Remedy, ...], bool], ...]:
        """Of this page, each with what its client will need next; nothing where it is allowed by now."""
        found = []
        for row in self.table.rows:
            now = self.state is not None and allowed_now(row, self.state)
            found.append((row, () if now else remedies(row, self.report.rows), now))
        return tuple(found)


@dataclass(frozen=True)
class CreateAclPage(Page):
    """`boxes`: a checkbox per operation, the resource types that have it, and whether the chosen one does."""

    template: ClassVar[str] = "acls/create.html"

    cluster: Cluster
    form: AclForm
    boxes: tuple[tuple[object, str, bool], ...]
    named: str


@dataclass(frozen=True)
class BundlePage(Page):
    """`shown` maps a field to the bundles that it counts for."""

    template: ClassVar[str] = "acls/bundle.html"

    cluster: Cluster
    form: BundleForm
    fields: tuple[tuple[object, str, bool], ...]
    texts: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True)
class ImportAclsPage(Page):
    template: ClassVar[str] = "acls/import.html"

    cluster: Cluster
    form: ImportForm
