"""Limits on gradients: by their joint norm, or element by element. One pass over flat arrays, nothing read by the host."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from nntrain.engine.graph import apply, no_grad
from nntrain.engine.tensor import Tensor
from nntrain.optim.flat import FlatParameters


def clip_norm(gradients: list[Tensor], max_norm: float, norm_type: float = 2.0) -> Tensor:
    """Scale arrays in place so that their joint norm is at most `max_norm`; the norm before, as a 0-d tensor.

    `gradients` is not empty. Operations alone, so that a step that clips can be recorded.
    """
    with no_grad(), np.errstate(invalid="ignore", over="ignore"):
        norm: Tensor = apply("gradient_norm", *gradients, norm_type=norm_type)
        for g in gradients:
            apply("scale_to_norm", g, norm, limit=max_norm)
    return norm


def clip_to_value(gradients: list[Tensor], limit: float) -> None:
    """Bring every element of these arrays into [-limit, limit]: operations alone, as `clip_norm`."""
    with no_grad():
        for g in gradients:
            apply("clip_to_value", g, limit=limit)


def _gradients(parameters: Iterable[Tensor] | FlatParameters | Tensor) -> list[Tensor]:
    if isinstance(parameters, FlatParameters):
        return parameters.present()
    given = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p._grad for p in given if p._grad is not None]


def clip_grad_norm_(
    parameters: Iterable[Tensor] | FlatParameters | Tensor, max_norm: float, norm_type: float = 2.0
) -> float:
    """Scale all gradients so that their joint norm is at most `max_norm`; return the norm before, 0 where there are none.

    The scale is max_norm / (norm + 1e-6), as PyTorch's. `norm_type` is 1, 2, infinity or another positive number.
    Where a gradient is infinite, the others become 0 and it becomes NaN. ValueError for a negative limit.
    """
    if max_norm < 0 or math.isnan(max_norm) or not norm_type > 0:
        raise ValueError(f"clip_grad_norm_: max_norm {max_norm} and norm_type {norm_type} must be positive")
    gradients = _gradients(parameters)
    return float(clip_norm(gradients, float(max_norm), float(norm_type)).item()) if gradients else 0.0


def clip_grad_value_(parameters: Iterable[Tensor] | FlatParameters | Tensor, clip_value: float) -> None:
    """Bring every element of every gradient into [-clip_value, clip_value]. ValueError for a negative limit."""
    if not clip_value >= 0:
        raise ValueError(f"clip_grad_value_: the limit {clip_value} must be positive")
    clip_to_value(_gradients(parameters), float(clip_value))
