"""Configs: strict YAML with marks, composition, the pydantic root, errors at file, line and column.

`load` is the way in. A problem that only shows later (a shape, a column) is placed with `Loaded.problem`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntrain.config.compose import Composer, raise_if, rebase
from nntrain.config.nodes import Node
from nntrain.config.options import apply_sets
from nntrain.config.problems import ConfigProblems, Mark, Problem, Source
from nntrain.config.variables import substitute
from nntrain.errors import ConfigError

if TYPE_CHECKING:
    from nntrain.config.model import Config

__all__ = ["ConfigProblems", "Loaded", "Mark", "Problem", "Source", "load", "load_dict"]


class Loaded:
    """A validated config, the tree it came from, and the folder its relative paths start in."""

    def __init__(self, config: Config, tree: Node, base: Path, text: str) -> None:
        self.config = config
        self.tree = tree
        self.base = base
        self.text = text  # of the file itself, verbatim

    def problem(self, path: tuple[str | int, ...], message: str, *hints: str) -> Problem:
        """A problem at a path of the config; at the nearest place above where the path was not written."""
        for n in range(len(path), -1, -1):
            node = self.tree.at(path[:n])
            if node is not None:
                return Problem(message, node.mark, path, hints, self.tree.called(path))
        return Problem(message, self.tree.mark, path, hints)

    def error(self, path: tuple[str | int, ...], message: str, *hints: str) -> ConfigProblems:
        """A ConfigProblems of one problem."""
        return ConfigProblems([self.problem(path, message, *hints)])

    def written(self) -> dict[str, Any]:
        """The composed config as it was written: without defaults, paths as they are in the file."""
        return _lists(self.tree.plain())

    def resolved(self) -> dict[str, Any]:
        """The config with every default; `load_dict` of it gives the same config."""
        found: dict[str, Any] = self.config.model_dump(mode="json")
        return found

    def origin(self, path: tuple[str | int, ...]) -> str:
        """Where a value comes from: file:line:column, a --set option, or "default"."""
        node = self.tree.at(path)
        return str(node.mark) if node is not None else "default"


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _lists(v) for k, v in value.items()}
    return [_lists(v) for v in value] if isinstance(value, tuple) else value


def load(path: str | os.PathLike[str], sets: Sequence[str] = (), text: str | None = None) -> Loaded:
    """Read, compose and validate a config file (`-`: standard input), with `--set` options applied.

    `text` stands for what is in the file, as an editor has it before it is saved.

    Raises ConfigProblems with everything that is wrong, each at its place; ConfigError where the file cannot be read.
    """
    name = os.fspath(path)
    problems: list[Problem] = []
    composer = Composer(problems, {name: text} if text is not None else {})
    tree = composer.load(name)
    raise_if(problems)
    assert tree is not None and composer.source is not None
    base = Path(name).parent if name != "-" else Path()
    default = Path(name).stem if name != "-" else "stdin"
    if sets:
        tree = apply_sets(tree.copy(), sets, problems)
    tree = rebase(substitute(tree, problems), base)
    return _validate(tree, base, composer.source.text, default, problems)


def load_dict(data: dict[str, Any], base: Path, sets: Sequence[str] = (), name: str = "checkpoint's config") -> Loaded:
    """Validate a config that is already data: the one inside a checkpoint. Raises as `load`."""
    import yaml

    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    problems: list[Problem] = []
    tree = apply_sets(_node(data, Mark(Source(name, text, is_option=True), 1, 1)), sets, problems)
    return _validate(substitute(tree, problems), base, text, "run", problems)


def _node(value: Any, mark: Mark) -> Node:
    if isinstance(value, dict):
        return Node({k: _node(v, mark) for k, v in value.items()}, mark, dict.fromkeys(value, mark))
    return Node([_node(v, mark) for v in value], mark) if isinstance(value, list | tuple) else Node(value, mark)


def _validate(tree: Node, base: Path, text: str, default_name: str, problems: list[Problem]) -> Loaded:
    excess = tree.excess()
    if excess:
        raise ConfigProblems([Problem(f"a config {excess} is refused", tree.mark)])
    if "name" not in tree.value:
        cleaned = "".join(c if c.isalnum() or c in "_.-" else "-" for c in default_name).strip(".-") or "run"
        mark = tree.mark
        tree = Node({"name": Node(cleaned, mark), **tree.value}, mark, {"name": mark, **tree.keys})
    problems += _import_plugins(tree, base)

    from pydantic import ValidationError

    import nntrain.metrics
    import nntrain.nn
    import nntrain.optim  # noqa: F401  (imported to fill the registry)
    from nntrain.component import registry
    from nntrain.config.blocks import expand
    from nntrain.config.model import Config
    from nntrain.config.translate import translate

    tree, blocks = expand(tree, registry["layer"], problems)
    try:
        config = Config.model_validate(tree.plain())
    except ValidationError as error:
        known = {p.path for p in problems}  # a value that could not be composed is not complained of twice
        raise ConfigProblems(
            [*problems, *(p for p in translate(error, tree, Config, blocks) if p.path not in known)]
        ) from None
    except RecursionError:
        raise ConfigProblems([*problems, Problem("a config nested this deep is refused", tree.mark)]) from None
    raise_if(problems)
    return Loaded(config, tree, base, text)


def _import_plugins(tree: Node, base: Path) -> list[Problem]:
    """Run the plugin files, so that what they define is registered. Their errors are problems at their place."""
    listed = tree.value.get("plugins")
    if listed is None or not isinstance(listed.value, list):
        return []
    from nntrain.config.plugins import import_plugin

    problems = []
    for i, item in enumerate(listed.value):
        if isinstance(item.value, str):
            try:
                import_plugin(base / item.value)
            except ConfigError as error:
                problems.append(Problem(str(error), item.mark, ("plugins", i)))
    return problems
