"""Plans for the plugins of a Connect worker: installed after a review of every file, removed. Pure.

A plugin is code that runs with all rights of the worker, and a worker sees what is on its plugin path when it starts: so
each plan names the files by SHA-256, and the connectors that a restart holds up.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from controlplane.core.access import Action
from controlplane.core.plans import (
    Affected,
    ApiCall,
    Change,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    api_path,
    state_digest,
)
from controlplane.core.words import byte_size, counted, some
from controlplane.gateways.connect_values import aliases
from controlplane.gateways.plugin_spec import Plugin, PluginFile, is_archive
from controlplane.workers.logic.plans import WorkerState

_CODE = (
    "Its code runs in the worker: it can read what the worker's principal may read, use the secrets of other connectors, "
    "and reach what this machine reaches. A checksum says that it is what you reviewed, not that it is harmless."
)
_NO_WORKER = Refusal("no_worker", "This cluster has no Connect worker", "Start one first.")


@dataclass(frozen=True, slots=True)
class PluginState:
    """What a plan is made from. `connectors`: class by connector, None while the worker does not answer. `by_hand`: directories
    on the plugin path that nobody installed here."""

    worker: WorkerState
    installed: tuple[Plugin, ...] = ()
    by_hand: tuple[str, ...] = ()
    connectors: tuple[tuple[str, str], ...] | None = None

    def named(self, name: str) -> Plugin | None:
        return next((each for each in self.installed if each.name == name), None)

    def using(self, plugin: Plugin) -> tuple[str, ...]:
        """Connectors of the plugin's classes, which a configuration may also name by their short names."""
        known = {alias for name in plugin.connectors for alias in aliases(name)}
        return tuple(name for name, used in self.connectors or () if used in known)


def plan_install(place: str, plugin: Plugin, state: PluginState, *, cluster: str) -> Plan:
    before = state.named(plugin.name)
    path = api_path(cluster, "connect-worker", "plugins", "staged", place, "install")
    return Plan(
        action=Action.PLUGIN_MANAGE,
        title=f"Install the plugin {plugin.name}",
        apply_label=f"Install {plugin.name}",
        cluster=cluster,
        steps=(
            PlanStep(
                StepKind.ALTER if before else StepKind.CREATE,
                "plugin",
                plugin.name,
                _changes(plugin, before),
                summary=f"{counted(len(plugin.files), 'file')}, {byte_size(plugin.size)}",
            ),
            *_restart(state),
        ),
        risk=Risk.DISRUPTIVE if state.worker.alive and state.worker.connectors else Risk.REVERSIBLE,
        digest=_digest(state, plugin, before),
        warnings=(_CODE, *_left_out(plugin), *_conflicts(plugin, state), *_pause(state)),
        refusals=_install_refusals(plugin, state),
        affected=_held_up(state),
        undo=f"Install {before.origin} again." if before else "Remove the plugin.",
        request={
            "staged": place,
            "plugin": plugin.name,
            "origin": plugin.origin,
            "reviewed": plugin.fingerprint,
        },
        api=ApiCall("POST", path),
    )


def plan_remove(plugin: Plugin, state: PluginState, *, cluster: str) -> Plan:
    return Plan(
        action=Action.PLUGIN_MANAGE,
        title=f"Remove the plugin {plugin.name}",
        apply_label=f"Remove {plugin.name}",
        cluster=cluster,
        steps=(
            PlanStep(
                StepKind.DELETE,
                "plugin",
                plugin.name,
                (Change("source", plugin.origin, None), Change("files", f"{len(plugin.files):,}", None)),
            ),
            *_restart(state),
        ),
        risk=Risk.DISRUPTIVE,
        digest=_digest(state, plugin, None),
        warnings=_pause(state),
        refusals=_remove_refusals(plugin, state),
        affected=_held_up(state),
        undo=f"Install {plugin.origin} again.",
        request={"plugin": plugin.name},
        api=ApiCall("DELETE", api_path(cluster, "connect-worker", "plugins", plugin.name)),
    )


def plan_discard(place: str, plugin: Plugin, *, cluster: str) -> Plan:
    changes = (Change("source", plugin.origin, None), Change("files", f"{len(plugin.files):,}", None))
    return Plan(
        action=Action.PLUGIN_MANAGE,
        title=f"Discard the plugin {plugin.name} that waits for a review",
        apply_label="Discard",
        cluster=cluster,
        steps=(PlanStep(StepKind.DELETE, "staged plugin", plugin.name, changes),),
        risk=Risk.REVERSIBLE,
        digest=state_digest({"staged": place}),
        undo=f"Bring {plugin.origin} again.",
        request={"staged": place, "plugin": plugin.name, "source": plugin.origin},
        api=ApiCall("DELETE", api_path(cluster, "connect-worker", "plugins", "staged", place)),
    )


def _digest(state: PluginState, plugin: Plugin, before: Plugin | None) -> str:
    def one(each: Plugin | None) -> list[list[str]] | None:
        return [[file.path, file.sha256] for file in each.files] if each else None

    return state_digest({"worker": state.worker.digest, "plugin": one(plugin), "before": one(before)})


def _changes(plugin: Plugin, before: Plugin | None) -> tuple[Change, ...]:
    offers = some(plugin.connectors) or some([each.name for each in plugin.classes])
    changes = [Change("source", before.origin if before else None, plugin.origin)]
    if plugin.archive:
        changes.append(
            Change("archive", None, byte_size(plugin.archive.size), f"SHA-256 {plugin.archive.sha256}")
        )
    changes.append(Change("offers", None, offers or "unknown until the worker has loaded it"))
    return (*changes, *_file_changes(plugin.files, before.files if before else ()))


def _file_changes(files: Sequence[PluginFile], before: Sequence[PluginFile]) -> tuple[Change, ...]:
    """Code file by file; what people read (licences, notes) as one line."""
    old = {file.path: file for file in before if _is_code(file)}
    new = {file.path: file for file in files if _is_code(file)}
    changes = [
        Change(path, _size(old.get(path)), _size(new.get(path)), _note(new.get(path)))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]
    same = sum(old.get(path) == file for path, file in new.items())
    if same:
        changes.append(Change("unchanged", f"{same:,}", f"{same:,}", "jars that are the same as before"))
    others = [file for file in files if not _is_code(file)]
    if others:
        size = byte_size(sum(file.size for file in others))
        changes.append(
            Change(
                "other files", None, f"{len(others):,}", f"{size}: licences, notes and the like, locked too"
            )
        )
    return tuple(changes)


def _is_code(file: PluginFile) -> bool:
    return is_archive(file.path) or file.path.lower().endswith((".class", ".so", ".war"))


def _size(file: PluginFile | None) -> str | None:
    return byte_size(file.size) if file else None


def _note(file: PluginFile | None) -> str:
    if file is None:
        return ""
    return f"SHA-256 {file.sha256}" + (f", {file.origin}" if file.origin else "")


def _restart(state: PluginState) -> tuple[PlanStep, ...]:
    """A worker that was stopped finds it when it is started."""
    if not state.worker.alive:
        return ()
    changes = (Change("process", "RUNNING", "restarted"),)
    return (PlanStep(StepKind.RUN, "connect worker", state.worker.name, changes),)


def _left_out(plugin: Plugin) -> tuple[str, ...]:
    if not plugin.left_out:
        return ()
    return (f"Not taken, since the worker brings them: {some(plugin.left_out)}.",)


def _conflicts(plugin: Plugin, state: PluginState) -> tuple[str, ...]:
    own = {each.name for each in plugin.classes}
    return tuple(
        f"{other.name} offers {some(twice)} too: the worker takes the newer version, or either where they are equal."
        for other in state.installed
        if other.name != plugin.name and (twice := [name for name in other.connectors if name in own])
    )


def _pause(state: PluginState) -> tuple[str, ...]:
    if not state.worker.alive or not state.worker.connectors:
        return ()
    return (f"{counted(len(state.worker.connectors), 'connector')} copy nothing for about ten seconds.",)


def _held_up(state: PluginState) -> tuple[Affected, ...]:
    names: Collection[str] = state.worker.connectors or () if state.worker.alive else ()
    return tuple(Affected("connector", name) for name in names)


def _install_refusals(plugin: Plugin, state: PluginState) -> tuple[Refusal, ...]:
    if state.worker.process is None:
        return (_NO_WORKER,)
    if plugin.name in state.by_hand:
        return (
            Refusal(
                "by_hand",
                f"Somebody has put {plugin.name} on the plugin path by hand",
                "Take that directory away, or bring the plugin under another name.",
            ),
        )
    before = state.named(plugin.name)
    if before and [f.sha256 for f in before.files] == [f.sha256 for f in plugin.files]:
        return (
            Refusal("installed", f"{plugin.name} is installed with these very files", "Discard this one."),
        )
    return ()


def _remove_refusals(plugin: Plugin, state: PluginState) -> tuple[Refusal, ...]:
    if state.connectors is None and state.worker.process is not None:
        return (
            Refusal(
                "unknown_use",
                "The worker does not answer, so nobody knows which connectors use it",
                "Start the worker first.",
            ),
        )
    users = state.using(plugin)
    if users:
        return (
            Refusal(
                "in_use",
                f"{counted(len(users), 'connector')} use it: {some(users)}",
                "Delete them first: without the plugin they fail.",
            ),
        )
    return ()
