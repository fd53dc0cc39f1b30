"""From pydantic's errors to problems with places, in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from nntrain.component import registry
from nntrain.config.nodes import Node
from nntrain.config.problems import Problem
from nntrain.config.suggest import closest, key_hints, type_hints

Path = tuple[str | int, ...]

#: keys of a config whose value is a component, and its kind
KINDS = {"layers": "layer", "loss": "loss", "optimizer": "optimizer", "schedule": "schedule", "metrics": "metric"}

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "none_required": "null",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a map",
    "mapping_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "too_long": "at most {max_length} items",
    "too_short": "at least {min_length} items",
    "string_too_short": "at least {min_length} characters",
    "string_pattern_mismatch": "a name of the form {pattern}",
}


def translate(error: ValidationError, root: Node, model: type[BaseModel]) -> list[Problem]:
    """Every error of a validation as a problem; the alternatives of a union make one."""
    grouped: dict[tuple[Path, bool], list[Any]] = {}
    for e in error.errors(include_url=False):
        path = _data_path(root, e["loc"], named=e["type"] in ("extra_forbidden", "missing"))
        grouped.setdefault((path, e["type"] in ("extra_forbidden", "missing")), []).append(e)
    problems = []
    deep = {path for path, _ in grouped}
    for (path, _), errors in grouped.items():
        if any(len(other) > len(path) and other[: len(path)] == path for other in deep) and all(
            e["type"] in _EXPECTED for e in errors
        ):
            continue  # one alternative of a union failed inside: that is the one that was meant
        problems.append(_problem(path, errors, root, model))
    return [p for p in problems if not _explained(p, problems)]


def _explained(problem: Problem, problems: list[Problem]) -> bool:
    """Whether a missing key is there under a wrong name, which is a problem of its own."""
    if not problem.message.endswith("is missing"):
        return False
    name = problem.message.split("'")[1]
    others = (p for p in problems if p.path == problem.path and p.message.startswith("unknown key"))
    return any(name in re.findall(r"[\w.]+", hint) for p in others for hint in p.hints)


def _data_path(root: Node, loc: tuple[str | int, ...], named: bool) -> Path:
    """The part of pydantic's location that exists in the data: names of union alternatives are left out."""
    path: Path = ()
    for i, part in enumerate(loc):
        if root.at((*path, part)) is not None or (named and i == len(loc) - 1):
            path = (*path, part)
    return path


def _problem(path: Path, errors: list[Any], root: Node, model: type[BaseModel]) -> Problem:
    e = errors[0]
    kind, ctx = e["type"], e.get("ctx", {})
    if kind == "extra_forbidden":
        parent = root.at(path[:-1])
        name = str(path[-1])
        mark = parent.keys.get(name, parent.mark) if parent else root.mark
        section, component = _owner(path[:-1], root)
        fields = _fields(path[:-1], root, model)
        return Problem(f"unknown key {name!r}", mark, path[:-1], key_hints(name, fields, section, component))
    if kind == "missing":
        parent = root.at(path[:-1])
        mark = parent.mark if parent else root.mark
        hint = _description(path, root, model)
        return Problem(f"{str(path[-1])!r} is missing", mark, path[:-1], (hint,) if hint else ())
    node = root.at(path) or root
    if kind == "variant_type":
        at = node.value["type"] if isinstance(node.value, dict) and "type" in node.value else node
        name, allowed, family = str(ctx["name"]).strip("'\""), ctx["allowed"], ctx["kind"]
        article = "an" if family[0] in "aeiou" else "a"
        return Problem(f"{name!r} is not {article} {family}", at.mark, path, type_hints(name, allowed, family))
    if kind in ("variant_type_missing", "variant_shape"):
        message = (
            "'type' is missing"
            if kind == "variant_type_missing"
            else "a type's name, or a map with 'type', is expected"
        )
        allowed = ctx.get("allowed", ())
        return Problem(message, node.mark, path, (f"known: {', '.join(allowed)}",) if allowed else ())
    if all(x["type"] in _EXPECTED for x in errors):
        expected = " or ".join(dict.fromkeys(_expected(x) for x in errors))
        hints: tuple[str, ...] = ()
        allowed_texts = [str(x.get("ctx", {}).get("expected", "")) for x in errors]
        literals = [v.strip("'") for text in allowed_texts for v in text.replace(" or ", ", ").split(", ")]
        near = closest(node.value, [v for v in literals if v]) if isinstance(node.value, str) else []
        if near:
            hints = (f"did you mean {near[0]}?",)
        return Problem(f"{expected} is expected, not {_shown(node.value)}", node.mark, path, hints)
    message = ctx.get("relayed", e["msg"]) if isinstance(ctx, Mapping) else e["msg"]
    return Problem(str(message).removeprefix("Value error, "), node.mark, path)


def _expected(e: Any) -> str:
    text = _EXPECTED[e["type"]]
    ctx = {k: f"{v:g}" if isinstance(v, float) else v for k, v in e.get("ctx", {}).items()}
    return text.format(**ctx) if "{" in text else text


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) < 60 else text[:57] + "..."


def _owner(path: Path, root: Node) -> tuple[str, str]:
    """The section that a path is in, and the kind of the component there (or nothing)."""
    names = [p for p in path if isinstance(p, str)]
    section = ".".join(names)
    kind = KINDS.get(names[0], "") if names and len(names) == 1 else ""
    return (kind or section), (kind or section)


def _walk(path: Path, root: Node, model: type[BaseModel]) -> Iterator[type[BaseModel] | None]:
    """The model at each prefix of a path, as far as it is known."""
    current: type[BaseModel] | None = model
    yield current
    for i, part in enumerate(path):
        if isinstance(part, int):
            yield current
            continue
        here = root.at(path[: i + 1])
        if i == 0 and part in KINDS:
            current = _component(KINDS[part], here if here is not None else root, path[i + 1 :])
        elif current is not None and part in current.model_fields:
            current = _model_of(current.model_fields[part].annotation, current.model_fields[part].metadata, here)
        else:
            current = None
        yield current


def _component(kind: str, node: Node, rest: Path) -> type[BaseModel] | None:
    target = node.at(rest[:1]) if rest and isinstance(rest[0], int) else node
    if target is None:
        return None
    named = target.value.get("type") if isinstance(target.value, dict) else target
    return registry[kind].get(named.value) if named is not None and isinstance(named.value, str) else None


def _model_of(annotation: Any, metadata: list[Any], node: Node | None) -> type[BaseModel] | None:
    from nntrain.component import Variant

    for extra in metadata:
        if isinstance(extra, Variant) and node is not None:
            return _component(extra.kind, node, ())
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _fields(path: Path, root: Node, model: type[BaseModel]) -> list[str]:
    *_, last = _walk(path, root, model)
    if last is None:
        return []
    extra = ["name", "inputs"] if path and path[0] == "layers" else []
    return [n for n in last.model_fields if n != "type"] + extra


def _description(path: Path, root: Node, model: type[BaseModel]) -> str:
    *_, last = _walk(path[:-1], root, model)
    field = last.model_fields.get(str(path[-1])) if last is not None else None
    return field.description or "" if field is not None else ""
