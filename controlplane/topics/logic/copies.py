"""A topic as text to take along: what would make one like it. Pure."""

from __future__ import annotations

from controlplane.clusters.logic.copies import Copy, as_yaml
from controlplane.core.plans import ApiCall, Json, api_path
from controlplane.topics.logic import commands
from controlplane.topics.logic.state import TopicState


def topic_copy(cluster: str, state: TopicState) -> Copy:
    configs: dict[str, Json] = dict(sorted(state.configs.items()))
    body: dict[str, Json] = {
        "name": state.name,
        "partitions": state.partitions,
        "replication_factor": state.replication_factor,
        "configs": configs,
    }
    made = commands.create(state.name, state.partitions, state.replication_factor, state.configs)
    return Copy(
        yaml=as_yaml(body),
        commands=(("Read it", commands.describe(state.name)), ("Make one like it", made)),
        calls=(
            ("Read it", ApiCall("GET", api_path(cluster, "topics", state.name)).curl()),
            ("Make one like it", ApiCall("POST", api_path(cluster, "topics"), body).curl()),
        ),
    )
