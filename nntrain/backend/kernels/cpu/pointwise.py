"""Elementwise work in one pass over memory, and the optimizers over flat arrays."""

from __future__ import annotations

import numpy as np

from nntrain.backend.kernels.cpu.runtime import body, kernel, prange


@kernel
def relu_forward(x, y, threads):
    """max(x, 0); NaN stays."""
    share, zero = (x.size + threads - 1) // threads, x.dtype.type(0)
    for t in prange(threads):
        a, b = x[t * share : (t + 1) * share], y[t * share : (t + 1) * share]
        for i in range(a.size):
            v = a[i]
            b[i] = zero if v <= 0 else v


@kernel
def relu_backward(y, gy, gx, threads):
    """gy where y > 0."""
    share, zero = (y.size + threads - 1) // threads, y.dtype.type(0)
    for t in prange(threads):
        part = slice(t * share, (t + 1) * share)
        a, g, out = y[part], gy[part], gx[part]
        for i in range(a.size):
            out[i] = g[i] if a[i] > 0 else zero


@kernel
def adam(p, g, m, v, rate, root, share1, shrink, beta2, eps, decay, decoupled, threads):
    """Adam's update; the same operations in the same order as the reference."""
    share = (p.size + threads - 1) // threads
    share2 = 1 - beta2
    for t in prange(threads):
        part = slice(t * share, (t + 1) * share)
        pp, gg, mm, vv = p[part], g[part], m[part], v[part]
        for i in range(pp.size):
            value, grad = pp[i], gg[i]
            if decoupled:
                value *= shrink
            if decay != 0:
                grad += value * decay
            mean = mm[i] + (grad - mm[i]) * share1
            square = vv[i] * beta2 + grad * grad * share2
            mm[i] = mean
            vv[i] = square
            pp[i] = value - rate * mean / (np.sqrt(square) / root + eps)


@body
def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10 on four words; backend/random.py has the reference."""
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0 = np.uint64(c0) * np.uint64(0xD2511F53)
        p1 = np.uint64(c2) * np.uint64(0xCD9E8D57)
        c0 = np.uint32(np.uint32(p1 >> np.uint64(32)) ^ c1 ^ k0)
        c1 = np.uint32(p1 & low)
        c2 = np.uint32(np.uint32(p0 >> np.uint64(32)) ^ c3 ^ k1)
        c3 = np.uint32(p0 & low)
        k0 = np.uint32(k0 + np.uint32(0x9E3779B9))
        k1 = np.uint32(k1 + np.uint32(0xBB67AE85))
    return c0, c1, c2, c3


@kernel
def dropout_forward(x, y, keep, k0, k1, step_low, step_high, row0, threshold, scale):
    """Rows (n, width): 0 with the stream's probability, otherwise scaled."""
    n, width = x.shape
    for r in prange(n):
        source, target, mask = x[r], y[r], keep[r]
        row = np.uint32(row0 + np.uint32(r))
        for block in range((width + 3) // 4):
            drawn = philox(np.uint32(block), row, step_low, step_high, k0, k1)
            for j in range(min(4, width - 4 * block)):
                i = 4 * block + j
                on = drawn[j] >= threshold
                mask[i] = on
                target[i] = source[i] * scale if on else source[i] * 0


@kernel
def masked_scale(keep, gy, gx, scale, threads):
    """gy scaled where it was kept, otherwise 0."""
    share = (gy.size + threads - 1) // threads
    for t in prange(threads):
        part = slice(t * share, (t + 1) * share)
        mask, g, out = keep[part], gy[part], gx[part]
        for i in range(g.size):
            out[i] = g[i] * scale if mask[i] else g[i] * 0
