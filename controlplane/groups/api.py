"""The consumer groups API, read-only: list from the snapshot, one group live."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters import selectors as clusters
from controlplane.clusters.models import GroupSnapshot, SnapshotPart
from controlplane.clusters.rest import ClusterApiView
from controlplane.core.access import Action
from controlplane.core.rest import list_answer, list_parameters, list_schema
from controlplane.groups import selectors
from controlplane.groups.logic import PartitionLag

SORTABLE = ("group", "state", "type", "members", "topics", "lag")
OFFSET_SORT = ("topic", "partition", "lag", "member")


class GroupRowSerializer(serializers.Serializer[Any]):
    group = serializers.CharField()
    type = serializers.CharField()
    protocol = serializers.CharField()
    state = serializers.CharField()
    coordinator = serializers.IntegerField(allow_null=True)
    members = serializers.IntegerField(allow_null=True)
    topics = serializers.IntegerField(allow_null=True)
    lag = serializers.IntegerField(allow_null=True, help_text="Records; null while unknown.")


class MemberSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    client_id = serializers.CharField()
    host = serializers.CharField()
    assignments = serializers.ListField(child=serializers.CharField())


class GroupOffsetSerializer(serializers.Serializer[Any]):
    topic = serializers.CharField()
    partition = serializers.IntegerField()
    current_offset = serializers.IntegerField(allow_null=True)
    end_offset = serializers.IntegerField(allow_null=True)
    lag = serializers.IntegerField(allow_null=True)
    member = serializers.CharField(allow_blank=True)


class GroupSerializer(serializers.Serializer[Any]):
    group = serializers.CharField()
    type = serializers.CharField()
    protocol = serializers.CharField()
    state = serializers.CharField()
    coordinator = serializers.IntegerField(allow_null=True)
    lag = serializers.IntegerField(allow_null=True)
    members = MemberSerializer(many=True)
    offsets = GroupOffsetSerializer(many=True)


class GroupsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.GROUP_VIEW}

    @extend_schema(
        summary="List consumer groups",
        parameters=list_parameters(SORTABLE),
        responses=list_schema(GroupRowSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        search = request.query_params.get("search", "").strip()
        rows = clusters.groups(self.cluster, search=search)
        taken = clusters.age(self.cluster, SnapshotPart.GROUPS).taken_at
        return list_answer(request, rows, _row, sortable=SORTABLE, default_sort="group", as_of=taken)


class GroupApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.GROUP_VIEW}

    @extend_schema(summary="Read a consumer group", responses=GroupSerializer)
    def get(self, request: Request, cluster: str, group: str) -> Response:
        detail = selectors.describe(self.cluster, group)
        described = detail.group
        return Response(
            {
                "group": described.group,
                "type": str(described.type),
                "protocol": described.protocol,
                "state": described.state,
                "coordinator": described.coordinator,
                "lag": detail.lag,
                "members": [
                    {
                        "id": member.id,
                        "client_id": member.client_id,
                        "host": member.host,
                        "assignments": [str(partition) for partition in member.assignments],
                    }
                    for member in described.members
                ],
                "offsets": [_offset(row) for row in detail.rows],
            }
        )


class GroupOffsetsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.GROUP_VIEW}

    @extend_schema(
        summary="List a group's offsets",
        parameters=list_parameters(OFFSET_SORT, search="Any part of the topic's name, in any case."),
        responses=list_schema(GroupOffsetSerializer),
    )
    def get(self, request: Request, cluster: str, group: str) -> Response:
        search = request.query_params.get("search", "").strip().lower()
        found = selectors.describe(self.cluster, group).rows
        rows = [row for row in found if search in row.topic.lower()]
        return list_answer(request, rows, _offset, sortable=OFFSET_SORT, default_sort="topic")


def _row(row: GroupSnapshot) -> dict[str, Any]:
    return {name: getattr(row, name) for name in GroupRowSerializer._declared_fields}


def _offset(row: PartitionLag) -> dict[str, Any]:
    return {
        "topic": row.topic,
        "partition": row.partition,
        "current_offset": row.current,
        "end_offset": row.end,
        "lag": row.lag,
        "member": row.member,
    }
