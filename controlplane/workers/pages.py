"""What the templates of a Connect worker are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from controlplane.clusters.models import Cluster
from controlplane.connect.pages import Frame
from controlplane.connect.selectors import connects
from controlplane.core.pages import Page
from controlplane.gateways.broker import ProcessStatus
from controlplane.gateways.plugin_spec import Plugin
from controlplane.workers.forms import PluginForm, StartForm
from controlplane.workers.logic.plans import WorkerState


def frame_of(cluster: Cluster) -> Frame:
    """The worker's pages are among those of Connect: its tabs lead to its connectors and back."""
    every = connects(cluster)
    return Frame(next((each for each in every if each.row is None), None), every, "worker")


@dataclass(frozen=True)
class WorkerPage(Page):
    """`lines`: of its log, newest first. `frame`: Connect's, for its tabs; without a Connect cluster there are none.
    `connectors`: how many of them the reader may see, None while the worker does not answer."""

    template: ClassVar[str] = "workers/worker.html"
    partials: ClassVar[frozenset[str]] = frozenset({"worker-log"})

    cluster: Cluster
    frame: Frame
    state: WorkerState
    connectors: int | None
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


@dataclass(frozen=True)
class PluginsPage(Page):
    """`staged`: by their places. `by_hand`: directories on the plugin path that were not installed here, in words."""

    template: ClassVar[str] = "workers/plugins.html"

    cluster: Cluster
    frame: Frame
    installed: tuple[Plugin, ...]
    staged: tuple[tuple[str, Plugin], ...]
    by_hand: str
    has_worker: bool
    can_operate: bool


@dataclass(frozen=True)
class PluginPage(Page):
    template: ClassVar[str] = "workers/plugin.html"

    cluster: Cluster
    plugin: Plugin
    users: tuple[str, ...]
    can_operate: bool


@dataclass(frozen=True)
class PluginFormPage(Page):
    template: ClassVar[str] = "workers/plugin_form.html"

    cluster: Cluster
    form: PluginForm
