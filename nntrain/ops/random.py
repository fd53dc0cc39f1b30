"""Operations that draw random numbers, from the counter-based generator alone."""

from __future__ import annotations

from nntrain.backend.random import bits, counter
from nntrain.engine.op import op
from nntrain.engine.spec import bool_


@op
class dropout:
    """Each element is 0 with probability p, otherwise x / (1 - p) (Srivastava et al. 2014, JMLR 15).

    `counter` holds three uint32 words (step low, step high, global number of the first row); `key` names the stream. The
    mask of a row depends on key, step and the row's number alone.
    """

    def shape(x, counter, *, p, key):
        return x

    def residuals(x, counter, *, p, key):
        return {"keep": x.cast(bool_)}

    def forward(xp, x, counter, y, keep, *, p, key):
        threshold = min(round(p * 2**32), 2**32 - 1)
        keep[...] = bits(xp, key, counter, x.shape) >= xp.uint32(threshold)
        y[...] = 0 if p == 1 else x * keep * x.dtype.type(1 / (1 - p))

    def backward(xp, keep, gy, gx, *, p):
        gx[...] = 0 if p == 1 else gy * keep * gy.dtype.type(1 / (1 - p))

    def samples(draw):
        yield draw.sample(draw.normal(4, 6), counter(3, 5), p=0.4, key=(1, 2))
        yield draw.sample(draw.normal(2, 3, 5), counter(0), p=0.9, key=(7, 2), name="odd")
        yield draw.sample(draw.normal(0, 4), counter(0), p=0.5, key=(1, 1), name="empty")
