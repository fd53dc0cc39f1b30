"""Operations that move elements and compute nothing. A view is bound, not run: `bind` returns it."""

from __future__ import annotations

import numpy as np

from nntrain.engine.op import op
from nntrain.engine.spec import Spec, broadcast


@op
class reshape:
    """The same elements, in C order, in another shape."""

    reshapes = True

    def shape(x, *, to):
        if int(np.prod(to, dtype=np.int64)) != x.size:
            raise ValueError(f"shape {x.shape} cannot be reshaped to {to}")
        return Spec(to, x.dtype)

    def bind(x, *, to):
        return x.reshape(to)

    def backward(xp, gy, gx):
        gx[...] = gy.reshape(gx.shape)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), to=(2, 6))
        yield draw.sample(draw.normal(), to=(1, 1), name="scalar")


@op
class transpose:
    """Axes in another order."""

    def shape(x, *, axes):
        if sorted(axes) != list(range(x.ndim)):
            raise ValueError(f"transpose of {x.ndim} axes needs each of them once, not {axes}")
        return Spec(tuple(x.shape[a] for a in axes), x.dtype)

    def bind(x, *, axes):
        return x.transpose(axes)

    def backward(xp, gy, gx, *, axes):
        gx[...] = gy.transpose(np.argsort(axes).tolist())

    def samples(draw):
        yield draw.sample(draw.normal(2, 3, 4), axes=(2, 0, 1))


@op
class broadcast_:
    """x repeated along axes of size 1 and along new leading axes."""

    def shape(x, *, to):
        if broadcast(x.shape, to) != to:
            raise ValueError(f"shape {x.shape} does not broadcast to {to}")
        return Spec(to, x.dtype)

    def bind(x, *, to):
        return np.broadcast_to(x, to)

    def backward(xp, gy, gx):
        lead = gy.ndim - gx.ndim
        axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(gx.shape) if n == 1)
        gx[...] = gy.sum(axis=axes).reshape(gx.shape)

    def samples(draw):
        yield draw.sample(draw.normal(3, 1), to=(2, 3, 4))


def _plain(key):
    """An index that NumPy reads, from the hashable form that is kept as an attribute."""
    return tuple(slice(k[1], None if k[3] < 0 and k[2] < 0 else k[2], k[3]) if isinstance(k, tuple) else k for k in key)


@op
class slice_:
    """Basic indexing. `key` holds numbers, None for a new axis, and ("slice", start, stop, step)."""

    def shape(x, *, key):
        sizes, axis = [], 0
        for k in key:
            if k is None:
                sizes.append(1)
                continue
            if isinstance(k, tuple):
                sizes.append(len(range(*k[1:])))
            axis += 1
        return Spec(tuple(sizes), x.dtype)

    def bind(x, *, key):
        return x[_plain(key)]

    def backward(xp, gy, gx, *, key):
        gx[...] = 0
        gx[_plain(key)] = gy

    def samples(draw):
        yield draw.sample(draw.normal(4, 5), key=(("slice", 1, 4, 2), 2))
        yield draw.sample(draw.normal(4, 5), key=(None, ("slice", 3, -1, -1), ("slice", 0, 5, 1)), name="reversed")


@op
class gather_index:
    """Advanced indexing: x[layout], where integers in `layout` stand for the index arrays that follow x.

    An element that is picked several times adds up in the gradient.
    """

    def shape(*xs, layout):
        x, *indices = xs
        probe = np.broadcast_to(np.empty((), np.uint8), x.shape)
        # NumPy's own rules give the shape: every index is replaced by zeros, which are in range unless an axis is empty
        zeros = [np.zeros(i.shape, np.intp) for i in indices]
        if any(n == 0 for n in x.shape) and any(i.size for i in indices):
            raise ValueError(f"an index into a tensor of shape {x.shape}, which has no elements")
        return Spec(probe[_with_arrays(layout, zeros)].shape, x.dtype)

    def forward(xp, xs, y, *, layout):
        x, *indices = xs
        y[...] = x[_with_arrays(layout, indices)]

    def backward(xp, xs, gy, gxs, *, layout):
        gx = gxs[0]
        if gx is not None:
            gx[...] = 0
            xp.add.at(gx, _with_arrays(layout, xs[1:]), gy)

    def samples(draw):
        yield draw.sample(draw.normal(5, 3), draw.ints(5, 4), layout=(0, ("slice", None, None, None)), name="rows")
        yield draw.sample(draw.normal(5, 3), draw.ints(5, 6), draw.ints(3, 6), layout=(0, 1), name="pairs")


def _with_arrays(layout, arrays):
    return tuple(slice(*k[1:]) if isinstance(k, tuple) else (arrays[k] if isinstance(k, int) else None) for k in layout)


@op
class concat:
    """Arrays joined along an axis they may differ in."""

    def shape(*xs, axis):
        first = xs[0]
        for x in xs:
            if x.ndim != first.ndim or any(
                a != b for i, (a, b) in enumerate(zip(x.shape, first.shape, strict=True)) if i != axis
            ):
                raise ValueError(
                    f"concat along axis {axis} of shapes {first.shape} and {x.shape}: other axes must be equal"
                )
        size = sum(x.shape[axis] for x in xs)
        return Spec((*first.shape[:axis], size, *first.shape[axis + 1 :]), first.dtype)

    def forward(xp, xs, y, *, axis):
        y[...] = xp.concatenate(xs, axis=axis)

    def backward(xp, xs, gy, gxs, *, axis):
        at = 0
        for x, gx in zip(xs, gxs, strict=True):
            if gx is not None:
                gx[...] = gy[(slice(None),) * axis + (slice(at, at + x.shape[axis]),)]
            at += x.shape[axis]

    def samples(draw):
        yield draw.sample(draw.normal(2, 3), draw.normal(2, 1), draw.normal(2, 2), axis=1)
        yield draw.sample(draw.normal(0, 3), draw.normal(2, 3), axis=0, name="empty")
