"""Activations and other smooth or bent functions of each element. At a bend the slope is PyTorch's choice."""

from __future__ import annotations

import math

from nntrain.backend import special
from nntrain.engine.op import op
from nntrain.engine.spec import Spec, bool_, broadcast

ROOT_2 = math.sqrt(2.0)
ROOT_2_PI = math.sqrt(2.0 / math.pi)
ROOT_TAU = math.sqrt(2.0 * math.pi)
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@op
class maximum:
    """The larger of a and b; equal ones share the gradient. NaN wins."""

    elementwise = True

    def forward(xp, a, b, y):
        xp.maximum(a, b, out=y)

    def backward(xp, a, b, gy, ga, gb):
        share = (a > b) + 0.5 * (a == b)
        if ga is not None:
            ga[...] = gy * share
        if gb is not None:
            gb[...] = gy * (1 - share)

    def samples(draw):
        x = draw.normal(3, 4)
        yield draw.sample(x, x + draw.away(3, 4))
        yield draw.sample(draw.distinct(3, 1) + 0.05, draw.distinct(4), name="broadcast")


@op
class minimum:
    """The smaller of a and b; equal ones share the gradient. NaN wins."""

    elementwise = True

    def forward(xp, a, b, y):
        xp.minimum(a, b, out=y)

    def backward(xp, a, b, gy, ga, gb):
        share = (a < b) + 0.5 * (a == b)
        if ga is not None:
            ga[...] = gy * share
        if gb is not None:
            gb[...] = gy * (1 - share)

    def samples(draw):
        x = draw.normal(3, 4)
        yield draw.sample(x, x + draw.away(3, 4))


@op
class clamp:
    """x, but at least `low` and at most `high` (None: no limit). The slope at a limit is 1."""

    elementwise = True

    def shape(x, *, low=None, high=None):
        return x

    def forward(xp, x, y, *, low, high):
        y[...] = x
        if low is not None:
            xp.maximum(y, x.dtype.type(low), out=y)
        if high is not None:
            xp.minimum(y, x.dtype.type(high), out=y)

    def backward(xp, x, gy, gx, *, low, high):
        inside = xp.ones(x.shape, bool)
        if low is not None:
            inside &= x >= low
        if high is not None:
            inside &= x <= high
        xp.multiply(gy, inside, out=gx)

    def samples(draw):
        yield draw.sample(draw.away(3, 4, kinks=(-0.5, 0.5)), low=-0.5, high=0.5)
        yield draw.sample(draw.away(3, 4, kinks=(0.2,)), low=0.2, name="low")


@op
class sin:
    """The sine."""

    elementwise = True

    def forward(xp, x, y):
        xp.sin(x, out=y)

    def backward(xp, x, gy, gx):
        xp.multiply(gy, xp.cos(x), out=gx)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))


@op
class cos:
    """The cosine."""

    elementwise = True

    def forward(xp, x, y):
        xp.cos(x, out=y)

    def backward(xp, x, gy, gx):
        xp.multiply(gy, -xp.sin(x), out=gx)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))


@op
class tan:
    """The tangent."""

    elementwise = True

    def forward(xp, x, y):
        xp.tan(x, out=y)

    def backward(xp, y, gy, gx):
        xp.multiply(gy, 1 + y * y, out=gx)

    def samples(draw):
        yield draw.sample(draw.unit(3, 4))


@op
class asin:
    """The inverse of the sine, on [-1, 1]."""

    elementwise = True

    def forward(xp, x, y):
        xp.arcsin(x, out=y)

    def backward(xp, x, gy, gx):
        xp.true_divide(gy, xp.sqrt(1 - x * x), out=gx)

    def samples(draw):
        yield draw.sample(draw.unit(3, 4))


@op
class acos:
    """The inverse of the cosine, on [-1, 1]."""

    elementwise = True

    def forward(xp, x, y):
        xp.arccos(x, out=y)

    def backward(xp, x, gy, gx):
        xp.true_divide(-gy, xp.sqrt(1 - x * x), out=gx)

    def samples(draw):
        yield draw.sample(draw.unit(3, 4))


@op
class atan:
    """The inverse of the tangent."""

    elementwise = True

    def forward(xp, x, y):
        xp.arctan(x, out=y)

    def backward(xp, x, gy, gx):
        xp.true_divide(gy, 1 + x * x, out=gx)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))


@op
class sinh:
    """The hyperbolic sine."""

    elementwise = True

    def forward(xp, x, y):
        xp.sinh(x, out=y)

    def backward(xp, x, gy, gx):
        xp.multiply(gy, xp.cosh(x), out=gx)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))


@op
class cosh:
    """The hyperbolic cosine."""

    elementwise = True

    def forward(xp, x, y):
        xp.cosh(x, out=y)

    def backward(xp, x, gy, gx):
        xp.multiply(gy, xp.sinh(x), out=gx)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))


@op
class erf:
    """The error function, 2/sqrt(pi) times the integral of exp(-t**2) from 0 to x."""

    elementwise = True

    def forward(xp, x, y):
        y[...] = special(xp).erf(x)

    def backward(xp, x, gy, gx):
        xp.multiply(gy, xp.exp(-x * x) * x.dtype.type(2 / math.sqrt(math.pi)), out=gx)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))


@op
class log1p:
    """log(1 + x), exact near 0."""

    elementwise = True

    def forward(xp, x, y):
        xp.log1p(x, out=y)

    def backward(xp, x, gy, gx):
        xp.true_divide(gy, 1 + x, out=gx)

    def samples(draw):
        yield draw.sample(draw.positive(3, 4))


@op
class expm1:
    """exp(x) - 1, exact near 0."""

    elementwise = True

    def forward(xp, x, y):
        xp.expm1(x, out=y)

    def backward(xp, y, gy, gx):
        xp.multiply(gy, y + 1, out=gx)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))


@op
class leaky_relu:
    """x where x > 0, otherwise `slope` times x."""

    elementwise = True

    def shape(x, *, slope=0.01):
        return x

    def forward(xp, x, y, *, slope):
        y[...] = xp.where(x > 0, x, x * x.dtype.type(slope))

    def backward(xp, x, gy, gx, *, slope):
        gx[...] = xp.where(x > 0, gy, gy * gy.dtype.type(slope))

    def samples(draw):
        yield draw.sample(draw.away(3, 4), slope=0.2)


@op
class prelu:
    """x where x > 0, otherwise a learned slope times x; the slope broadcasts along the channels, the last axis."""

    elementwise = True

    def forward(xp, x, a, y):
        y[...] = xp.where(x > 0, x, x * a)

    def backward(xp, x, a, gy, gx, ga):
        if gx is not None:
            gx[...] = xp.where(x > 0, gy, gy * a)
        if ga is not None:
            ga[...] = xp.where(x > 0, 0, gy * x)

    def samples(draw):
        yield draw.sample(draw.away(3, 4), draw.positive(4))
        yield draw.sample(draw.away(2, 3, 4), draw.positive(1), name="one")


@op
class elu:
    """x where x > 0, otherwise alpha (exp(x / a) - 1) with a = 1, or a = alpha where `continuous` (CELU), times `scale`.

    Clevert et al. 2016, arXiv:1511.07289; Barron 2017, arXiv:1704.07483; SELU: Klambauer et al. 2017, arXiv:1706.02515.
    """

    elementwise = True

    def shape(x, *, alpha=1.0, scale=1.0, continuous=False):
        return x

    def forward(xp, x, y, *, alpha, scale, continuous):
        t = x.dtype.type
        low = xp.minimum(x, 0)
        y[...] = xp.where(x > 0, x, t(alpha) * xp.expm1(low / t(alpha) if continuous else low)) * t(scale)

    def backward(xp, x, gy, gx, *, alpha, scale, continuous):
        t = x.dtype.type
        low = xp.minimum(x, 0)
        slope = xp.exp(low / t(alpha)) if continuous else t(alpha) * xp.exp(low)
        gx[...] = gy * t(scale) * xp.where(x > 0, t(1), slope)

    def samples(draw):
        yield draw.sample(draw.away(3, 4), alpha=1.3)
        yield draw.sample(draw.away(3, 4), alpha=0.7, continuous=True, name="celu")
        yield draw.sample(draw.away(3, 4), alpha=SELU_ALPHA, scale=SELU_SCALE, name="selu")


@op
class gelu:
    """x times the normal distribution function of x (Hendrycks & Gimpel 2016, arXiv:1606.08415).

    `tanh` takes 0.5 (1 + tanh(sqrt(2/pi) (x + 0.044715 x**3))) for the distribution function.
    """

    elementwise = True

    def shape(x, *, tanh=False):
        return x

    def forward(xp, x, y, *, tanh):
        t = x.dtype.type
        if tanh:
            y[...] = t(0.5) * x * (1 + xp.tanh(t(ROOT_2_PI) * (x + t(0.044715) * x * x * x)))
        else:
            y[...] = t(0.5) * x * (1 + special(xp).erf(x / t(ROOT_2)))

    def backward(xp, x, gy, gx, *, tanh):
        t = x.dtype.type
        if tanh:
            u = xp.tanh(t(ROOT_2_PI) * (x + t(0.044715) * x * x * x))
            inner = t(ROOT_2_PI) * (1 + t(3 * 0.044715) * x * x)
            gx[...] = gy * (t(0.5) * (1 + u) + t(0.5) * x * (1 - u * u) * inner)
        else:
            share = t(0.5) * (1 + special(xp).erf(x / t(ROOT_2)))
            gx[...] = gy * (share + x * xp.exp(t(-0.5) * x * x) / t(ROOT_TAU))

    def samples(draw):
        yield draw.sample(draw.normal(3, 4) * 2)
        yield draw.sample(draw.normal(3, 4) * 2, tanh=True, name="tanh")


def _sigmoid(xp, x):
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1, e) / (1 + e)


@op
class silu:
    """x sigmoid(x), also called swish (Elfwing et al. 2017, arXiv:1702.03118)."""

    elementwise = True

    def forward(xp, x, y):
        xp.multiply(x, _sigmoid(xp, x), out=y)

    def backward(xp, x, gy, gx):
        s = _sigmoid(xp, x)
        gx[...] = gy * s * (1 + x * (1 - s))

    def samples(draw):
        yield draw.sample(draw.normal(3, 4) * 2)


def _softplus(xp, x):
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


@op
class mish:
    """x tanh(softplus(x)) (Misra 2019, arXiv:1908.08681)."""

    elementwise = True

    def forward(xp, x, y):
        xp.multiply(x, xp.tanh(_softplus(xp, x)), out=y)

    def backward(xp, x, gy, gx):
        u = xp.tanh(_softplus(xp, x))
        gx[...] = gy * (u + x * (1 - u * u) * _sigmoid(xp, x))

    def samples(draw):
        yield draw.sample(draw.normal(3, 4) * 2)


@op
class softplus:
    """log(1 + exp(beta x)) / beta; x itself where beta x is above `threshold`."""

    elementwise = True

    def shape(x, *, beta=1.0, threshold=20.0):
        return x

    def forward(xp, x, y, *, beta, threshold):
        t = x.dtype.type
        y[...] = xp.where(x * t(beta) > threshold, x, _softplus(xp, x * t(beta)) / t(beta))

    def backward(xp, x, gy, gx, *, beta, threshold):
        z = x * x.dtype.type(beta)
        gx[...] = gy * xp.where(z > threshold, 1, _sigmoid(xp, z))

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), beta=2.0)
        yield draw.sample(draw.normal(3, 4) * 30, name="extreme")


@op
class logsigmoid:
    """log(sigmoid(x)), without overflow."""

    elementwise = True

    def forward(xp, x, y):
        xp.negative(_softplus(xp, -x), out=y)

    def backward(xp, x, gy, gx):
        xp.multiply(gy, _sigmoid(xp, -x), out=gx)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))
        yield draw.sample(draw.normal(3, 4) * 50, name="extreme")


@op
class softsign:
    """x / (1 + |x|)."""

    elementwise = True

    def forward(xp, x, y):
        xp.true_divide(x, 1 + xp.abs(x), out=y)

    def backward(xp, x, gy, gx):
        gx[...] = gy / (1 + xp.abs(x)) ** 2

    def samples(draw):
        yield draw.sample(draw.away(3, 4))


@op
class hardsigmoid:
    """0 below -3, 1 above 3, x / 6 + 1/2 between (Howard et al. 2019, arXiv:1905.02244)."""

    elementwise = True

    def forward(xp, x, y):
        y[...] = xp.clip(x / 6 + x.dtype.type(0.5), 0, 1)

    def backward(xp, x, gy, gx):
        xp.multiply(gy / 6, (x > -3) & (x < 3), out=gx)

    def samples(draw):
        yield draw.sample(draw.away(3, 4, kinks=(-3.0, 3.0)) * 2.2)


@op
class hardswish:
    """x hardsigmoid(x) (Howard et al. 2019, arXiv:1905.02244)."""

    elementwise = True

    def forward(xp, x, y):
        y[...] = x * xp.clip(x / 6 + x.dtype.type(0.5), 0, 1)

    def backward(xp, x, gy, gx):
        middle = x / 3 + x.dtype.type(0.5)
        gx[...] = gy * xp.where(x <= -3, 0, xp.where(x >= 3, 1, middle))

    def samples(draw):
        yield draw.sample(draw.away(3, 4, kinks=(-3.0, 3.0)) * 2.2)


@op
class sign:
    """-1, 0 or 1; the slope is 0 everywhere."""

    elementwise = True

    def forward(xp, x, y):
        xp.sign(x, out=y)

    def backward(xp, gy, gx):
        gx[...] = 0

    def samples(draw):
        yield draw.sample(draw.away(3, 4))


@op
class floor:
    """The largest whole number not above x; the slope is 0."""

    elementwise = True

    def forward(xp, x, y):
        xp.floor(x, out=y)

    def backward(xp, gy, gx):
        gx[...] = 0

    def samples(draw):
        yield draw.sample(draw.away(3, 4, kinks=(-2.0, -1.0, 0.0, 1.0, 2.0)))


@op
class round_:
    """The nearest whole number, the even one of two; the slope is 0."""

    elementwise = True

    def forward(xp, x, y):
        xp.round(x, out=y)

    def backward(xp, gy, gx):
        gx[...] = 0

    def samples(draw):
        yield draw.sample(draw.away(3, 4, kinks=(-1.5, -0.5, 0.5, 1.5)))


def _test(x: Spec) -> Spec:
    return x.cast(bool_)


@op
class isnan:
    """Where x is not a number."""

    elementwise = True
    shape = _test

    def forward(xp, x, y):
        xp.isnan(x, out=y)


@op
class isfinite:
    """Where x is neither infinite nor NaN."""

    elementwise = True
    shape = _test

    def forward(xp, x, y):
        xp.isfinite(x, out=y)


@op
class logical_not:
    """Where x is false."""

    elementwise = True
    shape = _test

    def forward(xp, x, y):
        xp.logical_not(x, out=y)


@op
class logical_and:
    """Where a and b are true."""

    elementwise = True

    def shape(a, b):
        return Spec(broadcast(a.shape, b.shape), bool_)

    def forward(xp, a, b, y):
        xp.logical_and(a, b, out=y)


@op
class logical_or:
    """Where a or b is true."""

    elementwise = True

    def shape(a, b):
        return Spec(broadcast(a.shape, b.shape), bool_)

    def forward(xp, a, b, y):
        xp.logical_or(a, b, out=y)
