"""What settings say to a database driver beside where its database is. Pure.

Drivers take properties from their URL and from settings that a connector passes on. Some read files, load classes or connect to
another place than the URL seems to say: a database of somebody's own could ask MySQL's driver for any file of the worker
(`allowLoadLocalInfile`). Versions and vendors are many, so this is a list of what is known to be harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

#: Properties of drivers about accounts, time, encoding, sizes and speed, in lower case: some take names in either.
_PROPERTIES = """
user username password database databasename dbname schema currentschema searchpath catalog warehouse role applicationname appname
ssl sslmode usessl requiressl verifyservercertificate encrypt trustservercertificate hostnameincertificate allowpublickeyretrieval
connecttimeout connectiontimeout sockettimeout logintimeout cancelsignaltimeout querytimeout locktimeout tcpkeepalive keepalive
reconnect autoreconnect maxreconnects loadbalancehosts targetservertype hostrecheckseconds multisubnetfailover applicationintent
readonly characterencoding useunicode connectioncollation charset servertimezone connectiontimezone timezone
forceconnectiontimezonetosession uselegacydatetimecode zerodatetimebehavior nullcatalogmeanscurrent tinyint1isbit yearisdatetype
rewritebatchedstatements rewritebatchedinserts usecursorfetch defaultfetchsize defaultrowfetchsize usecompression stringtype
usebulkcopyforbatchinsert sendstringparametersasunicode selectmethod preparethreshold preferquerymode binarytransfer
assumeminserverversion useserverprepstmts cacheprepstmts prepstmtcachesize prepstmtcachesqllimit useinformationschema instancename
"""
#: In Oracle's descriptions and MySQL's keys. Behind a `?` or `;` some of them would be another place than the URL names.
_PARTS = """
description description_list address address_list host port connect_data service_name sid server load_balance failover connect_timeout
transport_connect_timeout retry_count retry_delay
"""
_HARMLESS = frozenset(_PROPERTIES.split())
_IN_DESCRIPTIONS = _HARMLESS | frozenset(_PARTS.split())
#: What Oracle's and MySQL's drivers may speak; other words are pipes and programs of this machine.
_PROTOCOLS = frozenset({"tcp", "tcps"})
_JDBC = re.compile(r"\bjdbc:", re.IGNORECASE)
#: `?a=b&c`, `;a=b;c`, and `(a=b)(c=d,e=f)`.
_PARAMETER = re.compile(r"[?&;]\s*([^?&;=]+)(?:=[^?&;]*)?|[(,]\s*([^(),=?&;/:]+?)\s*=\s*([^(),;]*)")
#: A connector passes these on whole, or has settings of its own among them.
_PASSED_ON = re.compile(r"(?:driver|hibernate|jdbc|datasource)\.(.+)", re.IGNORECASE)
_PARTLY_PASSED_ON = re.compile(r"(?:database|connection|db)\.(.+)", re.IGNORECASE)
#: Connectors' own settings are words with something between them, which drivers' are not, or one of these.
_OWN = re.compile(
    r"(?!oracle\.|javax?\.|com\.|org\.|sun\.)[a-z0-9]+(?:[._-][a-z0-9]+)+"
    r"|url|uri|string|host|hostname|port|name|names|timeout|attempts|retries|compression|collection|instance|type"
)
#: Debezium puts these into a URL as they are.
_PUT_INTO_URLS = re.compile(
    r"(?:database|db)\.(?!.*(?:list|statements?|quer(?:y|ies)|url|password)$)", re.IGNORECASE
)
_ENDS_A_PART = re.compile(r"[?&;=()#]")
#: Whatever setting it stands in, whoever it is said to.
_KNOWN_TO_HARM = re.compile(
    r"allow\w*localinfile|autodeserialize|(?:query|statement|exception|lifecycle)interceptors|socketfactory|sslfactory|propertiestransform"
    r"|sslhostnameverifier|sslpasswordcallback|authenticationpluginclassname|socksproxyhost|java\.naming|jndi|@config-|\b(?:ldaps?|rmi|iiop):",
    re.IGNORECASE,
)
_LOGIN_MODULE = re.compile(r"[\w.$]*LoginModule\b")
_OF_KAFKA = re.compile(r"org\.apache\.kafka\.common\.security\.(?:plain|scram|oauthbearer)\.\w+")


def decoded(value: str) -> Iterator[str]:
    """As it stands, and as a driver reads it that takes it for a part of a URL."""
    yield value
    while (plain := unquote(value)) != value:
        value = plain
        yield value


def says_more(config: Mapping[str, str]) -> bool:
    """Whether something is said to a driver, or to whoever loads classes by name, that is not known to be harmless."""
    return any(
        _is_passed_on(name) or any(_steers(name, text) for text in decoded(value))
        for name, value in config.items()
    )


def _is_passed_on(name: str) -> bool:
    if _KNOWN_TO_HARM.search(name):
        return True
    if found := _PASSED_ON.fullmatch(name):
        return found[1].lower() not in _HARMLESS
    if found := _PARTLY_PASSED_ON.fullmatch(name):
        return not (_OWN.fullmatch(found[1]) or found[1].lower() in _HARMLESS)
    return False


def _steers(name: str, text: str) -> bool:
    if _KNOWN_TO_HARM.search(text) or not all(map(_OF_KAFKA.fullmatch, _LOGIN_MODULE.findall(text))):
        return True
    if _JDBC.search(text):
        found = _PARAMETER.finditer(text)
        return any(not _is_harmless(*each.groups("")) for each in found)
    return bool(_PUT_INTO_URLS.match(name) and _ENDS_A_PART.search(text))


def _is_harmless(name: str, part: str, said: str) -> bool:
    """Of a property, or else of a part of a description."""
    if name:
        return name.strip().lower() in _HARMLESS
    part = part.strip().lower()
    return said.strip().lower() in _PROTOCOLS if part == "protocol" else part in _IN_DESCRIPTIONS
