"""Gradients against numbers: every op's from its samples, and those of any function of tensors.

Central differences in float64: along random directions, which see every element at once, and element by element where
there are few. A derivative that differs from the left and from the right is a kink, and is counted, not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nntrain import backend as devices
from nntrain.backend import Array, Backend
from nntrain.engine.graph import no_grad, run, sum_to
from nntrain.engine.op import Draw, Implementation, Op, Plan, Sample, complete_attrs, implementations
from nntrain.engine.spec import Spec, float32, float64
from nntrain.engine.tensor import Tensor

EPS = 1e-6
GRADIENT_TOLERANCE = 1e-6  # float64, relative to the scale of the gradient
FLOAT32_TOLERANCE = 2e-5  # float32 kernel against float64 reference, relative to the scale of the array
FEW = 64


@dataclass(frozen=True)
class Check:
    """One comparison: `error` is relative to the scale of what was compared."""

    subject: str  # "conv2d[stride-pad]", "layer 2 (linear)"
    what: str  # "gradient of w", "forward y"
    implementation: str
    dtype: str
    error: float
    tolerance: float
    worst: tuple[int, ...] = ()  # index of the worst element, where elements were compared
    kinks: int = 0

    @property
    def ok(self) -> bool:
        return self.error <= self.tolerance  # False for NaN


@dataclass
class Evaluation:
    """Outputs of one call, and the gradients of sum(output * cotangent) with respect to its inputs."""

    outputs: list[Array]
    gradients: list[Array | None]


def evaluate(
    op: Op,
    inputs: Sequence[Array | None],
    attrs: Mapping[str, Any],
    *,
    implementation: Implementation | None = None,
    backend: Backend = devices.cpu,
    cotangents: Sequence[Array] | None = None,
) -> Evaluation:
    """Call one implementation of an op directly. Everything it must write is NaN before; it may not write its inputs.

    Gradients are computed where `cotangents` (one for each output) are given.
    """
    xp = backend.xp
    specs = tuple(None if x is None else Spec(x.shape, x.dtype) for x in inputs)
    planned = Plan(op, specs, complete_attrs(op, attrs), implementation or op.reference)
    arrays: list[Any] = [tuple(inputs)] if op.variadic else list(inputs)
    if op.view:
        outputs = [planned.forward.function(*inputs, **planned.forward.attrs)]
        arrays += outputs
    else:
        outputs = [unwritten(xp, s) for s in planned.outputs]
        arrays += outputs + [unwritten(xp, s) for s in planned.residuals] + [unwritten(xp, s) for s in planned.scratch]
        run(planned.forward, backend, arrays)
    if cotangents is None or planned.backward is None:
        return Evaluation(outputs, [None] * len(inputs))
    arrays += [xp.asarray(c) for c in cotangents]
    wide = planned.outputs[0].shape if planned.full_gradients else None
    wanted = op.differentiable * len(inputs) if op.variadic else op.differentiable
    gradients: list[Array | None] = [
        unwritten(xp, Spec(wide if wide is not None else s.shape, s.dtype))
        if s is not None and want and s.dtype.kind == "f"
        else None
        for s, want in zip(specs, wanted, strict=False)
    ]
    arrays += [tuple(gradients)] if op.variadic else gradients
    run(planned.backward, backend, arrays)
    reduced = [
        g if g is None or s is None or g.shape == s.shape else sum_to(xp, g, s)
        for g, s in zip(gradients, specs, strict=True)
    ]
    return Evaluation(outputs, reduced)


def unwritten(xp: Any, spec: Spec) -> Array:
    """An array in which everything that is not written shows."""
    out = xp.empty(spec.shape, spec.dtype)
    out[...] = np.nan if spec.dtype.kind == "f" else (True if spec.dtype.kind == "b" else 77)
    return out


def samples(op: Op) -> Iterator[tuple[str, Sample]]:
    """The samples of an op with a name for each."""
    if op.samples is not None:
        for i, sample in enumerate(op.samples(Draw(seed=len(op.name)))):
            if not op.variadic:  # optional inputs that a sample leaves out are None
                missing = (None,) * (len(op.inputs) - len(sample.inputs))
                sample = Sample(sample.inputs + missing, sample.attrs, sample.name)
            yield f"{op.name}[{sample.name or i}]", sample


def cast_inputs(sample: Sample, dtype: Any) -> list[np.ndarray[Any, Any] | None]:
    """The inputs of a sample with its floats in another dtype, read-only."""
    made = [None if x is None else x.astype(dtype) if x.dtype.kind == "f" else x.copy() for x in sample.inputs]
    for x in made:
        if x is not None:
            x.flags.writeable = False
    return made


def check_op(op: Op, kind: str = "cpu") -> list[Check]:
    """Check every implementation of an op on every sample.

    The reference in float64 against central differences; then each implementation, in float64 and float32, against the
    float64 reference.
    """
    checks: list[Check] = []
    backend = devices.get(kind)
    for name, sample in samples(op):
        if op.reference.backward is not None:
            checks += _check_reference(op, name, sample)
        checks += _check_implementations(op, name, sample, backend)
    return checks


def _cotangents(op: Op, inputs: Sequence[Any], attrs: Mapping[str, Any]) -> list[np.ndarray[Any, Any]]:
    specs = tuple(None if x is None else Spec(x.shape, x.dtype) for x in inputs)
    shapes = op.shape(*specs, **complete_attrs(op, attrs))
    rng = np.random.default_rng(1)
    return [rng.standard_normal(s.shape) for s in ((shapes,) if isinstance(shapes, Spec) else shapes)]


def _check_reference(op: Op, name: str, sample: Sample) -> list[Check]:
    inputs = cast_inputs(sample, float64)
    cotangents = _cotangents(op, inputs, sample.attrs)
    found = evaluate(op, inputs, sample.attrs, cotangents=cotangents)

    def value(i: int, x: np.ndarray[Any, Any]) -> float:
        outputs = evaluate(op, [*inputs[:i], x, *inputs[i + 1 :]], sample.attrs).outputs
        return float(
            sum((np.asarray(y) * c).sum() for y, c in zip(outputs, cotangents, strict=True) if y.dtype.kind == "f")
        )

    checks = []
    for i, gradient in enumerate(found.gradients):
        x = inputs[i]
        if gradient is not None and x is not None:
            label = op.inputs[i] if not op.variadic else f"{op.inputs[0]}[{i}]"
            what = f"gradient of {label}"
            checks.append(compare_gradient(partial(value, i), x, gradient, name, what, op.reference.origin))
    return checks


def compare_gradient(
    value: Callable[[np.ndarray[Any, Any]], float],
    x: np.ndarray[Any, Any],
    gradient: np.ndarray[Any, Any],
    subject: str,
    what: str,
    implementation: str,
    directions: int = 3,
    elements: int = FEW,
) -> Check:
    """Compare a gradient in float64 with central differences of `value` at `x`.

    Along `directions` random directions, and for up to `elements` single elements (all where there are as few).
    """
    rng = np.random.default_rng(2)
    scale = max(1.0, float(np.abs(gradient).max(initial=0.0)))
    worst, kinks = 0.0, 0
    at: tuple[int, ...] = ()
    if not np.isfinite(gradient).all():
        bad = np.unravel_index(int(np.argmin(np.isfinite(gradient))), gradient.shape)
        return Check(subject, what, implementation, "float64", float("nan"), GRADIENT_TOLERANCE, tuple(map(int, bad)))
    centre = value(x)
    for _ in range(directions if x.size else 0):
        direction = rng.standard_normal(x.shape)
        direction /= max(np.linalg.norm(direction), 1e-30)
        slope, kink = _slope(value, x, direction, centre)
        kinks += kink
        if not kink:
            worst = _worse(worst, abs(slope - float((gradient * direction).sum())) / scale)
    chosen = np.arange(x.size) if x.size <= elements else rng.choice(x.size, elements, replace=False)
    for k in chosen:
        index = np.unravel_index(int(k), x.shape)
        direction = np.zeros(x.shape)
        direction[index] = 1.0
        slope, kink = _slope(value, x, direction, centre)
        kinks += kink
        error = abs(slope - float(gradient[index])) / scale
        if not kink and not error <= worst:
            worst, at = error, tuple(map(int, index))
    return Check(subject, what, implementation, "float64", worst, GRADIENT_TOLERANCE, at, kinks)


def _worse(a: float, b: float) -> float:
    return b if not b <= a else a


def _slope(
    value: Callable[[np.ndarray[Any, Any]], float],
    x: np.ndarray[Any, Any],
    direction: np.ndarray[Any, Any],
    centre: float,
) -> tuple[float, bool]:
    """The central difference, and whether a kink lies within reach.

    A smooth function's one-sided slopes differ by eps times its curvature, so the difference halves with eps; at a kink
    it stays.
    """
    gaps = []
    slopes = []
    for eps in (EPS, EPS / 4):
        up, down = value(x + eps * direction), value(x - eps * direction)
        slopes.append((up - down) / (2 * eps))
        gaps.append(abs((up - centre) / eps - (centre - down) / eps))
    noise = 1e-8 * max(1.0, abs(centre)) / EPS * 1e-2
    scale = max(1.0, abs(slopes[0]))
    kink = gaps[0] > max(1e-3 * scale, noise) and gaps[1] > gaps[0] / 2
    kink |= abs(slopes[0] - slopes[1]) > 1e-3 * scale
    return slopes[0], kink


def _check_implementations(op: Op, name: str, sample: Sample, backend: Backend) -> list[Check]:
    exact_inputs = cast_inputs(sample, float64)
    cotangents = _cotangents(op, exact_inputs, sample.attrs)
    checks: list[Check] = []
    for dtype, tolerance in ((float64, 1e-10), (float32, FLOAT32_TOLERANCE * op.tolerance)):
        inputs = cast_inputs(sample, dtype)
        specs = tuple(None if x is None else Spec(x.shape, x.dtype) for x in inputs)
        if any(isinstance(v, np.dtype) for v in sample.attrs.values()):
            continue
        # what the float32 kernel was given, computed in float64: rounding of the inputs is not its error
        exact = evaluate(
            op,
            [None if x is None else x.astype(float64) if x.dtype.kind == "f" else x for x in inputs],
            sample.attrs,
            cotangents=[c.astype(dtype).astype(float64) for c in cotangents],
        )
        for implementation in implementations(op, specs, complete_attrs(op, sample.attrs), backend.kind):
            if implementation.is_reference and dtype == float64 and backend.kind == "cpu":
                continue
            on_device = [None if x is None else backend.from_host(x) for x in inputs]
            got = evaluate(
                op,
                on_device,
                sample.attrs,
                implementation=implementation,
                backend=backend,
                cotangents=[backend.from_host(c.astype(dtype)) for c in cotangents],
            )
            pairs = [(f"forward {n}", g, e) for n, g, e in zip(op.outputs, got.outputs, exact.outputs, strict=True)]
            pairs += [
                (f"gradient of {op.inputs[0] if op.variadic else op.inputs[i]}", g, e)
                for i, (g, e) in enumerate(zip(got.gradients, exact.gradients, strict=True))
                if g is not None and e is not None
            ]
            for what, g, e in pairs:
                error, at = difference(backend.to_host(g), e)
                checks.append(Check(name, what, implementation.origin, dtype.name, error, tolerance, at))
    return checks


def difference(got: np.ndarray[Any, Any], exact: np.ndarray[Any, Any]) -> tuple[float, tuple[int, ...]]:
    """The largest difference relative to the scale of `exact`, and where; equal infinities and NaN are equal."""
    if got.size == 0:
        return 0.0, ()
    a, b = got.astype(np.float64), exact.astype(np.float64)
    with np.errstate(invalid="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        gap = np.where(same, 0.0, np.abs(a - b))
    finite = np.abs(b[np.isfinite(b)])
    gap = np.where(np.isnan(gap), np.inf, gap) / max(1.0, float(finite.max(initial=0.0)))
    at = np.unravel_index(int(gap.argmax()), gap.shape)
    return float(gap.max()), tuple(map(int, at))


def gradcheck(
    function: Callable[[], Tensor], parameters: Mapping[str, Tensor], subject: str = "function", elements: int = 16
) -> list[Check]:
    """Check the gradient of a scalar function with respect to float64 tensors that it reads.

    `function` is called with the values of `parameters` changed in place; each parameter is put back.
    """
    for name, p in parameters.items():
        if p.dtype != float64:
            raise TypeError(f"gradcheck needs float64, and {name} is {p.dtype}")
        p.grad = None
    result = function()
    result.backward()
    backend = result._backend
    gradients = {
        n: backend.to_host(p.grad._array).copy() if p.grad is not None else None for n, p in parameters.items()
    }
    checks = []
    for name, p in parameters.items():
        gradient = gradients[name]
        start = backend.to_host(p._array).copy()

        def value(x: np.ndarray[Any, Any], p: Tensor = p) -> float:
            with no_grad():
                p._array[...] = backend.from_host(x)
                return float(function().item())

        found = np.zeros(p.shape) if gradient is None else gradient
        checks.append(
            compare_gradient(value, start, found, subject, f"gradient of {name}", "as trained", elements=elements)
        )
        p._array[...] = backend.from_host(start)
        p.grad = None
    return checks
