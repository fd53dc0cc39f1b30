"""Losses per element. A loss is a pair: the sum over what counts, and its weight; `nntrain.nn.losses` makes the pair."""

from __future__ import annotations

from nntrain.engine.op import op
from nntrain.engine.spec import Spec


@op
class squared_error:
    """(x - t) ** 2."""

    elementwise = True

    def forward(xp, x, t, y):
        xp.subtract(x, t, out=y)
        xp.multiply(y, y, out=y)

    def backward(xp, x, t, gy, gx, gt):
        slope = 2 * (x - t) * gy
        if gx is not None:
            gx[...] = slope
        if gt is not None:
            xp.negative(slope, out=gt)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), draw.normal(3, 4))
        yield draw.sample(draw.normal(3, 4), draw.normal(3, 1), name="broadcast")


@op
class cross_entropy:
    """-log softmax(x)[t], with class weights and label smoothing as PyTorch's cross_entropy.

    x (..., c) logits, t (...) class numbers, w (c) class weights -> y (...) losses and `weight` (...), by whose sum a
    mean divides: w[t], and 0 where t is `ignore_index`. With smoothing e the loss is
    (1 - e) w[t] (-log p[t]) + e / c sum_k w[k] (-log p[k]) (Szegedy et al. 2016, arXiv:1512.00567).
    """

    outputs = ("y", "weight")

    def shape(x, t, w=None, *, ignore_index=-100, label_smoothing=0.0):
        if t.shape != x.shape[:-1]:
            raise ValueError(f"cross_entropy: logits {x.shape} need targets of shape {x.shape[:-1]}, not {t.shape}")
        if w is not None and w.shape != x.shape[-1:]:
            raise ValueError(f"cross_entropy: {x.shape[-1]} classes need as many weights, not {w.shape}")
        return Spec(t.shape, x.dtype), Spec(t.shape, x.dtype)

    def residuals(x, t, w=None, *, ignore_index, label_smoothing):
        return {"p": x}

    def forward(xp, x, t, w, y, weight, p, *, ignore_index, label_smoothing):
        c = x.shape[-1]
        counts = t != ignore_index
        safe = xp.where(counts, t, 0)
        shifted = x - (x.max(axis=-1, keepdims=True) if c else 0)
        xp.exp(shifted, out=p)
        total = p.sum(axis=-1, keepdims=True)
        xp.true_divide(p, total, out=p)
        log_p = shifted - xp.log(total)
        picked = xp.take_along_axis(log_p, safe[..., None], axis=-1)[..., 0]
        weight[...] = counts if w is None else w[safe] * counts
        y[...] = -picked * weight * x.dtype.type(1 - label_smoothing)
        if label_smoothing:
            spread = log_p.sum(axis=-1) if w is None else (log_p * w).sum(axis=-1)
            y -= spread * counts * x.dtype.type(label_smoothing / c)

    def backward(xp, t, w, p, gy, gx, *, ignore_index, label_smoothing):
        c = p.shape[-1]
        counts = t != ignore_index
        safe = xp.where(counts, t, 0)
        target = (xp.arange(c) == safe[..., None]).astype(p.dtype)
        own = counts.astype(p.dtype) if w is None else w[safe] * counts
        gx[...] = (p - target) * (own * p.dtype.type(1 - label_smoothing))[..., None]
        if label_smoothing:
            all_w = xp.ones(c, p.dtype) if w is None else w
            gx += (p * all_w.sum() - all_w) * (counts * p.dtype.type(label_smoothing / c))[..., None]
        gx *= gy[..., None]

    def samples(draw):
        x, t = draw.normal(5, 4), draw.ints(4, 5)
        yield draw.sample(x, t, None)
        yield draw.sample(x, t, draw.positive(4), label_smoothing=0.2, name="weights-smoothing")
        yield draw.sample(draw.normal(2, 5, 3), draw.ints(3, 2, 5), None, ignore_index=1, name="sequence-ignore")
        yield draw.sample(draw.normal(3, 4) * 100, draw.ints(4, 3), None, name="extreme")


@op
class bce:
    """-(t log x + (1 - t) log(1 - x)) for probabilities x; logarithms are at least -100, and slopes at most 1e12 steep."""

    elementwise = True

    def forward(xp, x, t, y):
        yes, no = xp.maximum(xp.log(x), -100), xp.maximum(xp.log1p(-x), -100)
        y[...] = -(t * yes + (1 - t) * no)

    def backward(xp, x, t, gy, gx):
        xp.multiply(gy, (x - t) / xp.maximum((1 - x) * x, 1e-12), out=gx)

    def samples(draw):
        yield draw.sample(draw.unit(3, 4), draw.unit(3, 4))
