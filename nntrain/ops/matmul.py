"""The matrix product."""

from __future__ import annotations

from nntrain.engine.op import op
from nntrain.engine.spec import Spec


@op
class matmul:
    """a b for (..., n, k) and (..., k, m), the leading axes equal."""

    def shape(a, b):
        if a.shape[-1] != b.shape[-2] or a.shape[:-2] != b.shape[:-2]:
            raise ValueError(f"matmul of shapes {a.shape} and {b.shape}")
        return Spec((*a.shape[:-1], b.shape[-1]), a.dtype)

    def forward(xp, a, b, y):
        xp.matmul(a, b, out=y)

    def backward(xp, a, b, gy, ga, gb):
        if ga is not None:
            xp.matmul(gy, b.swapaxes(-1, -2), out=ga)
        if gb is not None:
            xp.matmul(a.swapaxes(-1, -2), gy, out=gb)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), draw.normal(4, 2))
        yield draw.sample(draw.normal(2, 3, 4), draw.normal(2, 4, 5), name="batch")
        yield draw.sample(draw.normal(3, 0), draw.normal(0, 2), name="empty")


@op
class linear:
    """x w + b for x (..., k), w (k, m), b (m)."""

    def shape(x, w, b=None):
        if x.shape[-1] != w.shape[0]:
            raise ValueError(f"linear: the last axis of {x.shape} is not the {w.shape[0]} inputs of the weight")
        return Spec((*x.shape[:-1], w.shape[1]), x.dtype)

    def forward(xp, x, w, b, y):
        k, m = w.shape
        xp.matmul(x.reshape(_rows(x), k), w, out=y.reshape(_rows(y), m))
        if b is not None:
            xp.add(y, b, out=y)

    def backward(xp, x, w, gy, gx, gw, gb):
        g = gy.reshape(_rows(gy), w.shape[1])
        if gx is not None:
            xp.matmul(g, w.T, out=gx.reshape(_rows(gx), w.shape[0]))
        if gw is not None:
            xp.matmul(x.reshape(_rows(x), w.shape[0]).T, g, out=gw)
        if gb is not None:
            xp.sum(g, axis=0, out=gb)

    def samples(draw):
        yield draw.sample(draw.normal(5, 4), draw.normal(4, 3), draw.normal(3))
        yield draw.sample(draw.normal(2, 5, 4), draw.normal(4, 3), None, name="sequence-nobias")
        yield draw.sample(draw.normal(0, 4), draw.normal(4, 3), draw.normal(3), name="empty")


def _rows(x):
    rows = 1
    for n in x.shape[:-1]:
        rows *= n
    return rows


@op
class einsum:
    """Sums of products by letters: "ij,jk->ik".

    Every letter stands once in an operand, and in another operand or in the output: `nntrain.einsum` brings other
    expressions into this form, in which each gradient is an einsum, too.
    """

    def shape(*xs, letters):
        sizes = {}
        left, out = letters.split("->")
        for x, term in zip(xs, left.split(","), strict=True):
            if len(term) != x.ndim:
                raise ValueError(f"einsum {letters!r}: {len(term)} letters for an operand of shape {x.shape}")
            for letter, n in zip(term, x.shape, strict=True):
                if sizes.setdefault(letter, n) != n:
                    raise ValueError(f"einsum {letters!r}: {letter!r} is {sizes[letter]} and {n}")
        return Spec(tuple(sizes[c] for c in out), xs[0].dtype)

    def forward(xp, xs, y, *, letters):
        y[...] = xp.einsum(letters, *xs, optimize=len(xs) > 1)

    def backward(xp, xs, gy, gxs, *, letters):
        left, out = letters.split("->")
        terms = left.split(",")
        for i, gx in enumerate(gxs):
            if gx is not None:
                others = [(t, x) for k, (t, x) in enumerate(zip(terms, xs, strict=True)) if k != i]
                inputs = ",".join([out, *(t for t, _ in others)])
                gx[...] = xp.einsum(f"{inputs}->{terms[i]}", gy, *(x for _, x in others), optimize=True)

    def samples(draw):
        yield draw.sample(draw.normal(2, 3), draw.normal(3, 4), letters="ij,jk->ik")
        yield draw.sample(draw.normal(2, 3), draw.normal(3), draw.normal(2, 4), letters="ij,j,ik->jk", name="three")
