"""Functions over tensors for Python users: creation, and what reads better as a function than as a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nntrain.backend.random import host_generator
from nntrain.engine.graph import apply
from nntrain.engine.spec import promote
from nntrain.engine.tensor import ArrayLike, Tensor, as_tensor, default_dtype, unary


def _made(values: Any, dtype: Any, device: str | None, requires_grad: bool) -> Tensor:
    chosen = np.dtype(dtype) if dtype is not None else default_dtype()
    return Tensor(np.asarray(values).astype(chosen), device=device, requires_grad=requires_grad)


def _shape(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    flat = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], Sequence) else sizes
    return tuple(int(n) for n in flat)


def zeros(*shape: Any, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """All 0."""
    return _made(np.zeros(_shape(shape)), dtype, device, requires_grad)


def ones(*shape: Any, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """All 1."""
    return _made(np.ones(_shape(shape)), dtype, device, requires_grad)


def empty(*shape: Any, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Values that were not set."""
    return _made(np.empty(_shape(shape)), dtype, device, requires_grad)


def full(shape: Sequence[int], value: float, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """One number everywhere."""
    return _made(np.full(tuple(shape), value), dtype, device, False)


def zeros_like(x: Tensor) -> Tensor:
    """All 0, of the shape, dtype and device of x."""
    return zeros(x.shape, dtype=x.dtype, device=x.device)


def ones_like(x: Tensor) -> Tensor:
    """All 1, of the shape, dtype and device of x."""
    return ones(x.shape, dtype=x.dtype, device=x.device)


def eye(n: int, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """The identity matrix (n, n)."""
    return _made(np.eye(n), dtype, device, False)


def arange(*bounds: float, dtype: Any = None, device: str | None = None) -> Tensor:
    """Numbers from start (0) to below stop by step (1): int64 where all are integers."""
    values = np.arange(*bounds)
    return _made(values, dtype if dtype is not None or values.dtype.kind == "f" else np.int64, device, False)


def linspace(start: float, stop: float, steps: int, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """`steps` evenly spaced numbers, both ends included."""
    return _made(np.linspace(start, stop, steps), dtype, device, False)


def randn(*shape: Any, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Standard normal values, from `manual_seed`'s stream."""
    return _made(host_generator().standard_normal(_shape(shape)), dtype, device, requires_grad)


def rand(*shape: Any, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Uniform values in [0, 1), from `manual_seed`'s stream."""
    return _made(host_generator().random(_shape(shape)), dtype, device, requires_grad)


def randint(low: int, high: int, shape: Sequence[int], *, device: str | None = None) -> Tensor:
    """Integers in [low, high), int64, from `manual_seed`'s stream."""
    return _made(host_generator().integers(low, high, tuple(shape)), np.int64, device, False)


def exp(x: ArrayLike) -> Tensor:
    return unary("exp", x)


def log(x: ArrayLike) -> Tensor:
    return unary("log", x)


def sqrt(x: ArrayLike) -> Tensor:
    return unary("sqrt", x)


def tanh(x: ArrayLike) -> Tensor:
    return unary("tanh", x)


def sigmoid(x: ArrayLike) -> Tensor:
    return unary("sigmoid", x)


def relu(x: ArrayLike) -> Tensor:
    return as_tensor(x).relu()


def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> Tensor:
    """x where the condition holds, otherwise y; all broadcast."""
    mask = as_tensor(condition).bool()
    x = as_tensor(x, y if isinstance(y, Tensor) else mask)
    y = as_tensor(y, x)
    dtype = promote(x.spec, y.spec)
    result: Tensor = apply("where", mask, x.astype(dtype), y.astype(dtype))
    return result


def concat(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors joined along an axis they may differ in. ValueError where another axis differs."""
    if not tensors:
        raise ValueError("concat of no tensors")
    dtype = promote(*(t.spec for t in tensors))
    result: Tensor = apply("concat", *(t.astype(dtype) for t in tensors), axis=axis % max(tensors[0].ndim, 1))
    return result


cat = concat


def stack(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors of one shape along a new axis."""
    return concat([t.unsqueeze(axis) for t in tensors], axis)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """The sum of the products of two vectors."""
    return (a * b).sum()
