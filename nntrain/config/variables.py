"""`$vars.x` and `$env.X`: a whole value takes the type of what it names; inside a text it becomes text."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from nntrain.config.nodes import MAX_DEPTH, MAX_NODES, UNKNOWN, Node, scalar
from nntrain.config.problems import Problem
from nntrain.config.suggest import closest

Path = tuple[str | int, ...]

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE = re.compile(rf"\$(vars|env|params)\.({_NAME})")
#: what other tools write, or what is a slip of it
_ALMOST = re.compile(
    rf"\$\{{+\s*(?:(?:oc\.)?(env|vars|params)[.:])?({_NAME})\s*\}}+|\$(var|variables|environ|param)\.({_NAME})"
)


class Substitution:
    """Replaces references in trees. `scopes`: where the names of `vars` and `params` are looked up."""

    def __init__(self, problems: list[Problem], scopes: Mapping[str, Mapping[str, Node]]) -> None:
        self.problems = problems
        self.scopes = scopes
        self.made = 0
        self.resolved: dict[tuple[str, str], Node | None] = {}
        self.pending: list[tuple[str, str]] = []

    def walk(self, node: Node, path: Path, depth: int = 0) -> Node:
        """The node with its references replaced. What nests too deep, or grows too large, stays as it is."""
        self.made += 1
        if depth > 2 * MAX_DEPTH or self.made > 2 * MAX_NODES:
            return node
        if isinstance(node.value, dict):
            value = {k: self.walk(v, (*path, k), depth + 1) for k, v in node.value.items()}
            return Node(value, node.mark, node.keys, node.note, node.label)
        if isinstance(node.value, list):
            return Node([self.walk(v, (*path, i), depth + 1) for i, v in enumerate(node.value)], node.mark)
        if not isinstance(node.value, str) or "$" not in node.value:
            return node
        return self._text(node, path, depth)

    def _text(self, node: Node, path: Path, depth: int) -> Node:
        whole = _REFERENCE.fullmatch(node.value)
        if whole:
            if whole[1] not in self.scopes and whole[1] != "env":
                return node  # of another pass
            found = self._look_up(whole[1], whole[2], node, path, depth)
            if found is None:
                return Node(None, node.mark, note=UNKNOWN)
            note = f"{node.value} is {_shown(found)}" + (f" ({found.mark})" if found.mark != node.mark else "")
            if isinstance(found.value, dict | list):
                return Node(found.value, found.mark, found.keys, note)
            return Node(found.value, node.mark, {}, note)
        slip = _ALMOST.search(node.value)
        if slip:
            kind = slip[1] or {"environ": "env", "param": "params"}.get(slip[3] or "", "vars")
            self._problem(f"{slip[0]} is not a reference", node, path, f"here it is: ${kind}.{slip[2] or slip[4]}")
            return node

        def text(match: re.Match[str]) -> str:
            if match[1] not in self.scopes and match[1] != "env":
                return match[0]
            found = self._look_up(match[1], match[2], node, path, depth)
            if found is not None and (isinstance(found.value, dict | list) or found.value is None):
                self._problem(f"{match[0]} is {_shown(found)}, which cannot be a part of a text", node, path)
                return ""
            return _spelt(found) if found is not None else ""

        return Node(_REFERENCE.sub(text, node.value), node.mark, {}, node.note)

    def _look_up(self, kind: str, name: str, node: Node, path: Path, depth: int) -> Node | None:
        """The value of a reference; None, with a problem, where there is none."""
        if kind == "env":
            if name not in os.environ:
                self._problem(f"the environment variable {name} is not set", node, path)
                return None
            return Node(scalar(os.environ[name]), node.mark)
        key = (kind, name)
        if key in self.resolved:
            return self.resolved[key]
        known = self.scopes[kind]
        if name not in known:
            near = closest(name, known)
            hint = f"did you mean ${kind}.{near[0]}?" if near else f"defined: {', '.join(known) or 'none'}"
            self._problem(f"${kind}.{name} is not defined", node, path, hint)
            return None
        if key in self.pending:
            self._problem(f"${kind}.{name} is made of itself", node, path)
            return None
        self.pending.append(key)
        self.resolved[key] = found = self.walk(known[name], (kind, name), depth + 1)
        self.pending.pop()
        return found

    def _problem(self, message: str, node: Node, path: Path, *hints: str) -> None:
        self.problems.append(Problem(message, node.mark, path, hints))


def substitute(root: Node, problems: list[Problem]) -> Node:
    """The tree with `$vars.x` and `$env.X` replaced; `$params.x` is left for the blocks."""
    own = root.value.get("vars")
    if own is not None and not isinstance(own.value, dict):
        problems.append(Problem("a map of names to values is expected", own.mark, ("vars",)))
    variables: Mapping[str, Node] = own.value if own is not None and isinstance(own.value, dict) else {}
    replace = Substitution(problems, {"vars": variables})
    value = {k: v if k == "vars" else replace.walk(v, (k,)) for k, v in root.value.items()}
    return Node(value, root.mark, root.keys)


def _shown(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a map"
    return (
        "a list" if isinstance(node.value, list) else repr(node.value) if isinstance(node.value, str) else _spelt(node)
    )


def _spelt(node: Node) -> str:
    if node.value is None or isinstance(node.value, bool):
        return str({None: "null", True: "true", False: "false"}[node.value])
    return str(node.value)
