"""Pooling over windows of images, channels-last."""

from __future__ import annotations

from nntrain.engine.op import op
from nntrain.engine.spec import Spec, uint8
from nntrain.ops.conv import padded, spread, window_size, windows


@op
class max_pool2d:
    """The largest element of each window; the first of equal ones takes the gradient. Padding never wins.

    x (n h w c) -> y (n oh ow c). `padding` is ((top, bottom), (left, right)).
    """

    def shape(x, *, kernel, stride, padding=((0, 0), (0, 0)), dilation=(1, 1)):
        if x.ndim != 4:
            raise ValueError(
                f"max_pool2d: an image batch (n, height, width, channels) is expected, not shape {x.shape}"
            )
        if kernel[0] * kernel[1] > 256:
            raise ValueError(f"max_pool2d: a window of {kernel[0]} x {kernel[1]} has more than 256 elements")
        oh = window_size(x.shape[1], kernel[0], stride[0], *padding[0], dilation[0])
        ow = window_size(x.shape[2], kernel[1], stride[1], *padding[1], dilation[1])
        return Spec((x.shape[0], oh, ow, x.shape[3]), x.dtype)

    def residuals(x, *, kernel, stride, padding, dilation):
        y = max_pool2d.shape(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
        return {"chosen": y.cast(uint8)}

    def forward(xp, x, y, chosen, *, kernel, stride, padding, dilation):
        n, oh, ow, c = y.shape
        view = windows(xp, padded(xp, x, padding, -xp.inf), kernel, stride, dilation, (oh, ow))
        flat = view.reshape(n, oh, ow, kernel[0] * kernel[1], c)
        chosen[...] = flat.argmax(axis=3)
        y[...] = flat.max(axis=3)

    def backward(xp, x, chosen, gy, gx, *, kernel, stride, padding, dilation):
        (top, bottom), (left, right) = padding
        n, h, w, c = x.shape
        out = gy.shape[1:3]
        border = xp.zeros((n, h + top + bottom, w + left + right, c), x.dtype)
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                spread(border, i, j, stride, dilation, out)[...] += gy * (chosen == i * kernel[1] + j)
        gx[...] = border[:, top : top + h, left : left + w]

    def samples(draw):
        yield draw.sample(draw.distinct(2, 4, 4, 3), kernel=(2, 2), stride=(2, 2))
        yield draw.sample(
            draw.distinct(2, 5, 6, 2), kernel=(3, 2), stride=(2, 1), padding=((1, 1), (0, 1)), name="overlap-pad"
        )
        yield draw.sample(draw.distinct(1, 5, 5, 2), kernel=(2, 2), stride=(1, 1), dilation=(2, 2), name="dilation")


@op
class avg_pool2d:
    """The sum of each window by what it counts: (n h w c) -> (n oh ow c).

    `counts` holds the divisors' factors by output row and column: they say whether the border counts.
    """

    def shape(x, *, kernel, stride, padding, counts):
        if x.ndim != 4:
            raise ValueError(
                f"avg_pool2d: an image batch (n, height, width, channels) is expected, not shape {x.shape}"
            )
        return Spec((x.shape[0], len(counts[0]), len(counts[1]), x.shape[3]), x.dtype)

    def forward(xp, x, y, *, kernel, stride, padding, counts):
        view = windows(xp, padded(xp, x, padding), kernel, stride, (1, 1), y.shape[1:3])
        y[...] = view.sum(axis=(3, 4)) / _divisor(xp, counts, x.dtype)

    def backward(xp, gy, gx, *, kernel, stride, padding, counts):
        (top, bottom), (left, right) = padding
        n, h, w, c = gx.shape
        border = xp.zeros((n, h + top + bottom, w + left + right, c), gx.dtype)
        share = gy / _divisor(xp, counts, gx.dtype)
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                spread(border, i, j, stride, (1, 1), gy.shape[1:3])[...] += share
        gx[...] = border[:, top : top + h, left : left + w]

    def samples(draw):
        yield draw.sample(
            draw.normal(2, 4, 4, 3), kernel=(2, 2), stride=(2, 2), padding=((0, 0), (0, 0)), counts=((2, 2), (2, 2))
        )
        yield draw.sample(
            draw.normal(2, 5, 4, 2),
            kernel=(3, 2),
            stride=(2, 1),
            padding=((1, 1), (0, 1)),
            counts=((2, 3, 2), (2, 2, 2, 1)),
            name="overlap-pad",
        )


def _divisor(xp, counts, dtype):
    rows, columns = (xp.asarray(c, dtype) for c in counts)
    return rows[:, None, None] * columns[None, :, None]


@op
class adaptive_max_pool2d:
    """The largest element of each of (oh, ow) windows that share the image evenly; the first takes the gradient.

    Window i of `out` spans floor(i size / out) to ceil((i + 1) size / out).
    """

    def shape(x, *, out):
        if x.ndim != 4:
            raise ValueError(
                f"adaptive_max_pool2d: an image batch (n, height, width, channels) is expected, not shape {x.shape}"
            )
        return Spec((x.shape[0], *out, x.shape[3]), x.dtype)

    def forward(xp, x, y, *, out):
        for i, j, part in _adaptive(x, out):
            y[:, i, j] = part.max(axis=(1, 2))

    def backward(xp, x, gy, gx, *, out):
        gx[...] = 0
        for (i, j, part), (_, _, target) in zip(_adaptive(x, out), _adaptive(gx, out), strict=True):
            n, h, w, c = part.shape
            first = part.reshape(n, h * w, c).argmax(axis=1)[:, None]
            hit = xp.arange(h * w)[None, :, None] == first
            target += (hit * gy[:, i, j][:, None]).reshape(n, h, w, c)

    def samples(draw):
        yield draw.sample(draw.distinct(2, 5, 7, 2), out=(2, 3))


def _adaptive(x, out):
    for i in range(out[0]):
        for j in range(out[1]):
            rows = slice(i * x.shape[1] // out[0], -(-(i + 1) * x.shape[1] // out[0]))
            columns = slice(j * x.shape[2] // out[1], -(-(j + 1) * x.shape[2] // out[1]))
            yield i, j, x[:, rows, columns]
