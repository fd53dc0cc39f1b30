"""How one config is put together: `extends`, `vars` and `$...`, `--set`; marks survive all of it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nntrain.config.nodes import Node, parse, scalar
from nntrain.config.problems import ConfigProblems, Mark, Problem, Source, show_path
from nntrain.errors import ConfigError

_REFERENCE = re.compile(r"\$(vars|env)\.([A-Za-z_][A-Za-z0-9_]*)")
_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_/-]*)|\[(\d+)\]")


def read(path: str, stdin: str | None = None) -> Source:
    """The text of a config file; `-` is standard input. ConfigError where there is none, or it is not UTF-8."""
    if path == "-":
        return Source("<stdin>", stdin or "")
    file = Path(path)
    if file.is_dir():
        raise ConfigError(f"{path}: a config file is expected, this is a folder")
    try:
        raw = file.read_bytes() if file.stat().st_size <= 4_000_000 else b" " * 4_000_001
    except FileNotFoundError:
        near = _similar_files(file)
        raise ConfigError(f"{path}: no such file{f': did you mean {near}?' if near else ''}") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    try:
        return Source(path, raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: not UTF-8: save the file in that encoding") from None


def _similar_files(file: Path) -> str:
    import difflib

    try:
        names = [p.name for p in file.parent.iterdir()]
    except OSError:
        return ""
    found = difflib.get_close_matches(file.name, names, n=1)
    return str(file.parent / found[0]) if found else ""


def load_tree(path: str, problems: list[Problem], stdin: str | None = None, seen: tuple[str, ...] = ()) -> Node | None:
    """The tree of a file, merged over the files it `extends`."""
    source = read(path, stdin)
    root = parse(source, problems)
    if root is None or root.value is None:
        if not problems:
            problems.append(Problem("the config is empty", Mark(source, 1, 1)))
        return None
    if not isinstance(root.value, dict):
        problems.append(Problem("a config is a map of sections (data:, layers:, ...)", root.mark))
        return None
    above = root.value.get("extends")
    if above is None:
        return root
    base: Node | None = None
    for item in above.value if isinstance(above.value, list) else [above]:
        if not isinstance(item.value, str):
            problems.append(Problem("a file's name is expected", item.mark, ("extends",)))
            continue
        target = os.path.normpath(os.path.join(os.path.dirname(path) if path != "-" else "", item.value))
        key = os.path.abspath(target)
        if key in seen or (path != "-" and key == os.path.abspath(path)):
            problems.append(Problem(f"{item.value} extends itself in a circle", item.mark, ("extends",)))
            continue
        try:
            below = load_tree(target, problems, None, (*seen, os.path.abspath(path)))
        except ConfigError as error:
            problems.append(Problem(str(error), item.mark, ("extends",)))
            continue
        if below is not None:
            base = below if base is None else merge(base, below)
    del root.value["extends"]
    del root.keys["extends"]
    return root if base is None else merge(base, root)


def merge(base: Node, over: Node) -> Node:
    """`over` on `base`: maps merge, lists are replaced, and so is a map whose `type` changes."""
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    theirs, ours = base.value.get("type"), over.value.get("type")
    if ours is not None and theirs is not None and ours.value != theirs.value:
        return over
    value, keys = dict(base.value), dict(base.keys)
    for name, node in over.value.items():
        value[name] = merge(value[name], node) if name in value else node
        keys[name] = over.keys[name]
    return Node(value, over.mark, keys)


def substitute(root: Node, problems: list[Problem]) -> Node:
    """Replace `$vars.x` and `$env.X`: a whole value takes the type of what it names, inside a text it becomes text."""
    own = root.value.get("vars")
    variables: Mapping[str, Node] = own.value if own is not None and isinstance(own.value, dict) else {}
    if own is not None and not isinstance(own.value, dict):
        problems.append(Problem("a map of names to values is expected", own.mark, ("vars",)))

    def look_up(kind: str, name: str, node: Node, path: tuple[str | int, ...]) -> Any:
        if kind == "env":
            if name not in os.environ:
                problems.append(Problem(f"the environment variable {name} is not set", node.mark, path))
                return None
            return scalar(os.environ[name])
        if name not in variables:
            from nntrain.config.suggest import closest

            near = closest(name, variables)
            hint = f"did you mean $vars.{near[0]}?" if near else f"defined: {', '.join(variables) or 'none'}"
            problems.append(Problem(f"$vars.{name} is not defined", node.mark, path, (hint,)))
            return None
        return variables[name].plain() if not isinstance(variables[name].value, dict | list) else variables[name]

    def walk(node: Node, path: tuple[str | int, ...]) -> Node:
        if isinstance(node.value, dict):
            return Node({k: walk(v, (*path, k)) for k, v in node.value.items()}, node.mark, node.keys)
        if isinstance(node.value, list):
            return Node([walk(v, (*path, i)) for i, v in enumerate(node.value)], node.mark)
        if not isinstance(node.value, str) or "$" not in node.value:
            return node
        whole = _REFERENCE.fullmatch(node.value)
        if whole:
            found = look_up(whole[1], whole[2], node, path)
            return found if isinstance(found, Node) else Node(found, node.mark)
        text = _REFERENCE.sub(lambda m: str(look_up(m[1], m[2], node, path)), node.value)
        return Node(text, node.mark)

    value = {k: v if k == "vars" else walk(v, (k,)) for k, v in root.value.items()}
    return Node(value, root.mark, root.keys)


def apply_sets(root: Node, options: Sequence[str], problems: list[Problem]) -> Node:
    """Apply `a.b=v` and `layers[2].p=0.1` in order. The values are YAML; what they name is checked with the rest."""
    for option in options:
        source = Source(f"--set {option}", option, is_option=True)
        mark = Mark(source, 1, 1)
        name, equals, text = option.partition("=")
        path = split_path(name.strip())
        if not equals or path is None:
            problems.append(Problem("expected NAME=VALUE, such as optimizer.lr=0.01 or layers[2].p=0.1", mark))
            continue
        own: list[Problem] = []
        made = parse(Source(source.name, text, is_option=True), own) if text.strip() else Node(None, mark)
        if own or made is None:
            problems.append(Problem(f"the value is not YAML: {own[0].message if own else text}", mark))
            continue
        _place(root, path, _remark(made, mark), mark, problems)
    return root


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


def raise_if(problems: list[Problem]) -> None:
    """ConfigProblems where there are any."""
    if problems:
        raise ConfigProblems(problems)
