"""Operations over sequences: embedding, and recurrences over all of time in one op, with the products of the inputs hoisted.

Sequences are (n, t, c), weights (in, gates h), gates in PyTorch's order, two biases. `mask` (n, t) is true where a step
counts: elsewhere the state stays and the output is 0. With `reverse` time runs backwards.
"""

from __future__ import annotations

import numpy as np

from nntrain.engine.op import op
from nntrain.engine.spec import Spec


@op
class embedding:
    """Row i of the weight for each number i; the row `padding_idx` takes no gradient."""

    def shape(w, index, *, padding_idx=None):
        return Spec((*index.shape, *w.shape[1:]), w.dtype)

    def forward(xp, w, index, y):
        y[...] = w[index]

    def backward(xp, index, gy, gw, *, padding_idx):
        gw[...] = 0
        xp.add.at(gw, index, gy)
        if padding_idx is not None:
            gw[padding_idx] = 0

    def samples(draw):
        yield draw.sample(draw.normal(5, 3), draw.ints(5, 2, 4))
        # not with padding_idx: that its row takes no gradient is a rule, not the derivative


def _check(name, x, h0, wi, wh, gates):
    if x.ndim != 3:
        raise ValueError(f"{name}: sequences (n, time, channels) are expected, not shape {x.shape}")
    hidden = wh.shape[0]
    if wi.shape != (x.shape[2], gates * hidden) or wh.shape[1] != gates * hidden or h0.shape != (x.shape[0], hidden):
        raise ValueError(f"{name}: weights {wi.shape}, {wh.shape} and state {h0.shape} do not fit the input {x.shape}")
    return Spec((x.shape[0], x.shape[1], hidden), x.dtype)


def _times(count, reverse):
    return range(count - 1, -1, -1) if reverse else range(count)


def _inputs(xp, x, wi, bi):
    """x wi + bi for all steps at once."""
    n, t, c = x.shape
    z = (x.reshape(n * t, c) @ wi).reshape(n, t, wi.shape[1])
    return z if bi is None else z + bi


def _before(states, first, t, reverse):
    """The state that step t started from."""
    at = t + 1 if reverse else t - 1
    return states[:, at] if 0 <= at < states.shape[1] else first


def _hand_out(xp, x, wi, gz_in, gz_rec, before, gx, gwi, gwh, gbi, gbh):
    """Gradients of inputs, weights and biases from those of the gates' sums, all steps at once."""
    n, t, c = x.shape
    flat = gz_in.reshape(n * t, -1)
    if gx is not None:
        gx[...] = (flat @ wi.T).reshape(x.shape)
    if gwi is not None:
        gwi[...] = x.reshape(n * t, c).T @ flat
    if gwh is not None:
        gwh[...] = before.reshape(n * t, -1).T @ gz_rec.reshape(n * t, -1)
    if gbi is not None:
        gbi[...] = flat.sum(axis=0)
    if gbh is not None:
        gbh[...] = gz_rec.reshape(n * t, -1).sum(axis=0)


def _sigmoid(xp, x):
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1, e) / (1 + e)


def _keep(mask, t, new, old):
    return new if mask is None else np.where(mask[:, t, None], new, old).astype(new.dtype, copy=False)


@op
class lstm:
    """Long short-term memory (Hochreiter & Schmidhuber 1997), gates i f g o: y (n t h), and the last h and c (n h).

    With `wr` (hidden, projected) the output is o tanh(c) wr (Sak et al. 2014, arXiv:1402.1128): y and h are that wide.
    """

    outputs = ("y", "h", "c")

    def shape(x, h0, c0, wi, wh, bi=None, bh=None, mask=None, wr=None, *, reverse=False):
        hidden, width = wh.shape[1] // 4, wh.shape[0]
        fits = (
            wi.shape == (x.shape[-1], 4 * hidden)
            and c0.shape == (x.shape[0], hidden)
            and h0.shape == (x.shape[0], width)
        )
        if x.ndim != 3 or not fits or (wr.shape != (hidden, width) if wr is not None else hidden != width):
            raise ValueError(
                f"lstm: weights {wi.shape}, {wh.shape}, states {h0.shape}, {c0.shape} do not fit the input {x.shape}"
            )
        return Spec((x.shape[0], x.shape[1], width), x.dtype), h0, c0

    def residuals(x, h0, c0, wi, wh, bi=None, bh=None, mask=None, wr=None, *, reverse):
        n, t, _ = x.shape
        hidden = wh.shape[1] // 4
        return {"gates": x.of(n, t, 4 * hidden), "hs": x.of(n, t, wh.shape[0]), "cs": x.of(n, t, hidden)}

    def forward(xp, x, h0, c0, wi, wh, bi, bh, mask, wr, y, h, c, gates, hs, cs, *, reverse):
        k = wh.shape[1] // 4
        z_in = _inputs(xp, x, wi, bi)
        h[...], c[...] = h0, c0
        for t in _times(x.shape[1], reverse):
            z = z_in[:, t] + h @ wh
            if bh is not None:
                z += bh
            i, f, g, o = (z[:, j * k : (j + 1) * k] for j in range(4))
            i, f, g, o = _sigmoid(xp, i), _sigmoid(xp, f), xp.tanh(g), _sigmoid(xp, o)
            gates[:, t] = xp.concatenate([i, f, g, o], axis=1)
            new_c = f * c + i * g
            new_h = o * xp.tanh(new_c)
            if wr is not None:
                new_h = new_h @ wr
            y[:, t] = _keep(mask, t, new_h, 0)
            h[...], c[...] = _keep(mask, t, new_h, h), _keep(mask, t, new_c, c)
            hs[:, t], cs[:, t] = h, c

    def backward(
        xp, x, h0, c0, wi, wh, mask, wr, gates, hs, cs, gy, gh, gc, gx, gh0, gc0, gwi, gwh, gbi, gbh, gwr, *, reverse
    ):
        k = wh.shape[1] // 4
        gz = xp.zeros(gates.shape, x.dtype)
        before = xp.empty(hs.shape, x.dtype)
        dh, dc = gh.copy(), gc.copy()
        if gwr is not None:
            gwr[...] = 0
        for t in reversed(_times(x.shape[1], reverse)):
            i, f, g, o = (gates[:, t, j * k : (j + 1) * k] for j in range(4))
            old_h, old_c = _before(hs, h0, t, reverse), _before(cs, c0, t, reverse)
            before[:, t] = old_h
            u = xp.tanh(f * old_c + i * g)
            outer = dh + gy[:, t]
            if gwr is not None:
                gwr += (o * u).T @ _keep(mask, t, outer, 0)
            new_dh = outer if wr is None else outer @ wr.T
            new_dc = dc + new_dh * o * (1 - u * u)
            parts = [
                new_dc * g * i * (1 - i),
                new_dc * old_c * f * (1 - f),
                new_dc * i * (1 - g * g),
                new_dh * u * o * (1 - o),
            ]
            step = _keep(mask, t, xp.concatenate(parts, axis=1), 0)
            gz[:, t] = step
            dh = _keep(mask, t, step @ wh.T, dh)
            dc = _keep(mask, t, new_dc * f, dc)
        if gh0 is not None:
            gh0[...] = dh
        if gc0 is not None:
            gc0[...] = dc
        _hand_out(xp, x, wi, gz, gz, before, gx, gwi, gwh, gbi, gbh)

    def samples(draw):
        x, h, c = draw.normal(3, 4, 2), draw.normal(3, 2), draw.normal(3, 2)
        weights = [draw.normal(2, 8), draw.normal(2, 8), draw.normal(8), draw.normal(8)]
        yield draw.sample(x, h, c, *weights)
        mask = np.arange(4) < np.array([[4], [2], [1]])
        yield draw.sample(x, h, c, *weights, mask, reverse=True, name="masked-reverse")
        yield draw.sample(x, h, c, *weights[:2], None, None, mask, name="masked-nobias")
        narrow = [draw.normal(3, 1), c, weights[0], draw.normal(1, 8), *weights[2:], mask, draw.normal(2, 1)]
        yield draw.sample(x, *narrow, name="projected")


@op
class gru:
    """Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078), gates r z n: y (n t h), and the last h (n h)."""

    outputs = ("y", "h")

    def shape(x, h0, wi, wh, bi=None, bh=None, mask=None, *, reverse=False):
        return _check("gru", x, h0, wi, wh, 3), h0

    def residuals(x, h0, wi, wh, bi=None, bh=None, mask=None, *, reverse):
        n, t, _ = x.shape
        hidden = wh.shape[0]
        return {"gates": x.of(n, t, 3 * hidden), "inner": x.of(n, t, hidden), "hs": x.of(n, t, hidden)}

    def forward(xp, x, h0, wi, wh, bi, bh, mask, y, h, gates, inner, hs, *, reverse):
        k = wh.shape[0]
        z_in = _inputs(xp, x, wi, bi)
        h[...] = h0
        for t in _times(x.shape[1], reverse):
            a, b = z_in[:, t], h @ wh
            if bh is not None:
                b += bh
            r = _sigmoid(xp, a[:, :k] + b[:, :k])
            z = _sigmoid(xp, a[:, k : 2 * k] + b[:, k : 2 * k])
            n = xp.tanh(a[:, 2 * k :] + r * b[:, 2 * k :])
            gates[:, t] = xp.concatenate([r, z, n], axis=1)
            inner[:, t] = b[:, 2 * k :]
            new = (1 - z) * n + z * h
            y[:, t] = _keep(mask, t, new, 0)
            h[...] = _keep(mask, t, new, h)
            hs[:, t] = h

    def backward(xp, x, h0, wi, wh, mask, gates, inner, hs, gy, gh, gx, gh0, gwi, gwh, gbi, gbh, *, reverse):
        k = wh.shape[0]
        g_in, g_rec = xp.zeros(gates.shape, x.dtype), xp.zeros(gates.shape, x.dtype)
        before = xp.empty(hs.shape, x.dtype)
        dh = gh.copy()
        for t in reversed(_times(x.shape[1], reverse)):
            r, z, n = (gates[:, t, j * k : (j + 1) * k] for j in range(3))
            old = _before(hs, h0, t, reverse)
            before[:, t] = old
            d = dh + gy[:, t]
            gn = d * (1 - z) * (1 - n * n)
            gz = d * (old - n) * z * (1 - z)
            gr = gn * inner[:, t] * r * (1 - r)
            step_in = _keep(mask, t, xp.concatenate([gr, gz, gn], axis=1), 0)
            step_rec = _keep(mask, t, xp.concatenate([gr, gz, gn * r], axis=1), 0)
            g_in[:, t], g_rec[:, t] = step_in, step_rec
            dh = _keep(mask, t, d * z + step_rec @ wh.T, dh)
        if gh0 is not None:
            gh0[...] = dh
        _hand_out(xp, x, wi, g_in, g_rec, before, gx, gwi, gwh, gbi, gbh)

    def samples(draw):
        x, h = draw.normal(3, 4, 2), draw.normal(3, 2)
        weights = [draw.normal(2, 6), draw.normal(2, 6), draw.normal(6), draw.normal(6)]
        yield draw.sample(x, h, *weights)
        mask = np.arange(4) < np.array([[4], [2], [1]])
        yield draw.sample(x, h, *weights, mask, reverse=True, name="masked-reverse")


@op
class rnn:
    """h' = f(x wi + bi + h wh + bh) with f tanh or ReLU (Elman 1990): y (n t h), and the last h (n h)."""

    outputs = ("y", "h")

    def shape(x, h0, wi, wh, bi=None, bh=None, mask=None, *, reverse=False, relu=False):
        return _check("rnn", x, h0, wi, wh, 1), h0

    def residuals(x, h0, wi, wh, bi=None, bh=None, mask=None, *, reverse, relu):
        hidden = x.of(x.shape[0], x.shape[1], wh.shape[0])
        return {"new": hidden, "hs": hidden}

    def forward(xp, x, h0, wi, wh, bi, bh, mask, y, h, new, hs, *, reverse, relu):
        z_in = _inputs(xp, x, wi, bi)
        h[...] = h0
        for t in _times(x.shape[1], reverse):
            z = z_in[:, t] + h @ wh
            if bh is not None:
                z += bh
            new[:, t] = xp.maximum(z, 0) if relu else xp.tanh(z)
            y[:, t] = _keep(mask, t, new[:, t], 0)
            h[...] = _keep(mask, t, new[:, t], h)
            hs[:, t] = h

    def backward(xp, x, h0, wi, wh, mask, new, hs, gy, gh, gx, gh0, gwi, gwh, gbi, gbh, *, reverse, relu):
        gz = xp.zeros(hs.shape, x.dtype)
        before = xp.empty(hs.shape, x.dtype)
        dh = gh.copy()
        for t in reversed(_times(x.shape[1], reverse)):
            before[:, t] = _before(hs, h0, t, reverse)
            value = new[:, t]
            slope = value > 0 if relu else 1 - value * value
            step = _keep(mask, t, (dh + gy[:, t]) * slope, 0)
            gz[:, t] = step
            dh = _keep(mask, t, step @ wh.T, dh)
        if gh0 is not None:
            gh0[...] = dh
        _hand_out(xp, x, wi, gz, gz, before, gx, gwi, gwh, gbi, gbh)

    def samples(draw):
        x, h = draw.normal(3, 4, 2), draw.normal(3, 2)
        weights = [draw.normal(2, 2), draw.normal(2, 2), draw.normal(2), draw.normal(2)]
        yield draw.sample(x, h, *weights)
        yield draw.sample(x, h, *weights, relu=True, reverse=True, name="relu-reverse")
