"""The shapes of the ACL API's input and output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework import serializers

from controlplane.acls import watching
from controlplane.acls.logic.bindings import OPERATIONS, PATTERNS, PERMISSIONS, RESOURCE_TYPES
from controlplane.acls.logic.bundles import Bundle
from controlplane.acls.logic.transfer import MAX_BYTES, FileFormat
from controlplane.gateways.kafka.access_types import AclOperation

BUNDLES = [bundle.value for bundle in Bundle]
EXAMPLE = {
    "principal": "User:ann",
    "host": "*",
    "operation": "READ",
    "permission": "ALLOW",
    "resource_type": "TOPIC",
    "resource_name": "orders",
    "pattern_type": "LITERAL",
}
ENUMS: Mapping[str, Sequence[str]] = {
    "operation": [str(each) for each in OPERATIONS],
    "permission": [str(each) for each in PERMISSIONS],
    "resource_type": [str(each) for each in RESOURCE_TYPES],
    "pattern_type": [str(each) for each in PATTERNS],
}
ASKABLE = [name for name in ENUMS["operation"] if name != AclOperation.ALL]


class AclSerializer(serializers.Serializer[Any]):
    """A binding. Values that Kafka knows and we do not are shown as UNKNOWN(number)."""

    principal = serializers.CharField()
    host = serializers.CharField()
    operation = serializers.CharField()
    permission = serializers.CharField()
    resource_type = serializers.CharField()
    resource_name = serializers.CharField()
    pattern_type = serializers.CharField()


class AclInput(serializers.Serializer[Any]):
    """What is allowed in a binding the plan says; `host` is any, `pattern_type` literal, `permission` ALLOW unless told."""

    principal = serializers.CharField(max_length=1000)
    operation = serializers.ChoiceField(choices=ENUMS["operation"])
    resource_type = serializers.ChoiceField(choices=ENUMS["resource_type"])
    resource_name = serializers.CharField(max_length=1000)
    pattern_type = serializers.ChoiceField(choices=ENUMS["pattern_type"], required=False)
    permission = serializers.ChoiceField(choices=ENUMS["permission"], required=False)
    host = serializers.CharField(max_length=100, required=False)


class BundleInput(serializers.Serializer[Any]):
    """In names a trailing `*` is a prefix: `orders-*`. What a bundle needs is in the manual."""

    name = serializers.ChoiceField(choices=BUNDLES)
    principal = serializers.CharField(max_length=1000)
    host = serializers.CharField(max_length=100, required=False)
    topics = serializers.ListField(child=serializers.CharField(max_length=250), required=False)
    outputs = serializers.ListField(child=serializers.CharField(max_length=250), required=False)
    group = serializers.CharField(max_length=500, required=False)
    transactional_id = serializers.CharField(max_length=500, required=False)
    create_topics = serializers.BooleanField(required=False)


class CreateAclsInput(AclInput):
    """One binding by its fields, or `acls`, or a `bundle`."""

    principal = serializers.CharField(max_length=1000, required=False)
    operation = serializers.ChoiceField(choices=ENUMS["operation"], required=False)
    resource_type = serializers.ChoiceField(choices=ENUMS["resource_type"], required=False)
    resource_name = serializers.CharField(max_length=1000, required=False)
    acls = AclInput(many=True, required=False)
    bundle = BundleInput(required=False)


class DeleteAclsInput(serializers.Serializer[Any]):
    """Exactly these, where a filter does not say it."""

    acls = AclInput(many=True)


class ImportInput(serializers.Serializer[Any]):
    format = serializers.ChoiceField(choices=[each.value for each in FileFormat])
    text = serializers.CharField(max_length=MAX_BYTES, trim_whitespace=False)
    remove_others = serializers.BooleanField(
        required=False, help_text="Also delete what is not in the file. Off unless told."
    )


class WatchInput(serializers.Serializer[Any]):
    minutes = serializers.IntegerField(min_value=1, max_value=watching.MOST_MINUTES)


class ChangedSerializer(serializers.Serializer[Any]):
    """The exact bindings that were created and deleted."""

    created = AclSerializer(many=True)
    deleted = AclSerializer(many=True)


class PartSerializer(serializers.Serializer[Any]):
    why = serializers.CharField()
    question = serializers.CharField()
    allowed = serializers.BooleanField()
    rule = serializers.CharField()
    reason = serializers.CharField()
    decided_by = AclSerializer(allow_null=True)


class ExplanationSerializer(serializers.Serializer[Any]):
    """`would_allow`: the fewest bindings that are missing; `remove_first`: the DENY bindings that have to go before."""

    allowed = serializers.BooleanField()
    reason = serializers.CharField()
    decided_by = AclSerializer(allow_null=True)
    would_allow = AclSerializer(many=True)
    remove_first = AclSerializer(many=True)
    blocked = serializers.CharField(
        allow_null=True,
        help_text="The principal whose emergency block is among `remove_first`: lift it by DELETE acls/block/.",
    )
    parts = PartSerializer(many=True)
    unknown = serializers.CharField(
        allow_null=True,
        help_text="What the brokers did not tell (super users above all): with it, the answer may be another.",
    )


class FindingSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    tone = serializers.CharField()
    what = serializers.CharField()
    hint = serializers.CharField()
    acls = AclSerializer(many=True)
    blocked = serializers.CharField(allow_null=True, help_text="Whose emergency block it is about.")


class WhoSerializer(serializers.Serializer[Any]):
    """`User:*` is everyone who can log in. Hosts are empty where the host does not matter."""

    principal = serializers.CharField()
    rule = serializers.CharField()
    decided_by = AclSerializer(allow_null=True, help_text="null for super users.")
    only_from = serializers.ListField(child=serializers.CharField())
    not_from = serializers.ListField(child=serializers.CharField())
    blocked = serializers.BooleanField(help_text="The DENY is of an emergency block.")


class WhoMaySerializer(serializers.Serializer[Any]):
    allowed = WhoSerializer(many=True)
    denied = WhoSerializer(many=True)


class DenialSerializer(serializers.Serializer[Any]):
    """A refusal from the brokers' logs. `allow_this` is null under a DENY: an ALLOW would change nothing."""

    at = serializers.DateTimeField()
    count = serializers.IntegerField()
    principal = serializers.CharField()
    operation = serializers.CharField()
    resource_type = serializers.CharField()
    resource_name = serializers.CharField()
    host = serializers.CharField()
    requests = serializers.ListField(child=serializers.CharField())
    rule = serializers.CharField()
    allowed_now = serializers.BooleanField(
        allow_null=True, help_text="Whether bindings allow it by now. Null: they could not be read."
    )
    allow_this = AclSerializer(allow_null=True)
    allow_bundles = BundleInput(
        many=True,
        help_text="What a client of that kind will need next, as POST acls/ takes it; group or id may be missing.",
    )


class FindingsSerializer(serializers.Serializer[Any]):
    findings = FindingSerializer(many=True)
    denials = DenialSerializer(many=True)
