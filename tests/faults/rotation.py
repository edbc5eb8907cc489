"""Steps of an authority's key replacement as strikes for the drill: asked for through the API, waited for as a job."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.faults.drill import Recovery, behind, until
from tests.faults.installation import DrillFailed, Installation, kill

JOB_S = 600
MIDDLE = "Restart one broker after another"


class Api:
    """Of an installation, with a token of its own."""

    def __init__(self, target: Installation) -> None:
        self._base = f"{target.url}/api/v1"
        self._token = target.run("token", "--role", "admin").strip()

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> tuple[Any, str]:
        """The answer and its ETag. The web server may be restarting: a refused connection is tried again."""
        request = urllib.request.Request(
            f"{self._base}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Authorization": f"Token {self._token}",
                "Content-Type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        for attempt in range(20):
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.load(answer), answer.headers.get("ETag", "")
            except urllib.error.HTTPError as error:
                raise DrillFailed(f"{method} {path}: {error.code} {error.read().decode()}") from error
            except (urllib.error.URLError, OSError):
                if attempt == 19:
                    raise
                time.sleep(0.5)
        raise AssertionError("unreachable")


def step(name: str, *, purpose: str = "brokers", killing: str = "") -> Callable[[Installation], Recovery]:
    """`killing`: a service that gets kill -9 while brokers restart; the job has to go on by itself."""

    def strike(target: Installation) -> Recovery:
        call, started = Api(target), time.monotonic()
        path = f"clusters/main/certificates/authorities/{purpose}/rotation/"
        _, tag = call("GET", path)
        answer, _ = call("POST", path, {"step": name}, If_Match=tag)
        job = f"jobs/{answer['job']}/"
        if killing:
            until(lambda: MIDDLE in str(_alive(call, job)["steps"]), "brokers restarting")
            kill([target.pid(killing)])
        finished = _ended(call, job)
        until(lambda: not behind(target), "every partition in sync")
        note = f"attempt {finished['attempt']}" if killing else ""
        return Recovery(time.monotonic() - started, None, note)

    return strike


def _alive(call: Api, path: str) -> dict[str, Any]:
    """The job, unless it ended badly."""
    job: dict[str, Any] = call("GET", path)[0]
    if job["state"] not in ("queued", "running", "succeeded"):
        raise DrillFailed(f"{job['title']}: {job['state']}: {job['error']} {job['log']}")
    return job


def _ended(call: Api, path: str) -> dict[str, Any]:
    deadline = time.monotonic() + JOB_S
    while time.monotonic() < deadline:
        job = _alive(call, path)
        if job["state"] == "succeeded":
            return job
        time.sleep(0.5)
    raise DrillFailed(f"the job did not end within {JOB_S} s")
