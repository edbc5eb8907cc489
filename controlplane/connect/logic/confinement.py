"""What a connector on a bundled worker may not be told, since the worker runs on this machine with our files. Pure but for
the look at links: a path is judged by where it leads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import PurePosixPath

from controlplane.connect.logic.drivers import decoded
from controlplane.core.plans import Refusal
from controlplane.gateways.connect_secrets import MASK, is_secret

FILE_PLUGINS = re.compile(r"(?:org\.apache\.kafka\.connect\.file\.)?FileStream(?:Source|Sink)(?:Connector)?")
#: `${file:…}` is for secrets below the worker's own directory; the others read the machine.
REFERENCE = re.compile(r"\$\{([^:}]*):")
ALLOWED_PROVIDERS = frozenset({"file"})
FILE = re.compile(r"\$\{file:([^:}]*)")
REFERENCED = re.compile(r"\$\{file:[^}]*\}")
#: Files of secrets that Kastellan keeps for a flow, a connector or the worker itself begin so: a transform of another one could write what is
#: in them into a topic.
OWN_SECRETS = ("flow-", "connector-", "worker-")
#: Providers that a connector brings, also those of clients that it makes itself, would read whatever they like.
PROVIDERS = re.compile(r"(^|\.)config\.providers($|\.)")
#: Of a setting's name: it may say where a connector connects to, `server.name`, `serverName` and `brokerlist` alike.
_PLACES = re.compile(
    r"host|serv|srv|broker|node|endpoint|addr|url|uri|seed|bootstrap|cluster|proxy|peer|member|replica|quorum|zookeeper|points"
    r"|connection|dsn|site|remote|region|location|account|domain|target|destination|(^|[._-])ip($|[._-])",
    re.IGNORECASE,
)
#: Settings that every connector has, and say what is done with records.
_OF_EVERY_CONNECTOR = re.compile(
    r"(?i:name|tasks\.max|topics|topics\.regex|topic|errors\.(tolerance|(log|retry|deadletterqueue)\..*)|transforms|predicates"
    r"|topic\.creation\..*|(consumer|producer|admin)\.override\..*|offsets\.storage\.topic|exactly\.once\.support"
    r"|transaction\.boundary.*|config\.action\.reload)"
)
#: What those end in that plugins and transforms have for it.
_ABOUT_RECORDS = re.compile(
    r"(^|[._-])((include|exclude|whitelist|blacklist)([._-]list)?|tables?|columns?|fields?|quer(y|ies)|mode|format|prefix|suffix|regex"
    r"|replacement|renames|pattern|predicate|schemas\.enable)$",
    re.IGNORECASE,
)
#: Also a switch says here as what it connects, or whom it takes the other side for.
_GUARDS = re.compile(
    r"ssl|tls|secur|auth|sasl|verif|trust|cert|crypt|protocol|insecure|principal|login|user", re.IGNORECASE
)
#: What these are told they alone are told, by the beginning of the name.
_SCOPE = re.compile(r"(?:transforms|predicates)\.[^.]+(?=\.)|(?:key|value|header)\.converter(?=\.|$)")
#: Sizes, times and switches lead nowhere; a port does, and larger numbers are addresses to resolvers, as `127.1` is.
_PLAIN_VALUE = re.compile(r"(-?\d{1,7}|0?\.\d{1,6}|true|false|)", re.IGNORECASE)
MOST_NAME = 200
#: `+` begins the addresses of our own pages beside those of connectors.
NAME = re.compile(rf"[^/\\%\s+][^/\\%]{{0,{MOST_NAME - 1}}}")


#: Kafka takes them away around a value, so that what looks relative begins with a slash; nobody else sees them. A key in PEM
#: has line ends.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TRIMMED = "".join(map(chr, range(0x21)))
#: Settings that are judged by what they say: a reference would say it later.
PLAIN = ("connector.class", "file")


def told(config: Mapping[str, str], name: str) -> str:
    """As the worker reads it."""
    return config.get(name, "").strip(_TRIMMED)


def is_file_connector(config: Mapping[str, str]) -> bool:
    return bool(FILE_PLUGINS.fullmatch(told(config, "connector.class")))


#: A path that leads anywhere: absolute, upwards, to a home, or as a URL. `//` behind a scheme is followed by a host.
_BEFORE = r"""^|[\s=,;"'(\[{|&?<>!\\]"""
_LEADS_OUT = re.compile(
    rf"(?:{_BEFORE})~?/|:~?/(?!/)|(?:{_BEFORE}|[:/])\.\.(?:/|$)|\b(?:file|jar|jrt|netdoc|nested|zip|classpath):|:///",
    re.IGNORECASE,
)
#: Drivers that reach databases by the network; of others some open files, whatever their URLs look like.
_BY_NETWORK = (
    "as400|bigquery|ch|clickhouse|databricks|db2|hive2|mariadb|microsoft|mongodb|mysql|oracle|pgsql|postgresql|presto|redshift|sap"
    "|singlestore|snowflake|sqlserver|sybase|teradata|trino|vertica"
)
_OTHER_DRIVER = re.compile(rf"\bjdbc:(?!(?:{_BY_NETWORK}):)", re.IGNORECASE)


def names_files(config: Mapping[str, str]) -> bool:
    """Whether it is told of files of the worker's machine: Kafka's clients, drivers and plugins read keys, certificates and
    scripts by such settings, with all that Kastellan itself may read. References to secrets are judged by `refusals`."""
    # Drivers decode what stands in their URLs.
    values = (REFERENCED.sub("", value) for value in config.values())
    return is_file_connector(config) or any(
        _LEADS_OUT.search(each) or _OTHER_DRIVER.search(each) for value in values for each in decoded(value)
    )


def refers(config: Mapping[str, str]) -> bool:
    """Whether it names files of secrets; what is in one can come back in a message about the setting."""
    return any(FILE.search(value) for value in config.values())


def refusals(
    config: Mapping[str, str], inside: Callable[[str], bool], stays: Collection[str] = ()
) -> tuple[Refusal, ...]:
    """`inside(path)`: whether a relative path stays in the directory of file connectors when links are followed. `stays`:
    settings whose secret is the connector's own already."""
    found = [
        *_of_characters(config),
        *_of_references({name: value for name, value in config.items() if name not in stays}),
    ]
    if any(PROVIDERS.search(name) for name in config):
        found.append(
            Refusal(
                "providers",
                "A connector brings no configuration providers of its own",
                "Use the worker's: ${file:…}.",
            )
        )
    if is_file_connector(config):
        path = told(config, "file")
        if not path:
            found.append(
                Refusal(
                    "file",
                    "A file connector needs a file: standard input and output are the worker's",
                    "Name one.",
                )
            )
        elif not relative(path) or not inside(path):
            found.append(
                Refusal(
                    "file",
                    f"{path} is outside of the directory of file connectors",
                    "Give a path without '..' below that directory.",
                )
            )
    return tuple(found)


def _of_characters(config: Mapping[str, str]) -> Iterable[Refusal]:
    for name, value in config.items():
        if CONTROL.search(name) or CONTROL.search(value):
            yield Refusal(
                "control",
                f"{name!r} holds a control character",
                "Leave it out: only line ends and tabs are taken.",
            )
        elif name in PLAIN and "${" in value:
            yield Refusal("reference", f"{name} is a reference", "Write what it stands for.")


def _of_references(config: Mapping[str, str]) -> Iterable[Refusal]:
    for name, value in config.items():
        providers = set(REFERENCE.findall(value)) - ALLOWED_PROVIDERS
        if providers:
            yield Refusal(
                "reference",
                f"{name} refers to {', '.join(sorted(providers))}: the worker would read this machine",
                "Only ${file:…} below the worker's credentials directory is allowed.",
            )
        paths = [PurePosixPath(path) for path in FILE.findall(value)]
        if any(".." in path.parts for path in paths):
            # The worker makes a path shorter before it reads it: `…/flow-a.properties/x/..` is the file itself.
            yield Refusal(
                "reference", f"{name} refers to a file by a way with '..' in it", "Write the path as it is."
            )
        elif any(path.name.startswith(OWN_SECRETS) for path in paths):
            yield Refusal(
                "reference",
                f"{name} refers to secrets that Kastellan keeps for a flow, for another connector or for the worker",
                "They are for their own alone. Type the secret, or give this connector a file of its own.",
            )


def moved(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Settings that may say where a connector connects to, or as what, and are another than they were: a list of names would
    forget some, so these are all but those that are known to say something else. A mask in a value (`https://kim:[hidden]@host`)
    is the stored one as it was shown, or nothing."""
    if not before:
        return ()
    return tuple(
        sorted(
            name
            for name in before.keys() | now.keys()
            if MASK not in now.get(name, "")
            and before.get(name) != now.get(name)
            and _may_lead(name, before.get(name, ""), now.get(name, ""))
        )
    )


def staying(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """What is stored of which the secrets may stay: where a transform or a converter leads is nothing to the connector's own
    secrets, nor the other way round. Another class is told everything."""
    scopes = {_scope(name) for name in moved(before, now)}
    everything = before.get("connector.class") != now.get("connector.class")
    return {} if everything else {name: value for name, value in before.items() if _scope(name) not in scopes}


def _scope(name: str) -> str:
    found = _SCOPE.match(name)
    return found[0] if found else ""


def _may_lead(name: str, before: str, now: str) -> bool:
    if _OF_EVERY_CONNECTOR.fullmatch(name) or (is_secret(name) and not _PLACE_OF_SECRETS.search(name)):
        return False
    # The alias of a transform is a name that somebody chose.
    name = name.removeprefix(_scope(name)) or name
    if is_place(name) or _GUARDS.search(name):
        return True
    return not (
        _ABOUT_RECORDS.search(name) or (_PLAIN_VALUE.fullmatch(before) and _PLAIN_VALUE.fullmatch(now))
    )


#: Of settings that are called as secrets are: `token.url`, but not `connection.password`.
_PLACE_OF_SECRETS = re.compile(r"host|server|endpoint|addr|url|uri", re.IGNORECASE)


def is_place(name: str) -> bool:
    return bool(_PLACES.search(name) or name.lower().endswith("port"))


def relative(path: str) -> bool:
    """Written so that it can only lead down."""
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts and "\0" not in path and bool(parts.parts)


def name_refusal(name: str) -> Refusal | None:
    if NAME.fullmatch(name) and name not in (".", ".."):
        return None
    what = (
        f"The name has {len(name)} characters"
        if len(name) > MOST_NAME
        else f"{name!r} is no name that the worker can be asked for"
    )
    return Refusal("name", what, f"Up to {MOST_NAME} characters, without /, \\ and %, not beginning with +.")
