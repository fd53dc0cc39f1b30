"""Operations on each element; operands broadcast, and the engine undoes that in the gradients."""

from __future__ import annotations

from nntrain.engine.op import op
from nntrain.engine.spec import Spec, bool_, broadcast


@op
class add:
    """a + b."""

    elementwise = True

    def forward(xp, a, b, y):
        xp.add(a, b, out=y)

    def backward(xp, gy, ga, gb):
        if ga is not None:
            ga[...] = gy
        if gb is not None:
            gb[...] = gy

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), draw.normal(3, 4))
        yield draw.sample(draw.normal(3, 4), draw.normal(4), name="row")
        yield draw.sample(draw.normal(3, 1), draw.normal(1, 4), name="outer")
        yield draw.sample(draw.normal(0, 4), draw.normal(4), name="empty")
        yield draw.sample(draw.normal(), draw.normal(), name="scalars")


@op
class sub:
    """a - b."""

    elementwise = True

    def forward(xp, a, b, y):
        xp.subtract(a, b, out=y)

    def backward(xp, gy, ga, gb):
        if ga is not None:
            ga[...] = gy
        if gb is not None:
            xp.negative(gy, out=gb)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), draw.normal(3, 4))
        yield draw.sample(draw.normal(4), draw.normal(3, 4), name="row")


@op
class mul:
    """a * b."""

    elementwise = True

    def forward(xp, a, b, y):
        xp.multiply(a, b, out=y)

    def backward(xp, a, b, gy, ga, gb):
        if ga is not None:
            xp.multiply(gy, b, out=ga)
        if gb is not None:
            xp.multiply(gy, a, out=gb)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), draw.normal(3, 4))
        yield draw.sample(draw.normal(2, 3, 4), draw.normal(3, 1), name="broadcast")
        yield draw.sample(draw.normal(3, 4), draw.normal(), name="scalar")


@op
class div:
    """a / b."""

    elementwise = True

    def forward(xp, a, b, y):
        xp.true_divide(a, b, out=y)

    def backward(xp, b, y, gy, ga, gb):
        if ga is not None:
            xp.true_divide(gy, b, out=ga)
        if gb is not None:
            xp.multiply(gy, y, out=gb)
            xp.true_divide(gb, b, out=gb)
            xp.negative(gb, out=gb)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), draw.positive(3, 4))
        yield draw.sample(draw.normal(3, 4), -draw.positive(3, 1), name="broadcast")


@op
class pow_:
    """a ** b. The gradient of b is 0 where a is 0 (d/db a**b = y log a; PyTorch's convention)."""

    elementwise = True

    def forward(xp, a, b, y):
        xp.power(a, b, out=y)

    def backward(xp, a, b, y, gy, ga, gb):
        if ga is not None:
            # b = 0 has slope 0 also at a = 0, where a ** (b - 1) is infinite
            zero = b == 0
            ga[...] = gy * xp.where(zero, 0, b * xp.power(a, xp.where(zero, 1, b - 1)))
        if gb is not None:
            gb[...] = gy * xp.where(y == 0, 0, y * xp.log(xp.where(a > 0, a, 1)))

    def samples(draw):
        yield draw.sample(draw.positive(3, 4), draw.normal(3, 4))
        yield draw.sample(draw.positive(3, 4), draw.normal(), name="scalar")


@op
class neg:
    """-x."""

    elementwise = True

    def forward(xp, x, y):
        xp.negative(x, out=y)

    def backward(xp, gy, gx):
        xp.negative(gy, out=gx)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))


@op
class exp:
    """e ** x."""

    elementwise = True

    def forward(xp, x, y):
        xp.exp(x, out=y)

    def backward(xp, y, gy, gx):
        xp.multiply(gy, y, out=gx)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))


@op
class log:
    """The natural logarithm."""

    elementwise = True

    def forward(xp, x, y):
        xp.log(x, out=y)

    def backward(xp, x, gy, gx):
        xp.true_divide(gy, x, out=gx)

    def samples(draw):
        yield draw.sample(draw.positive(3, 4))


@op
class sqrt:
    """The square root; its slope at 0 is infinite, as in PyTorch."""

    elementwise = True

    def forward(xp, x, y):
        xp.sqrt(x, out=y)

    def backward(xp, y, gy, gx):
        xp.true_divide(gy, 2 * y, out=gx)

    def samples(draw):
        yield draw.sample(draw.positive(3, 4))


@op
class tanh:
    """The hyperbolic tangent."""

    elementwise = True

    def forward(xp, x, y):
        xp.tanh(x, out=y)

    def backward(xp, y, gy, gx):
        xp.multiply(gy, 1 - y * y, out=gx)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))


@op
class sigmoid:
    """1 / (1 + exp(-x)), written so that no exponential overflows."""

    elementwise = True

    def forward(xp, x, y):
        e = xp.exp(-xp.abs(x))
        y[...] = xp.where(x >= 0, 1, e) / (1 + e)

    def backward(xp, y, gy, gx):
        xp.multiply(gy, y * (1 - y), out=gx)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))
        yield draw.sample(draw.normal(3, 4) * 40, name="saturated")


@op
class relu:
    """max(x, 0); the slope at 0 is 0. NaN stays NaN."""

    elementwise = True

    def forward(xp, x, y):
        xp.maximum(x, 0, out=y)

    def backward(xp, y, gy, gx):
        xp.multiply(gy, y > 0, out=gx)

    def samples(draw):
        yield draw.sample(draw.away(3, 4))
        yield draw.sample(draw.away(2, 3, 2, 5), name="image")


@op
class abs_:
    """|x|; the slope at 0 is 0."""

    elementwise = True

    def forward(xp, x, y):
        xp.abs(x, out=y)

    def backward(xp, x, gy, gx):
        xp.multiply(gy, xp.sign(x), out=gx)

    def samples(draw):
        yield draw.sample(draw.away(3, 4))


@op
class cast:
    """x in another dtype; gradients come back in the dtype of x."""

    def shape(x, *, dtype):
        return x.cast(dtype)

    def forward(xp, x, y):
        y[...] = x

    def backward(xp, gy, gx):
        gx[...] = gy

    def samples(draw):
        yield draw.sample(draw.normal(3, 4), dtype=draw.normal(1).dtype)


@op
class copy:
    """x, in an array of its own."""

    elementwise = True

    def forward(xp, x, y):
        y[...] = x

    def backward(xp, gy, gx):
        gx[...] = gy

    def samples(draw):
        yield draw.sample(draw.normal(3, 4))


@op
class where:
    """x where `condition` is true, otherwise y; gradients go to the chosen operand alone."""

    elementwise = True

    def shape(condition, x, y):
        return Spec(broadcast(condition.shape, x.shape, y.shape), x.dtype)

    outputs = ("z",)

    def forward(xp, condition, x, y, z):
        z[...] = xp.where(condition, x, y)

    def backward(xp, condition, gz, gx, gy):
        if gx is not None:
            xp.multiply(gz, condition, out=gx)
        if gy is not None:
            xp.multiply(gz, ~condition, out=gy)

    def samples(draw):
        yield draw.sample(draw.normal(3, 4) > 0, draw.normal(3, 4), draw.normal(3, 4))
        yield draw.sample(draw.normal(3, 1) > 0, draw.normal(4), draw.normal(), name="broadcast")


def _truth(a: Spec, b: Spec) -> Spec:
    return Spec(broadcast(a.shape, b.shape), bool_)


@op
class equal:
    """a == b."""

    elementwise = True
    shape = _truth

    def forward(xp, a, b, y):
        xp.equal(a, b, out=y)


@op
class not_equal:
    """a != b."""

    elementwise = True
    shape = _truth

    def forward(xp, a, b, y):
        xp.not_equal(a, b, out=y)


@op
class less:
    """a < b."""

    elementwise = True
    shape = _truth

    def forward(xp, a, b, y):
        xp.less(a, b, out=y)


@op
class less_equal:
    """a <= b."""

    elementwise = True
    shape = _truth

    def forward(xp, a, b, y):
        xp.less_equal(a, b, out=y)


@op
class greater:
    """a > b."""

    elementwise = True
    shape = _truth

    def forward(xp, a, b, y):
        xp.greater(a, b, out=y)


@op
class greater_equal:
    """a >= b."""

    elementwise = True
    shape = _truth

    def forward(xp, a, b, y):
        xp.greater_equal(a, b, out=y)
