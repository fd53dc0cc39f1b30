"""Compiled CPU kernels against the float64 reference, on sizes that fit no tile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from nntrain import backend as devices
from nntrain import ops as _ops
from nntrain.backend.random import counter
from nntrain.engine.gradcheck import difference, evaluate
from nntrain.engine.op import Implementation, complete_attrs, ops
from nntrain.engine.spec import Spec

assert _ops
cpu = pytest.importorskip("nntrain.backend.kernels.cpu")
if not cpu.AVAILABLE:
    pytest.skip("numba, scipy or threadpoolctl is missing", allow_module_level=True)

Call = tuple[str, list[Any], dict[str, Any]]
RNG = np.random.default_rng(3)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def calls() -> Iterator[Call]:
    for m, k, n in itertools.product((1, 3, 17), (1, 7, 33), (1, 2, 17)):
        yield "linear", [normal(m, k), normal(k, n), normal(n)], {}
    yield "linear", [normal(2, 3, 5), normal(5, 4), None], {}
    for h, w, c, o, kernel, stride, pad, dilation in (
        (1, 1, 1, 1, (1, 1), (1, 1), 0, (1, 1)),
        (7, 5, 3, 2, (3, 3), (1, 1), 1, (1, 1)),
        (17, 13, 2, 17, (3, 2), (2, 1), 1, (1, 1)),
        (9, 9, 7, 3, (1, 1), (1, 1), 0, (1, 1)),
        (9, 9, 7, 3, (1, 1), (2, 2), 0, (1, 1)),
        (11, 8, 1, 5, (3, 3), (1, 1), 1, (1, 1)),
        (11, 8, 3, 5, (2, 2), (1, 2), 2, (2, 3)),
        (30, 30, 17, 33, (3, 3), (1, 1), 1, (1, 1)),
    ):
        attrs = {"stride": stride, "padding": ((pad, pad), (pad, 0)), "dilation": dilation, "groups": 1}
        yield "conv2d", [normal(3, h, w, c), normal(*kernel, c, o), normal(o)], attrs
    for kernel, stride, pad, dilation in (
        ((2, 2), (2, 2), 0, (1, 1)),
        ((3, 2), (1, 2), 1, (1, 1)),
        ((2, 2), (1, 1), 1, (2, 1)),
    ):
        attrs = {"kernel": kernel, "stride": stride, "padding": ((pad, pad), (pad, pad)), "dilation": dilation}
        yield "max_pool2d", [normal(3, 7, 9, 5)], attrs
    for size in (1, 2, 3, 7, 17, 1001):
        yield "relu", [normal(size)], {}
        yield "dropout", [normal(3, size), counter(5, 2)], {"p": 0.3, "key": (1, 2)}


CALLS = list(calls())


def fast(name: str, inputs: list[Any], attrs: Mapping[str, Any]) -> Implementation:
    specs = tuple(None if x is None else Spec(x.shape, x.dtype) for x in inputs)
    (declaration, *_) = devices.overrides(name, "cpu")
    found = Implementation(declaration, ops[name])
    assert found.accepts(specs, complete_attrs(ops[name], attrs))
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("call", CALLS, ids=[f"{i}-{c[0]}" for i, c in enumerate(CALLS)])
def test_agrees_with_the_reference(call: Call, dtype: str) -> None:
    name, given, attrs = call
    inputs = [x.astype(dtype) if x is not None and x.dtype.kind == "f" else x for x in given]
    exact_inputs = [x.astype(np.float64) if x is not None and x.dtype.kind == "f" else x for x in inputs]
    shape = evaluate(ops[name], exact_inputs, attrs).outputs[0].shape
    cotangent = RNG.standard_normal(shape).astype(dtype)
    exact = evaluate(ops[name], exact_inputs, attrs, cotangents=[cotangent.astype(np.float64)])
    got = evaluate(ops[name], inputs, attrs, implementation=fast(name, inputs, attrs), cotangents=[cotangent])
    for a, b in zip(got.outputs + got.gradients, exact.outputs + exact.gradients, strict=True):
        if a is not None:
            error, at = difference(a, b)
            assert error <= (2e-5 if dtype == "float32" else 1e-12), at


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["linear", "conv2d", "max_pool2d", "relu", "dropout"])
def test_bad_numbers_are_not_lost(name: str, bad: float) -> None:
    _, given, attrs = next(c for c in CALLS if c[0] == name and c[1][0].size > 16)
    inputs = [x if x is None or x.dtype.kind != "f" else x.astype(np.float32) for x in given]
    inputs[0] = np.abs(inputs[0])
    inputs[0].flat[inputs[0].size // 2] = bad
    with np.errstate(all="ignore"):
        exact = evaluate(ops[name], inputs, attrs).outputs[0]
    got = evaluate(ops[name], inputs, attrs, implementation=fast(name, inputs, attrs)).outputs[0]
    np.testing.assert_array_equal(np.isnan(got), np.isnan(exact))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(exact))


def test_dropout_draws_the_reference_bits() -> None:
    inputs = [np.ones((5, 1003), np.float32), counter(2**33 + 5, 7)]
    attrs = {"p": 0.37, "key": (123456789, 4000000000)}
    a = evaluate(ops["dropout"], inputs, attrs)
    b = evaluate(ops["dropout"], inputs, attrs, implementation=fast("dropout", inputs, attrs))
    np.testing.assert_array_equal(a.outputs[0], b.outputs[0])


@pytest.mark.parametrize("decoupled", [True, False])
@pytest.mark.parametrize("size", [1, 17, 1001])
def test_adam_agrees_with_the_reference(size: int, decoupled: bool) -> None:
    attrs = {"beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1, "decoupled": decoupled}
    h = np.array([0.01, 0.9, 0.1, 0.999], np.float32)
    arrays = [normal(size).astype(np.float32) for _ in range(3)] + [np.abs(normal(size)).astype(np.float32)]
    one, two = ([a.copy() for a in arrays] for _ in range(2))
    evaluate(ops["adam_update"], [*one, None, h], attrs)
    evaluate(ops["adam_update"], [*two, None, h], attrs, implementation=fast("adam_update", [*two, None, h], attrs))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-7)
