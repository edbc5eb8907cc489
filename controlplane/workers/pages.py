"""What the templates of a Connect worker are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from controlplane.clusters.models import Cluster
from controlplane.core.pages import Page
from controlplane.gateways.broker import ProcessStatus
from controlplane.workers.forms import StartForm
from controlplane.workers.logic.plans import WorkerState


@dataclass(frozen=True)
class WorkerPage(Page):
    """`lines`: of its log, newest first."""

    template: ClassVar[str] = "workers/worker.html"
    partials: ClassVar[frozenset[str]] = frozenset({"worker-log"})

    cluster: Cluster
    state: WorkerState
    status: ProcessStatus | None
    files: str
    can_operate: bool
    lines: str
    search: str


@dataclass(frozen=True)
class StartPage(Page):
    template: ClassVar[str] = "workers/start.html"

    cluster: Cluster
    state: WorkerState
    form: StartForm
