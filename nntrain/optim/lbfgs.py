"""L-BFGS: for problems whose loss and gradient are computed over all data at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from nntrain.backend import Array
from nntrain.engine.graph import enable_grad, no_grad
from nntrain.engine.tensor import Tensor

Closure = Callable[[], Tensor]


class LBFGS:
    """Limited-memory BFGS (Liu & Nocedal 1989; Nocedal & Wright, Numerical Optimization, algorithm 7.4).

    `step(closure)` makes up to `max_iter` iterations; the closure sets gradients to None, computes the loss over all data,
    calls `backward()` and returns the loss:

        def closure():
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            return loss

    `lr` multiplies the step (default 1); the very first one is min(1, 1 / |g|_1) lr long. An iteration ends the step where
    the largest gradient is at most `tolerance_grad` (1e-7), or where step or loss change by less than `tolerance_change`
    (1e-9). `history_size` (100) pairs of steps are kept. `line_search_fn` is None, or "strong_wolfe" for a step length
    that satisfies the strong Wolfe conditions (c1 1e-4, c2 0.9). `max_eval` (5/4 max_iter) limits calls of the closure.
    As PyTorch's; all parameters are of one device and dtype. ValueError where there is none.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        self.parameters = list(params)
        if not self.parameters:
            raise ValueError("an optimizer needs at least one parameter")
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(f"line_search_fn {line_search_fn!r}: expected None or strong_wolfe")
        self.lr = lr
        self.max_iter = max_iter
        self.max_eval = max_eval if max_eval is not None else max_iter * 5 // 4
        self.tolerance_grad = tolerance_grad
        self.tolerance_change = tolerance_change
        self.line_search = line_search_fn is not None
        self.pairs: deque[tuple[Array, Array]] = deque(maxlen=history_size)  # (change of gradient, step)
        self.scale = 1.0
        self.iterations = 0
        self._direction: Array = None
        self._before: Array = None  # the gradient that the direction was made from
        self._length = lr

    def zero_grad(self) -> None:
        """Set every gradient to None."""
        for p in self.parameters:
            p._grad = None

    def step(self, closure: Closure) -> float:
        """Iterate; the loss at the first evaluation."""
        loss, g = self._evaluate(closure)
        first, evaluations = loss, 1
        if _largest(g) <= self.tolerance_grad:
            return first
        for iteration in range(1, self.max_iter + 1):
            self.iterations += 1
            self._turn(g)
            d = self._direction
            self._before, loss_before = g.copy(), loss
            slope = float(g @ d)
            if slope > -self.tolerance_change:
                break
            if self.iterations == 1:
                self._length = min(1.0, 1.0 / float(abs(g).sum())) * self.lr
            else:
                self._length = self.lr
            if self.line_search:
                start = self._values()
                found = strong_wolfe(
                    lambda t, at=start, to=d: self._at(closure, at, t, to),  # type: ignore[misc]
                    self._length,
                    d,
                    loss,
                    g,
                    slope,
                    tolerance=self.tolerance_change,
                )
                self._length, loss, g, calls = found
                self._write(start + self._length * d)
                evaluations += calls
            else:
                self._write(self._values() + self._length * d)
                if iteration != self.max_iter:
                    loss, g = self._evaluate(closure)
                    evaluations += 1
            if evaluations >= self.max_eval or _largest(g) <= self.tolerance_grad:
                break
            if _largest(d * self._length) <= self.tolerance_change or abs(loss - loss_before) < self.tolerance_change:
                break
        return first

    def _turn(self, g: Array) -> None:
        """The next direction: -H g, by the two loops over the history."""
        if self._direction is None:
            self._direction = -g
            return
        y, s = g - self._before, self._direction * self._length
        curvature = float(y @ s)
        if curvature > 1e-10:
            self.pairs.append((y, s))
            self.scale = curvature / float(y @ y)
        q = -g
        shares: list[float] = []
        for y, s in reversed(self.pairs):
            share = float(s @ q) / float(y @ s)
            shares.append(share)
            q = q - share * y
        r = q * self.scale
        for (y, s), share in zip(self.pairs, reversed(shares), strict=True):
            r = r + (share - float(y @ r) / float(y @ s)) * s
        self._direction = r

    def _at(self, closure: Closure, start: Array, t: float, d: Array) -> tuple[float, Array]:
        self._write(start + t * d)
        return self._evaluate(closure)

    def _evaluate(self, closure: Closure) -> tuple[float, Array]:
        with enable_grad():
            loss = float(closure())
        return loss, self._join([p._grad._array if p._grad is not None else None for p in self.parameters])

    def _values(self) -> Array:
        return self._join([p._array for p in self.parameters])

    def _join(self, arrays: list[Array | None]) -> Array:
        xp = self.parameters[0]._backend.xp
        return xp.concatenate(
            [
                xp.zeros(p.size, p.dtype) if a is None else a.reshape(-1)
                for a, p in zip(arrays, self.parameters, strict=True)
            ]
        )

    def _write(self, values: Array) -> None:
        at = 0
        with no_grad():
            for p in self.parameters:
                p._array[...] = values[at : at + p.size].reshape(p.shape)
                p._version[0] += 1
                at += p.size

    def state_dict(self) -> dict[str, Any]:
        """History, direction and counts, as NumPy arrays and numbers."""
        host = self.parameters[0]._backend.to_host
        found: dict[str, Any] = {"iterations": self.iterations, "scale": self.scale, "length": self._length}
        if self._direction is not None:
            found |= {"direction": np.array(host(self._direction)), "before": np.array(host(self._before))}
        if self.pairs:
            found["changes"] = np.stack([host(y) for y, _ in self.pairs])
            found["steps"] = np.stack([host(s) for _, s in self.pairs])
        return found

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        device = self.parameters[0]._backend.from_host
        self.iterations, self.scale, self._length = int(state["iterations"]), state["scale"], state["length"]
        self._direction = device(np.asarray(state["direction"])) if "direction" in state else None
        self._before = device(np.asarray(state["before"])) if "before" in state else None
        self.pairs.clear()
        for y, s in zip(state.get("changes", ()), state.get("steps", ()), strict=True):
            self.pairs.append((device(y), device(s)))


def _largest(a: Array) -> float:
    return float(abs(a).max()) if a.size else 0.0


def _cubic(x1: float, f1: float, g1: float, x2: float, f2: float, g2: float, low: float, high: float) -> float:
    """The minimum of the cubic through two points with their slopes, within bounds (minFunc's polyinterp)."""
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if square < 0:
        return (low + high) / 2
    d2 = float(np.sqrt(square))
    if x1 <= x2:
        best = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        best = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(best, low), high)


def strong_wolfe(
    at: Callable[[float], tuple[float, Array]],
    t: float,
    d: Array,
    f: float,
    g: Array,
    slope: float,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance: float = 1e-9,
    max_steps: int = 25,
) -> tuple[float, float, Array, int]:
    """A step length that satisfies the strong Wolfe conditions (Nocedal & Wright, algorithms 3.5 and 3.6; minFunc).

    `at(t)` is loss and gradient there; `f`, `g` and `slope` belong to t = 0. Returns length, loss, gradient and the number
    of evaluations.
    """
    size = _largest(d)
    # a point: (length, loss, gradient, slope)
    before = (0.0, f, g, slope)
    new = _point(at, t, d)
    calls, steps, done = 1, 0, False
    bracket: list[tuple[float, float, Array, float]] = []
    while steps < max_steps:
        if new[1] > f + c1 * new[0] * slope or (steps > 1 and new[1] >= before[1]):
            bracket = [before, new]
        elif abs(new[3]) <= -c2 * slope:
            bracket, done = [new, new], True
        elif new[3] >= 0:
            bracket = [before, new]
        if bracket:
            break
        low, high = new[0] + 0.01 * (new[0] - before[0]), new[0] * 10
        length = _cubic(before[0], before[1], before[3], new[0], new[1], new[3], low, high)
        before, new = new, _point(at, length, d)
        calls += 1
        steps += 1
    if not bracket:
        bracket = [(0.0, f, g, slope), new]

    stuck = False
    best, worst = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
    while not done and steps < max_steps:
        if abs(bracket[1][0] - bracket[0][0]) * size < tolerance:
            break
        a, b = bracket
        low, high = min(a[0], b[0]), max(a[0], b[0])
        length = _cubic(a[0], a[1], a[3], b[0], b[1], b[3], low, high)
        gap = 0.1 * (high - low)
        if min(high - length, length - low) < gap:
            if stuck or length >= high or length <= low:
                length = high - gap if abs(length - high) < abs(length - low) else low + gap
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new = _point(at, length, d)
        calls += 1
        steps += 1
        if new[1] > f + c1 * new[0] * slope or new[1] >= bracket[best][1]:
            bracket[worst] = new
            best, worst = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
        else:
            if abs(new[3]) <= -c2 * slope:
                done = True
            elif new[3] * (bracket[worst][0] - bracket[best][0]) >= 0:
                bracket[worst] = bracket[best]
            bracket[best] = new
    length, loss, gradient, _ = bracket[best]
    return length, loss, gradient, calls


def _point(at: Callable[[float], tuple[float, Array]], t: float, d: Array) -> tuple[float, float, Array, float]:
    loss, g = at(t)
    return t, loss, g, float(g @ d)
