"""Products with a weight, split over the threads by rows, or by columns where the rows are few."""

from __future__ import annotations

from nntrain.backend.kernels.cpu.runtime import gemm, kernel, prange


@kernel
def linear_forward(x, w, b, has_bias, y, threads):
    """y = x w + b for x (m, k), w (k, n)."""
    m, k = x.shape
    n = w.shape[1]
    by_rows = m >= n
    share = ((m if by_rows else n) + threads - 1) // threads
    for t in prange(threads):
        first = t * share
        if by_rows:
            r0, r1, c0, c1 = first, min(m, first + share), 0, n
        else:
            r0, r1, c0, c1 = 0, m, first, min(n, first + share)
        if r0 < r1 and c0 < c1:
            gemm(False, False, r1 - r0, c1 - c0, k, x[r0:], k, w[0, c0:], n, 0.0, y[r0, c0:], n)
            if has_bias:
                add = b[c0:c1]
                for r in range(r0, r1):
                    line = y[r, c0:c1]
                    for e in range(c1 - c0):
                        line[e] += add[e]


@kernel
def linear_backward(x, w, gy, gx, need_x, gw, need_w, gb, need_b, threads):
    """gx = gy w^T, gw = x^T gy, gb = the columns' sums of gy."""
    m, k = x.shape
    n = w.shape[1]
    rows = (m + threads - 1) // threads
    inner = (k + threads - 1) // threads
    for t in prange(threads):
        r0, r1 = t * rows, min(m, (t + 1) * rows)
        if need_x and r0 < r1:
            gemm(False, True, r1 - r0, k, n, gy[r0:], n, w, n, 0.0, gx[r0:], k)
        k0, k1 = t * inner, min(k, (t + 1) * inner)
        if need_w and k0 < k1:
            gemm(True, False, k1 - k0, n, m, x[0, k0:], k, gy, n, 0.0, gw[k0:], n)
    if need_b:
        for e in range(n):
            gb[e] = 0
        for r in range(m):
            line = gy[r]
            for e in range(n):
                gb[e] += line[e]
