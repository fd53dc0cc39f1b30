"""Draws values that a JSON Schema allows: the part of the standard that `nntrain schema` writes, and nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

#: texts for the patterns in the schema
PATTERNS = {
    r"^\s*\d+(\.\d+)?\s*(%|steps?|epochs?)\s*$": ["5%", "3 steps", "1 epoch", "0.5 epochs"],
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$": ["run", "a.b-1"],
    r"^(auto|cpu|cuda(:\d+)?)$": ["cpu"],
    r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$": ["one", "two", "a.b"],
}
REFERENCE = "#/$defs/reference"


def values(schema: Schema, root: Schema, depth: int = 0) -> st.SearchStrategy[Any]:
    """What the schema allows, apart from references; a schema of an unknown form raises KeyError."""
    if "$ref" in schema:
        return st.deferred(lambda: values(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root, depth + 1))
    if "anyOf" in schema:
        allowed = [s for s in schema["anyOf"] if s.get("$ref") != REFERENCE]
        if depth > 5:  # components inside components end somewhere
            allowed = [s for s in allowed if "$ref" not in s] or allowed
        return st.one_of([values(s, root, depth) for s in allowed])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return KINDS[schema["type"]](schema, root, depth)


def _integers(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Any]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -2) + ("exclusiveMinimum" in schema))
    high = min(schema.get("maximum", 10**6), schema.get("exclusiveMaximum", 10**6) - 1, max(low, 0) + 8)
    return st.integers(low, high)


def _numbers(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Any]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -2.0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 4.0))
    return (
        st.floats(
            low, high, exclude_min="exclusiveMinimum" in schema, exclude_max="exclusiveMaximum" in schema, width=32
        )
        if low != high
        else st.just(low)
    )


def _texts(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Any]:
    if "pattern" in schema:
        return st.sampled_from(PATTERNS[schema["pattern"]])
    size = max(1, schema.get("minLength", 1))
    return st.text("abcxyz_", min_size=size, max_size=schema.get("maxLength", 6))


def _arrays(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*(values(s, root, depth + 1) for s in schema["prefixItems"])).map(list)
    low = schema.get("minItems", 0)
    return st.lists(values(schema["items"], root, depth + 1), min_size=low, max_size=low + 3)


def _objects(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Any]:
    own = schema.get("properties", {})
    required = schema.get("required", [])
    fixed = {k: values(v, root, depth + 1) for k, v in own.items() if k in required}
    free = {k: values(v, root, depth + 1) for k, v in own.items() if k not in required}
    more = schema.get("additionalProperties")
    found = st.fixed_dictionaries(fixed, optional=free)
    if isinstance(more, dict):
        return st.dictionaries(st.text("abc", min_size=1, max_size=3), values(more, root, depth + 1), max_size=2)
    return found


KINDS = {
    "integer": _integers,
    "number": _numbers,
    "string": _texts,
    "array": _arrays,
    "object": _objects,
    "boolean": lambda schema, root, depth: st.booleans(),
    "null": lambda schema, root, depth: st.none(),
}
