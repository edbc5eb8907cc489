"""A scene with one cluster, without the shipped rules; a sink."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controlplane.alerts import shipped
from controlplane.alerts.models import Beat
from controlplane.alerts.services import cycle
from tests.alerts.scene import Scene, Sink, cluster


@pytest.fixture
def scene(db: None, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Deliveries are made when the test says so; nobody is woken."""
    monkeypatch.setattr(cycle, "wake_delivery", lambda: None)
    cluster()
    Beat.objects.create(pk=1, shipped=shipped.digest())
    return Scene()


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink()
    yield found
    found.close()
