"""Kafka's error codes in plain words: the name in the protocol, our error, what happened, what to do.

Data only. Codes that the brokers speak among themselves are here as well: a surprise should still read well.
"""

from __future__ import annotations

from typing import NamedTuple

from controlplane.gateways.errors import (
    AlreadyExists,
    AuthenticationFailed,
    BadAnswer,
    Conflict,
    DeadlineExceeded,
    GatewayError,
    InvalidRequest,
    NotAuthorized,
    NotEnoughReplicas,
    NotFound,
    RecordTooLarge,
    Unreachable,
    Unsupported,
)


class Fault(NamedTuple):
    name: str
    kind: type[GatewayError]
    what: str
    hint: str = ""


AGAIN = "Try again in a moment; the cluster is electing or moving something"
ASK_ACL = "Give the principal of this connection the missing ACL, or connect as another one"
REFRESH = "Our view of the cluster is older than the cluster; try again"

BROKER_FAULTS: dict[int, Fault] = {
    -1: Fault(
        "UNKNOWN_SERVER_ERROR",
        BadAnswer,
        "The broker failed with an unexpected error",
        "Its log has the stack trace",
    ),
    1: Fault(
        "OFFSET_OUT_OF_RANGE",
        InvalidRequest,
        "The offset is outside of the log",
        "Records are deleted by retention",
    ),
    2: Fault(
        "CORRUPT_MESSAGE",
        BadAnswer,
        "A record failed its checksum",
        "Check the disk of the partition's leader",
    ),
    3: Fault("UNKNOWN_TOPIC_OR_PARTITION", NotFound, "There is no such topic or partition"),
    4: Fault("INVALID_FETCH_SIZE", InvalidRequest, "The fetch size is invalid"),
    5: Fault("LEADER_NOT_AVAILABLE", Unreachable, "The partition has no leader now", AGAIN),
    6: Fault("NOT_LEADER_OR_FOLLOWER", Unreachable, "The broker no longer leads the partition", REFRESH),
    7: Fault("REQUEST_TIMED_OUT", DeadlineExceeded, "The broker could not finish in time", AGAIN),
    8: Fault("BROKER_NOT_AVAILABLE", Unreachable, "The broker is not available", "See whether it runs"),
    9: Fault("REPLICA_NOT_AVAILABLE", Unreachable, "The replica is not available on that broker", AGAIN),
    10: Fault(
        "MESSAGE_TOO_LARGE",
        RecordTooLarge,
        "The record is larger than the topic takes",
        "Raise max.message.bytes of the topic, or send less",
    ),
    11: Fault("STALE_CONTROLLER_EPOCH", Unreachable, "The controller has changed", AGAIN),
    12: Fault("OFFSET_METADATA_TOO_LARGE", InvalidRequest, "The note at the committed offset is too long"),
    13: Fault("NETWORK_EXCEPTION", Unreachable, "The broker went away before it answered", AGAIN),
    14: Fault("COORDINATOR_LOAD_IN_PROGRESS", Unreachable, "The group's coordinator is still loading", AGAIN),
    15: Fault("COORDINATOR_NOT_AVAILABLE", Unreachable, "The group has no coordinator now", AGAIN),
    16: Fault("NOT_COORDINATOR", Unreachable, "The broker no longer coordinates the group", REFRESH),
    17: Fault(
        "INVALID_TOPIC_EXCEPTION",
        InvalidRequest,
        "The topic name or operation is invalid",
        "Names have 1 to 249 of a-z A-Z 0-9 . _ -; internal topics are protected",
    ),
    18: Fault("RECORD_LIST_TOO_LARGE", RecordTooLarge, "The batch is larger than a log segment"),
    19: Fault(
        "NOT_ENOUGH_REPLICAS",
        NotEnoughReplicas,
        "Fewer replicas are in sync than min.insync.replicas asks for; nothing was written",
        "Bring the missing brokers back; the topic's page shows which replicas lag",
    ),
    20: Fault(
        "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        NotEnoughReplicas,
        "The record was written, but to fewer in-sync replicas than min.insync.replicas asks for",
        "It may be lost or, when repeated, be there twice. Bring the missing brokers back",
    ),
    21: Fault("INVALID_REQUIRED_ACKS", InvalidRequest, "The setting acks must be 0, 1 or all"),
    22: Fault("ILLEGAL_GENERATION", Conflict, "The group has rebalanced meanwhile", "Try again"),
    23: Fault(
        "INCONSISTENT_GROUP_PROTOCOL", Conflict, "The group speaks another protocol", "Check the group's type"
    ),
    24: Fault("INVALID_GROUP_ID", InvalidRequest, "The group name is invalid"),
    25: Fault("UNKNOWN_MEMBER_ID", NotFound, "The group has no such member", "It may have left meanwhile"),
    26: Fault(
        "INVALID_SESSION_TIMEOUT", InvalidRequest, "The session timeout is outside of the broker's limits"
    ),
    27: Fault("REBALANCE_IN_PROGRESS", Conflict, "The group is rebalancing", "Try again in a moment"),
    28: Fault("INVALID_COMMIT_OFFSET_SIZE", InvalidRequest, "The committed offsets are too large to store"),
    29: Fault("TOPIC_AUTHORIZATION_FAILED", NotAuthorized, "We may not do this on the topic", ASK_ACL),
    30: Fault("GROUP_AUTHORIZATION_FAILED", NotAuthorized, "We may not do this on the group", ASK_ACL),
    31: Fault("CLUSTER_AUTHORIZATION_FAILED", NotAuthorized, "We may not do this on the cluster", ASK_ACL),
    32: Fault("INVALID_TIMESTAMP", InvalidRequest, "The record's time is too far from the broker's"),
    33: Fault(
        "UNSUPPORTED_SASL_MECHANISM",
        AuthenticationFailed,
        "The broker does not offer this SASL mechanism",
        "Choose one of those enabled on the listener",
    ),
    34: Fault("ILLEGAL_SASL_STATE", AuthenticationFailed, "The listener did not expect SASL at this point"),
    35: Fault("UNSUPPORTED_VERSION", Unsupported, "This Kafka version or cluster feature level cannot do it"),
    36: Fault("TOPIC_ALREADY_EXISTS", AlreadyExists, "The topic exists already"),
    37: Fault(
        "INVALID_PARTITIONS", InvalidRequest, "The number of partitions is invalid", "It can only grow"
    ),
    38: Fault(
        "INVALID_REPLICATION_FACTOR",
        InvalidRequest,
        "The replication factor is invalid",
        "It needs that many brokers that are up",
    ),
    39: Fault("INVALID_REPLICA_ASSIGNMENT", InvalidRequest, "The replica assignment is invalid"),
    40: Fault("INVALID_CONFIG", InvalidRequest, "The setting is invalid"),
    41: Fault("NOT_CONTROLLER", Unreachable, "The active controller has changed", AGAIN),
    42: Fault("INVALID_REQUEST", InvalidRequest, "The broker refuses the request"),
    43: Fault("UNSUPPORTED_FOR_MESSAGE_FORMAT", Unsupported, "The topic's record format is too old for this"),
    44: Fault(
        "POLICY_VIOLATION", InvalidRequest, "A policy of the cluster forbids it", "Ask who runs the cluster"
    ),
    45: Fault("OUT_OF_ORDER_SEQUENCE_NUMBER", Conflict, "A record arrived out of order"),
    46: Fault("DUPLICATE_SEQUENCE_NUMBER", Conflict, "The record was written before"),
    47: Fault("INVALID_PRODUCER_EPOCH", Conflict, "Another producer with the same id took over"),
    48: Fault("INVALID_TXN_STATE", Conflict, "The transaction's state forbids it"),
    49: Fault("INVALID_PRODUCER_ID_MAPPING", Conflict, "The transaction belongs to another producer id"),
    50: Fault(
        "INVALID_TRANSACTION_TIMEOUT", InvalidRequest, "The transaction timeout exceeds the broker's limit"
    ),
    51: Fault("CONCURRENT_TRANSACTIONS", Conflict, "The previous transaction is still completing", AGAIN),
    52: Fault("TRANSACTION_COORDINATOR_FENCED", Conflict, "The transaction coordinator has changed", AGAIN),
    53: Fault(
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        NotAuthorized,
        "We may not use this transactional id",
        ASK_ACL,
    ),
    54: Fault(
        "SECURITY_DISABLED",
        Unsupported,
        "The cluster has no authorizer, so it has no ACLs",
        "Set authorizer.class.name on the brokers",
    ),
    55: Fault(
        "OPERATION_NOT_ATTEMPTED", Conflict, "Not attempted, because an earlier part of the request failed"
    ),
    56: Fault(
        "KAFKA_STORAGE_ERROR",
        Unreachable,
        "The broker cannot read or write that log directory",
        "Check the disk; the broker's page shows its log directories",
    ),
    57: Fault("LOG_DIR_NOT_FOUND", NotFound, "The broker has no such log directory"),
    58: Fault(
        "SASL_AUTHENTICATION_FAILED",
        AuthenticationFailed,
        "Wrong user name or password",
        "Check both, and that the user exists for this SASL mechanism",
    ),
    59: Fault("UNKNOWN_PRODUCER_ID", NotFound, "The broker does not know this producer id any more"),
    60: Fault(
        "REASSIGNMENT_IN_PROGRESS",
        Conflict,
        "The partition is being moved",
        "Wait for the move, or cancel it",
    ),
    61: Fault(
        "DELEGATION_TOKEN_AUTH_DISABLED", Unsupported, "The cluster has delegation tokens switched off"
    ),
    62: Fault("DELEGATION_TOKEN_NOT_FOUND", NotFound, "There is no such delegation token"),
    63: Fault(
        "DELEGATION_TOKEN_OWNER_MISMATCH", NotAuthorized, "The delegation token belongs to somebody else"
    ),
    64: Fault(
        "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED",
        NotAuthorized,
        "Delegation tokens are handed out on authenticated connections only",
    ),
    65: Fault(
        "DELEGATION_TOKEN_AUTHORIZATION_FAILED", NotAuthorized, "We may not do this on the token", ASK_ACL
    ),
    66: Fault("DELEGATION_TOKEN_EXPIRED", AuthenticationFailed, "The delegation token has expired"),
    67: Fault("INVALID_PRINCIPAL_TYPE", InvalidRequest, "The principal must be of type User"),
    68: Fault(
        "NON_EMPTY_GROUP",
        Conflict,
        "The group still has members",
        "Stop its consumers and wait for their sessions to end",
    ),
    69: Fault("GROUP_ID_NOT_FOUND", NotFound, "There is no such group (of this type)"),
    70: Fault("FETCH_SESSION_ID_NOT_FOUND", Unreachable, "The broker forgot our fetch session", "Try again"),
    71: Fault(
        "INVALID_FETCH_SESSION_EPOCH", Unreachable, "The broker lost step with our fetch session", "Try again"
    ),
    72: Fault(
        "LISTENER_NOT_FOUND",
        Unreachable,
        "The leader has no listener of the kind we use",
        "Every broker needs the same listener names",
    ),
    73: Fault(
        "TOPIC_DELETION_DISABLED",
        Unsupported,
        "The cluster forbids deleting topics",
        "delete.topic.enable is false",
    ),
    74: Fault("FENCED_LEADER_EPOCH", Unreachable, "The partition has a newer leader", REFRESH),
    75: Fault(
        "UNKNOWN_LEADER_EPOCH",
        Unreachable,
        "The broker does not know the partition's newest leader yet",
        AGAIN,
    ),
    76: Fault("UNSUPPORTED_COMPRESSION_TYPE", Unsupported, "The other side cannot handle this compression"),
    77: Fault("STALE_BROKER_EPOCH", Unreachable, "The broker has restarted meanwhile", AGAIN),
    78: Fault("OFFSET_NOT_AVAILABLE", Unreachable, "The new leader does not know its offsets yet", AGAIN),
    79: Fault("MEMBER_ID_REQUIRED", Conflict, "The group asks to join again", "Try again"),
    80: Fault("PREFERRED_LEADER_NOT_AVAILABLE", Unreachable, "The preferred leader is not available", AGAIN),
    81: Fault("GROUP_MAX_SIZE_REACHED", Conflict, "The group has as many members as the cluster allows"),
    82: Fault("FENCED_INSTANCE_ID", Conflict, "Another member with the same group.instance.id took over"),
    83: Fault(
        "ELIGIBLE_LEADERS_NOT_AVAILABLE",
        Unreachable,
        "No replica may become leader now",
        "Bring a replica back",
    ),
    84: Fault("ELECTION_NOT_NEEDED", Conflict, "The partition has the right leader already"),
    85: Fault("NO_REASSIGNMENT_IN_PROGRESS", NotFound, "The partition is not being moved"),
    86: Fault(
        "GROUP_SUBSCRIBED_TO_TOPIC",
        Conflict,
        "A member of the group is subscribed to the topic",
        "Stop its consumers",
    ),
    87: Fault(
        "INVALID_RECORD",
        InvalidRequest,
        "The broker refuses the record",
        "A compacted topic needs a key on every record",
    ),
    88: Fault(
        "UNSTABLE_OFFSET_COMMIT", Conflict, "A transaction with offsets of the group is still open", AGAIN
    ),
    89: Fault(
        "THROTTLING_QUOTA_EXCEEDED", Conflict, "A quota is used up", "Try again later, or raise the quota"
    ),
    90: Fault("PRODUCER_FENCED", Conflict, "Another producer with the same transactional id took over"),
    91: Fault("RESOURCE_NOT_FOUND", NotFound, "There is no such object"),
    92: Fault("DUPLICATE_RESOURCE", InvalidRequest, "The same object is named twice in one request"),
    93: Fault("UNACCEPTABLE_CREDENTIAL", InvalidRequest, "The credential is not acceptable"),
    94: Fault("INCONSISTENT_VOTER_SET", Conflict, "The quorum has other voters than expected"),
    95: Fault("INVALID_UPDATE_VERSION", InvalidRequest, "The feature cannot have that level"),
    96: Fault("FEATURE_UPDATE_FAILED", Conflict, "The feature could not be changed"),
    97: Fault("PRINCIPAL_DESERIALIZATION_FAILURE", BadAnswer, "The controller could not read who asked"),
    98: Fault("SNAPSHOT_NOT_FOUND", NotFound, "There is no such metadata snapshot"),
    99: Fault("POSITION_OUT_OF_RANGE", InvalidRequest, "The position is outside of the snapshot"),
    100: Fault(
        "UNKNOWN_TOPIC_ID", NotFound, "The topic was deleted or created anew meanwhile", "Look at it again"
    ),
    101: Fault("DUPLICATE_BROKER_REGISTRATION", Conflict, "A broker with this id is registered and alive"),
    102: Fault("BROKER_ID_NOT_REGISTERED", NotFound, "There is no broker with this id"),
    103: Fault("INCONSISTENT_TOPIC_ID", NotFound, "The topic was created anew meanwhile", "Look at it again"),
    104: Fault(
        "INCONSISTENT_CLUSTER_ID", Conflict, "That is another cluster", "Check the bootstrap addresses"
    ),
    105: Fault("TRANSACTIONAL_ID_NOT_FOUND", NotFound, "There is no such transactional id"),
    106: Fault(
        "FETCH_SESSION_TOPIC_ID_ERROR",
        Unreachable,
        "The broker lost step with our fetch session",
        "Try again",
    ),
    107: Fault("INELIGIBLE_REPLICA", Conflict, "The replica may not join the in-sync set now"),
    108: Fault("NEW_LEADER_ELECTED", Unreachable, "The partition has a new leader", REFRESH),
    109: Fault("OFFSET_MOVED_TO_TIERED_STORAGE", Conflict, "The offset is in tiered storage only"),
    110: Fault("FENCED_MEMBER_EPOCH", Conflict, "The group went on without this member"),
    111: Fault("UNRELEASED_INSTANCE_ID", Conflict, "The group.instance.id is still in use"),
    112: Fault("UNSUPPORTED_ASSIGNOR", InvalidRequest, "The group does not know this assignor"),
    113: Fault("STALE_MEMBER_EPOCH", Conflict, "The group went on meanwhile", "Try again"),
    114: Fault(
        "MISMATCHED_ENDPOINT_TYPE",
        InvalidRequest,
        "This is a controller's port",
        "Use a broker's client listener",
    ),
    115: Fault(
        "UNSUPPORTED_ENDPOINT_TYPE", Unsupported, "The broker cannot answer that kind of question yet"
    ),
    116: Fault("UNKNOWN_CONTROLLER_ID", NotFound, "There is no controller with this id"),
    117: Fault("UNKNOWN_SUBSCRIPTION_ID", Conflict, "The client metrics subscription has changed"),
    118: Fault("TELEMETRY_TOO_LARGE", InvalidRequest, "The client metrics are too large"),
    119: Fault("INVALID_REGISTRATION", InvalidRequest, "The controller refuses the broker's registration"),
    120: Fault("TRANSACTION_ABORTABLE", Conflict, "The transaction must be aborted"),
    121: Fault("INVALID_RECORD_STATE", Conflict, "The record is not in a state that allows it"),
    122: Fault("SHARE_SESSION_NOT_FOUND", Unreachable, "The broker forgot our share session", "Try again"),
    123: Fault(
        "INVALID_SHARE_SESSION_EPOCH", Unreachable, "The broker lost step with our share session", "Try again"
    ),
    124: Fault("FENCED_STATE_EPOCH", Conflict, "The share group's state has moved on"),
    125: Fault(
        "INVALID_VOTER_KEY", InvalidRequest, "The voter's id and directory id do not match the quorum"
    ),
    126: Fault("DUPLICATE_VOTER", AlreadyExists, "The controller is a voter already"),
    127: Fault("VOTER_NOT_FOUND", NotFound, "The quorum has no such voter"),
    128: Fault("INVALID_REGULAR_EXPRESSION", InvalidRequest, "The regular expression is invalid"),
    129: Fault("REBOOTSTRAP_REQUIRED", Unreachable, "The broker asks us to start over", "Try again"),
    130: Fault("STREAMS_INVALID_TOPOLOGY", InvalidRequest, "The streams topology is invalid"),
    131: Fault("STREAMS_INVALID_TOPOLOGY_EPOCH", Conflict, "The streams topology is older than the group's"),
    132: Fault("STREAMS_TOPOLOGY_FENCED", Conflict, "The streams topology is older than the group's"),
    133: Fault("SHARE_SESSION_LIMIT_REACHED", Conflict, "The broker has as many share sessions as it allows"),
}

# librdkafka's own codes are negative. -195 and -187 only say that something is wrong: preflight names the cause.
CLIENT_FAULTS: dict[int, Fault] = {
    -199: Fault("_BAD_MSG", BadAnswer, "The answer could not be read"),
    -198: Fault("_BAD_COMPRESSION", BadAnswer, "A batch could not be decompressed"),
    -197: Fault("_DESTROY", Unreachable, "The connection is being closed"),
    -196: Fault("_FAIL", Unreachable, "The broker could not be talked to"),
    -195: Fault(
        "_TRANSPORT",
        Unreachable,
        "The broker could not be reached",
        "See whether it runs and its port is open",
    ),
    -193: Fault(
        "_RESOLVE", Unreachable, "The broker's host name is unknown", "Check its spelling and the DNS"
    ),
    -192: Fault(
        "_MSG_TIMED_OUT",
        DeadlineExceeded,
        "The record could not be delivered in time",
        "Whether it was written is not known. See whether the partition has a leader",
    ),
    -191: Fault("_PARTITION_EOF", NotFound, "There are no more records in the partition"),
    -190: Fault("_UNKNOWN_PARTITION", NotFound, "The topic has no such partition"),
    -188: Fault("_UNKNOWN_TOPIC", NotFound, "There is no such topic"),
    -187: Fault("_ALL_BROKERS_DOWN", Unreachable, "No broker of the cluster can be reached"),
    -186: Fault("_INVALID_ARG", InvalidRequest, "A value is invalid"),
    -185: Fault("_TIMED_OUT", DeadlineExceeded, "No answer in time", AGAIN),
    -184: Fault("_QUEUE_FULL", Conflict, "Too many records are waiting to be sent", "Try again in a moment"),
    -181: Fault("_SSL", AuthenticationFailed, "The TLS handshake failed", "Check the CA and the certificate"),
    -172: Fault("_STATE", Conflict, "The client is not in a state that allows it"),
    -169: Fault(
        "_AUTHENTICATION", AuthenticationFailed, "The broker does not accept who we are", "Check the login"
    ),
    -168: Fault("_NO_OFFSET", NotFound, "There is no offset"),
    -165: Fault("_UNSUPPORTED_FEATURE", Unsupported, "The broker is too old for this"),
    -152: Fault(
        "_PURGE_INFLIGHT",
        Unreachable,
        "Given up while it was on its way",
        "Whether it was written is not known",
    ),
    -151: Fault("_PURGE_QUEUE", Unreachable, "Given up before it was sent"),
    -150: Fault(
        "_FATAL", BadAnswer, "The client has failed for good", "It is made anew with the next request"
    ),
}
