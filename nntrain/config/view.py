"""Configs as people look at them: written out with origins, and compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from nntrain.config import Loaded


def as_yaml(loaded: Loaded, origins: bool = False) -> str:
    """The resolved config as YAML; with `origins` a comment says where each value comes from."""
    resolved = loaded.resolved()
    if not origins:
        return yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True, width=100)
    return "".join(_lines(resolved, loaded, (), ""))


def _lines(value: Any, loaded: Loaded, path: tuple[str | int, ...], indent: str) -> Iterator[str]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in pairs:
        here = (*path, key)
        lead = f"{indent}- " if isinstance(key, int) else f"{indent}{key}: "
        if isinstance(item, dict | list) and item:
            if isinstance(key, int) and isinstance(item, dict):
                inner = list(_lines(item, loaded, here, indent + "  "))
                yield lead + inner[0].removeprefix(indent + "  ")
                yield from inner[1:]
            else:
                yield lead.rstrip() + "\n"
                yield from _lines(item, loaded, here, indent + "  ")
        else:
            text = yaml.safe_dump(item, default_flow_style=True, width=10**6).removesuffix("...\n").strip()
            yield f"{lead}{text}  # {_origin(loaded, here)}\n"


def _origin(loaded: Loaded, path: tuple[str | int, ...]) -> str:
    """Where a value comes from; a bare type name stands for the map that it becomes."""
    node = loaded.tree.at(path)
    if node is None and path[-1] == "type":
        above = loaded.tree.at(path[:-1])
        node = above if above is not None and isinstance(above.value, str) else None
    return str(node.mark) if node is not None else "default"


def differences(a: Loaded, b: Loaded) -> list[tuple[str, Any, Any]]:
    """Paths at which two resolved configs differ, with both values; None where one has none."""
    left, right = dict(_leaves(a.resolved())), dict(_leaves(b.resolved()))
    return [(p, left.get(p), right.get(p)) for p in dict.fromkeys([*left, *right]) if left.get(p) != right.get(p)]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for i, item in enumerate(value):
            yield from _leaves(item, f"{path}[{i}]")
    else:
        yield path, value
