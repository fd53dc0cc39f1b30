"""Optimizers, schedules and clipping.

`optim.SGD(params, lr=1e-3)`, `optim.Adam(...)`, ... are made from the registered rules when they are first asked for.
"""

import inspect
from collections.abc import Iterable
from functools import cache
from typing import Any

from nntrain import ops as _ops  # the update ops
from nntrain.component import registry
from nntrain.engine.tensor import Tensor
from nntrain.optim import adaptive, rules, schedules
from nntrain.optim.clip import clip_grad_norm_, clip_grad_value_
from nntrain.optim.flat import FlatParameters
from nntrain.optim.lbfgs import LBFGS
from nntrain.optim.optimizer import Optimizer, OptimizerSpec, ParameterGroup, build
from nntrain.optim.scheduler import Scheduler
from nntrain.optim.schedules import Duration, Plan, Schedule

__all__ = [
    "LBFGS",
    "Duration",
    "FlatParameters",
    "Optimizer",
    "OptimizerSpec",
    "ParameterGroup",
    "Plan",
    "Schedule",
    "Scheduler",
    "adaptive",
    "build",
    "clip_grad_norm_",
    "clip_grad_value_",
    "rules",
    "schedules",
]

assert _ops


@cache
def _class_of(spec_class: type[OptimizerSpec]) -> type[Optimizer]:
    name = spec_class.__name__.removesuffix("Spec")

    def __init__(self: Optimizer, params: Iterable[Tensor], **settings: Any) -> None:
        Optimizer.__init__(self, params, spec_class(**settings))

    made = type(name, (Optimizer,), {"__init__": __init__, "__doc__": f"{spec_class.__doc__}\n\n{Optimizer.__doc__}"})
    fields = [
        inspect.Parameter(
            n, inspect.Parameter.KEYWORD_ONLY, default=inspect.Parameter.empty if f.is_required() else f.default
        )
        for n, f in spec_class.model_fields.items()
        if n not in ("type", "groups")
    ]
    first = inspect.Parameter("params", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    made.__signature__ = inspect.Signature([first, *fields])  # type: ignore[attr-defined]
    made.__module__ = "nntrain.optim"
    return made


def _names() -> dict[str, type[OptimizerSpec]]:
    return {s.__name__.removesuffix("Spec"): s for s in registry["optimizer"].values()}  # type: ignore[misc]


def __getattr__(name: str) -> Any:
    spec = _names().get(name)
    if spec is None:
        raise AttributeError(f"nntrain.optim has no {name!r}")
    return _class_of(spec)


def __dir__() -> list[str]:
    return sorted([*__all__, *_names()])
