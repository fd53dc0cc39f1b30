"""`--set a.b=v` and `--set layers[2].p=0.1`: values from the command line, typed as YAML, laid over a config."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nntrain.config.nodes import MAX_DEPTH, Node, parse
from nntrain.config.problems import Mark, Problem, Source, show_path

_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_/-]*)|\[(\d{1,9})\]")


def apply_sets(root: Node, options: Sequence[str], problems: list[Problem]) -> Node:
    """Apply `a.b=v` and `layers[2].p=0.1` in order. The values are YAML; what they name is checked with the rest."""
    for option in options:
        source = Source(f"--set {option}"[:200], option, is_option=True)
        mark = Mark(source, 1, 1)
        name, equals, text = option.partition("=")
        path = split_path(name.strip())
        if not equals or path is None:
            problems.append(_malformed(name.strip(), mark))
            continue
        if path[0] == "extends" or len(path) > MAX_DEPTH:
            what = "extends: only a file can extend another" if path[0] == "extends" else "nested too deep"
            problems.append(Problem(what, mark))
            continue
        own: list[Problem] = []
        made = parse(Source(source.name, text, is_option=True), own) if text.strip() else Node(None, mark)
        if own or made is None:
            problems.append(Problem(f"the value is not YAML: {own[0].message if own else text}", mark))
            continue
        _place(root, path, _remark(made, mark), mark, problems)
    return root


def _malformed(name: str, mark: Mark) -> Problem:
    """An option that is not NAME=VALUE, with what was probably meant."""
    better = re.sub(r"\.(\d+)(?=[.\[]|$)", r"[\1]", name)
    if better != name and split_path(better):
        return Problem("an item of a list is written in brackets", mark, hints=(f"here it is: {better}=...",))
    if re.search(r"\[[-\d*:]*\]", name) and split_path(re.sub(r"\[[^\]]*\]", "[0]", name)):
        return Problem("items of a list count from 0: layers[0] is the first", mark)
    return Problem("expected NAME=VALUE, such as optimizer.lr=0.01 or layers[2].p=0.1", mark)


def split_path(name: str) -> tuple[str | int, ...] | None:
    """("layers", 2, "p") for `layers[2].p`; None where it is not a path."""
    parts: list[str | int] = []
    rest = name
    while rest:
        match = _STEP.match(rest)
        if match is None or (not parts and match[1] is None):
            return None
        parts.append(match[1] if match[1] is not None else int(match[2]))
        rest = rest[match.end() :]
        if rest.startswith("."):
            rest = rest[1:] or "?"
        elif rest and not rest.startswith("["):
            return None
    return tuple(parts) or None


def _remark(node: Node, mark: Mark) -> Node:
    if isinstance(node.value, dict):
        return Node({k: _remark(v, mark) for k, v in node.value.items()}, mark, dict.fromkeys(node.value, mark))
    if isinstance(node.value, list):
        return Node([_remark(v, mark) for v in node.value], mark)
    return Node(node.value, mark)


def _place(root: Node, path: tuple[str | int, ...], new: Node, mark: Mark, problems: list[Problem]) -> None:
    node = root
    for i, part in enumerate(path):
        last = i == len(path) - 1
        here = path[: i + 1]
        if isinstance(part, int):
            if not isinstance(node.value, list) or part >= len(node.value):
                size = f" of {len(node.value)}" if isinstance(node.value, list) else ""
                problems.append(Problem(f"there is no item {part}{size}", mark, here))
                return
            if last:
                node.value[part] = new
                return
            if isinstance(node.value[part].value, str):  # a bare type name takes arguments now
                bare = node.value[part]
                node.value[part] = Node({"type": bare}, bare.mark, {"type": bare.mark})
            node = node.value[part]
            continue
        if isinstance(node.value, str) and i > 0:
            bare = Node(node.value, node.mark)
            node.value, node.keys = {"type": bare}, {"type": node.mark}
        if node.value is None:
            node.value, node.keys = {}, {}
        if not isinstance(node.value, dict):
            problems.append(Problem(f"{show_path(here[:-1])} is not a map", mark, here))
            return
        if last:
            if (
                part == "type"
                and isinstance(new.value, str)
                and "type" in node.value
                and node.value["type"].value != new.value
            ):
                node.value.clear()  # another type takes other arguments
                node.keys.clear()
            node.value[part] = new
            node.keys[part] = mark
            return
        if part not in node.value:
            node.value[part] = Node({}, mark)
            node.keys[part] = mark
        node = node.value[part]
