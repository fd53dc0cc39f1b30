"""Normalisation, channels-last: subtract a mean, divide by a deviation, then scale and shift."""

from __future__ import annotations

from nntrain.engine.op import op
from nntrain.engine.spec import Spec


def standardized(xp, x, axes, eps):
    """(x - mean) / sqrt(variance + eps) over axes, and 1 / sqrt(variance + eps)."""
    deviation = x - x.mean(axis=axes, keepdims=True)
    rstd = 1 / xp.sqrt((deviation * deviation).mean(axis=axes, keepdims=True) + x.dtype.type(eps))
    return deviation * rstd, rstd


def standardized_backward(g, xhat, rstd, axes):
    """The gradient through mean and deviation: rstd (g - mean(g) - xhat mean(g xhat))."""
    return rstd * (g - g.mean(axis=axes, keepdims=True) - xhat * (g * xhat).mean(axis=axes, keepdims=True))


def _affine(xp, xhat, w, b, y):
    if w is not None:
        xp.multiply(xhat, w, out=y)
    else:
        y[...] = xhat
    if b is not None:
        xp.add(y, b, out=y)


def _affine_backward(gy, xhat, gw, gb, axes):
    if gw is not None:
        gw[...] = (gy * xhat).sum(axis=axes)
    if gb is not None:
        gb[...] = gy.sum(axis=axes)


@op
class batch_norm:
    """Each channel to mean 0 and variance 1 over all other axes (Ioffe & Szegedy 2015, arXiv:1502.03167).

    x (..., c), w (c), b (c). In training the batch's mean and biased variance are used, and `mean`, `variance` (c) move
    towards its mean and unbiased variance by `momentum`, or by 1 / `count` where it is None; otherwise they are used.
    """

    state = ("mean", "variance", "count")

    def shape(x, w=None, b=None, mean=None, variance=None, count=None, *, training, momentum=0.1, eps=1e-5):
        if mean is not None and x.shape[-1:] != mean.shape:
            raise ValueError(f"batch_norm: {mean.shape[0]} channels on the last axis are expected, not shape {x.shape}")
        if training and x.size == x.shape[-1]:
            raise ValueError(f"batch_norm: more than one value per channel is needed to train, not shape {x.shape}")
        return x

    def residuals(x, w=None, b=None, mean=None, variance=None, count=None, *, training, momentum, eps):
        return {"xhat": x, "rstd": Spec(x.shape[-1:], x.dtype)}

    def forward(xp, x, w, b, mean, variance, count, y, xhat, rstd, *, training, momentum, eps):
        axes = tuple(range(x.ndim - 1))
        if training:
            m = x.mean(axis=axes)
            xp.subtract(x, m, out=xhat)
            v = (xhat * xhat).mean(axis=axes)
            if mean is not None:
                if count is not None:
                    count += 1
                share = 1 / count[0] if momentum is None else momentum
                n = x.size // x.shape[-1]
                share = mean.dtype.type(share)
                mean += (m - mean) * share
                variance += (v * mean.dtype.type(n / max(n - 1, 1)) - variance) * share
        else:
            m, v = mean, variance
            xp.subtract(x, m, out=xhat)
        rstd[...] = 1 / xp.sqrt(v + x.dtype.type(eps))
        xp.multiply(xhat, rstd, out=xhat)
        _affine(xp, xhat, w, b, y)

    def backward(xp, w, xhat, rstd, gy, gx, gw, gb, *, training):
        axes = tuple(range(gy.ndim - 1))
        _affine_backward(gy, xhat, gw, gb, axes)
        if gx is not None:
            g = gy if w is None else gy * w
            gx[...] = standardized_backward(g, xhat, rstd, axes) if training else g * rstd

    def samples(draw):
        yield draw.sample(draw.normal(4, 3, 2, 3), draw.positive(3), draw.normal(3), training=True)
        yield draw.sample(draw.normal(6, 2), None, None, training=True, name="plain")
        mean, variance = draw.normal(2), draw.positive(2)
        yield draw.sample(draw.normal(6, 2), draw.positive(2), None, mean, variance, None, training=False, name="eval")


@op
class layer_norm:
    """Each row to mean 0 and variance 1 over its last `axes` axes (Ba et al. 2016, arXiv:1607.06450)."""

    def shape(x, w=None, b=None, *, axes=1, eps=1e-5):
        if w is not None and x.shape[-axes:] != w.shape:
            raise ValueError(f"layer_norm: the last axes of {x.shape} are not {w.shape}")
        return x

    def residuals(x, w=None, b=None, *, axes, eps):
        return {"xhat": x, "rstd": Spec((*x.shape[: x.ndim - axes], *[1] * axes), x.dtype)}

    def forward(xp, x, w, b, y, xhat, rstd, *, axes, eps):
        xhat[...], rstd[...] = standardized(xp, x, tuple(range(x.ndim - axes, x.ndim)), eps)
        _affine(xp, xhat, w, b, y)

    def backward(xp, w, xhat, rstd, gy, gx, gw, gb, *, axes):
        _affine_backward(gy, xhat, gw, gb, tuple(range(gy.ndim - axes)))
        if gx is not None:
            g = gy if w is None else gy * w
            gx[...] = standardized_backward(g, xhat, rstd, tuple(range(gy.ndim - axes, gy.ndim)))

    def samples(draw):
        yield draw.sample(draw.normal(3, 5), draw.positive(5), draw.normal(5))
        yield draw.sample(draw.normal(2, 3, 4), draw.positive(3, 4), None, axes=2, name="two-axes")
        yield draw.sample(draw.normal(2, 6) + 100, None, None, name="offset")


@op
class group_norm:
    """Channels in groups, each group of each row to mean 0 and variance 1 (Wu & He 2018, arXiv:1803.08494).

    x (n, ..., c). As many groups as channels is instance norm (Ulyanov et al. 2016, arXiv:1607.08022).
    """

    def shape(x, w=None, b=None, *, groups, eps=1e-5):
        if x.ndim < 2 or x.shape[-1] % groups:
            raise ValueError(
                f"group_norm: the channels of {x.shape}, its last axis, do not divide into {groups} groups"
            )
        return x

    def residuals(x, w=None, b=None, *, groups, eps):
        return {"xhat": x, "rstd": Spec((x.shape[0], groups), x.dtype)}

    def forward(xp, x, w, b, y, xhat, rstd, *, groups, eps):
        parts = x.reshape(x.shape[0], -1, groups, x.shape[-1] // groups)
        found, r = standardized(xp, parts, (1, 3), eps)
        xhat[...] = found.reshape(x.shape)
        rstd[...] = r.reshape(rstd.shape)
        _affine(xp, xhat, w, b, y)

    def backward(xp, w, xhat, rstd, gy, gx, gw, gb, *, groups):
        _affine_backward(gy, xhat, gw, gb, tuple(range(gy.ndim - 1)))
        if gx is not None:
            shape = (gy.shape[0], -1, groups, gy.shape[-1] // groups)
            g = (gy if w is None else gy * w).reshape(shape)
            r = rstd.reshape(-1, 1, groups, 1)
            gx[...] = standardized_backward(g, xhat.reshape(shape), r, (1, 3)).reshape(gx.shape)

    def samples(draw):
        yield draw.sample(draw.normal(2, 3, 2, 4), draw.positive(4), draw.normal(4), groups=2)
        yield draw.sample(draw.normal(2, 3, 3), None, None, groups=3, name="instance")


@op
class rms_norm:
    """x / sqrt(mean(x**2) + eps) over the last `axes` axes, times w (Zhang & Sennrich 2019, arXiv:1910.07467)."""

    def shape(x, w=None, *, axes=1, eps=1e-5):
        if w is not None and x.shape[-axes:] != w.shape:
            raise ValueError(f"rms_norm: the last axes of {x.shape} are not {w.shape}")
        return x

    def residuals(x, w=None, *, axes, eps):
        return {"scale": Spec((*x.shape[: x.ndim - axes], *[1] * axes), x.dtype)}

    def forward(xp, x, w, y, scale, *, axes, eps):
        over = tuple(range(x.ndim - axes, x.ndim))
        scale[...] = 1 / xp.sqrt((x * x).mean(axis=over, keepdims=True) + x.dtype.type(eps))
        xp.multiply(x, scale, out=y)
        if w is not None:
            xp.multiply(y, w, out=y)

    def backward(xp, x, w, scale, gy, gx, gw, *, axes):
        xhat = x * scale
        if gw is not None:
            gw[...] = (gy * xhat).sum(axis=tuple(range(gy.ndim - axes)))
        if gx is not None:
            g = gy if w is None else gy * w
            over = tuple(range(gy.ndim - axes, gy.ndim))
            gx[...] = scale * (g - xhat * (g * xhat).mean(axis=over, keepdims=True))

    def samples(draw):
        yield draw.sample(draw.normal(3, 5), draw.positive(5))
        yield draw.sample(draw.normal(2, 3, 4), None, axes=2, name="two-axes")
