"""What the templates of replication are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from controlplane.clusters.models import Cluster
from controlplane.core.pages import Page
from controlplane.core.plans import Json
from controlplane.core.words import duration, some
from controlplane.gateways.kafka.access_types import Acl, PatternType
from controlplane.jobs.models import Job
from controlplane.replication.forms import FlowForm, ObjectiveForm
from controlplane.replication.logic.drawing import Drawing, Line, draw
from controlplane.replication.logic.evidence import in_words
from controlplane.replication.logic.failover import Kind, Step, Taken
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.objectives import Compared, compared, of_objective
from controlplane.replication.models import Failover, Flow
from controlplane.replication.selectors import FlowHealth
from controlplane.replication.watching import Progress, Translation
from controlplane.users.services import Issued


@dataclass(frozen=True, slots=True)
class FlowRow:
    flow: Flow
    asked: FlowRequest
    health: FlowHealth


@dataclass(frozen=True)
class FlowListPage(Page):
    template: ClassVar[str] = "replication/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"flow-table"})

    cluster: Cluster
    rows: tuple[FlowRow, ...]
    can_edit: bool

    @property
    def drawing(self) -> Drawing:
        return draw([self.cluster.name], [(row.flow.source, row.flow.target) for row in self.rows])

    @property
    def lines(self) -> tuple[tuple[Line, FlowRow], ...]:
        return tuple(zip(self.drawing.lines, self.rows, strict=True))


@dataclass(frozen=True)
class CreateFlowPage(Page):
    """`sources`: whether there is any other cluster to copy from."""

    template: ClassVar[str] = "replication/create.html"

    cluster: Cluster
    form: FlowForm
    sources: bool


@dataclass(frozen=True)
class FlowUsersPage(Page):
    """Shown once, as the answer of Apply: the users that were made in the target, with their passwords."""

    template: ClassVar[str] = "replication/users.html"

    cluster: Cluster
    source: str
    issued: tuple[Issued, ...] = field(repr=False)


@dataclass(frozen=True)
class FlowPage(Page):
    """`tab`: overview, groups, metrics or settings; what a tab does not show is None. `run`: a failover that is under way;
    `moved`: since when clients are in the target, by one; `way_home`: whether there is a flow back; `comparison`:
    the last of both sides."""

    template: ClassVar[str] = "replication/flow.html"
    partials: ClassVar[frozenset[str]] = frozenset({"flow-live"})

    cluster: Cluster
    row: FlowRow
    tab: str
    can_edit: bool
    can_operate: bool
    progress: Progress | None = None
    translation: Translation | None = None
    configs: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    error: str = ""
    run: Failover | None = None
    moved: datetime | None = None
    way_home: bool = False
    comparison: Job | None = None

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """What the last comparison of both sides found, in words; empty while it goes on, or when it failed."""
        found = self.comparison.result if self.comparison else None
        return in_words(found or {})

    @property
    def differs(self) -> bool:
        found = (self.comparison.result if self.comparison else None) or {}
        return bool(found.get("missing") or found.get("not_read"))

    @property
    def objective(self) -> tuple[Compared, ...]:
        """What it may lose against what it would lose now; empty where nobody said, or where clients write no longer."""
        found = None if self.moved else self.progress
        return compared(self.row.asked, found.totals, known=found.known) if found else ()


@dataclass(frozen=True)
class ObjectivePage(Page):
    template: ClassVar[str] = "replication/objective.html"

    cluster: Cluster
    flow: Flow
    form: ObjectiveForm


@dataclass(frozen=True, slots=True)
class StepRow:
    step: Step
    taken: Taken | None

    @property
    def state(self) -> str:
        return self.taken.state if self.taken else "to do"

    @property
    def evidence(self) -> tuple[tuple[str, str], ...]:
        return in_words((self.taken.evidence or {}) if self.taken else {})

    @property
    def started_at(self) -> datetime | None:
        return datetime.fromisoformat(self.taken.started_at) if self.taken else None

    @property
    def took(self) -> str:
        """Empty while it goes on."""
        if self.taken is None or self.taken.ended_at is None or self.started_at is None:
            return ""
        return duration((datetime.fromisoformat(self.taken.ended_at) - self.started_at).total_seconds())


@dataclass(frozen=True)
class FailoverPage(Page):
    """`run`: the one under way; `frozen`: what failovers have denied and still stands in the source, None unknown;
    `moved`: since when clients are in the target, by one; `way_home`: whether there is a flow back."""

    template: ClassVar[str] = "replication/failover.html"
    partials: ClassVar[frozenset[str]] = frozenset({"runbook"})

    cluster: Cluster
    flow: Flow
    run: Failover | None
    steps: tuple[StepRow, ...]
    due: Step | None
    job: Job | None
    past: tuple[Failover, ...]
    can_edit: bool
    kinds: tuple[Kind, ...]
    frozen: tuple[Acl, ...] | None
    moved: datetime | None = None
    way_home: bool = False

    @property
    def frozen_names(self) -> str:
        return some([_name(acl) for acl in self.frozen or ()])


def _name(acl: Acl) -> str:
    return f"{acl.resource_name}*" if acl.pattern_type is PatternType.PREFIXED else acl.resource_name


@dataclass(frozen=True)
class FailoverReportPage(Page):
    template: ClassVar[str] = "replication/report.html"

    cluster: Cluster
    flow: Flow
    run: Failover
    report: dict[str, Json]

    @property
    def steps(self) -> tuple[StepRow, ...]:
        return tuple(StepRow(step, taken) for step, taken in self.run.taken.items())

    @property
    def is_rehearsal(self) -> bool:
        return self.run.kind == Kind.REHEARSAL.value

    @property
    def promised_time(self) -> str:
        """Empty where nobody knew."""
        return self._time("promised_seconds")

    @property
    def lost_time(self) -> str:
        return self._time("lost_seconds")

    def _time(self, name: str) -> str:
        rpo = self.report["rpo"]
        found = rpo.get(name) if isinstance(rpo, dict) else None
        return duration(found) if isinstance(found, int | float) else ""

    @property
    def rto(self) -> str:
        found = self.report["rto_seconds"]
        return duration(found) if isinstance(found, int | float) else ""

    @property
    def objective(self) -> str:
        """In words; empty where nobody said what may be lost."""
        return " or ".join(change.after or "" for change in of_objective(self.run.asked))
