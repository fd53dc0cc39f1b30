"""Everything that has a `type:` in a config: the frozen base class and the registry.

A family (layers, losses, optimizers, ...) is a base class with a `kind`; a member is one class with a `type` literal and
registers itself when it is defined, in the package or in a user's plugin file:

    class Layer(Component, kind="layer"): ...

    class Relu(Layer):
        type: Literal["relu"] = "relu"

`registry["layer"]["relu"]` is the class. A config field is declared `Annotated[Layer, Variant("layer")]`: the value is a
map with `type`, or the bare string where no argument is needed, and is looked up when it is validated, so that plugins
that were imported in between take part. Imported by every room; imports nothing of ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

registry: defaultdict[str, dict[str, type[Component]]] = defaultdict(dict)


class Component(BaseModel):
    """A frozen description of one part of an experiment: the YAML schema, the constructor and the documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    kind: ClassVar[str] = ""

    def __init_subclass__(cls, kind: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if kind is not None:
            cls.kind = kind

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        field = cls.model_fields.get("type")
        if field is None or not isinstance(field.default, str):
            return
        known = registry[cls.kind].get(field.default)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(
                f"{cls.kind} type {field.default!r} is already taken by {known.__module__}.{known.__name__}"
            )
        registry[cls.kind][field.default] = cls


@dataclass(frozen=True)
class Variant:
    """Annotation of a field that holds one member of a family: `Annotated[Layer, Variant("layer")]`."""

    kind: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.validate, serialization=core_schema.plain_serializer_function_ser_schema(_dump)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A mark that `nntrain.config.schema` replaces by the registry's members when the schema is asked for."""
        return {"x-nntrain": self.kind}

    def validate(self, value: Any) -> Component:
        """Turn a map with `type`, a bare type name, or a ready component into a component of this kind."""
        if isinstance(value, Component) and value.kind == self.kind:
            return value
        given = {"type": value} if isinstance(value, str) else value
        if not isinstance(given, Mapping):
            raise PydanticCustomError(
                "variant_shape", "{kind}: a map with 'type', or a type's name, is expected", {"kind": self.kind}
            )
        if "type" not in given:
            raise PydanticCustomError(
                "variant_type_missing", "{kind}: 'type' is missing", {"kind": self.kind, "allowed": self.types()}
            )
        name = given["type"]
        member = registry[self.kind].get(name) if isinstance(name, str) else None
        if member is None:
            raise PydanticCustomError(
                "variant_type",
                "{name} is not a {kind}",
                {"kind": self.kind, "name": repr(name), "allowed": self.types()},
            )
        return member.model_validate(dict(given))

    def types(self) -> list[str]:
        """The names that are registered for this kind, sorted."""
        return sorted(registry[self.kind])


def _dump(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
