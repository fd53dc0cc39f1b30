"""Learning rates as pure functions of the step."""

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from nntrain.component import Component


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


class Schedule(Component, kind="schedule"):
    """Base of all schedules: warmup, then the shape of the subclass."""

    warmup: Duration = Field(
        Duration(0, "steps"), description="the rate rises linearly to its full value: 5%, 500 steps, 2 epochs"
    )

    def rate(self, step: int, lr: float, plan: Plan) -> float:
        """The rate of optimizer step `step` (from 0)."""
        warm = self.warmup.in_steps(plan)
        if step < warm:
            return lr * (step + 1) / warm
        return self.shape(step - warm, max(plan.steps - warm, 1), lr, plan)

    def shape(self, step: int, steps: int, lr: float, plan: Plan) -> float:
        """The rate `step` steps after the warmup, of `steps` in all."""
        raise NotImplementedError


class ConstantSchedule(Schedule):
    """The same rate throughout."""

    type: Literal["constant"] = "constant"

    def shape(self, step: int, steps: int, lr: float, plan: Plan) -> float:
        return lr


class CosineSchedule(Schedule):
    """Half a cosine from the full rate down to `min_lr` (Loshchilov & Hutter 2017, arXiv:1608.03983)."""

    type: Literal["cosine"] = "cosine"
    min_lr: Annotated[float, Field(ge=0)] = Field(0.0, description="the rate at the end")

    def shape(self, step: int, steps: int, lr: float, plan: Plan) -> float:
        part = min(step / steps, 1.0)
        return self.min_lr + (lr - self.min_lr) * (1 + math.cos(math.pi * part)) / 2
