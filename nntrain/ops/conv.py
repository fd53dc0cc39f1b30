"""Convolution, channels-last: images (n h w c), weights (kh kw c/groups o)."""

from __future__ import annotations

from nntrain.engine.op import op
from nntrain.engine.spec import Spec


def window_size(size: int, kernel: int, stride: int, before: int, after: int, dilation: int) -> int:
    """How many windows fit along one axis; ValueError when none does."""
    span = dilation * (kernel - 1) + 1
    if size + before + after < span:
        raise ValueError(
            f"a kernel that spans {span} does not fit into {size}"
            + (f" + {before + after} padding" if before + after else "")
        )
    return (size + before + after - span) // stride + 1


def padded(xp, x, padding, value=0):
    """x with a border around its two spatial axes."""
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return x
    n, h, w, c = x.shape
    out = xp.full((n, h + top + bottom, w + left + right, c), value, x.dtype)
    out[:, top : top + h, left : left + w] = x
    return out


def windows(xp, x, kernel, stride, dilation, out):
    """A view (n oh ow kh kw c) of every window of a bordered image."""
    n, _, _, c = x.shape
    sn, sh, sw, sc = x.strides
    return xp.lib.stride_tricks.as_strided(
        x,
        (n, *out, *kernel, c),
        (sn, sh * stride[0], sw * stride[1], sh * dilation[0], sw * dilation[1], sc),
    )


def spread(gx, i, j, stride, dilation, out):
    """The part of a bordered image that meets element (i, j) of every window: a view (n oh ow c)."""
    top, left = i * dilation[0], j * dilation[1]
    return gx[:, top : top + out[0] * stride[0] : stride[0], left : left + out[1] * stride[1] : stride[1]]


@op
class conv2d:
    """Cross-correlation with zero padding, as PyTorch's conv2d (Dumoulin & Visin 2016, arXiv:1603.07285).

    x (n h w c), w (kh kw c/groups o), b (o) -> y (n oh ow o). `padding` is ((top, bottom), (left, right)).
    """

    def shape(x, w, b=None, *, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
        kh, kw, c, o = w.shape
        if x.ndim != 4:
            raise ValueError(f"conv2d: an image batch (n, height, width, channels) is expected, not shape {x.shape}")
        if x.shape[3] != c * groups:
            hint = " (axes in the order n, channels, height, width?)" if x.shape[1] == c * groups else ""
            raise ValueError(f"conv2d: {c * groups} channels on the last axis are expected, not shape {x.shape}{hint}")
        if o % groups:
            raise ValueError(f"conv2d: {o} output channels do not divide into {groups} groups")
        oh = window_size(x.shape[1], kh, stride[0], *padding[0], dilation[0])
        ow = window_size(x.shape[2], kw, stride[1], *padding[1], dilation[1])
        return Spec((x.shape[0], oh, ow, o), x.dtype)

    def forward(xp, x, w, b, y, *, stride, padding, dilation, groups):
        kh, kw, c, o = w.shape
        n, oh, ow, _ = y.shape
        view = windows(xp, padded(xp, x, padding), (kh, kw), stride, dilation, (oh, ow))
        og = o // groups
        for g in range(groups):
            columns = view[..., g * c : (g + 1) * c].reshape(n * oh * ow, kh * kw * c)
            y[..., g * og : (g + 1) * og] = (columns @ w[..., g * og : (g + 1) * og].reshape(kh * kw * c, og)).reshape(
                n, oh, ow, og
            )
        if b is not None:
            xp.add(y, b, out=y)

    def backward(xp, x, w, gy, gx, gw, gb, *, stride, padding, dilation, groups):
        kh, kw, c, o = w.shape
        n, oh, ow, _ = gy.shape
        og = o // groups
        image = padded(xp, x, padding)
        if gw is not None:
            view = windows(xp, image, (kh, kw), stride, dilation, (oh, ow))
            for g in range(groups):
                columns = view[..., g * c : (g + 1) * c].reshape(n * oh * ow, kh * kw * c)
                part = gy[..., g * og : (g + 1) * og].reshape(n * oh * ow, og)
                gw[..., g * og : (g + 1) * og] = (columns.T @ part).reshape(kh, kw, c, og)
        if gb is not None:
            xp.sum(gy, axis=(0, 1, 2), out=gb)
        if gx is not None:
            border = xp.zeros(image.shape, x.dtype)
            for g in range(groups):
                part = gy[..., g * og : (g + 1) * og].reshape(n * oh * ow, og)
                for i in range(kh):
                    for j in range(kw):
                        term = (part @ w[i, j, :, g * og : (g + 1) * og].T).reshape(n, oh, ow, c)
                        spread(border, i, j, stride, dilation, (oh, ow))[..., g * c : (g + 1) * c] += term
            (top, _), (left, _) = padding
            gx[...] = border[:, top : top + x.shape[1], left : left + x.shape[2]]

    def samples(draw):
        x, b = draw.normal(2, 5, 6, 3), draw.normal(4)
        yield draw.sample(x, draw.normal(3, 3, 3, 4), b)
        yield draw.sample(x, draw.normal(3, 2, 3, 4), None, stride=(2, 1), padding=((1, 1), (0, 1)), name="stride-pad")
        yield draw.sample(x, draw.normal(2, 2, 3, 4), b, dilation=(2, 3), padding=((0, 2), (1, 0)), name="dilation")
        yield draw.sample(draw.normal(2, 4, 4, 4), draw.normal(3, 3, 2, 6), draw.normal(6), groups=2, name="groups")
        yield draw.sample(draw.normal(2, 4, 4, 3), draw.normal(3, 3, 1, 3), None, groups=3, name="depthwise")
        yield draw.sample(draw.normal(1, 4, 4, 2), draw.normal(1, 1, 2, 3), draw.normal(3), name="1x1")
        yield draw.sample(draw.normal(0, 4, 4, 2), draw.normal(3, 3, 2, 3), draw.normal(3), name="empty")


@op
class conv_transpose2d:
    """The gradient of conv2d with respect to its image, as a layer: each element paints a scaled window.

    x (n h w c), w (kh kw c o/groups), b (o) -> y (n, (h - 1) stride + dilation (kh - 1) + 1 - padding + extra, ...).
    """

    def shape(x, w, b=None, *, stride=(1, 1), padding=((0, 0), (0, 0)), extra=(0, 0), dilation=(1, 1), groups=1):
        if x.ndim != 4 or x.shape[3] != w.shape[2]:
            raise ValueError(
                f"conv_transpose2d: images (n, height, width, {w.shape[2]}) are expected, not shape {x.shape}"
            )
        sizes = [
            (n - 1) * s + d * (k - 1) + 1 - before - after + e
            for n, s, d, k, (before, after), e in zip(
                x.shape[1:3], stride, dilation, w.shape[:2], padding, extra, strict=True
            )
        ]
        if min(sizes) < 1:
            raise ValueError(f"conv_transpose2d: nothing is left of {x.shape} after the padding")
        return Spec((x.shape[0], *sizes, w.shape[3] * groups), x.dtype)

    def forward(xp, x, w, b, y, *, stride, padding, extra, dilation, groups):
        kh, kw, c, og = w.shape
        n, h, width, _ = x.shape
        (top, bottom), (left, right) = padding
        border = xp.zeros((n, y.shape[1] + top + bottom, y.shape[2] + left + right, y.shape[3]), x.dtype)
        cg = c // groups
        for g in range(groups):
            part = x[..., g * cg : (g + 1) * cg]
            for i in range(kh):
                for j in range(kw):
                    target = spread(border, i, j, stride, dilation, (h, width))
                    target[..., g * og : (g + 1) * og] += part @ w[i, j, g * cg : (g + 1) * cg]
        y[...] = border[:, top : top + y.shape[1], left : left + y.shape[2]]
        if b is not None:
            xp.add(y, b, out=y)

    def backward(xp, x, w, gy, gx, gw, gb, *, stride, padding, dilation, groups):
        kh, kw, c, og = w.shape
        _, h, width, _ = x.shape
        border = padded(xp, gy, padding)
        if gx is not None:
            gx[...] = 0
        cg = c // groups
        for g in range(groups):
            part = x[..., g * cg : (g + 1) * cg].reshape(-1, cg)
            for i in range(kh):
                for j in range(kw):
                    source = spread(border, i, j, stride, dilation, (h, width))[..., g * og : (g + 1) * og]
                    if gx is not None:
                        gx[..., g * cg : (g + 1) * cg] += source @ w[i, j, g * cg : (g + 1) * cg].T
                    if gw is not None:
                        gw[i, j, g * cg : (g + 1) * cg] = part.T @ source.reshape(-1, og)
        if gb is not None:
            xp.sum(gy, axis=(0, 1, 2), out=gb)

    def samples(draw):
        yield draw.sample(draw.normal(2, 3, 4, 3), draw.normal(3, 2, 3, 2), draw.normal(2))
        yield draw.sample(
            draw.normal(2, 3, 3, 4),
            draw.normal(3, 3, 4, 2),
            draw.normal(4),
            stride=(2, 2),
            padding=((1, 1), (1, 1)),
            extra=(1, 0),
            groups=2,
            name="stride-groups",
        )
