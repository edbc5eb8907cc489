"""Ready-made client configuration: what a person needs to connect with Java, kcat, Python, Go, Node or Spring.

Pure, and typed from end to end: the only values that come from people are a name and a password, both escaped for
the file that they stand in, so no property can be smuggled into a client (TARGETS WS-12). Every key that we may write
stands in `PROPERTIES`. PEM texts are inlined where the client can take them so: such a file works wherever it is put.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Java's and librdkafka's keys; a generated file holds no other.
PROPERTIES = frozenset(
    {
        "bootstrap.servers", "security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.jaas.config",
        "sasl.username", "sasl.password", "ssl.truststore.type", "ssl.truststore.certificates", "ssl.keystore.type",
        "ssl.keystore.certificate.chain", "ssl.keystore.key", "ssl.truststore.location", "ssl.truststore.password",
        "ssl.keystore.location", "ssl.keystore.password", "ssl.key.password", "ssl.ca.location",
        "ssl.certificate.location", "ssl.key.location",
    }
)  # fmt: skip
LOGIN_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a kind of client connects, and the root that the brokers' certificates end in.

    Without a root the client's own machine decides whom it trusts. Whether we check host names says nothing of clients:
    their files always do.
    """

    bootstrap: str
    ca_pem: str
    check_hostname: bool = True


@dataclass(frozen=True, slots=True)
class ScramLogin:
    username: str
    password: str = field(repr=False)
    mechanism: str = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class CertificateLogin:
    """`chain_pem`: the leaf, then the issuing authority. An empty key: it never left its owner (a CSR was signed),
    who puts key and chain into `keystore.pem` for Java.
    """

    chain_pem: str
    key_pem: str = field(default="", repr=False)


Login = ScramLogin | CertificateLogin
CA_FILE, CERTIFICATE_FILE, KEY_FILE, KEYSTORE_FILE = "ca.pem", "certificate.pem", "key.pem", "keystore.pem"


def client_files(endpoint: Endpoint, login: Login) -> dict[str, str]:
    """File name to text. Files that name others expect them in the same directory."""
    return {
        **({CA_FILE: endpoint.ca_pem} if endpoint.ca_pem else {}),
        **_own_files(login),
        "client.properties": java_properties(endpoint, login),
        "kcat.conf": librdkafka_configuration(endpoint, login),
        "confluent_kafka_client.py": confluent_python(endpoint, login),
        "kafka_python_client.py": kafka_python(endpoint, login),
    }


def snippets(endpoint: Endpoint, login: Login) -> dict[str, str]:
    """Language to code that is copied into one's own program; secrets are named, never written out."""
    return {
        "Go (franz-go)": _go(endpoint, login),
        "Node (kafkajs)": _node(endpoint, login),
        "Spring Boot": _spring(endpoint, login),
    }


def java_properties(endpoint: Endpoint, login: Login) -> str:
    values = {"bootstrap.servers": endpoint.bootstrap, **_java_login(login)}
    if endpoint.ca_pem:
        values |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": endpoint.ca_pem}
    return properties_text(values)


def _java_login(login: Login) -> dict[str, str]:
    if isinstance(login, ScramLogin):
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": login.mechanism,
            "sasl.jaas.config": jaas(login.username, login.password),
        }
    inline = {"ssl.keystore.certificate.chain": login.chain_pem, "ssl.keystore.key": login.key_pem}
    return {
        "security.protocol": "SSL",
        "ssl.keystore.type": "PEM",
        **(inline if login.key_pem else {"ssl.keystore.location": KEYSTORE_FILE}),
    }


def jaas(username: str, password: str) -> str:
    return f"{LOGIN_MODULE} required username={_quoted(username)} password={_quoted(password)};"


def _quoted(text: str) -> str:
    """JAAS takes a double-quoted string with backslash escapes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def properties_text(values: Mapping[str, str]) -> str:
    """Java properties; only keys of `PROPERTIES`."""
    unknown = set(values) - PROPERTIES
    if unknown:
        raise ValueError(f"not a client property of ours: {', '.join(sorted(unknown))}")
    return "".join(f"{key}={_escaped(value)}\n" for key, value in values.items())


def _escaped(value: str) -> str:
    """For java.util.Properties: a backslash, line ends and a leading blank have a meaning there; the file is Latin-1."""
    text = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    text = "".join(char if " " <= char <= "~" else _unicode(char) for char in text)
    return f"\\{text}" if text.startswith(" ") else text


def _unicode(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


OLD_KCAT = """# kcat of Debian and Ubuntu has a librdkafka before 2.6.1, which cannot log in by SCRAM to Kafka 3.8.1 and later:
# it then says "invalid credentials" whatever the password is. `kcat -V` tells; use a newer one, or a certificate.
"""


def librdkafka_configuration(endpoint: Endpoint, login: Login) -> str:
    """For `kcat -F kcat.conf`, started in the files' directory: this format has one line a value, so no PEM inside."""
    values = {"bootstrap.servers": endpoint.bootstrap, **_librdkafka_login(login), **_ca_file(endpoint)}
    note = OLD_KCAT if isinstance(login, ScramLogin) else ""
    return note + "".join(f"{key}={value}\n" for key, value in values.items())


def _ca_file(endpoint: Endpoint, key: str = "ssl.ca.location") -> dict[str, str]:
    return {key: CA_FILE} if endpoint.ca_pem else {}


def _librdkafka_login(login: Login) -> dict[str, str]:
    if isinstance(login, ScramLogin):
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanisms": login.mechanism,
            "sasl.username": login.username,
            "sasl.password": login.password,
        }
    return {
        "security.protocol": "SSL",
        "ssl.certificate.location": CERTIFICATE_FILE,
        "ssl.key.location": KEY_FILE,
    }


def _own_files(login: Login) -> dict[str, str]:
    if isinstance(login, ScramLogin):
        return {}
    key = {KEY_FILE: login.key_pem, KEYSTORE_FILE: login.key_pem + login.chain_pem} if login.key_pem else {}
    return {CERTIFICATE_FILE: login.chain_pem, **key}


def confluent_python(endpoint: Endpoint, login: Login) -> str:
    values = {"bootstrap.servers": endpoint.bootstrap, **_librdkafka_login(login), **_ca_file(endpoint)}
    lines = [f"    {_literal(key)}: {_python_value(key, value)}," for key, value in values.items()]
    return _PYTHON_HEAD + (
        "from confluent_kafka import Producer\n\n"
        "HERE = Path(__file__).resolve().parent\n"
        "CONFIG = {\n" + "\n".join(lines) + "\n}\n\n\n" + _PYTHON_MAIN.format(
            open="producer = Producer(CONFIG)",
            send="failed = []\n    producer.produce(topic, value, on_delivery=lambda error, _: error and failed.append(error.str()))",
            flush="if producer.flush(30):\n        sys.exit('not delivered within 30 s')\n    if failed:\n        sys.exit(failed[0])",
        )
    )  # fmt: skip


def kafka_python(endpoint: Endpoint, login: Login) -> str:
    if isinstance(login, ScramLogin):
        values = {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": login.mechanism,
            "sasl_plain_username": login.username,
            "sasl_plain_password": login.password,
        }
    else:
        values = {"security_protocol": "SSL", "ssl_certfile": CERTIFICATE_FILE, "ssl_keyfile": KEY_FILE}
    values = {"bootstrap_servers": endpoint.bootstrap, **values, **_ca_file(endpoint, "ssl_cafile")}
    lines = [f"    {_literal(key)}: {_python_value(key, value)}," for key, value in values.items()]
    return _PYTHON_HEAD + (
        "from kafka import KafkaProducer\nfrom kafka.errors import KafkaError\n\n"
        "HERE = Path(__file__).resolve().parent\n"
        "CONFIG = {\n" + "\n".join(lines) + "\n}\n\n\n" + _PYTHON_MAIN.format(
            open="producer = KafkaProducer(**CONFIG)",
            send="try:\n        producer.send(topic, value).get(30)\n    except KafkaError as error:\n        sys.exit(f'not delivered: {error}')",
            flush="producer.close()",
        )
    )  # fmt: skip


_PYTHON_HEAD = (
    '"""Connects with the files beside it. Try it: python THIS_FILE TOPIC VALUE"""\n\n'
    "import sys\nfrom pathlib import Path\n\n"
)
_PYTHON_MAIN = """\
def main(topic, value):
    {open}
    {send}
    {flush}
    print("delivered to", topic)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2].encode())
"""


def _literal(text: str) -> str:
    """A string literal of Python, Go and JavaScript: JSON's, whose quotes have no way out, with no \\u escapes
    (Python and Go would not join two of them to one character)."""
    return json.dumps(text, ensure_ascii=False)


def _python_value(key: str, value: str) -> str:
    is_file = key.endswith((".location", "_cafile", "_certfile", "_keyfile"))
    return f"str(HERE / {_literal(value)})" if is_file else _literal(value)


def _go(endpoint: Endpoint, login: Login) -> str:
    servers = ", ".join(_literal(address) for address in endpoint.bootstrap.split(","))
    trusted = [
        'ca, err := os.ReadFile("ca.pem")',
        "if err != nil {\n\tlog.Fatal(err)\n}",
        "roots := x509.NewCertPool()",
        "roots.AppendCertsFromPEM(ca)",
        "tlsConfig := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}",
    ]
    lines = trusted if endpoint.ca_pem else ["tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}"]
    sasl = ""
    if isinstance(login, ScramLogin):
        digits = login.mechanism.rpartition("-")[2]
        auth = f'scram.Auth{{User: {_literal(login.username)}, Pass: os.Getenv("KAFKA_PASSWORD")}}'
        sasl = f"\tkgo.SASL({auth}.AsSha{digits}Mechanism()),\n"
    else:
        lines += [
            'pair, err := tls.LoadX509KeyPair("certificate.pem", "key.pem")',
            "if err != nil {\n\tlog.Fatal(err)\n}",
            "tlsConfig.Certificates = []tls.Certificate{pair}",
        ]
    options = f"\tkgo.SeedBrokers({servers}),\n\tkgo.DialTLSConfig(tlsConfig),\n{sasl}"
    return "\n".join(lines) + f"\nclient, err := kgo.NewClient(\n{options})\n"


def _node(endpoint: Endpoint, login: Login) -> str:
    if isinstance(login, ScramLogin):
        mechanism, user = _literal(login.mechanism.lower()), _literal(login.username)
        ssl = "{ ca: [fs.readFileSync('ca.pem')] }" if endpoint.ca_pem else "true"
        rest = (
            f"  ssl: {ssl},\n"
            f"  sasl: {{ mechanism: {mechanism}, username: {user}, password: process.env.KAFKA_PASSWORD }},\n"
        )
    else:
        rest = (
            "  ssl: {\n    ca: [fs.readFileSync('ca.pem')],\n    cert: fs.readFileSync('certificate.pem'),\n"
            "    key: fs.readFileSync('key.pem'),\n  },\n"
        )
    servers = json.dumps(endpoint.bootstrap.split(","))
    return f"const kafka = new Kafka({{\n  brokers: {servers},\n{rest}}})\n"


def _spring(endpoint: Endpoint, login: Login) -> str:
    lines = [f"spring.kafka.bootstrap-servers={endpoint.bootstrap}"]
    if endpoint.ca_pem:
        lines += [
            "spring.kafka.properties.ssl.truststore.type=PEM",
            "spring.kafka.properties.ssl.truststore.location=ca.pem",
        ]
    if isinstance(login, ScramLogin):
        lines += [
            "spring.kafka.properties.security.protocol=SASL_SSL",
            f"spring.kafka.properties.sasl.mechanism={login.mechanism}",
            f"spring.kafka.properties.sasl.jaas.config={LOGIN_MODULE} required "
            f'username={_quoted(login.username)} password="${{KAFKA_PASSWORD}}";',
        ]
    else:
        lines += [
            "spring.kafka.properties.security.protocol=SSL",
            "spring.kafka.properties.ssl.keystore.type=PEM",
            "spring.kafka.properties.ssl.keystore.location=keystore.pem",
        ]
    return "\n".join(lines) + "\n"
