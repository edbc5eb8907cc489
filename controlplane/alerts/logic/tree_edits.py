"""Changes to one node of the routing document, the rest untouched. A path is indexes from the root: (), (0,), (0, 2). Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

Path = tuple[int, ...]
Node = dict[str, Any]


class NoSuchNode(LookupError):
    """The tree has changed, or the address was made up."""


def path_of(text: str) -> Path:
    """`root` or `0-2`, as addresses have it."""
    if text == "root":
        return ()
    parts = text.split("-")
    if not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        raise NoSuchNode(text)
    return tuple(int(part) for part in parts)


def text_of(path: Path) -> str:
    return "-".join(map(str, path)) or "root"


def at(document: Mapping[str, Any], path: Path) -> Node:
    found: Any = document
    for index in path:
        children = found.get("routes") or []
        if index >= len(children):
            raise NoSuchNode(text_of(path))
        found = children[index]
    return dict(found)


def replaced(document: Mapping[str, Any], path: Path, node: Mapping[str, Any]) -> Node:
    """Its children stay."""
    root, target = _open(document, path)
    children = target.get("routes")
    target.clear()
    target.update({name: value for name, value in node.items() if name != "routes"})
    if children:
        target["routes"] = children
    return root


def added(document: Mapping[str, Any], path: Path, node: Mapping[str, Any]) -> Node:
    """As the last child."""
    root, target = _open(document, path)
    target["routes"] = [*(target.get("routes") or []), dict(node)]
    return root


def removed(document: Mapping[str, Any], path: Path) -> Node:
    """With everything below it. The root stays."""
    if not path:
        raise NoSuchNode("root")
    at(document, path)
    root, parent = _open(document, path[:-1])
    del parent["routes"][path[-1]]
    return root


def moved_up(document: Mapping[str, Any], path: Path) -> Node:
    """Before its elder sibling: the first that matches wins."""
    if not path or path[-1] == 0:
        raise NoSuchNode(text_of(path))
    at(document, path)
    root, parent = _open(document, path[:-1])
    children, index = parent["routes"], path[-1]
    children[index - 1], children[index] = children[index], children[index - 1]
    return root


def _open(document: Mapping[str, Any], path: Path) -> tuple[Node, Node]:
    """A copy, and its node at the path, to be changed in place."""
    at(document, path)
    root: Node = copy.deepcopy(dict(document))
    target = root
    for index in path:
        target = target["routes"][index]
    return root, target
