"""PS-10: whatever happens, in any order, there are never two live processes for one name, and none is lost.

The pure step runs against a fake process table; the record goes through its JSON, as on disk.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from broker import reconcile, record
from broker.diagnosis import Cause, Diagnosis
from broker.processes import Child, ProcessKind, ProcessSpec
from broker.reconcile import Effect, Entry, Failure, Kill, Spawn, Terminate, World
from broker.states import ALIVE

NAMES = ("redis", "main-broker-1", "main-broker-2", "worker")
DEPENDS = {"worker": ("redis",)}
CRASHED = Failure(Diagnosis(Cause.UNKNOWN, "It exited with code 1."), 1)
PERMANENT = Failure(Diagnosis(Cause.DISK_FULL, "The disk is full."), 1)


def spec(name: str, version: int = 1) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        kind=ProcessKind.BROKER,
        argv=(name, f"v{version}"),
        env={},
        cwd="/",
        log=f"{name}.log",
        identity=(name,),
        depends_on=DEPENDS.get(name, ()),
        start_timeout=90,
        stop_timeout=60,
    )


@dataclass
class FakeProcess:
    name: str
    child: Child
    stubborn: bool


class SupervisorModel(RuleBasedStateMachine):
    names = st.sampled_from(NAMES)

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.table: dict[int, FakeProcess] = {}
        self.next_pid = 100
        self.world = World()
        self.disk = ""
        self.stubborn_next = False
        self.die_after_spawn = False
        self.refuse_next: Failure | None = None

    @initialize(names=st.sets(names, min_size=1))
    def first_apply(self, names: set[str]) -> None:
        self.world = reconcile.apply(self.world, [spec(name) for name in sorted(names)])
        self._turn()

    # What people do

    @rule(name=names, version=st.integers(1, 3))
    def apply_or_upgrade(self, name: str, version: int) -> None:
        if not self.world.closing:
            self.world = reconcile.apply(self.world, [spec(name, version)])
            self._turn()

    @rule(name=names)
    def remove(self, name: str) -> None:
        self.world = reconcile.apply(self.world, [], [name])
        self._turn()

    @rule(name=names, what=st.sampled_from((reconcile.start, reconcile.stop, reconcile.restart)))
    def command(self, name: str, what: object) -> None:
        if name in self.world.entries and not self.world.closing:
            assert callable(what)
            self.world = what(self.world, name)
            self._turn()

    @rule()
    def close(self) -> None:
        self.world = reconcile.close(self.world)
        self._turn()

    # What happens

    @rule(seconds=st.sampled_from((0.2, 1.0, 5.0, 61.0, 91.0, 301.0, 700.0)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self._turn()

    @precondition(lambda self: self.table)
    @rule(data=st.data())
    def a_process_dies(self, data: st.DataObject) -> None:
        del self.table[data.draw(st.sampled_from(sorted(self.table)))]
        self._turn()

    @rule(name=names)
    def becomes_ready(self, name: str) -> None:
        if name in self.world.entries:
            self.world = reconcile.ready(self.world, name, self.now)
            self._turn()

    @rule(name=names, busy=st.booleans())
    def recovers(self, name: str, busy: bool) -> None:
        if name in self.world.entries:
            self.world = reconcile.watched(self.world, name, busy=busy, progress=None)
            self._turn()

    @rule(name=names, full=st.booleans())
    def somebody_looks_at_the_disk(self, name: str, full: bool) -> None:
        if name in self.world.entries and reconcile.waits_for_room(self.world.entries[name]):
            self.world = reconcile.looked(self.world, name, full=full)
            self._turn()

    @rule()
    def the_next_process_ignores_sigterm(self) -> None:
        self.stubborn_next = True

    @rule(failure=st.sampled_from((CRASHED, PERMANENT)))
    def the_next_start_is_refused(self, failure: Failure) -> None:
        self.refuse_next = failure

    @rule()
    def the_supervisor_will_be_killed_between_spawn_and_record(self) -> None:
        self.die_after_spawn = True

    @rule()
    def the_supervisor_is_killed(self) -> None:
        self._crash()

    @rule()
    def the_machine_restarts(self) -> None:
        self.table.clear()
        self._crash()

    # The shell around the step, as supervisor.py has it

    def _turn(self) -> None:
        self._observe()
        while True:
            self.world, effects = reconcile.step(self.world, self.now)
            self._write()
            if not effects:
                return
            for effect in effects:
                if not self._do(effect):
                    self._crash()
                    return

    def _observe(self) -> None:
        for name, entry in self.world.entries.items():
            if entry.child is not None and entry.child.pid not in self.table:
                self.world = reconcile.ended(self.world, name, CRASHED, self.now)

    def _do(self, effect: Effect) -> bool:
        """False when the supervisor was killed in the act."""
        entry = self.world.entries[effect.name]
        match effect:
            case Spawn(name):
                return self._spawn(name)
            case Terminate():
                assert entry.child is not None
                if not self.table[entry.child.pid].stubborn:
                    del self.table[entry.child.pid]
            case Kill():
                assert entry.child is not None
                del self.table[entry.child.pid]
        self._observe()
        return True

    def _spawn(self, name: str) -> bool:
        assert not self._alive(name), f"a second process for {name}"
        if self.refuse_next is not None:
            self.world = reconcile.ended(self.world, name, self.refuse_next, self.now)
            self.refuse_next = None
            return True
        child = Child(self.next_pid, self.next_pid * 7, "boot", (name,), name)
        self.table[child.pid] = FakeProcess(name, child, self.stubborn_next)
        self.next_pid += 1
        self.stubborn_next = False
        if self.die_after_spawn:
            self.die_after_spawn = False
            return False
        self.world = reconcile.spawned(self.world, name, child)
        self._write()
        return True

    def _write(self) -> None:
        self.disk = json.dumps(record.world_to_json(self.world, now=self.now, wall=self.now + 5000))

    def _crash(self) -> None:
        loaded = record.world_from_json(
            json.loads(self.disk or '{"processes": []}'), now=self.now, wall=self.now + 5000
        )
        entries = {name: self._take_back(entry) for name, entry in loaded.entries.items()}
        self.world = World(entries)
        self._turn()

    def _take_back(self, entry: Entry) -> Entry:
        recorded = entry.child if entry.child and entry.child.pid in self.table else None
        found = recorded or next((p.child for p in self.table.values() if p.name == entry.spec.name), None)
        return reconcile.restore(entry, found, self.now)

    def _alive(self, name: str) -> list[int]:
        return [pid for pid, process in self.table.items() if process.name == name]

    # What holds always

    @invariant()
    def never_two_processes_for_one_name(self) -> None:
        for name in NAMES:
            assert len(self._alive(name)) <= 1

    @invariant()
    def every_live_process_is_known_by_its_pid(self) -> None:
        known = {entry.child.pid for entry in self.world.entries.values() if entry.child}
        assert set(self.table) <= known

    @invariant()
    def only_a_live_state_has_a_process(self) -> None:
        for entry in self.world.entries.values():
            assert (entry.child is None) or entry.state in ALIVE

    @invariant()
    def nobody_keeps_running_unwanted(self) -> None:
        for entry in self.world.entries.values():
            if entry.child is not None and not entry.wanted:
                assert entry.state.value == "STOPPING" or self.world.closing


FAST = settings(
    max_examples=60, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_no_order_of_events_gives_two_processes_for_one_name() -> None:
    run_state_machine_as_test(SupervisorModel, settings=FAST)


@pytest.mark.slow
def test_no_order_of_ten_thousand_events_gives_two_processes_for_one_name() -> None:
    many = settings(FAST, max_examples=200)
    run_state_machine_as_test(SupervisorModel, settings=many)
