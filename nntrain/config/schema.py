"""The JSON Schema of the config language, from the registry as it stands: editors complete and check with it."""

from __future__ import annotations

from typing import Any

from nntrain.component import Component, registry

SCHEMA = "https://json-schema.org/draft/2020-12/schema"


def config_schema() -> dict[str, Any]:
    """The schema of a whole config, every registered component included."""
    from nntrain.config.model import Config, Place

    schema = Config.model_json_schema(ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = schema.pop("$defs", {})
    for kind in ("layer", "loss", "optimizer", "schedule", "initializer", "source", "split", "metric"):
        members = {name: _member(spec, definitions) for name, spec in sorted(registry[kind].items())}
        definitions[kind] = _family(members, registry[kind])
        definitions |= {f"{kind}.{name}": member for name, member in members.items()}
    data = definitions["DataSpec"]["properties"]
    data["target"]["anyOf"].append({"type": "string"})  # the short forms that DataSpec reads
    definitions["split.short"] = {**definitions["split.random"], "required": []}
    definitions["split"]["anyOf"].append({"$ref": "#/$defs/split.short"})
    place = Place.model_json_schema()["properties"]
    items = {name: _placed(name, definitions[f"layer.{name}"], place) for name in sorted(registry["layer"])}
    definitions["layer_item"] = _family(items, registry["layer"])
    definitions |= {f"layer_item.{name}": item for name, item in items.items()}
    definitions["layer_item"]["anyOf"] = [
        {"$ref": f"#/$defs/layer_item.{a['$ref'].rsplit('.', 1)[1]}"} if "$ref" in a else a
        for a in definitions["layer_item"]["anyOf"]
    ]
    for found in definitions.values():
        _allow_references(found)
    _allow_references(schema)
    definitions["reference"] = {
        "type": "string",
        "pattern": r"^\$(vars|env|params)\.[A-Za-z_]\w*$",
        "description": "$vars.name, $env.NAME, or a block's $params.name",
    }
    whole = {"$schema": SCHEMA, **schema, "title": "nntrain config", "$defs": definitions}
    _add_composition(whole)
    linked: dict[str, Any] = _linked(whole)
    return linked


def _allow_references(found: dict[str, Any]) -> None:
    """Let every field but `type` be a reference, too, where that is not a text already."""
    for name, field in found.get("properties", {}).items():
        if name != "type" and field.get("type") != "string":
            shown = {k: field.pop(k) for k in ("description", "default", "title") if k in field}
            found["properties"][name] = {**shown, "anyOf": [dict(field), {"$ref": "#/$defs/reference"}]}


def _add_composition(whole: dict[str, Any]) -> None:
    """`extends` and `blocks`. A config that extends another is checked by the names of its sections alone; where there are
    blocks, the types of layers are open."""
    sections, required = whole["properties"], whole.pop("required")
    layers = sections.pop("layers")
    used = {"type": "object", "required": ["type"], "properties": {"repeat": {"type": ["integer", "string"]}}}
    block = {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/layer_item"}, {"type": "string"}, used]}}
    written = {
        "type": "object",
        "properties": {"params": {"type": "object"}, "layers": block},
        "required": ["layers"],
        "additionalProperties": False,
    }
    whole["properties"] = {
        **{name: {"description": section["description"]} for name, section in sections.items()},
        "layers": {"description": layers["description"], "type": "array", "minItems": 1},
        "extends": {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            "description": "configs that this one is laid over",
        },
        "blocks": {
            "type": "object",
            "description": "lists of layers with parameters, used like types",
            "additionalProperties": {"anyOf": [block, written]},
        },
    }
    whole["if"] = {"required": ["extends"]}
    whole["else"] = {
        "properties": sections,
        "required": required,
        "if": {"required": ["blocks"]},
        "then": {"properties": {"layers": block}},
        "else": {"properties": {"layers": {"items": {"$ref": "#/$defs/layer_item"}}}},
    }


def _linked(value: Any) -> Any:
    """The marks of `Variant` as references to the definitions of their kind."""
    if isinstance(value, dict):
        rest = {k: _linked(v) for k, v in value.items() if k != "x-nntrain"}
        return {"$ref": f"#/$defs/{value['x-nntrain']}", **rest} if "x-nntrain" in value else rest
    return [_linked(v) for v in value] if isinstance(value, list) else value


def _member(spec: type[Component], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of one component; definitions of its parts go to the common ones."""
    found = spec.model_json_schema(ref_template="#/$defs/{model}")
    definitions |= found.pop("$defs", {})
    found["required"] = sorted({*found.get("required", ()), "type"})
    return found


def _family(members: dict[str, Any], specs: dict[str, type[Component]]) -> dict[str, Any]:
    """One of the members by `type`, or the bare name of one that needs no argument."""
    kind = next(iter(specs.values())).kind
    bare = [
        name for name, spec in sorted(specs.items()) if not any(f.is_required() for f in spec.model_fields.values())
    ]
    refs: list[dict[str, Any]] = [{"$ref": f"#/$defs/{kind}.{name}"} for name in members]
    return {"anyOf": [{"enum": bare}, *refs] if bare else refs}


def _placed(name: str, layer: dict[str, Any], place: dict[str, Any]) -> dict[str, Any]:
    """A layer with the keys it has in a network besides its own."""
    return {**layer, "properties": {**layer.get("properties", {}), **place}}
