"""Input of the ACL pages. Only shapes are checked here; what is allowed is decided by the plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, ClassVar

from django import forms
from django.core.files.uploadedfile import UploadedFile

from controlplane.acls.logic.authorize import Question
from controlplane.acls.logic.bindings import (
    CLUSTER_NAME,
    OPERATIONS,
    RESOURCE_TYPES,
    WILDCARD,
    from_json,
    from_key,
    in_order,
    operations_of,
    words,
)
from controlplane.acls.logic.bundles import KINDS, Bundle, BundleRequest, bindings_of
from controlplane.acls.logic.checks import (
    NOT_A_PRINCIPAL,
    asked_host_problem,
    is_principal,
    normal_host,
    refusals_of,
)
from controlplane.acls.logic.questions import Task, TaskQuestion
from controlplane.acls.logic.transfer import FileFormat
from controlplane.core.forms import NO_TEXT, refuse, sentence, text_of
from controlplane.core.plans import Refusal
from controlplane.gateways.kafka.access_types import Acl, AclOperation, AclResourceType

TYPE_CHOICES = tuple((kind.value, words(kind).capitalize()) for kind in RESOURCE_TYPES)
OPERATION_CHOICES = tuple((operation.value, words(operation).capitalize()) for operation in OPERATIONS)
PLAIN = {"autocomplete": "off", "spellcheck": "false"}
MAX_UPLOAD = 1_000_000
ENDINGS = {".csv": FileFormat.CSV.value, ".yaml": FileFormat.YAML.value, ".yml": FileFormat.YAML.value}


class AclForm(forms.Form):
    refusal_fields: ClassVar = {"operation": "operations"}

    """One resource, one principal, some operations: as many bindings as operations."""

    use_required_attribute = False

    principal = forms.CharField(
        label="Principal",
        max_length=1000,
        help_text="User:ann for a SCRAM user or a certificate's name; User:* is everyone who can log in.",
        widget=forms.TextInput(attrs={**PLAIN, "placeholder": "User:ann"}),
    )
    permission = forms.ChoiceField(
        label="Permission", choices=(("ALLOW", "Allow"), ("DENY", "Deny: wins over every allow"))
    )
    host = forms.CharField(
        label="From host",
        initial=WILDCARD,
        max_length=100,
        help_text="One IP address, or * for any.",
        widget=forms.TextInput(attrs=PLAIN),
    )
    resource_type = forms.ChoiceField(
        label="On a", choices=TYPE_CHOICES, widget=forms.Select(attrs={"data-shows": ""})
    )
    pattern_type = forms.ChoiceField(
        label="Match",
        choices=(("LITERAL", "Exactly this name (or *)"), ("PREFIXED", "Names that begin with")),
    )
    resource_name = forms.CharField(
        label="Name",
        required=False,
        max_length=1000,
        help_text="* is every resource of this type.",
        widget=forms.TextInput(attrs=PLAIN),
    )
    operations = forms.MultipleChoiceField(
        label="Operations",
        choices=OPERATION_CHOICES,
        widget=forms.CheckboxSelectMultiple,
        help_text="Allowing read, write, delete or alter allows describe too; denying them does not deny it.",
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("resource_type") == AclResourceType.CLUSTER:
            data["resource_name"], data["pattern_type"] = CLUSTER_NAME, "LITERAL"
        elif not data.get("resource_name") and "resource_name" not in self.errors:
            self.add_error("resource_name", "A name, a prefix, or * for all.")
        if "operations" in data and "resource_type" in data:
            self._only_shown(data)
        refuse(self, self._senseless(data))
        return data

    def _senseless(self, data: Mapping[str, Any]) -> tuple[Refusal, ...]:
        """By a binding of what is there; of what is not, another error says that it is missing."""
        whole = {
            "principal": "User:x",
            "host": WILDCARD,
            "resource_type": "TOPIC",
            "resource_name": "x",
            "operation": "ALL",
            **{name: value for name, value in data.items() if value},
        }
        return refusals_of([from_json(whole)])

    def _only_shown(self, data: dict[str, Any]) -> None:
        """A box that was ticked before the resource type changed is hidden: it must not count."""
        legal = operations_of(AclResourceType(data["resource_type"]))
        data["operations"] = [name for name in data["operations"] if AclOperation(name) in legal]
        if not data["operations"]:
            self.add_error("operations", "Choose at least one operation.")

    def to_request(self) -> tuple[Acl, ...]:
        return in_order(
            from_json({**self.cleaned_data, "operation": operation})
            for operation in self.cleaned_data["operations"]
        )


class BundleForm(forms.Form):
    """What an application of a kind needs. Which fields count depends on the bundle; the plan shows every binding."""

    use_required_attribute = False

    bundle = forms.ChoiceField(
        label="It is a",
        choices=tuple((bundle.value, kind.label) for bundle, kind in KINDS.items()),
        widget=forms.Select(attrs={"data-shows": ""}),
    )
    principal = forms.CharField(
        label="Principal", max_length=1000, widget=forms.TextInput(attrs={**PLAIN, "placeholder": "User:ann"})
    )
    host = forms.CharField(
        label="From host", initial=WILDCARD, max_length=100, widget=forms.TextInput(attrs=PLAIN)
    )
    topics = forms.CharField(
        label="Topics",
        required=False,
        max_length=5000,
        help_text="Separated by commas. orders-* is a prefix, * is every topic.",
        widget=forms.TextInput(attrs={**PLAIN, "placeholder": "orders, payments-*"}),
    )
    outputs = forms.CharField(
        label="Topics it writes to",
        required=False,
        max_length=5000,
        help_text="If there are any; written as above.",
        widget=forms.TextInput(attrs=PLAIN),
    )
    group = forms.CharField(
        label="Group, application or worker id",
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs=PLAIN),
    )
    transactional_id = forms.CharField(
        label="Transactional id", required=False, max_length=500, widget=forms.TextInput(attrs=PLAIN)
    )
    create_topics = forms.BooleanField(label="It may create these topics", required=False)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if "bundle" in data:
            for name in KINDS[Bundle(data["bundle"])].needs:
                if not data.get(name):
                    self.add_error(name, "This bundle needs it.")
        self._refuse_senseless(data)
        return data

    @property
    def optional_for(self) -> dict[str, tuple[str, bool]]:
        """Field → the bundles that can do without it, and whether the chosen one can."""
        chosen = self["bundle"].value()
        free = {
            name: [bundle.value for bundle, kind in KINDS.items() if name not in kind.needs]
            for name in ("topics", "outputs", "group", "transactional_id")
        }
        return {name: (" ".join(bundles), chosen in bundles) for name, bundles in free.items()}

    def _refuse_senseless(self, data: Mapping[str, Any]) -> None:
        """Each name by itself, at its own field; the principal and the host beside it."""
        who = {"principal": data.get("principal") or "User:x", "host": data.get("host") or WILDCARD}
        probe = BundleRequest(Bundle.PRODUCER, who["principal"], who["host"], topics=("x",))
        refuse(self, (each for each in refusals_of(bindings_of(probe)) if each.code in self.fields))
        for field in ("topics", "outputs"):
            names = names_of(data.get(field) or "")
            wrong = refusals_of(bindings_of(BundleRequest(Bundle.PRODUCER, "User:x", topics=names)))
            if wrong and field not in self.errors:
                self.add_error(field, [sentence(each.what, each.hint) for each in wrong])

    def to_request(self) -> BundleRequest:
        data = self.cleaned_data
        return BundleRequest(
            bundle=Bundle(data["bundle"]),
            principal=data["principal"],
            host=data["host"],
            topics=names_of(data["topics"]),
            outputs=names_of(data["outputs"]),
            group=data["group"],
            transactional_id=data["transactional_id"],
            create_topics=data["create_topics"],
        )


def names_of(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def shown_for(name: str) -> str:
    """The bundles that a field counts for, as `data-for` has them."""
    return " ".join(bundle for bundle, kind in KINDS.items() if name in (*kind.needs, *kind.takes))


class KeysForm(forms.Form):
    """Bindings picked in a table or offered by a page; each value is a binding's key."""

    def __init__(self, values: list[str]) -> None:
        super().__init__({"binding": values})
        self.values = values
        self.acls: tuple[Acl, ...] = ()

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        try:
            self.acls = in_order(from_key(value) for value in self.values)
        except ValueError as error:
            raise forms.ValidationError("A binding of the form cannot be read.") from error
        if not self.acls:
            raise forms.ValidationError("Choose at least one binding.")
        return data


class ExplainForm(forms.Form):
    """GET: the question is the address. Which fields count depends on what is asked."""

    use_required_attribute = False
    ask = forms.ChoiceField(
        label="Question",
        choices=(("operation", "One operation"), *((task.value, task.label) for task in Task)),
        widget=forms.Select(attrs={"data-shows": ""}),
    )
    principal = forms.CharField(
        label="Principal",
        max_length=1000,
        widget=forms.TextInput(attrs={**PLAIN, "placeholder": "User:ann", "list": "known-principals"}),
    )
    host = forms.CharField(
        label="From host",
        required=False,
        max_length=100,
        help_text="An address; empty is one that no binding names.",
        widget=forms.TextInput(attrs=PLAIN),
    )
    operation = forms.ChoiceField(
        label="Operation",
        choices=tuple(choice for choice in OPERATION_CHOICES if choice[0] != AclOperation.ALL),
    )
    resource_type = forms.ChoiceField(
        label="On a", choices=TYPE_CHOICES, help_text="The cluster needs no name."
    )
    resource_name = forms.CharField(
        label="Name or topic",
        max_length=1000,
        widget=forms.TextInput(attrs=PLAIN),
    )
    second = forms.CharField(
        label="Group or transactional id",
        required=False,
        max_length=1000,
        widget=forms.TextInput(attrs=PLAIN),
    )

    def __init__(
        self, data: Mapping[str, str] | None = None, initial: Mapping[str, str] | None = None
    ) -> None:
        filled = {"ask": "operation", **data} if data is not None else None
        super().__init__(filled, initial=dict(initial or {}))
        if data is None:
            return
        single = data.get("ask", "operation") == "operation"
        cluster = single and data.get("resource_type") == AclResourceType.CLUSTER
        self.fields["operation"].required = self.fields["resource_type"].required = single
        self.fields["resource_name"].required = not cluster
        self.fields["second"].required = data.get("ask") in (Task.CONSUME, Task.PRODUCE_IN_TRANSACTIONS)

    def clean_principal(self) -> str:
        text = str(self.cleaned_data["principal"])
        if not is_principal(text):
            raise forms.ValidationError(NOT_A_PRINCIPAL)
        return text

    def clean_host(self) -> str:
        text = str(self.cleaned_data["host"])
        if problem := asked_host_problem(text):
            raise forms.ValidationError(problem)
        return text

    def to_question(self) -> Question | TaskQuestion:
        data = self.cleaned_data
        host = normal_host(data["host"]) or WILDCARD
        if data["ask"] != "operation":
            return TaskQuestion(
                Task(data["ask"]), data["principal"], data["resource_name"], data["second"], host
            )
        return Question(
            data["principal"],
            AclOperation(data["operation"]),
            AclResourceType(data["resource_type"]),
            data["resource_name"] or CLUSTER_NAME,
            host,
        )


class WhoForm(forms.Form):
    """GET: who may do this operation on this resource?"""

    use_required_attribute = False
    operation = forms.ChoiceField(
        label="Operation",
        choices=tuple(choice for choice in OPERATION_CHOICES if choice[0] != AclOperation.ALL),
    )
    resource_type = forms.ChoiceField(
        label="On a", choices=TYPE_CHOICES, help_text="The cluster needs no name."
    )
    resource_name = forms.CharField(label="Name", max_length=1000, widget=forms.TextInput(attrs=PLAIN))

    def __init__(self, data: Mapping[str, str] | None = None) -> None:
        super().__init__(data)
        whole = data is not None and data.get("resource_type") == AclResourceType.CLUSTER
        self.fields["resource_name"].required = not whole

    def to_question(self) -> tuple[AclOperation, AclResourceType, str]:
        data = self.cleaned_data
        kind = AclResourceType(data["resource_type"])
        name = CLUSTER_NAME if kind == AclResourceType.CLUSTER else data["resource_name"]
        return AclOperation(data["operation"]), kind, name

    def words(self) -> str:
        operation, kind, name = self.to_question()
        where = "the cluster" if kind == AclResourceType.CLUSTER else f"{words(kind)} {name}"
        return f"{operation} on {where}"


class ImportForm(forms.Form):
    refusal_fields: ClassVar = {"file": "text"}

    text = forms.CharField(
        label="Bindings",
        required=False,
        max_length=MAX_UPLOAD,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false"}),
        help_text="CSV with kafbat's columns, or YAML as the export writes it.",
    )
    file = forms.FileField(label="Or a file", required=False)
    format = forms.ChoiceField(
        label="Format",
        choices=((FileFormat.CSV.value, "CSV"), (FileFormat.YAML.value, "YAML")),
        help_text="A file's ending says it: .csv, .yaml, .yml.",
    )
    remove_others = forms.BooleanField(
        label="Remove bindings that are not in the file",
        required=False,
        help_text="Then the cluster has exactly the file's bindings. The plan lists what goes.",
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        upload = data.get("file")
        if upload is not None:
            if upload.size > MAX_UPLOAD:
                self.add_error("file", "At most 1 MB.")
            else:
                self._read(upload, data)
                data["format"] = ENDINGS.get(PurePath(upload.name).suffix.lower(), data.get("format"))
        if not (data.get("text") or "").strip() and "file" not in self.errors:
            self.add_error("text", "Paste the bindings, or choose a file.")
        return data

    def _read(self, upload: UploadedFile, data: dict[str, Any]) -> None:
        """What is no text is told at the file, and poured nowhere."""
        text = text_of(upload.read())
        if text is None:
            self.add_error("file", NO_TEXT)
        else:
            data["text"] = text


class WatchForm(forms.Form):
    minutes = forms.IntegerField(label="Minutes", min_value=1, max_value=10, initial=5)
