"""What each template of alerting is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.forms import Form

from controlplane.alerts.forms import (
    AcknowledgeForm,
    CaseForm,
    FileForm,
    PreviewForm,
    RuleForm,
    RuleTestForm,
    SilenceForm,
)
from controlplane.alerts.logic.common_cases import Case as CommonCase
from controlplane.alerts.logic.mute_words import Muted
from controlplane.alerts.logic.preview import Episode, Outcome
from controlplane.alerts.logic.routing import Route
from controlplane.alerts.logic.rule_tests import Case
from controlplane.alerts.models import Alert, DeliveryAttempt, Notification, Receiver, Rule, Silence
from controlplane.alerts.receiver_forms import ReceiverForm
from controlplane.alerts.routing_forms import LabelsForm
from controlplane.alerts.selectors import Quiet
from controlplane.clusters.models import Cluster
from controlplane.core import durations
from controlplane.core.pages import Page
from controlplane.core.tables import Table
from controlplane.core.words import plain_number

SEVERITIES = {"critical": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert with what keeps it quiet, and the pages of what it is about: title and address."""

    alert: Alert
    quiet: Quiet
    acknowledged_by: str
    places: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return self.alert.name

    @property
    def state(self) -> str:
        return self.alert.state

    @property
    def severity(self) -> str:
        return self.alert.severity

    @property
    def rank(self) -> int:
        """Worst first; what somebody named otherwise comes last."""
        return SEVERITIES.get(self.severity, len(SEVERITIES))

    @property
    def active_at(self) -> datetime:
        return self.alert.fired_at or self.alert.active_at

    @property
    def value(self) -> str:
        """For people; the API has it as it was stored."""
        try:
            return plain_number(float(self.alert.value))
        except ValueError:
            return self.alert.value

    @property
    def summary(self) -> str:
        return str(self.alert.annotations.get("summary", ""))

    @property
    def quieted(self) -> bool:
        return self.quiet.quieted

    @property
    def description(self) -> str:
        return str(self.alert.annotations.get("description", ""))

    @property
    def runbook(self) -> str:
        """Whoever edits rules writes it: only an address of the web becomes a link."""
        found = str(self.alert.annotations.get("runbook_url", ""))
        return found if found.startswith(("https://", "http://")) else ""


@dataclass(frozen=True, slots=True)
class AlertFilters:
    state: str
    severity: str
    severities: tuple[str, ...]


@dataclass(frozen=True)
class AlertListPage(Page):
    template: ClassVar[str] = "alerts/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"alert-table"})

    cluster: Cluster
    table: Table[AlertRow]
    filters: AlertFilters
    firing: int
    pending: int
    evaluated_at: datetime | None
    failing: int


@dataclass(frozen=True)
class AlertPage(Page):
    template: ClassVar[str] = "alerts/detail.html"

    cluster: Cluster
    row: AlertRow
    labels: tuple[tuple[str, str], ...]
    explore_query: str
    silence_query: str
    form: AcknowledgeForm
    can_silence: bool


@dataclass(frozen=True, slots=True)
class RuleRow:
    rule: Rule
    name: str
    group: str
    severity: str
    firing: int
    pending: int
    enabled: bool
    error: str
    evaluated_at: datetime | None


@dataclass(frozen=True)
class RuleListPage(Page):
    template: ClassVar[str] = "alerts/rules.html"
    partials: ClassVar[frozenset[str]] = frozenset({"rule-table"})

    cluster: Cluster
    table: Table[RuleRow]
    can_edit: bool


@dataclass(frozen=True, slots=True)
class PreviewPart:
    """`shown`: the newest of its episodes; `data`: of the chart, with the spans in which it would have fired."""

    words: str
    key: str
    outcome: Outcome
    shown: tuple[Episode, ...]
    data: dict[str, Any]
    unit: str
    step: float
    #: Where the history begins only within the range; 0: it is there from its start; None: there is none.
    known_from: float | None


@dataclass(frozen=True)
class RulePage(Page):
    template: ClassVar[str] = "alerts/rule.html"
    partials: ClassVar[frozenset[str]] = frozenset({"rule-preview"})

    cluster: Cluster
    row: RuleRow
    alerts: tuple[Alert, ...]
    hold: str
    keep_firing: str
    explore_query: str
    can_edit: bool
    preview: PreviewPart | None = None
    preview_error: str = ""


@dataclass(frozen=True)
class RuleFormPage(Page):
    template: ClassVar[str] = "alerts/rule_form.html"
    partials: ClassVar[frozenset[str]] = frozenset({"rule-form-preview"})

    cluster: Cluster
    form: RuleForm
    rule: Rule | None
    api: str
    #: What a new rule can start from.
    cases: tuple[CommonCase, ...] = ()
    asked: PreviewForm | None = None
    preview: PreviewPart | None = None


@dataclass(frozen=True)
class RuleBuildPage(Page):
    template: ClassVar[str] = "alerts/rule_build.html"

    cluster: Cluster
    form: CaseForm
    case: CommonCase
    cases: tuple[CommonCase, ...]


@dataclass(frozen=True)
class RuleTestPage(Page):
    template: ClassVar[str] = "alerts/rule_tests.html"

    cluster: Cluster
    form: RuleTestForm
    cases: tuple[Case, ...] = ()
    passed: int = 0
    failed: int = 0


@dataclass(frozen=True)
class ImportPage(Page):
    """`back` and `back_name`: where the page belongs; `facts`: what is read and what is not."""

    template: ClassVar[str] = "alerts/import.html"

    cluster: Cluster
    form: FileForm
    title: str
    back: str
    back_name: str
    facts: str


@dataclass(frozen=True, slots=True)
class SilenceRow:
    silence: Silence
    matchers: str
    state: str
    created_by: str
    starts_at: datetime
    ends_at: datetime
    comment: str


@dataclass(frozen=True)
class SilenceListPage(Page):
    template: ClassVar[str] = "alerts/silences.html"
    partials: ClassVar[frozenset[str]] = frozenset({"silence-table"})

    cluster: Cluster
    table: Table[SilenceRow]
    can_silence: bool


@dataclass(frozen=True)
class SilenceFormPage(Page):
    template: ClassVar[str] = "alerts/silence_form.html"

    cluster: Cluster
    form: SilenceForm


@dataclass(frozen=True, slots=True)
class ReceiverRow:
    receiver: Receiver
    kind: str
    address: str


@dataclass(frozen=True)
class ReceiverListPage(Page):
    """`kinds`: what can be added, as key and label."""

    template: ClassVar[str] = "alerts/receivers.html"

    cluster: Cluster
    receivers: tuple[ReceiverRow, ...]
    kinds: tuple[tuple[str, str], ...]
    tried: DeliveryAttempt | None
    tried_name: str
    can_route: bool


@dataclass(frozen=True)
class ReceiverFormPage(Page):
    template: ClassVar[str] = "alerts/receiver_form.html"

    cluster: Cluster
    form: ReceiverForm
    label: str
    receiver: Receiver | None
    kinds: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RouteNode:
    """`route` with all that it inherits; `taken`: the labels that are tried end here."""

    key: str
    depth: int
    matchers: tuple[str, ...]
    route: Route
    receiver: str
    is_first: bool
    taken: bool

    @property
    def waits(self) -> tuple[str, str, str]:
        route = self.route
        first, between, again = map(
            durations.text_of, (route.group_wait, route.group_interval, route.repeat_interval)
        )
        return first, between, again


@dataclass(frozen=True, slots=True)
class MuteTimeRow:
    name: str
    words: str
    muted: Muted


@dataclass(frozen=True)
class RoutingPage(Page):
    template: ClassVar[str] = "alerts/routing.html"

    cluster: Cluster
    nodes: tuple[RouteNode, ...]
    inhibitions: tuple[dict[str, Any], ...]
    mute_times: tuple[MuteTimeRow, ...]
    form: LabelsForm
    reached: tuple[str, ...]
    can_route: bool


@dataclass(frozen=True)
class RoutingFormPage(Page):
    template: ClassVar[str] = "alerts/routing_form.html"

    cluster: Cluster
    form: Form
    title: str


@dataclass(frozen=True)
class NotificationListPage(Page):
    template: ClassVar[str] = "alerts/notifications.html"
    partials: ClassVar[frozenset[str]] = frozenset({"notification-table"})

    cluster: Cluster
    table: Table[Notification]
    state: str
    states: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True)
class NotificationPage(Page):
    template: ClassVar[str] = "alerts/notification.html"

    cluster: Cluster
    notification: Notification
    deliveries: tuple[DeliveryAttempt, ...]
    payload: str
    can_route: bool


@dataclass(frozen=True)
class DashboardAlerts(Page):
    """Swapped into the dashboard, and polled by itself. `late`: the rules have not been evaluated for a minute."""

    template: ClassVar[str] = "alerts/dashboard.html"

    cluster: Cluster
    rows: tuple[AlertRow, ...]
    more: int
    quiet: int
    rules: int
    evaluated_at: datetime | None
    late: bool
