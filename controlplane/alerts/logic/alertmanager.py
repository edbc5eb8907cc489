"""Alertmanager's configuration file: routes, receivers, inhibitions and time intervals, written and read. Pure.

Written for `amtool check-config`, with placeholders where secrets are. Its receivers are sets of integrations, ours are
one each: everybody is a receiver with all of them, nobody one with none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controlplane.alerts.logic import documents, matchers, receivers
from controlplane.alerts.logic.documents import BadDocument
from controlplane.alerts.logic.routing import EVERYBODY, NOBODY

EVERYBODY_NAME, NOBODY_NAME = "everybody", "nobody"
PLACEHOLDER = "REPLACE_ME"
FIELDS = frozenset(
    {"global", "templates", "route", "receivers", "inhibit_rules", "time_intervals", "mute_time_intervals"}
)
INHIBIT = frozenset(
    {
        "name", "source_match", "source_match_re", "source_matchers", "target_match", "target_match_re",
        "target_matchers", "equal",
    }
)  # fmt: skip
MOST = 500


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver of ours, without its secret."""

    name: str
    kind: str
    url: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    send_resolved: bool = True
    max_alerts: int = 0


@dataclass(frozen=True, slots=True)
class Config:
    """`routing`: as our API takes it; `targets`: webhooks that the file describes whole; `notes`: what is not taken over."""

    routing: dict[str, Any]
    targets: tuple[Target, ...] = ()
    notes: tuple[str, ...] = ()


# --- Out --------------------------------------------------------------------------------------------------------------
def write(routing: Mapping[str, Any], targets: Iterable[Target]) -> str:
    known = list(targets)
    names = {_name(each) for each in _named(routing["route"])} | {each.name for each in known}
    by_name = {each.name: _integrations([each]) for each in known}
    by_name |= {EVERYBODY_NAME: _integrations(known), NOBODY_NAME: {}}
    found = {
        "route": _route(routing["route"]),
        "receivers": [{"name": name, **by_name.get(name, {})} for name in sorted(names)],
        "inhibit_rules": [
            {name: each[name] for name in ("source_matchers", "target_matchers", "equal") if each.get(name)}
            for each in routing["inhibit_rules"]
        ],
        "time_intervals": list(routing["time_intervals"]),
    }
    teams = [each.name for each in known if each.kind == receivers.TEAMS]
    left = [f"# {name}: Microsoft Teams is not written; versions differ in how.\n" for name in teams]
    own = [each.name for each in known if each.options.get("template")]
    left += [f"# {name}: its own body is not written; Alertmanager sends its own.\n" for name in own]
    head = f"# Of Kastellan. Secrets are left out: look for {PLACEHOLDER}.\n"
    return head + "".join(left) + documents.write({name: each for name, each in found.items() if each})


def _named(route: Mapping[str, Any]) -> Iterable[str]:
    if "receiver" in route:
        yield route["receiver"]
    for each in route.get("routes") or []:
        yield from _named(each)


def _name(receiver: str) -> str:
    return {EVERYBODY: EVERYBODY_NAME, NOBODY: NOBODY_NAME}.get(receiver, receiver)


def _route(route: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: each for name, each in route.items() if name != "routes"}
    if "receiver" in found:
        found["receiver"] = _name(found["receiver"])
    children = [_route(each) for each in route.get("routes") or []]
    return found | ({"routes": children} if children else {})


def _integrations(targets: Iterable[Target]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for each in targets:
        for name, document in _integration(each).items():
            found.setdefault(name, []).extend(document)
    return found


def _integration(each: Target) -> dict[str, list[dict[str, Any]]]:
    options, tells = each.options, {"send_resolved": each.send_resolved}
    match each.kind:
        case receivers.WEBHOOK:
            most = {"max_alerts": each.max_alerts} if each.max_alerts else {}
            return {"webhook_configs": [{"url": each.url, **tells, **most}]}
        case receivers.EMAIL:
            login = (
                {"auth_username": options["user"], "auth_password": PLACEHOLDER}
                if options.get("user")
                else {}
            )
            mail = {
                "to": ", ".join(options["to"]),
                "from": options["from"],
                "smarthost": f"{options['host']}:{options.get('port', 587)}",
                "require_tls": options.get("security") != "none",
            }
            return {"email_configs": [{**mail, **login, **tells}]}
        case receivers.SLACK:
            url = f"https://hooks.slack.com/services/{PLACEHOLDER}"
            return {"slack_configs": [{"api_url": url, **tells}]}
        case receivers.PAGERDUTY:
            return {"pagerduty_configs": [{"routing_key": PLACEHOLDER, **tells}]}
        case receivers.TELEGRAM:
            chats = [int(chat) for chat in options["chats"] if not chat.startswith("@")]
            return {
                "telegram_configs": [{"bot_token": PLACEHOLDER, "chat_id": chat, **tells} for chat in chats]
            }
        case _:
            return {}


# --- In ---------------------------------------------------------------------------------------------------------------
def parse(text: str, known: Collection[str] = ()) -> Config:
    """Raises BadDocument where the file as a whole cannot be read. What is wrong within routes is found when they are checked.
    `known`: names of receivers that are here."""
    top = documents.mapping(documents.read(text), "The file", FIELDS)
    if not isinstance(top.get("route"), Mapping):
        raise BadDocument("route is missing")
    targets, aliases, notes = _receivers(documents.listed(top.get("receivers"), "receivers", MOST), known)
    if top.get("global"):
        notes.append("global is not taken over: say it in the receivers.")
    if top.get("templates"):
        notes.append("templates are not taken over: messages are Kastellan's.")
    intervals = [
        *documents.listed(top.get("time_intervals"), "time_intervals", MOST),
        *documents.listed(top.get("mute_time_intervals"), "mute_time_intervals", MOST),
    ]
    rules = documents.listed(top.get("inhibit_rules"), "inhibit_rules", MOST)
    routing = {
        "route": _route_in(top["route"], aliases),
        "inhibit_rules": [_inhibition(place, each) for place, each in enumerate(rules)],
        "time_intervals": intervals,
    }
    return Config(routing, tuple(targets), tuple(notes))


def _receivers(given: list[Any], known: Collection[str]) -> tuple[list[Target], dict[str, str], list[str]]:
    """Targets that can be made, names that mean everybody or nobody, and what has to be there already."""
    targets: list[Target] = []
    aliases: dict[str, str] = {}
    notes: list[str] = []
    for each in given:
        if not isinstance(each, Mapping) or not isinstance(each.get("name"), str):
            raise BadDocument("A receiver is an object with a name")
        name = each["name"]
        configs = {kind: value for kind, value in each.items() if kind != "name" and value}
        if name == EVERYBODY_NAME:
            aliases[name] = EVERYBODY
        elif not configs and name in known:
            # Its secrets were left out of the file, or it is filled in elsewhere.
            continue
        elif not configs:
            aliases[name] = NOBODY
            if name != NOBODY_NAME:
                notes.append(
                    f"{name} has no way to tell anybody in the file, and no receiver here is called so: nobody."
                )
        elif [*configs] == ["webhook_configs"] and len(configs["webhook_configs"]) == 1:
            targets += _webhook(name, configs["webhook_configs"][0], notes)
        else:
            notes.append(
                f"{name} ({', '.join(sorted(map(str, configs)))}) is not made: its secrets are not taken from a "
                "file. It has to be there under this name."
            )
    return targets, aliases, notes


def _webhook(name: str, config: Any, notes: list[str]) -> list[Target]:
    if not isinstance(config, Mapping) or not isinstance(config.get("url"), str):
        notes.append(f"{name} is not made: its webhook has no url. It has to be there under this name.")
        return []
    left = sorted(str(each) for each in config if each not in ("url", "send_resolved", "max_alerts"))
    if left:
        notes.append(f"{name}: {', '.join(left)} of its webhook is not taken over.")
    most = config.get("max_alerts", 0)
    return [
        Target(
            name,
            receivers.WEBHOOK,
            config["url"],
            {},
            config.get("send_resolved", True) is not False,
            most if isinstance(most, int) and 0 <= most <= 10_000 else 0,
        )
    ]


def _route_in(route: Any, aliases: Mapping[str, str]) -> Any:
    if not isinstance(route, Mapping):
        return route
    found = {str(name): each for name, each in route.items() if name not in ("match", "match_re", "routes")}
    old = _old_matchers(route, "")
    if old:
        found["matchers"] = [*old, *(found.get("matchers") or [])]
    if isinstance(found.get("receiver"), str):
        found["receiver"] = aliases.get(found["receiver"], found["receiver"])
    if isinstance(route.get("routes"), list):
        found["routes"] = [_route_in(each, aliases) for each in route["routes"]]
    return found


def _old_matchers(document: Mapping[str, Any], side: str) -> list[str]:
    """`match` and `match_re` of before 0.22."""
    found: list[str] = []
    for name, op in ((f"{side}match", matchers.Op.EQUAL), (f"{side}match_re", matchers.Op.REGEX)):
        for label, value in documents.texts(document.get(name), name).items():
            try:
                found.append(str(matchers.matcher(label, op, value)))
            except matchers.BadMatcher as error:
                raise BadDocument(f"{name}: {error}") from error
    return found


def _inhibition(place: int, each: Any) -> dict[str, Any]:
    rule = documents.mapping(each, f"inhibit_rules[{place}]", INHIBIT)
    found: dict[str, Any] = {
        "name": rule.get("name") or f"imported {place + 1}",
        "equal": rule.get("equal") or [],
    }
    for side in ("source", "target"):
        own = rule.get(f"{side}_matchers") or []
        texts = [own] if isinstance(own, str) else own
        found[f"{side}_matchers"] = [*_old_matchers(rule, f"{side}_"), *texts]
    return found
