"""Functions over tensors for Python users: creation, and what reads better as a function than as a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nntrain.backend.random import host_generator
from nntrain.engine.graph import apply
from nntrain.engine.methods import unary
from nntrain.engine.settings import default_dtype
from nntrain.engine.spec import promote
from nntrain.engine.tensor import ArrayLike, Tensor, as_tensor, binary, matmul


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


def maximum(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The larger of each pair; equal ones share the gradient."""
    return binary("maximum", a, b)


def minimum(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The smaller of each pair; equal ones share the gradient."""
    return binary("minimum", a, b)


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """exp(x) over its sum along one axis."""
    return x.softmax(axis)


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """x - logsumexp(x) along one axis."""
    return x.log_softmax(axis)


def logsumexp(x: Tensor, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))), without overflow."""
    return x.logsumexp(axis, keepdims)


def pad(x: Tensor, widths: Sequence[tuple[int, int]], mode: str = "constant", value: float = 0.0) -> Tensor:
    """Elements before and after each axis; a negative number takes elements away.

    `mode`: constant (with `value`), reflect, replicate or circular. ValueError where an axis is too short for it.
    """
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ValueError(f"pad: mode {mode!r}: expected constant, reflect, replicate or circular")
    full = ((0, 0),) * (x.ndim - len(widths)) + tuple((int(a), int(b)) for a, b in widths)
    return apply("pad", x, widths=full, mode=mode, value=value)


def split(x: Tensor, sizes: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Pieces along an axis."""
    return x.split(sizes, axis)


def einsum(letters: str, *operands: Tensor) -> Tensor:
    """Sums of products in Einstein's notation: `einsum("bij,bjk->bik", a, b)`; repeated letters take diagonals.

    ValueError where letters and shapes do not agree.
    """
    left, arrow, out = letters.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum {letters!r}: {len(terms)} terms for {len(operands)} operands")
    if not arrow:
        out = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    ready, names = [], []
    for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
        if len(term) != x.ndim:
            raise ValueError(f"einsum {letters!r}: {len(term)} letters for an operand of shape {x.shape}")
        elsewhere = set(out).union(*(terms[:i] + terms[i + 1 :]))
        for c in sorted(set(term)):
            while term.count(c) > 1:
                x, term = _diagonal(x, term, c)
        alone = tuple(k for k, c in enumerate(term) if c not in elsewhere)
        ready.append(x.sum(axis=alone) if alone else x)
        names.append("".join(c for c in term if c in elsewhere))
    result: Tensor = apply("einsum", *ready, letters=f"{','.join(names)}->{out}")
    return result


def _diagonal(x: Tensor, term: str, letter: str) -> tuple[Tensor, str]:
    """x with the first two axes of one letter joined into their diagonal, which comes first."""
    a = term.index(letter)
    b = term.index(letter, a + 1)
    rest = [k for k in range(x.ndim) if k not in (a, b)]
    n = x.shape[a]
    if x.shape[b] != n:
        raise ValueError(f"einsum: {letter!r} is {n} and {x.shape[b]}")
    index = np.arange(n)
    return x.transpose(a, b, *rest)[index, index], letter + "".join(term[k] for k in rest)


def scaled_dot_product_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False
) -> Tensor:
    """softmax(q k^T / sqrt(d)) v for q (..., t, d), k and v (..., s, d).

    `mask` is true where a key may be looked at (PyTorch's meaning here), or is added to the scores where it is of floats. A
    query that may look at no key gives zeros.
    """
    scores = matmul(q, k.swapaxes(-1, -2)) * (1 / float(np.sqrt(q.shape[-1])))
    if causal:
        allowed = np.tril(np.ones((q.shape[-2], k.shape[-2]), bool))
        scores = scores.masked_fill(~allowed, -np.inf)
    if mask is not None:
        scores = scores.masked_fill(apply("logical_not", mask), -np.inf) if mask.dtype.kind == "b" else scores + mask
    return matmul(scores.softmax(-1), v)
