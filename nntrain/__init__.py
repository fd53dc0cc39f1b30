"""Train neural networks from one YAML file, on an autograd engine of its own.

For Python users: tensors with gradients (`nntrain.tensor`, `nntrain.no_grad`), layers and losses (`nntrain.nn`),
optimizers and schedules (`nntrain.optim`). Everything is imported when it is first used: `import nntrain` is free.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "nntrain.engine.tensor": "Tensor tensor from_numpy as_tensor matmul",
    "nntrain.engine.settings": "set_default_dtype default_dtype",
    "nntrain.engine.graph": "no_grad enable_grad is_grad_enabled",
    "nntrain.engine.gradcheck": "gradcheck",
    "nntrain.backend.random": "manual_seed",
    "nntrain.ops.functions": """
        arange cat concat dot einsum empty exp eye full linspace log log_softmax logsumexp maximum minimum ones ones_like
        pad rand randint randn relu scaled_dot_product_attention sigmoid softmax split sqrt stack tanh where zeros
        zeros_like""",
}
_PLACES = {name: home for home, names in _HOMES.items() for name in names.split()}
_DTYPES = ("float32", "float64", "float16", "int32", "int64", "uint8", "bool_")


def __getattr__(name: str) -> Any:
    if name in ("nn", "optim", "data", "metrics"):
        return importlib.import_module(f"nntrain.{name}")
    if name in _DTYPES:
        return getattr(importlib.import_module("nntrain.engine.spec"), name)
    if name in _PLACES:
        importlib.import_module("nntrain.ops")
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"nntrain has no {name!r}")


def __dir__() -> list[str]:
    return sorted(["__version__", "nn", "optim", "data", "metrics", *_DTYPES, *_PLACES])
