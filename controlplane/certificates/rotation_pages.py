"""What the templates of an authority's runbook are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from controlplane.certificates.logic.rotation_state import LEAVING, RotationPhase, RotationState
from controlplane.certificates.logic.runbook import Entry
from controlplane.certificates.rotation_forms import BeginForm
from controlplane.clusters.models import Cluster
from controlplane.core.pages import Page
from controlplane.jobs.models import Job


@dataclass(frozen=True)
class AuthorityPage(Page):
    template: ClassVar[str] = "certificates/rotation.html"
    partials: ClassVar[frozenset[str]] = frozenset({"authority-runbook"})

    cluster: Cluster
    state: RotationState
    entries: tuple[Entry, ...]
    job: Job | None
    can: dict[str, bool]

    @property
    def replacing(self) -> bool:
        return self.state.phase is not RotationPhase.NONE

    @property
    def abandonable(self) -> bool:
        phases = (RotationPhase.TRUST_NEW, RotationPhase.ABANDONING)
        return self.state.phase in phases and not self.state.busy

    @property
    def leaving(self) -> bool:
        return self.state.phase in LEAVING


@dataclass(frozen=True)
class BeginPage(Page):
    template: ClassVar[str] = "certificates/rotation_begin.html"

    cluster: Cluster
    state: RotationState
    form: BeginForm
