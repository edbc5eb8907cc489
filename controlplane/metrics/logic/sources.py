"""Where an external cluster's metrics come from: what may be asked for, and which address each broker's text has. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from controlplane.clusters.logic import own_authority
from controlplane.clusters.logic.connections import words_of
from controlplane.gateways import addresses
from controlplane.gateways.errors import TargetRefused

SCRAPE, SERVER = "scrape", "server"
KINDS = (SCRAPE, SERVER)
MOST_URLS = 200
OF_ONE = re.compile(r"(\d{1,9})=(\S+)")
PLACES = re.compile(r"\{(\w*)\}")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
Problems = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """`secret` None: as it is; empty: none. With a user it is a password (basic), alone a bearer token."""

    kind: str = SCRAPE
    urls: tuple[str, ...] = ()
    matchers: Mapping[str, str] = field(default_factory=dict[str, str])
    username: str = ""
    secret: str | None = field(default=None, repr=False)
    allow_private: bool = False
    ca_pem: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ca_pem", own_authority.tidy(self.ca_pem))
        object.__setattr__(self, "urls", tuple(url.strip() for url in self.urls if url.strip()))


@dataclass(frozen=True, slots=True)
class Broker:
    id: int
    host: str


def keeps_secret(before: SourceRequest | None, held: bool, request: SourceRequest) -> bool:
    """A secret goes only where it was given for, by the trust that it was given for."""
    return held and before is not None and request.secret is None and bound_to(before) == bound_to(request)


def bound_to(request: SourceRequest) -> tuple[str, list[str], str, str]:
    return request.kind, sorted(request.urls), request.username, request.ca_pem


def problems(
    request: SourceRequest, now: datetime, before: SourceRequest | None = None, *, held: bool = False
) -> Problems:
    found: Problems = {}
    for name, problem in (*_problems(request, before, held=held), *_trust_problems(request, now)):
        found.setdefault(name, []).append(problem)
    return found


def _trust_problems(request: SourceRequest, now: datetime) -> Iterator[tuple[str, str]]:
    if not request.ca_pem:
        return
    if not any("https://" in url for url in request.urls):
        yield "ca_pem", "Only https has a certificate to check."
    if problem := own_authority.problem(request.ca_pem, now):
        yield "ca_pem", problem


def _problems(
    request: SourceRequest, before: SourceRequest | None, *, held: bool
) -> Iterator[tuple[str, str]]:
    if request.kind not in KINDS:
        yield "kind", f"One of {', '.join(KINDS)}."
        return
    yield from (("urls", problem) for problem in _url_problems(request))
    for name, value in request.matchers.items():
        if not LABEL.fullmatch(name) or name == "__name__" or not isinstance(value, str) or not value:
            yield "matchers", f"{name!r} is no label with a value."
    if request.kind == SCRAPE and request.matchers:
        yield "matchers", "Only a Prometheus server has series of others to leave out."
    if held and request.secret is None and not keeps_secret(before, held, request):
        yield "secret", "Give it again: it was given for other addresses, another user or another trust."
    if request.secret and (len(request.secret) > 4000 or not request.secret.isprintable()):
        yield "secret", "At most 4,000 characters in one line."
    if request.username and request.secret is None and not held:
        yield "secret", "A user needs a password."


def _url_problems(request: SourceRequest) -> Iterator[str]:
    if not request.urls:
        yield "One address at least."
    if len(request.urls) > (MOST_URLS if request.kind == SCRAPE else 1):
        yield f"At most {MOST_URLS}." if request.kind == SCRAPE else "One server."
    for text in request.urls[:MOST_URLS]:
        if request.kind == SERVER:
            yield from _address_problem(text)
            continue
        one = OF_ONE.fullmatch(text)
        places = set(PLACES.findall(text))
        if one is None and (not places or places - {"broker", "host"}):
            yield f"{text}: a broker's id before it (1=http://…), or {{broker}} or {{host}} in it."
        elif one is None and "host" in places and (request.secret or request.username):
            yield f"{text}: with {{host}} brokers decide where a password goes. Give their addresses one by one."
        else:
            yield from _address_problem(one[2] if one else _filled(text, Broker(1, "kafka.example.org")))
    if sum("=" not in text.partition("://")[0] for text in request.urls) > 1 and request.kind == SCRAPE:
        yield "One template at most; addresses of single brokers go before it."


def _address_problem(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        port = parts.port
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or port == 0:
            raise ValueError
        if parts.query or parts.fragment:
            yield f"{url}: without a query."
        addresses.normal_host(parts.hostname)
    except TargetRefused as error:
        yield str(error)
    except ValueError:
        yield f"{url} is no http or https address without a user in it."


def url_of(urls: Iterable[str], broker: Broker) -> str | None:
    """Its own address where one is given, else the template's; None where neither is."""
    template = None
    for text in urls:
        one = OF_ONE.fullmatch(text)
        if one is None:
            template = text
        elif int(one[1]) == broker.id:
            return one[2]
    return _filled(template, broker) if template else None


def named_brokers(urls: Iterable[str]) -> tuple[int, ...]:
    return tuple(int(one[1]) for text in urls if (one := OF_ONE.fullmatch(text)))


def takes_hosts(urls: Iterable[str]) -> bool:
    return any("{host}" in text for text in urls)


def _filled(template: str, broker: Broker) -> str:
    host = f"[{broker.host}]" if ":" in broker.host else broker.host
    return template.replace("{broker}", str(broker.id)).replace("{host}", host)


def document(request: SourceRequest, *, secret: bool) -> dict[str, str | None]:
    """In the words of the plan, without the secret."""
    where = {
        SCRAPE: "Prometheus text, read and kept here",
        SERVER: "a Prometheus server, asked anew each time",
    }
    extra = ", ".join(f'{name}="{value}"' for name, value in sorted(request.matchers.items()))
    login = f"{request.username} by password" if request.username else "a bearer token" if secret else None
    return {
        "metrics from": where[request.kind],
        "addresses": ", ".join(request.urls),
        "only series with": extra or None,
        "login": login,
        "secret": "sealed" if secret else None,
        "private addresses": "allowed" if request.allow_private else "refused",
        "CA": words_of(request.ca_pem) or None,
    }
