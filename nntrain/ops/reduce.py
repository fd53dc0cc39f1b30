"""Reductions over axes. `axis` is a sorted tuple of non-negative numbers (the engine normalises what users write)."""

from __future__ import annotations

import numpy as np

from nntrain.engine.op import op
from nntrain.engine.spec import Spec, bool_, int64


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


@op
class argmin:
    """The position of the first smallest element along one axis, as int64."""

    def shape(x, *, axis):
        return reduced(x, (axis,), False).cast(int64)

    def forward(xp, x, y, *, axis):
        y[...] = xp.argmin(x, axis=axis)


@op
class prod:
    """The product over `axis`. The gradient is exact where elements are 0."""

    def shape(x, *, axis, keepdims=False):
        return reduced(x, axis, keepdims)

    def forward(xp, x, y, *, axis, keepdims):
        xp.prod(x, axis=axis, keepdims=keepdims, out=y)

    def backward(xp, x, gy, gx, *, axis):
        zeros = (x == 0).sum(axis=axis, keepdims=True)
        safe = xp.where(x == 0, 1, x)
        others = safe.prod(axis=axis, keepdims=True)
        # no zero: product / x; one zero: it alone has a slope, the product of the others; more: none has
        slope = xp.where(zeros == 0, others / safe, xp.where((zeros == 1) & (x == 0), others, 0))
        gx[...] = restore(xp, gy, x.ndim, axis) * slope

    def samples(draw):
        yield draw.sample(draw.positive(3, 4), axis=(1,))
        x = draw.positive(3, 4)
        x[0, 1] = 0
        x[1, 1:3] = 0
        yield draw.sample(x, axis=(1,), name="zeros")


@op
class var:
    """The variance over `axis`: squared deviations from the mean by count - correction."""

    def shape(x, *, axis, keepdims=False, correction=1):
        return reduced(x, axis, keepdims)

    def forward(xp, x, y, *, axis, keepdims, correction):
        count = np.prod([x.shape[i] for i in axis], dtype=np.int64)
        deviation = x - x.mean(axis=axis, keepdims=True)
        xp.sum(deviation * deviation, axis=axis, keepdims=keepdims, out=y)
        xp.true_divide(y, y.dtype.type(max(count - correction, 0)), out=y)

    def backward(xp, x, gy, gx, *, axis, correction):
        count = np.prod([x.shape[i] for i in axis], dtype=np.int64)
        deviation = x - x.mean(axis=axis, keepdims=True)
        gx[...] = restore(xp, gy, x.ndim, axis) * deviation * x.dtype.type(2 / max(count - correction, 1e-300))

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), axis=(1,))
        yield draw.sample(draw.normal(3, 4), axis=(0, 1), correction=0, keepdims=True, name="biased")


@op
class norm:
    """The Euclidean norm over `axis`; its slope at the origin is 0."""

    def shape(x, *, axis, keepdims=False):
        return reduced(x, axis, keepdims)

    def forward(xp, x, y, *, axis, keepdims):
        xp.sum(x * x, axis=axis, keepdims=keepdims, out=y)
        xp.sqrt(y, out=y)

    def backward(xp, x, y, gy, gx, *, axis):
        length = restore(xp, y, x.ndim, axis)
        gx[...] = restore(xp, gy, x.ndim, axis) * xp.where(length == 0, 0, x / xp.where(length == 0, 1, length))

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), axis=(1,))
        yield draw.sample(draw.normal(3, 4), axis=(0, 1), name="all")


@op
class logsumexp:
    """log(sum(exp(x))) over `axis`, without overflow."""

    def shape(x, *, axis, keepdims=False):
        return reduced(x, axis, keepdims)

    def forward(xp, x, y, *, axis, keepdims):
        top = x.max(axis=axis, keepdims=True)
        top = xp.where(xp.isfinite(top), top, 0)
        total = xp.exp(x - top).sum(axis=axis, keepdims=True)
        y[...] = (xp.log(total) + top).reshape(y.shape)

    def backward(xp, x, y, gy, gx, *, axis):
        top = restore(xp, y, x.ndim, axis)
        gx[...] = restore(xp, gy, x.ndim, axis) * xp.exp(x - xp.where(xp.isfinite(top), top, 0))

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), axis=(1,))
        yield draw.sample(draw.normal(3, 4) * 100, axis=(0, 1), keepdims=True, name="extreme")


@op
class softmax:
    """exp(x) over its sum along one axis. A row of -inf alone gives zeros."""

    def shape(x, *, axis=-1):
        return x

    def forward(xp, x, y, *, axis):
        top = x.max(axis=axis, keepdims=True) if x.shape[axis] else x.sum(axis=axis, keepdims=True)
        xp.exp(x - xp.where(xp.isneginf(top), 0, top), out=y)
        total = y.sum(axis=axis, keepdims=True)
        xp.true_divide(y, xp.where(total == 0, 1, total), out=y)

    def backward(xp, y, gy, gx, *, axis):
        gx[...] = y * (gy - (gy * y).sum(axis=axis, keepdims=True))

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))
        yield draw.sample(draw.normal(3, 4, 2) * 50, axis=1, name="extreme")
        yield draw.sample(draw.normal(0, 4), name="empty")


@op
class log_softmax:
    """x - logsumexp(x) along one axis."""

    def shape(x, *, axis=-1):
        return x

    def forward(xp, x, y, *, axis):
        shifted = x - x.max(axis=axis, keepdims=True)
        xp.subtract(shifted, xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True)), out=y)

    def backward(xp, y, gy, gx, *, axis):
        gx[...] = gy - xp.exp(y) * gy.sum(axis=axis, keepdims=True)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))
        yield draw.sample(draw.normal(3, 4, 2) * 50, axis=1, name="extreme")


@op
class cumsum:
    """Running sums along one axis."""

    def shape(x, *, axis):
        return x

    def forward(xp, x, y, *, axis):
        xp.cumsum(x, axis=axis, out=y)

    def backward(xp, gy, gx, *, axis):
        gx[...] = xp.flip(xp.cumsum(xp.flip(gy, axis), axis=axis), axis)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), axis=1)
        yield draw.sample(draw.normal(3, 4), axis=0, name="rows")


@op
class argsort:
    """Positions that would sort x along one axis, as int64; equal elements stay in their order."""

    def shape(x, *, axis, descending=False):
        return x.cast(int64)

    def forward(xp, x, y, *, axis, descending):
        if descending:  # the reverse of a stable ascending sort of the reverse keeps equal elements in order
            order = xp.flip(xp.argsort(xp.flip(x, axis), axis=axis, kind="stable"), axis)
            y[...] = x.shape[axis] - 1 - order
        else:
            y[...] = xp.argsort(x, axis=axis, kind="stable")


@op
class any_:
    """Where any element over `axis` is true."""

    def shape(x, *, axis, keepdims=False):
        return reduced(x, axis, keepdims).cast(bool_)

    def forward(xp, x, y, *, axis, keepdims):
        y[...] = xp.any(x, axis=axis, keepdims=keepdims)


@op
class all_:
    """Where all elements over `axis` are true."""

    def shape(x, *, axis, keepdims=False):
        return reduced(x, axis, keepdims).cast(bool_)

    def forward(xp, x, y, *, axis, keepdims):
        y[...] = xp.all(x, axis=axis, keepdims=keepdims)
