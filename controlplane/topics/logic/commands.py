"""The `kafka-*.sh` lines that do the same as a plan, for "copy as CLI"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controlplane.core.commands import line


def create(name: str, partitions: int, replication_factor: int, configs: Mapping[str, str]) -> str:
    extra = [part for key, value in sorted(configs.items()) for part in ("--config", f"{key}={value}")]
    return line(
        "kafka-topics.sh", "--create", "--topic", name,
        "--partitions", str(partitions), "--replication-factor", str(replication_factor), *extra,
    )  # fmt: skip


def alter(name: str, to_set: Mapping[str, str], to_delete: Sequence[str]) -> str:
    parts = ["--alter", "--entity-type", "topics", "--entity-name", name]
    if to_set:
        # A list value needs brackets, or the tool splits it at its commas.
        pairs = [f"{k}=[{v}]" if "," in v else f"{k}={v}" for k, v in sorted(to_set.items())]
        parts += ["--add-config", ",".join(pairs)]
    if to_delete:
        parts += ["--delete-config", ",".join(sorted(to_delete))]
    return line("kafka-configs.sh", *parts)


def add_partitions(name: str, count: int) -> str:
    return line("kafka-topics.sh", "--alter", "--topic", name, "--partitions", str(count))


def describe(name: str) -> str:
    return line("kafka-topics.sh", "--describe", "--topic", name)


def delete(name: str) -> str:
    return line("kafka-topics.sh", "--delete", "--topic", name)
