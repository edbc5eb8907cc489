"""What a client may ask of the supervisor, one method per operation; each changes the world, the loop does the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from broker import reconcile
from broker.control_server import Handler, Refused
from broker.processes import ProcessSpec
from broker.reconcile import World

if TYPE_CHECKING:
    from broker.supervisor import Supervisor

Request = Mapping[str, Any]


class Operations:
    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "ping": self._ping,
            "status": self._status,
            "specs": self._specs,
            "apply": self._apply,
            "start": self._start,
            "stop": self._stop,
            "restart": self._restart,
            "shutdown": self._shutdown,
        }

    def _ping(self, _request: Request) -> dict[str, Any]:
        closing = self._supervisor.world.closing or self._supervisor.leaving
        return {"pid": os.getpid(), "closing": closing}

    def _status(self, _request: Request) -> list[dict[str, Any]]:
        return [status.to_json() for status in self._supervisor.statuses()]

    def _specs(self, _request: Request) -> list[dict[str, Any]]:
        return [entry.spec.to_json() for entry in self._supervisor.world.entries.values()]

    def _apply(self, request: Request) -> None:
        specs = [ProcessSpec.from_json(item) for item in request["specs"]]
        self._change(reconcile.apply(self._open_world(), specs, [str(name) for name in request["remove"]]))

    def _start(self, request: Request) -> None:
        self._change(reconcile.start(self._open_world(), self._known(request)))

    def _stop(self, request: Request) -> None:
        self._change(reconcile.stop(self._supervisor.world, self._known(request)))

    def _restart(self, request: Request) -> None:
        self._change(reconcile.restart(self._open_world(), self._known(request)))

    def _shutdown(self, request: Request) -> None:
        if request["stop_children"]:
            self._supervisor.stop_everything()
        else:
            self._supervisor.leaving = True

    def _known(self, request: Request) -> str:
        name = str(request["name"])
        if name not in self._supervisor.world.entries:
            raise Refused("unknown_process", f"There is no process named {name}.")
        return name

    def _open_world(self) -> World:
        if self._supervisor.world.closing:
            raise Refused("closing", "The supervisor is stopping everything.")
        return self._supervisor.world

    def _change(self, world: World) -> None:
        self._supervisor.world = world
