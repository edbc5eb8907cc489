"""The MBean explorer, on a real broker."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.test import Client

from controlplane.accounts.models import User
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.metrics import mbeans
from tests.conftest import Api

URP = "kafka.server:type=ReplicaManager,name=UnderReplicatedPartitions"


def test_mbeans_are_found_by_words_and_read(cluster: Cluster, api: Callable[[Role], Api]) -> None:
    call = api(Role.VIEWER)
    found = call("GET", "clusters/main/brokers/1/mbeans/?search=UNDERreplicated+replicamanager").json()
    (name,) = [row["name"] for row in found["results"]]
    assert set(name.split(":")[1].split(",")) == set(URP.split(":")[1].split(","))
    read = call("GET", f"clusters/main/brokers/1/mbeans/read/?{urlencode({'name': name})}").json()
    assert {"name": "Value", "value": "0"} in read["attributes"]
    assert call("GET", "clusters/main/brokers/1/mbeans/").json()["count"] > 500
    assert call("GET", "clusters/main/brokers/9/mbeans/").status_code == 404
    assert call("GET", "clusters/main/brokers/1/mbeans/read/?name=no:type=such").status_code == 404
    assert call("GET", "clusters/main/brokers/1/mbeans/read/").status_code == 422


def test_what_stands_on_the_command_line_is_withheld(cluster: Cluster) -> None:
    values = {each.name: each.value for each in mbeans.read("main", 1, "java.lang:type=Runtime").attributes}
    assert values["InputArguments"] == values["SystemProperties"] == mbeans.WITHHELD_TEXT
    assert values["VmName"]


def test_a_pattern_or_an_order_is_no_way_around(cluster: Cluster, api: Callable[[Role], Api]) -> None:
    """The agent reads by pattern and by any order of keys: what is withheld stays so."""
    for name in (
        "java.lang:type=*",
        "java.lang:*",
        "*:type=Runtime",
        "java.lang:type=Runtime,*",
        'java.lang:type="Runtime"',
    ):
        answer = api(Role.VIEWER)("GET", f"clusters/main/brokers/1/mbeans/read/?{urlencode({'name': name})}")
        assert "java.class.path" not in answer.content.decode(), name
        assert answer.status_code == 404, name


def test_the_page(cluster: Cluster, client: Client, users: dict[Role, User]) -> None:
    client.force_login(users[Role.VIEWER])
    (name,) = mbeans.search("main", 1, "replicamanager underreplicatedpartitions")
    text = client.get(
        f"/clusters/main/metrics/mbeans/1/?{urlencode({'search': 'replicamanager', 'name': name})}"
    ).content.decode()
    assert "MBeans with replicamanager" in text
    assert '<td class="name">Value</td>' in text
