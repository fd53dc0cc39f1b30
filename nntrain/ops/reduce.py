"""Reductions over axes. `axis` is a sorted tuple of non-negative numbers (the engine normalises what users write)."""

from __future__ import annotations

import numpy as np

from nntrain.engine.op import op
from nntrain.engine.spec import Spec, int64


def reduced(x: Spec, axis: tuple[int, ...], keepdims: bool) -> Spec:
    """The spec of x with `axis` gone, or of size 1."""
    kept = tuple(1 if i in axis else n for i, n in enumerate(x.shape) if keepdims or i not in axis)
    return Spec(kept, x.dtype)


def restore(xp, y, ndim, axis):
    """View a reduced array with its axes back as size 1, so that it broadcasts against the input."""
    if y.ndim == ndim:
        return y
    shape, sizes = [], iter(y.shape)
    for i in range(ndim):
        shape.append(1 if i in axis else next(sizes))
    return y.reshape(shape)


@op
class sum_:
    """The sum over `axis`. Integers and booleans are summed in int64."""

    def shape(x, *, axis, keepdims=False):
        y = reduced(x, axis, keepdims)
        return y if y.dtype.kind == "f" else y.cast(int64)

    def forward(xp, x, y, *, axis, keepdims):
        xp.sum(x, axis=axis, keepdims=keepdims, dtype=y.dtype, out=y)

    def backward(xp, gy, gx, *, axis):
        gx[...] = restore(xp, gy, gx.ndim, axis)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), axis=(0, 1))
        yield draw.sample(draw.normal(3, 4, 2), axis=(1,), name="middle")
        yield draw.sample(draw.normal(3, 4, 2), axis=(0, 2), keepdims=True, name="keepdims")
        yield draw.sample(draw.normal(0, 4), axis=(0,), name="empty")
        yield draw.sample(draw.normal(), axis=(), name="scalar")


@op
class mean:
    """The mean over `axis`."""

    def shape(x, *, axis, keepdims=False):
        return reduced(x, axis, keepdims)

    def forward(xp, x, y, *, axis, keepdims):
        count = np.prod([x.shape[i] for i in axis], dtype=np.int64)
        xp.sum(x, axis=axis, keepdims=keepdims, dtype=y.dtype, out=y)
        xp.true_divide(y, y.dtype.type(count), out=y)

    def backward(xp, gy, gx, *, axis):
        count = np.prod([gx.shape[i] for i in axis], dtype=np.int64)
        gx[...] = restore(xp, gy, gx.ndim, axis)
        xp.true_divide(gx, gx.dtype.type(count), out=gx)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), axis=(0, 1))
        yield draw.sample(draw.normal(3, 4, 2), axis=(0, 2), keepdims=True, name="keepdims")
        yield draw.sample(draw.normal(), axis=(), name="scalar")


def _extreme_shape(x, *, axis, keepdims=False):
    if any(x.shape[i] == 0 for i in axis):
        raise ValueError(f"a maximum or minimum over no elements: shape {x.shape}, axis {axis}")
    return reduced(x, axis, keepdims)


def _extreme_backward(xp, x, y, gy, gx, *, axis):
    """Among equal extremes the gradient is shared equally, as PyTorch's amax and amin."""
    hit = x == restore(xp, y, x.ndim, axis)
    share = restore(xp, gy, x.ndim, axis) / hit.sum(axis=axis, keepdims=True).astype(gx.dtype)
    xp.multiply(hit, share, out=gx)


@op
class max_:
    """The largest element over `axis`; equal ones share the gradient."""

    shape = _extreme_shape

    def forward(xp, x, y, *, axis, keepdims):
        xp.amax(x, axis=axis, keepdims=keepdims, out=y)

    backward = _extreme_backward

    def samples(draw):
        yield draw.sample(draw.distinct(3, 4), axis=(1,))
        yield draw.sample(draw.distinct(3, 4, 2), axis=(0, 2), keepdims=True, name="keepdims")


@op
class min_:
    """The smallest element over `axis`; equal ones share the gradient."""

    shape = _extreme_shape

    def forward(xp, x, y, *, axis, keepdims):
        xp.amin(x, axis=axis, keepdims=keepdims, out=y)

    backward = _extreme_backward

    def samples(draw):
        yield draw.sample(draw.distinct(3, 4), axis=(1,))


@op
class argmax:
    """The position of the first largest element along one axis, as int64."""

    def shape(x, *, axis):
        return reduced(x, (axis,), False).cast(int64)

    def forward(xp, x, y, *, axis):
        y[...] = xp.argmax(x, axis=axis)
