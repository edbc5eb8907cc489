"""Which bindings a list shows: filters of the URL, groups by principal and by resource, and the matrix of both."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from controlplane.acls.logic.bindings import (
    FIELDS,
    WILDCARD,
    in_order,
    key,
    names_resource,
    resource_text,
    text,
)
from controlplane.clusters.logic import blocks
from controlplane.gateways.kafka.access_types import Acl, AclOperation, AclPermission, PatternType

#: One sign per operation, as the legend of the matrix explains them.
SIGNS: Mapping[AclOperation, str] = {
    AclOperation.ALL: "✱",
    AclOperation.READ: "R",
    AclOperation.WRITE: "W",
    AclOperation.CREATE: "C",
    AclOperation.DELETE: "D",
    AclOperation.ALTER: "A",
    AclOperation.DESCRIBE: "d",
    AclOperation.CLUSTER_ACTION: "K",
    AclOperation.DESCRIBE_CONFIGS: "c",
    AclOperation.ALTER_CONFIGS: "a",
    AclOperation.IDEMPOTENT_WRITE: "I",
    AclOperation.CREATE_TOKENS: "T",
    AclOperation.DESCRIBE_TOKENS: "t",
    AclOperation.TWO_PHASE_COMMIT: "2",
}


@dataclass(frozen=True, slots=True)
class Filters:
    """Empty means any. `matching` finds the bindings that apply to a resource of that name, patterns included."""

    search: str = ""
    principal: str = ""
    host: str = ""
    operation: str = ""
    permission: str = ""
    resource_type: str = ""
    resource_name: str = ""
    pattern_type: str = ""
    matching: str = ""

    @property
    def exact(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, value) for name in FIELDS if (value := getattr(self, name)))

    @property
    def empty(self) -> bool:
        return not (self.exact or self.search or self.matching)


@dataclass(frozen=True, slots=True)
class Row:
    """A binding as a table shows it. `of_block`: one of those that an emergency block is made of."""

    acl: Acl
    principal: str
    resource_type: str
    resource_name: str
    pattern_type: str
    operation: str
    permission: str
    host: str
    of_block: bool = False

    @property
    def key(self) -> str:
        return key(self.acl)

    @property
    def text(self) -> str:
        return text(self.acl)

    @property
    def everything(self) -> bool:
        return self.resource_name == WILDCARD and self.pattern_type == PatternType.LITERAL


def row_of(acl: Acl, blocked: Collection[str] = ()) -> Row:
    return Row(
        acl,
        acl.principal,
        str(acl.resource_type),
        acl.resource_name,
        str(acl.pattern_type),
        str(acl.operation),
        str(acl.permission),
        acl.host,
        blocks.is_part(acl, blocked),
    )


def select(acls: Iterable[Acl], filters: Filters) -> tuple[Acl, ...]:
    return in_order(acl for acl in acls if chosen(acl, filters))


def chosen(acl: Acl, filters: Filters) -> bool:
    if any(str(getattr(acl, name)) != value for name, value in filters.exact):
        return False
    if filters.matching and not names_resource(acl, acl.resource_type, filters.matching):
        return False
    wanted = filters.search.lower()
    return not wanted or wanted in acl.principal.lower() or wanted in acl.resource_name.lower()


@dataclass(frozen=True, slots=True)
class Group:
    """The bindings of one principal, or on one resource."""

    name: str
    rows: tuple[Row, ...]
    resource: Row | None = None
    blocked: bool = False

    @property
    def allows(self) -> int:
        return sum(row.permission == AclPermission.ALLOW for row in self.rows)

    @property
    def denies(self) -> int:
        return len(self.rows) - self.allows


def by_principal(acls: Sequence[Acl]) -> tuple[Group, ...]:
    found: dict[str, list[Row]] = {}
    blocked = blocks.blocked_in(acls)
    for acl in in_order(acls):
        found.setdefault(acl.principal, []).append(row_of(acl, blocked))
    return tuple(Group(name, tuple(rows), blocked=name in blocked) for name, rows in sorted(found.items()))


def by_resource(acls: Sequence[Acl]) -> tuple[Group, ...]:
    found: dict[tuple[str, str, str], list[Row]] = {}
    for acl in in_order(acls):
        place = (str(acl.resource_type), acl.resource_name, str(acl.pattern_type))
        found.setdefault(place, []).append(row_of(acl))
    return tuple(Group(resource_text(rows[0].acl), tuple(rows), rows[0]) for rows in found.values())


@dataclass(frozen=True, slots=True)
class Cell:
    """Signs of what is allowed and of what is denied; `text` says it in words."""

    allow: str = ""
    deny: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class MatrixRow:
    principal: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    resources: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    hidden_resources: int


def matrix(acls: Sequence[Acl], principals: Sequence[str], most: int) -> Matrix:
    """For the principals of one page; of their resources the `most` that have the most bindings."""
    ours = [acl for acl in in_order(acls) if acl.principal in set(principals)]
    counts: dict[str, int] = {}
    cells: dict[tuple[str, str], list[Acl]] = {}
    for acl in ours:
        name = resource_text(acl)
        counts[name] = counts.get(name, 0) + 1
        cells.setdefault((acl.principal, name), []).append(acl)
    busiest = set(sorted(counts, key=lambda name: -counts[name])[:most])
    shown = tuple(name for name in counts if name in busiest)
    rows = tuple(
        MatrixRow(principal, tuple(_cell(cells.get((principal, name), ())) for name in shown))
        for principal in principals
    )
    return Matrix(shown, rows, len(counts) - len(shown))


def _cell(acls: Sequence[Acl]) -> Cell:
    allow, deny = (
        "".join(
            dict.fromkeys(
                SIGNS.get(acl.operation, "?")
                for acl in acls
                if (acl.permission == AclPermission.ALLOW) == yes
            )
        )
        for yes in (True, False)
    )
    return Cell(allow, deny, "; ".join(_cell_text(acl) for acl in acls))


def _cell_text(acl: Acl) -> str:
    where = "" if acl.host == WILDCARD else f" from {acl.host}"
    return f"{acl.permission} {acl.operation}{where}"
