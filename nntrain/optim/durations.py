"""Lengths of training, and what they are measured against."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True)
class Plan:
    """How long the training is: what durations are measured against."""

    steps: int
    steps_per_epoch: int


@dataclass(frozen=True)
class Duration:
    """A length of training: `5%` of it, `500 steps` (or just 500), `2 epochs`."""

    amount: float
    unit: Literal["%", "steps", "epochs"]

    @classmethod
    def parse(cls, value: Any) -> "Duration":
        """From what a config says. Raises PydanticCustomError for anything else."""
        if isinstance(value, Duration):
            return value
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls(value, "steps")
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%|steps?|epochs?)\s*", value) if isinstance(value, str) else None
        if match is None:
            raise PydanticCustomError("duration", "a length such as 5%, 500 steps or 2 epochs is expected")
        amount = float(match[1])
        unit = match[2] if match[2] == "%" else match[2].rstrip("s") + "s"
        if unit == "%" and amount > 100:
            raise PydanticCustomError("duration", "at most 100% is expected")
        return cls(amount, unit)  # type: ignore[arg-type]

    def in_steps(self, plan: Plan) -> int:
        """Rounded to whole steps."""
        whole = {"%": plan.steps / 100, "steps": 1, "epochs": plan.steps_per_epoch}[self.unit]
        return round(self.amount * whole)

    def __str__(self) -> str:
        number = f"{self.amount:g}"
        return f"{number}%" if self.unit == "%" else f"{number} {self.unit}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(%|steps?|epochs?)\s*$"},
            ]
        }
