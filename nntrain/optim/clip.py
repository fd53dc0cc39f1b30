"""Limits on gradients."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nntrain.engine.tensor import Tensor


def clip_grad_norm_(parameters: Iterable[Tensor], max_norm: float, norm_type: float = 2.0) -> float:
    """Scale all gradients so that their joint norm is at most `max_norm`; return the norm before.

    The scale is max_norm / (norm + 1e-6), as PyTorch's. `norm_type` is 1, 2, infinity or another positive number.
    """
    grads = [p._grad for p in parameters if p._grad is not None]
    if not grads:
        return 0.0
    xp = grads[0]._backend.xp
    if np.isinf(norm_type):
        norm = max(float(xp.abs(g._array).max()) if g.size else 0.0 for g in grads)
    else:
        norms = [float((xp.abs(g._array) ** norm_type).sum()) for g in grads]
        norm = sum(norms) ** (1 / norm_type)
    scale = max_norm / (norm + 1e-6)
    if scale < 1:
        for g in grads:
            g._array *= g.dtype.type(scale)
    return norm


def clip_grad_value_(parameters: Iterable[Tensor], limit: float) -> None:
    """Bring every element of every gradient into [-limit, limit]."""
    for p in parameters:
        if p._grad is not None:
            p._backend.xp.clip(p._grad._array, -limit, limit, out=p._grad._array)
