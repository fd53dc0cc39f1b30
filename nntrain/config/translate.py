"""From pydantic's errors to problems with places, in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from nntrain.component import registry
from nntrain.config.elsewhere import BOOLEANS, EXAMPLES, PATTERNS, VALUES
from nntrain.config.nodes import UNKNOWN, Node, scalar
from nntrain.config.problems import MAX_SHOWN, Fix, Problem
from nntrain.config.suggest import closest, key_hints, type_hints

Path = tuple[str | int, ...]

#: keys of a config whose value is a component, and its kind
KINDS = {"layers": "layer", "loss": "loss", "optimizer": "optimizer", "schedule": "schedule", "metrics": "metric"}

#: kinds whose `type` may be left out
DEFAULT_TYPES = {"split": "random"}

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
    "greater_than": "a number of more than {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number of less than {lt}",
    "less_than_equal": "a number of at most {le}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "too_long": "",
    "too_few": "a list of {count} items",
    "too_short": "",
    "string_too_short": "a text of at least {min_length} characters",
    "string_too_long": "a text of at most {max_length} characters",
    "string_pattern_mismatch": "",
    "string_unicode": "a text",
}


def translate(error: ValidationError, root: Node, model: type[BaseModel], blocks: Sequence[str] = ()) -> list[Problem]:
    """Every error of a validation as a problem; the alternatives of a union make one.

    `blocks`: names that a layer's type could have been, too.
    """
    grouped: dict[tuple[Path, bool], list[Any]] = {}
    for e in error.errors(include_url=False):
        named = e["type"] in ("extra_forbidden", "missing")
        path = _data_path(root, e["loc"], named)
        if named and path and isinstance(path[-1], int):  # too few items of a list of a fixed length
            e = {**e, "type": "too_few", "ctx": {"count": path[-1] + 1}}
            path, named = path[:-1], False
        grouped.setdefault((path, named), []).append(e)
    problems: list[Problem] = []
    deep = {path for path, _ in grouped}
    for (path, _), errors in grouped.items():
        if any(len(other) > len(path) and other[: len(path)] == path for other in deep) and all(
            e["type"] in _EXPECTED for e in errors
        ):
            continue  # one alternative of a union failed inside: that is the one that was meant
        node = root.at(path)
        if node is not None and node.note == UNKNOWN:
            continue  # it could not be composed, which is a problem already
        if blocks and errors[0]["type"] == "variant_type" and errors[0]["ctx"]["kind"] == "layer":
            errors[0]["ctx"]["allowed"] = [*errors[0]["ctx"]["allowed"], *blocks]
        problem = _problem(path, errors, root, model)
        note = (node.note,) if node is not None and node.note else ()
        label = root.called(problem.path)
        problems.append(replace(problem, hints=(*problem.hints, *note), label=label) if note or label else problem)
        if len(problems) > 2 * MAX_SHOWN:
            break
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
    node = root.at(path) or root
    if kind == "extra_forbidden":
        return _unknown_key(path, root, model)
    if kind == "missing":
        return _missing_key(path, root, model)
    if kind == "variant_type":
        return _unknown_type(path, node, ctx)
    if kind in ("variant_type_missing", "variant_shape"):
        return _no_type(path, node, ctx, kind == "variant_shape")
    if all(x["type"] in _EXPECTED for x in errors):
        return _wrong_value(path, node, errors)
    message = ctx.get("relayed", e["msg"]) if isinstance(ctx, Mapping) else e["msg"]
    return Problem(str(message).removeprefix("Value error, "), node.mark, path)


def _unknown_key(path: Path, root: Node, model: type[BaseModel]) -> Problem:
    parent, name = root.at(path[:-1]), str(path[-1])
    mark = parent.keys.get(name, parent.mark) if parent else root.mark
    taken = parent.value if parent is not None and isinstance(parent.value, dict) else {}
    hints, better = key_hints(name, _fields(path[:-1], root, model), _owner(path[:-1], root), taken)
    fix = Fix(mark, name, better) if better else None
    return Problem(f"unknown key {name!r}", mark, path[:-1], hints, fix=fix)


def _missing_key(path: Path, root: Node, model: type[BaseModel]) -> Problem:
    parent = root.at(path[:-1])
    example = EXAMPLES.get(str(path[-1]), "") if len(path) == 1 else ""
    hints = [_description(path, root, model), example and f"such as {example}"]
    mark = parent.mark if parent else root.mark
    return Problem(f"{str(path[-1])!r} is missing", mark, path[:-1], tuple(h for h in hints if h))


def _unknown_type(path: Path, node: Node, ctx: Mapping[str, Any]) -> Problem:
    at = node.value["type"] if isinstance(node.value, dict) and "type" in node.value else node
    family, allowed = ctx["kind"], ctx["allowed"]
    if not isinstance(at.value, str):
        return Problem(
            f"the name of a type is expected, not {_shown(at.value)}", at.mark, path if at is node else (*path, "type")
        )
    hints, better = type_hints(at.value, allowed, family)
    article = "an" if family[0] in "aeiou" else "a"
    fix = Fix(at.mark, at.value, better) if better else None
    return Problem(f"{at.value!r} is not {article} {family}", at.mark, path, hints, fix=fix)


def _no_type(path: Path, node: Node, ctx: Mapping[str, Any], shape: bool) -> Problem:
    allowed = list(ctx.get("allowed", ()))
    if shape:
        return Problem("a type's name, or a map with 'type', is expected", node.mark, path)
    for name, inner in node.value.items():
        if name in allowed and len(node.value) == 1:
            rest = ", ".join(inner.value) if isinstance(inner.value, dict) else ""
            shown = f"{{type: {name}, {rest + ': ...' if rest else '...'}}}" if inner.value else name
            return Problem("'type' is missing", node.keys[name], path, (f"here it is: {shown}",))
    near = closest("type", node.keys, 1)
    if near and isinstance(node.value[near[0]].value, str) and node.value[near[0]].value in allowed:
        mark = node.keys[near[0]]
        return Problem("'type' is missing", mark, path, ("did you mean type?",), fix=Fix(mark, near[0], "type"))
    return Problem("'type' is missing", node.mark, path, (f"known: {', '.join(allowed)}",))


def _wrong_value(path: Path, node: Node, errors: list[Any]) -> Problem:
    """What is expected, by all alternatives, and what is there."""
    few = [x for x in errors if x["type"] == "too_few"][:-1]  # pydantic counts the items of a fixed list one by one
    expected = " or ".join(dict.fromkeys(_expected(x) for x in errors if x not in few))
    hints: tuple[str, ...] = ()
    fix = None
    value = node.value
    literals = [v.strip("'") for x in errors for v in _alternatives(x)]
    near = closest(value, [v for v in literals if v], 1) if isinstance(value, str) else []
    names = " ".join(x["type"] for x in errors)
    if near:
        hints, fix = (f"did you mean {near[0]}?",), Fix(node.mark, value, near[0])
    elif isinstance(value, str) and "bool" in names and value.lower() in BOOLEANS:
        better = BOOLEANS[value.lower()]
        hints, fix = (f"here it is: {better}",), Fix(node.mark, value, better)
    elif isinstance(value, str) and re.search("int|float", names) and isinstance(scalar(value), int | float):
        hints, fix = (f"without quotes: {value}",), Fix(node.mark, value, value)
    elif not isinstance(value, str | dict | list) and value is not None and "string" in names:
        shown = _shown(value)
        hints, fix = (f"in quotes: '{shown}'",), Fix(node.mark, shown, f"'{shown}'")
    elif not isinstance(value, dict | list) and value is not None and re.fullmatch("(tuple|list)_type", names):
        hints = (f"in brackets: [{_shown(value)}]",) if not isinstance(value, str) else (f"in brackets: [{value}]",)
    elif str(value).lower() in VALUES.get(str(path[-1]) if path else "", {}):
        better = VALUES[str(path[-1])][str(value).lower()]
        hints, fix = (f"here it is: {better}",), Fix(node.mark, str(value), better)
    return Problem(f"{expected} is expected, not {_shown(value)}", node.mark, path, hints, fix=fix)


def _alternatives(e: Any) -> list[str]:
    return str(e.get("ctx", {}).get("expected", "")).replace(" or ", ", ").split(", ")


def _expected(e: Any) -> str:
    kind, ctx = e["type"], {k: f"{v:g}" if isinstance(v, float) else v for k, v in e.get("ctx", {}).items()}
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(ctx["pattern"], f"a text of the form {ctx['pattern']}")
    if kind in ("too_short", "too_long"):
        n = ctx["min_length" if kind == "too_short" else "max_length"]
        return f"a list of at {'least' if kind == 'too_short' else 'most'} {n} item{'' if n == 1 else 's'}"
    text = _EXPECTED[kind]
    return text.format(**ctx) if "{" in text else text


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) < 60 else text[:57] + "..."


def _owner(path: Path, root: Node) -> str:
    """The name under which suggestions are kept: the kind of the component at a path, or the section."""
    names = [p for p in path if isinstance(p, str)]
    return (KINDS.get(names[0], "") if len(names) == 1 else "") or ".".join(names)


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
    if isinstance(target.value, dict) and "type" not in target.value:
        return registry[kind].get(DEFAULT_TYPES.get(kind, ""))
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
    from nntrain.config.model import LayerItem

    *_, last = _walk(path, root, model)
    if last is None:
        return []
    extra = list(LayerItem.own_keys) if path and path[0] == "layers" else [] if path else ["extends", "blocks"]
    return [n for n in last.model_fields if n != "type"] + extra


def _description(path: Path, root: Node, model: type[BaseModel]) -> str:
    *_, last = _walk(path[:-1], root, model)
    field = last.model_fields.get(str(path[-1])) if last is not None else None
    return field.description or "" if field is not None else ""
