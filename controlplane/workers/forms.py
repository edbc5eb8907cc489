"""The forms of a cluster's Connect worker."""

from __future__ import annotations

from typing import Any

from django import forms

from controlplane.workers.logic.plans import WorkerAct, WorkerRequest


class StartForm(forms.Form):
    exactly_once = forms.BooleanField(
        required=False,
        label="Exactly once for source connectors",
        help_text="Sources write records and their offsets in one transaction (KIP-618): nothing comes twice after a crash, "
        "for a little less throughput. MirrorMaker can use it too.",
    )

    connectors_stopped = forms.BooleanField(
        required=False,
        label="With all connectors stopped",
        help_text="Where one of them may be what ends the worker at each start: mend or delete it then, and resume the others.",
    )

    def __init__(self, *args: Any, first: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if first:
            del self.fields["connectors_stopped"]

    def to_request(self, act: WorkerAct) -> WorkerRequest:
        given = self.cleaned_data
        return WorkerRequest(
            act, bool(given["exactly_once"]), connectors_stopped=bool(given.get("connectors_stopped"))
        )


#: Of its directory on the plugin path.
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
NAME_HELP = "Of its directory; left out, the archive's or the artifact's own. An installed plugin of that name is replaced."
KNOWN = tuple(
    f"io.debezium:debezium-connector-{name}:tar.gz:plugin:3.3.1.Final"
    for name in ("postgres", "jdbc", "mysql")
)


class PluginForm(forms.Form):
    """Coordinates, or a file."""

    known = KNOWN
    #: One of the two.
    needed = ("coordinates", "file")

    coordinates = forms.CharField(
        label="Maven coordinates",
        required=False,
        max_length=400,
        help_text="group:artifact:version brings a jar with all that it needs; group:artifact:packaging:classifier:version "
        "an archive, as many connectors are published. It is downloaded and described first; nothing is loaded yet.",
        widget=forms.TextInput(
            attrs={"class": "mono", "list": "known-plugins", "spellcheck": "false", "autocomplete": "off"}
        ),
    )
    file = forms.FileField(
        label="Or a file", required=False, help_text="A .zip, .tar.gz, .tar or .jar of up to 1 GiB."
    )
    name = forms.RegexField(NAME, label="Name", required=False, max_length=100, help_text=NAME_HELP)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        given = [name for name in ("coordinates", "file") if data.get(name)]
        if len(given) != 1 and not self.errors:
            self.add_error("coordinates", "Give coordinates, or choose a file: one of the two.")
        return data
