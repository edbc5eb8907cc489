"""The metadata quorum as its leader describes it: DescribeQuorum (KIP-595, KIP-836). Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QuorumReplica:
    """Times are Unix milliseconds; None where the leader does not know them."""

    id: int
    directory_id: str | None
    log_end_offset: int | None
    last_fetch_ms: int | None
    last_caught_up_ms: int | None


@dataclass(frozen=True, slots=True)
class QuorumEndpoint:
    node: int
    listener: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class QuorumInfo:
    leader_id: int | None
    leader_epoch: int
    high_watermark: int
    voters: tuple[QuorumReplica, ...]
    observers: tuple[QuorumReplica, ...]
    endpoints: tuple[QuorumEndpoint, ...] = ()

    @property
    def leader(self) -> QuorumReplica | None:
        return next((each for each in self.voters if each.id == self.leader_id), None)

    def lag_ms(self, replica: QuorumReplica) -> int | None:
        """How long ago it had last caught up, by the leader's own clock: this machine's may say another time.

        None where the leader does not know (KIP-836: before Kafka 3.3 it never does).
        """
        leader = self.leader
        if leader is not None and replica.id == leader.id:
            return 0
        if leader is None or not leader.last_caught_up_ms or not replica.last_caught_up_ms:
            return None
        return max(leader.last_caught_up_ms - replica.last_caught_up_ms, 0)
