"""Operations that pick, place, repeat or reorder elements into a new array."""

from __future__ import annotations

import numpy as np

from nntrain.engine.op import op
from nntrain.engine.spec import Spec


def _along(xp, index, axis):
    """Indices of every axis for an array that indexes one: its own, and open grids for the others."""
    grids = [xp.arange(n).reshape([-1 if i == k else 1 for i in range(index.ndim)]) for k, n in enumerate(index.shape)]
    grids[axis] = index
    return tuple(grids)


@op
class gather:
    """y[.., j, ..] = x[.., index[.., j, ..], ..] along one axis: NumPy's take_along_axis, PyTorch's gather."""

    def shape(x, index, *, axis):
        if len(index.shape) != len(x.shape):
            raise ValueError(f"gather: an index of {len(index.shape)} axes for {len(x.shape)}")
        if any(n > m for i, (n, m) in enumerate(zip(index.shape, x.shape, strict=True)) if i != axis):
            raise ValueError(f"gather: the index {index.shape} is larger than {x.shape} beside axis {axis}")
        return Spec(index.shape, x.dtype)

    def forward(xp, x, index, y, *, axis):
        y[...] = x[_along(xp, index, axis)]

    def backward(xp, index, gy, gx, *, axis):
        gx[...] = 0
        xp.add.at(gx, _along(xp, index, axis), gy)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), draw.ints(4, 3, 2), axis=1)
        yield draw.sample(draw.normal(3, 4), draw.ints(3, 5, 4), axis=0, name="rows")


@op
class scatter_add:
    """A copy of x with src added at index along one axis; a repeated index adds up."""

    def shape(x, index, src, *, axis):
        if index.shape != src.shape or len(index.shape) != len(x.shape):
            raise ValueError(
                f"scatter_add: index {index.shape} and source {src.shape} must agree, with the axes of {x.shape}"
            )
        return x

    def forward(xp, x, index, src, y, *, axis):
        y[...] = x
        xp.add.at(y, _along(xp, index, axis), src)

    def backward(xp, index, gy, gx, gsrc, *, axis):
        if gx is not None:
            gx[...] = gy
        if gsrc is not None:
            gsrc[...] = gy[_along(xp, index, axis)]

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), draw.ints(4, 3, 5), draw.normal(3, 5), axis=1)


@op
class scatter:
    """A copy of x with src written at index along one axis. An index that is repeated is an error in the making: which of
    its elements stays is not said, and all of them take the gradient."""

    def shape(x, index, src, *, axis):
        if index.shape != src.shape or len(index.shape) != len(x.shape):
            raise ValueError(
                f"scatter: index {index.shape} and source {src.shape} must agree, with the axes of {x.shape}"
            )
        return x

    def forward(xp, x, index, src, y, *, axis):
        y[...] = x
        y[_along(xp, index, axis)] = src

    def backward(xp, index, gy, gx, gsrc, *, axis):
        if gx is not None:
            gx[...] = gy
            gx[_along(xp, index, axis)] = 0
        if gsrc is not None:
            gsrc[...] = gy[_along(xp, index, axis)]

    def samples(draw):
        index = draw.rng.permuted(np.tile(np.arange(5), (3, 1)), axis=1)[:, :2]
        yield draw.sample(draw.normal(3, 5), index, draw.normal(3, 2), axis=1)


@op
class pad:
    """x with elements put before and after each axis; a negative number takes elements away.

    `widths` is a pair for each axis. `mode`: "constant" (with `value`), "reflect" (without the edge), "replicate" (the
    edge), "circular" (from the other side).
    """

    def shape(x, *, widths, mode="constant", value=0.0):
        sizes = []
        for n, (before, after) in zip(x.shape, widths, strict=True):
            if n + before + after < 0:
                raise ValueError(f"pad: nothing is left of an axis of {n} after {(before, after)}")
            most = {"reflect": n - 1, "circular": n}.get(mode)
            if most is not None and max(before, after) > most:
                raise ValueError(f"pad: {mode} can add at most {most} to an axis of {n}, not {max(before, after)}")
            sizes.append(n + before + after)
        return Spec(tuple(sizes), x.dtype)

    def forward(xp, x, y, *, widths, mode, value):
        if mode == "constant":
            y[...] = value
            inside, part = _overlap(x.shape, widths)
            y[inside] = x[part]
        else:
            y[...] = x[_sources(xp, x.shape, widths, mode)]

    def backward(xp, gy, gx, *, widths, mode):
        gx[...] = 0
        if mode == "constant":
            inside, part = _overlap(gx.shape, widths)
            gx[part] = gy[inside]
        else:
            xp.add.at(gx, _sources(xp, gx.shape, widths, mode), gy)

    def samples(draw):
        x = draw.normal(3, 4)
        yield draw.sample(x, widths=((0, 1), (2, 1)), value=0.5)
        yield draw.sample(x, widths=((-1, 2), (1, -2)), name="negative")
        for mode in ("reflect", "replicate", "circular"):
            yield draw.sample(x, widths=((1, 2), (3, 0)), mode=mode, name=mode)


def _overlap(shape, widths):
    """Where the old elements are in the padded array, and which of them those are."""
    inside = tuple(
        slice(max(b, 0), max(b, 0) + n - max(-b, 0) - max(-a, 0)) for n, (b, a) in zip(shape, widths, strict=True)
    )
    part = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(shape, widths, strict=True))
    return inside, part


def _sources(xp, shape, widths, mode):
    """For each axis, the index of the element that stands at each place of the padded array."""
    indices = []
    for n, (before, after) in zip(shape, widths, strict=True):
        i = np.arange(-before, n + after)
        if mode == "replicate":
            i = i.clip(0, n - 1)
        elif mode == "circular":
            i = i % n
        else:
            i = np.abs(i)
            i = np.where(i >= n, 2 * (n - 1) - i, i)
        indices.append(i)
    return tuple(xp.asarray(i) for i in np.ix_(*indices))


@op
class flip:
    """Elements in reverse order along axes."""

    def shape(x, *, axis):
        return x

    def forward(xp, x, y, *, axis):
        y[...] = xp.flip(x, axis)

    def backward(xp, gy, gx, *, axis):
        gx[...] = xp.flip(gy, axis)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), axis=(0,))


@op
class roll:
    """Elements moved along an axis, those that leave at one end coming in at the other."""

    def shape(x, *, shift, axis):
        return x

    def forward(xp, x, y, *, shift, axis):
        y[...] = xp.roll(x, shift, axis)

    def backward(xp, gy, gx, *, shift, axis):
        gx[...] = xp.roll(gy, -shift, axis)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), shift=2, axis=1)


@op
class tril:
    """The last two axes with 0 above diagonal number `k`."""

    def shape(x, *, k=0):
        return x

    def forward(xp, x, y, *, k):
        y[...] = xp.tril(x, k)

    def backward(xp, gy, gx, *, k):
        gx[...] = xp.tril(gy, k)

    def samples(draw):
        yield draw.sample(draw.normal(2, 3, 4), k=-1)


@op
class triu:
    """The last two axes with 0 below diagonal number `k`."""

    def shape(x, *, k=0):
        return x

    def forward(xp, x, y, *, k):
        y[...] = xp.triu(x, k)

    def backward(xp, gy, gx, *, k):
        gx[...] = xp.triu(gy, k)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), k=1)


@op
class repeat:
    """x laid out `times` times along each axis."""

    def shape(x, *, times):
        return Spec(tuple(n * t for n, t in zip(x.shape, times, strict=True)), x.dtype)

    def forward(xp, x, y, *, times):
        y[...] = xp.tile(x, times)

    def backward(xp, gy, gx, *, times):
        split = [size for n, t in zip(gx.shape, times, strict=True) for size in (t, n)]
        gx[...] = gy.reshape(split).sum(axis=tuple(range(0, 2 * gx.ndim, 2)))

    def samples(draw):
        yield draw.sample(draw.normal(2, 3), times=(2, 3))


@op
class unfold:
    """Windows along one axis, as a new last axis: x.unfold(axis, size, step) of PyTorch."""

    def shape(x, *, axis, size, step):
        if size > x.shape[axis]:
            raise ValueError(f"unfold: a window of {size} does not fit into an axis of {x.shape[axis]}")
        count = (x.shape[axis] - size) // step + 1
        return Spec((*x.shape[:axis], count, *x.shape[axis + 1 :], size), x.dtype)

    def forward(xp, x, y, *, axis, size, step):
        for i in range(size):
            stop = i + (y.shape[axis] - 1) * step + 1
            y[..., i] = x[(slice(None),) * axis + (slice(i, stop, step),)]

    def backward(xp, gy, gx, *, axis, size, step):
        gx[...] = 0
        for i in range(size):
            stop = i + (gy.shape[axis] - 1) * step + 1
            gx[(slice(None),) * axis + (slice(i, stop, step),)] += gy[..., i]

    def samples(draw):
        yield draw.sample(draw.normal(2, 7), axis=1, size=3, step=2)
        yield draw.sample(draw.normal(7, 2), axis=0, size=3, step=1, name="rows")
