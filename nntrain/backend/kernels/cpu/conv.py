"""Convolution and pooling, images split over the threads. Replaces the reference that copies all windows of all images."""

from __future__ import annotations

import numpy as np

from nntrain.backend.kernels.cpu.runtime import THREADS, body, gemm, kernel, prange

FEW_TAPS = 16  # elements of a window below which products with the weight are not worth gathering
TILE = 128 * 1024  # elements of a tile of windows: it stays in the second-level cache
SMALL_PRODUCT = 1_000_000  # multiplications up to which OpenBLAS takes its path for small matrices, 1.6 times faster


@body
def gather(x, top, left, sh, sw, dh, dw, kh, kw, row0, rows, ow, columns):
    """Copy the windows of output rows row0 to row0 + rows of one image (h w c) into `columns` (rows ow, kh kw c)."""
    h, w, c = x.shape
    for r in range(rows):
        for q in range(ow):
            target = columns[r * ow + q]
            x0 = q * sw - left
            for i in range(kh):
                y = (row0 + r) * sh - top + i * dh
                start = i * kw * c
                if y < 0 or y >= h:
                    part = target[start : start + kw * c]
                    for e in range(kw * c):
                        part[e] = 0
                elif dw == 1 and x0 >= 0 and x0 + kw <= w:
                    part = target[start : start + kw * c]
                    source = x[y].reshape(w * c)[x0 * c : (x0 + kw) * c]
                    for e in range(kw * c):
                        part[e] = source[e]
                else:
                    for j in range(kw):
                        z = x0 + j * dw
                        part = target[start + j * c : start + (j + 1) * c]
                        if z < 0 or z >= w:
                            for e in range(c):
                                part[e] = 0
                        else:
                            source = x[y, z]
                            for e in range(c):
                                part[e] = source[e]


@body
def scatter(columns, top, left, sh, sw, dh, dw, kh, kw, row0, rows, ow, gx):
    """Add windows back to where `gather` took them from."""
    h, w, c = gx.shape
    for r in range(rows):
        for q in range(ow):
            source = columns[r * ow + q]
            x0 = q * sw - left
            for i in range(kh):
                y = (row0 + r) * sh - top + i * dh
                if y < 0 or y >= h:
                    continue
                start = i * kw * c
                if dw == 1 and x0 >= 0 and x0 + kw <= w:
                    part = source[start : start + kw * c]
                    target = gx[y].reshape(w * c)[x0 * c : (x0 + kw) * c]
                    for e in range(kw * c):
                        target[e] += part[e]
                else:
                    for j in range(kw):
                        z = x0 + j * dw
                        if 0 <= z < w:
                            part = source[start + j * c : start + (j + 1) * c]
                            target = gx[y, z]
                            for e in range(c):
                                target[e] += part[e]


@body
def few_forward(x, w, b, has_bias, y, top, left, sh, sw, dh, dw, kh, kw):
    """One image, where a window has few elements: each adds its row of the weight, all channels at once."""
    h, width, c = x.shape
    oh, ow, o = y.shape
    for r in range(oh):
        for q in range(ow):
            line = y[r, q]
            for e in range(o):
                line[e] = b[e] if has_bias else 0
            for i in range(kh):
                u = r * sh - top + i * dh
                if u < 0 or u >= h:
                    continue
                for j in range(kw):
                    v = q * sw - left + j * dw
                    if v < 0 or v >= width:
                        continue
                    for d in range(c):
                        value = x[u, v, d]
                        row = w[(i * kw + j) * c + d]
                        for e in range(o):
                            line[e] += value * row[e]


@body
def few_backward(x, gy, gw, top, left, sh, sw, dh, dw, kh, kw):
    """The weight's gradient from one image, added to gw (kh kw c, o)."""
    h, width, c = x.shape
    oh, ow, o = gy.shape
    for r in range(oh):
        for i in range(kh):
            u = r * sh - top + i * dh
            if u < 0 or u >= h:
                continue
            for q in range(ow):
                g = gy[r, q]
                for j in range(kw):
                    v = q * sw - left + j * dw
                    if v < 0 or v >= width:
                        continue
                    for d in range(c):
                        value = x[u, v, d]
                        row = gw[(i * kw + j) * c + d]
                        for e in range(o):
                            row[e] += value * g[e]


@kernel
def conv_forward(x, w, b, has_bias, y, columns, top, left, sh, sw, dh, dw, tile):
    """y = conv(x, w) + b; `columns` (threads, tile ow, kh kw c)."""
    n, oh, ow, o = y.shape
    kh, kw, c, _ = w.shape
    k = kh * kw * c
    threads = columns.shape[0]
    share = (n + threads - 1) // threads
    flat = w.reshape(k, o)
    direct = (
        kh == 1 and kw == 1 and sh == 1 and sw == 1 and top == 0 and left == 0 and oh == x.shape[1] and ow == x.shape[2]
    )
    for t in prange(threads):
        for i in range(t * share, min(n, (t + 1) * share)):
            image = y[i].reshape(oh * ow, o)
            if k <= FEW_TAPS:
                few_forward(x[i], flat, b, has_bias, y[i], top, left, sh, sw, dh, dw, kh, kw)
                continue
            for row0 in range(0, oh, tile):
                rows = min(tile, oh - row0)
                if direct:
                    source = x[i].reshape(oh * ow, k)[row0 * ow :]
                    gemm(False, False, rows * ow, o, k, source, k, flat, o, 0.0, image[row0 * ow :], o)
                else:
                    gather(x[i], top, left, sh, sw, dh, dw, kh, kw, row0, rows, ow, columns[t])
                    gemm(False, False, rows * ow, o, k, columns[t], k, flat, o, 0.0, image[row0 * ow :], o)
                if has_bias:
                    for r in range(row0 * ow, (row0 + rows) * ow):
                        line = image[r]
                        for e in range(o):
                            line[e] += b[e]


@kernel
def conv_backward(
    x, w, gy, gx, need_x, gw, need_w, gb, need_b, columns, partial, bias, top, left, sh, sw, dh, dw, tile
):
    """Gradients; `partial` (threads, kh kw c, o) and `bias` (threads, o) hold what each thread adds up."""
    n, oh, ow, o = gy.shape
    kh, kw, c, _ = w.shape
    k = kh * kw * c
    threads = columns.shape[0]
    share = (n + threads - 1) // threads
    flat = w.reshape(k, o)
    turned = flat.T.copy()  # a product with it as it stands is faster than one with the transpose
    for t in prange(threads):
        own, line = partial[t], bias[t]
        if need_w:
            for r in range(k):
                row = own[r]
                for e in range(o):
                    row[e] = 0
        for e in range(o):
            line[e] = 0
        for i in range(t * share, min(n, (t + 1) * share)):
            grad = gy[i].reshape(oh * ow, o)
            if need_b:
                for r in range(oh * ow):
                    g = grad[r]
                    for e in range(o):
                        line[e] += g[e]
            if need_x:
                whole = gx[i].reshape(x.shape[1] * x.shape[2] * c)
                for e in range(whole.size):
                    whole[e] = 0
            if need_w and not need_x and k <= FEW_TAPS:
                few_backward(x[i], gy[i], own, top, left, sh, sw, dh, dw, kh, kw)
                continue
            for row0 in range(0, oh, tile):
                rows = min(tile, oh - row0)
                m = rows * ow
                if need_w:
                    gather(x[i], top, left, sh, sw, dh, dw, kh, kw, row0, rows, ow, columns[t])
                    gemm(True, False, k, o, m, columns[t], k, grad[row0 * ow :], o, 1.0, own, o)
                if need_x:
                    gemm(False, False, m, k, o, grad[row0 * ow :], o, turned, k, 0.0, columns[t], k)
                    scatter(columns[t], top, left, sh, sw, dh, dw, kh, kw, row0, rows, ow, gx[i])
    if need_w:
        target = gw.reshape(k, o)
        for r in prange(k):
            row = target[r]
            for e in range(o):
                row[e] = partial[0, r, e]
            for t in range(1, threads):
                more = partial[t, r]
                for e in range(o):
                    row[e] += more[e]
    if need_b:
        for e in range(o):
            total = bias[0, e]
            for t in range(1, threads):
                total += bias[t, e]
            gb[e] = total


def tile_rows(oh: int, ow: int, k: int, o: int) -> int:
    """How many output rows a tile has: few enough for OpenBLAS's path for small products, shared out evenly."""
    most = max(1, min(oh, TILE // max(ow * k, 1), SMALL_PRODUCT // max(ow * k * o, 1)))
    return -(-oh // -(-oh // most))


@kernel
def pool_forward(x, y, chosen, top, left, kh, kw, sh, sw, dh, dw):
    """Largest element of each window, and which it was; the border never wins, NaN does."""
    n, oh, ow, c = y.shape
    h, w = x.shape[1], x.shape[2]
    for i in prange(n):
        for r in range(oh):
            for q in range(ow):
                best, which = y[i, r, q], chosen[i, r, q]
                for e in range(c):
                    best[e] = -np.inf
                    which[e] = 0
                for a in range(kh):
                    u = r * sh - top + a * dh
                    if u < 0 or u >= h:
                        continue
                    for b in range(kw):
                        v = q * sw - left + b * dw
                        if v < 0 or v >= w:
                            continue
                        source = x[i, u, v]
                        number = np.uint8(a * kw + b)
                        for e in range(c):
                            value = source[e]
                            # not (value <= best): NaN wins; a NaN that is there stays
                            take = (not value <= best[e]) and best[e] == best[e]
                            best[e] = value if take else best[e]
                            which[e] = number if take else which[e]


@kernel
def pool_backward(chosen, gy, gx, top, left, kh, kw, sh, sw, dh, dw):
    """Each window's gradient goes to the element that won."""
    n, oh, ow, c = gy.shape
    h, w = gx.shape[1], gx.shape[2]
    for i in prange(n):
        whole = gx[i].reshape(h * w * c)
        for e in range(whole.size):
            whole[e] = 0
        for r in range(oh):
            for q in range(ow):
                g, which = gy[i, r, q], chosen[i, r, q]
                for a in range(kh):
                    u = r * sh - top + a * dh
                    if u < 0 or u >= h:
                        continue
                    for b in range(kw):
                        v = q * sw - left + b * dw
                        if v < 0 or v >= w:
                            continue
                        target = gx[i, u, v]
                        number = np.uint8(a * kw + b)
                        for e in range(c):
                            target[e] += g[e] if which[e] == number else 0


__all__ = ["THREADS", "conv_backward", "conv_forward", "pool_backward", "pool_forward", "tile_rows"]
