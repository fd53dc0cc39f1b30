"""How one config is put together from files: `extends`, and paths relative to the file that names them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from nntrain.config.nodes import MAX_BYTES, Node, parse
from nntrain.config.problems import ConfigProblems, Mark, Problem, Source
from nntrain.errors import ConfigError

MAX_FILES = 50


def read(path: str) -> Source:
    """The text of a config file; `-` is standard input. ConfigError where there is none, or it is not UTF-8."""
    name = "<stdin>" if path == "-" else path
    raw = _read_stdin() if path == "-" else _read_file(path)
    if len(raw) > 4 * MAX_BYTES:
        raise ConfigError(f"{name}: a config of more than {4 * MAX_BYTES:,} bytes is refused")
    try:
        return Source(name, raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: not UTF-8: save the file in that encoding") from None


def _read_stdin() -> bytes:
    stream = getattr(sys.stdin, "buffer", None)
    return stream.read(4 * MAX_BYTES + 1) if stream is not None else sys.stdin.read().encode()


def _read_file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(4 * MAX_BYTES + 1)
    except IsADirectoryError:
        raise ConfigError(f"{path}: a config file is expected, this is a folder") from None
    except FileNotFoundError:
        near = _similar_files(Path(path))
        raise ConfigError(f"{path}: no such file{f': did you mean {near}?' if near else ''}") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"{path!r}: not the name of a file") from None


def _similar_files(file: Path) -> str:
    import difflib

    try:
        names = [p.name for p in file.parent.iterdir()]
    except OSError:
        return ""
    found = difflib.get_close_matches(file.name, names, n=1)
    return str(file.parent / found[0]) if found else ""


class Composer:
    """Reads a config and the files it `extends`. `source` is the config's own text; `texts` stand for files' contents."""

    def __init__(self, problems: list[Problem], texts: Mapping[str, str] | None = None) -> None:
        self.problems = problems
        self.texts = texts or {}
        self.source: Source | None = None
        self.files = 0

    def load(self, path: str, seen: tuple[str, ...] = ()) -> Node | None:
        """The tree of a file, merged over the files it extends; None where nothing can be made of it."""
        source = Source(path, self.texts[path]) if path in self.texts else read(path)
        self.source = self.source or source
        self.files += 1
        count = len(self.problems)
        root = parse(source, self.problems)
        if root is None or root.value is None:
            if len(self.problems) == count:
                self.problems.append(Problem("the config is empty", Mark(source, 1, 1)))
            return None
        if not isinstance(root.value, dict):
            self.problems.append(Problem("a config is a map of sections (data:, layers:, ...)", root.mark))
            return None
        above = root.value.get("extends")
        if above is None:
            return root
        base: Node | None = None
        for item in above.value if isinstance(above.value, list) else [above]:
            below = self._extended(item, path, seen)
            if below is not None:
                base = below if base is None else merge(base, below)
        del root.value["extends"]
        del root.keys["extends"]
        return root if base is None else merge(base, root)

    def _extended(self, item: Node, path: str, seen: tuple[str, ...]) -> Node | None:
        """The tree of one file that a config extends."""
        if not isinstance(item.value, str):
            self.problems.append(Problem("the name of a file is expected", item.mark, ("extends",)))
            return None
        own = os.path.abspath(path) if path != "-" else "-"
        target = os.path.normpath(os.path.join(os.path.dirname(path) if path != "-" else "", item.value))
        if os.path.abspath(target) in (*seen, own):
            self.problems.append(Problem(f"{item.value} extends itself in a circle", item.mark, ("extends",)))
            return None
        if self.files >= MAX_FILES:
            self.problems.append(Problem(f"more than {MAX_FILES} files are refused", item.mark, ("extends",)))
            return None
        try:
            return self.load(target, (*seen, own))
        except ConfigError as error:
            self.problems.append(Problem(str(error), item.mark, ("extends",)))
            return None


def merge(base: Node, over: Node) -> Node:
    """`over` on `base`: maps merge, lists are replaced, and so is a map whose `type` changes.

    A bare type name is a map with that type: on a map of the same type it changes nothing, and a map takes up what it says.
    """
    if isinstance(base.value, dict) and isinstance(over.value, str) and "type" in base.value:
        return base if base.value["type"].value == over.value else over
    if isinstance(base.value, str) and isinstance(over.value, dict) and "type" not in over.value:
        return Node({"type": base, **over.value}, over.mark, {"type": base.mark, **over.keys})
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


def rebase(root: Node, base: Path) -> Node:
    """The tree with every path relative to `base`, whichever file named it; those of options start where the user is.

    Paths are the fields `path`, `paths`, `..._path` of the data's source, and the plugins.
    """
    data = root.value.get("data")
    source = data.value.get("source") if data is not None and isinstance(data.value, dict) else None
    if source is not None and isinstance(source.value, dict):
        for name, node in source.value.items():
            if name in ("path", "paths") or name.endswith(("_path", "_paths")):
                source.value[name] = _rebased(node, base)
    if "plugins" in root.value:
        root.value["plugins"] = _rebased(root.value["plugins"], base)
    return root


def _rebased(node: Node, base: Path) -> Node:
    if isinstance(node.value, list):
        return Node([_rebased(n, base) for n in node.value], node.mark)
    if not isinstance(node.value, str) or not node.value or "\0" in node.value or os.path.isabs(node.value):
        return node
    source = node.mark.source
    folder = "" if source.is_option or source.name == "<stdin>" else os.path.dirname(source.name)
    if os.path.abspath(folder) == os.path.abspath(base):
        return node
    return Node(os.path.relpath(os.path.join(folder, node.value), base), node.mark, {}, node.note)


def raise_if(problems: list[Problem]) -> None:
    """ConfigProblems where there are any."""
    if problems:
        raise ConfigProblems(problems)
