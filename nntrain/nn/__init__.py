"""Layers, losses, initialisers and modules.

`nn.Linear`, `nn.Conv2d`, `nn.CrossEntropyLoss`, ... are made from the registered specs when they are first asked for;
`nn.Module` and `nn.Sequential` are for networks written in Python.
"""

from functools import cache
from typing import Any

from nntrain.component import registry
from nntrain.nn import initializers, layers, losses
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer, Params, ParamSpec
from nntrain.nn.losses import Loss, LossModule, loss_class
from nntrain.nn.module import Buffer, LayerModule, Module, Parameter, Sequential, module_class

__all__ = [
    "Buffer",
    "Context",
    "Layer",
    "LayerModule",
    "Loss",
    "LossModule",
    "Module",
    "ParamSpec",
    "Parameter",
    "Params",
    "Sequential",
    "initializers",
    "layers",
    "losses",
]


@cache
def _class_of(spec: type[Any]) -> type:
    return module_class(spec) if issubclass(spec, Layer) else loss_class(spec)


def _names() -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    for kind, suffix in (("layer", ""), ("loss", "Loss")):
        for spec in registry[kind].values():
            found[getattr(spec, "module", None) or spec.__name__.removesuffix("Spec") + suffix] = spec
    return found


def __getattr__(name: str) -> Any:
    spec = _names().get(name)
    if spec is None:
        raise AttributeError(f"nntrain.nn has no {name!r}")
    return _class_of(spec)  # type: ignore[arg-type]


def __dir__() -> list[str]:
    return sorted([*__all__, *_names()])
