"""Compiled CPU kernels, as entries of the override table.

This file imports no compiler: an entry says, from the sizes alone, whether a call is `worth` a kernel, and a network whose
calls all are too small never loads numba. Where numba or scipy cannot be imported the reference kernels run.
"""

from __future__ import annotations

import importlib.util
import math

import numpy as np

from nntrain.backend import kernel

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
PRODUCT = 1_500_000  # multiplications below which NumPy is as fast, and compiled code need not be loaded
ELEMENTS = 100_000

AVAILABLE = all(importlib.util.find_spec(name) is not None for name in ("numba", "scipy", "threadpoolctl"))


def _real(*specs) -> bool:
    given = [s for s in specs if s is not None]
    return AVAILABLE and all(s.dtype == given[0].dtype for s in given) and given[0].dtype in FLOATS


def _absent(like, ndim):
    """Stands for an array that is not wanted: compiled code takes no None."""
    return np.empty((0,) * ndim, like.dtype)


@kernel("linear", "cpu")
class linear:
    """x w + b on rows or columns split over the threads."""

    def when(x, w, b=None):
        return _real(x, w, b) and x.size > 0 and w.size > 0

    def worth(x, w, b=None):
        return x.size * w.shape[1] >= PRODUCT

    def forward(x, w, b, y):
        from nntrain.backend.kernels.cpu.dense import linear_forward
        from nntrain.backend.kernels.cpu.runtime import THREADS

        k, n = w.shape
        bias = _absent(w, 1) if b is None else b
        linear_forward(x.reshape(-1, k), w, bias, b is not None, y.reshape(-1, n), THREADS)

    def backward(x, w, gy, gx, gw, gb):
        from nntrain.backend.kernels.cpu.dense import linear_backward
        from nntrain.backend.kernels.cpu.runtime import THREADS

        k, n = w.shape
        linear_backward(
            x.reshape(-1, k),
            w,
            gy.reshape(-1, n),
            _absent(x, 2) if gx is None else gx.reshape(-1, k),
            gx is not None,
            _absent(w, 2) if gw is None else gw,
            gw is not None,
            _absent(w, 1) if gb is None else gb,
            gb is not None,
            THREADS,
        )


def _out(x, kernel, stride, padding, dilation):
    """Output height and width of windows over an image."""
    axes = zip(x.shape[1:3], kernel, stride, padding, dilation, strict=True)
    return tuple((n + before + after - d * (k - 1) - 1) // s + 1 for n, k, s, (before, after), d in axes)


def _conv_scratch(x, w, b=None, *, stride, padding, dilation, groups):
    from nntrain.backend.kernels.cpu.conv import tile_rows
    from nntrain.backend.kernels.cpu.runtime import THREADS

    oh, ow = _out(x, w.shape[:2], stride, padding, dilation)
    k, o = math.prod(w.shape[:3]), w.shape[3]
    return {
        "columns": x.of(THREADS, tile_rows(oh, ow, k, o) * ow, k),
        "partial": x.of(THREADS, k, o),
        "bias": x.of(THREADS, o),
    }


@kernel("conv2d", "cpu")
class conv2d:
    """Windows of one image at a time, in a tile that stays in cache, times the weight."""

    def when(x, w, b=None, *, stride, padding, dilation, groups):
        return _real(x, w, b) and groups == 1 and x.size > 0 and w.size > 0

    def worth(x, w, b=None, *, stride, padding, dilation, groups):
        return x.size * w.shape[0] * w.shape[1] * w.shape[3] >= PRODUCT

    scratch = _conv_scratch

    def forward(x, w, b, y, columns, *, stride, padding, dilation):
        from nntrain.backend.kernels.cpu.conv import conv_forward

        (top, _), (left, _) = padding
        tile = columns.shape[1] // y.shape[2]
        bias = _absent(w, 1) if b is None else b
        conv_forward(x, w, bias, b is not None, y, columns, top, left, *stride, *dilation, tile)

    def backward(x, w, gy, gx, gw, gb, columns, partial, bias, *, stride, padding, dilation):
        from nntrain.backend.kernels.cpu.conv import conv_backward

        (top, _), (left, _) = padding
        conv_backward(
            x,
            w,
            gy,
            _absent(x, 4) if gx is None else gx,
            gx is not None,
            _absent(w, 4) if gw is None else gw,
            gw is not None,
            _absent(w, 1) if gb is None else gb,
            gb is not None,
            columns,
            partial,
            bias,
            top,
            left,
            *stride,
            *dilation,
            columns.shape[1] // gy.shape[2],
        )


@kernel("max_pool2d", "cpu")
class max_pool2d:
    """One pass over each image."""

    def when(x, *, kernel, stride, padding, dilation):
        return _real(x) and x.size > 0

    def worth(x, *, kernel, stride, padding, dilation):
        return x.size >= ELEMENTS

    def residuals(x, *, kernel, stride, padding, dilation):
        oh, ow = _out(x, kernel, stride, padding, dilation)
        return {"chosen": x.of(x.shape[0], oh, ow, x.shape[3]).cast(np.dtype(np.uint8))}

    def forward(x, y, chosen, *, kernel, stride, padding, dilation):
        from nntrain.backend.kernels.cpu.conv import pool_forward

        pool_forward(x, y, chosen, padding[0][0], padding[1][0], *kernel, *stride, *dilation)

    def backward(chosen, gy, gx, *, kernel, stride, padding, dilation):
        from nntrain.backend.kernels.cpu.conv import pool_backward

        pool_backward(chosen, gy, gx, padding[0][0], padding[1][0], *kernel, *stride, *dilation)


@kernel("relu", "cpu")
class relu:
    """One pass over memory on all threads."""

    def when(x):
        return _real(x)

    def worth(x):
        return x.size >= ELEMENTS

    def forward(x, y):
        from nntrain.backend.kernels.cpu.pointwise import relu_forward
        from nntrain.backend.kernels.cpu.runtime import THREADS

        relu_forward(x.reshape(-1), y.reshape(-1), THREADS)

    def backward(y, gy, gx):
        from nntrain.backend.kernels.cpu.pointwise import relu_backward
        from nntrain.backend.kernels.cpu.runtime import THREADS

        relu_backward(y.reshape(-1), gy.reshape(-1), gx.reshape(-1), THREADS)


@kernel("dropout", "cpu")
class dropout:
    """The same bits as the reference, drawn row by row."""

    def when(x, counter, *, p, key):
        return _real(x) and x.size > 0 and x.ndim > 0 and p < 1

    def worth(x, counter, *, p, key):
        return x.size >= ELEMENTS // 4

    def residuals(x, counter, *, p, key):
        return {"keep": x.cast(np.dtype(bool))}

    def forward(x, counter, y, keep, *, p, key):
        from nntrain.backend.kernels.cpu.pointwise import dropout_forward

        n = x.shape[0]
        u = np.uint32
        dropout_forward(
            x.reshape(n, -1),
            y.reshape(n, -1),
            keep.reshape(n, -1),
            u(key[0]),
            u(key[1]),
            counter[0],
            counter[1],
            counter[2],
            u(min(round(p * 2**32), 2**32 - 1)),
            x.dtype.type(1 / (1 - p)),
        )

    def backward(keep, gy, gx, *, p):
        from nntrain.backend.kernels.cpu.pointwise import masked_scale
        from nntrain.backend.kernels.cpu.runtime import THREADS

        masked_scale(keep.reshape(-1), gy.reshape(-1), gx.reshape(-1), gy.dtype.type(1 / (1 - p)), THREADS)


@kernel("adam_update", "cpu")
class adam_update:
    """One pass over the flat arrays."""

    def when(p, g, m, v, top, h, *, beta2, eps, weight_decay, decoupled):
        return _real(p, g, m, v) and top is None

    def worth(p, g, m, v, top, h, *, beta2, eps, weight_decay, decoupled):
        return p.size >= ELEMENTS

    def forward(p, g, m, v, h, *, beta2, eps, weight_decay, decoupled):
        from nntrain.backend.kernels.cpu.pointwise import adam
        from nntrain.backend.kernels.cpu.runtime import THREADS

        t = p.dtype.type
        flat = [a.reshape(-1) for a in (p, g, m, v)]
        adam(*flat, h[0], h[1], h[2], h[3], t(beta2), t(eps), t(weight_decay), decoupled, THREADS)
