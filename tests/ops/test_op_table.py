"""Every op from its samples: gradients, precision, strides, untouched inputs, complete outputs."""

from __future__ import annotations

import numpy as np
import pytest

from nntrain import ops as _ops
from nntrain.engine.gradcheck import cast_inputs, check_op, evaluate, samples
from nntrain.engine.graph import apply
from nntrain.engine.op import Op, Sample, op, ops
from nntrain.engine.spec import Spec
from nntrain.engine.tensor import Tensor

assert _ops
SAMPLES = [pytest.param(o, s, id=name) for o in ops.values() for name, s in samples(o)]


@pytest.mark.parametrize("each", list(ops.values()), ids=lambda o: o.name)
def test_gradients_and_precision(each: Op) -> None:
    wrong = [c for c in check_op(each) if not c.ok]
    assert not wrong, wrong


@pytest.mark.parametrize("each", list(ops.values()), ids=lambda o: o.name)
def test_is_documented_and_sampled(each: Op) -> None:
    assert each.doc
    no_gradient = each.reference.backward is None
    assert each.samples is not None or no_gradient, "an op with a gradient needs samples"


@pytest.mark.parametrize(("each", "sample"), SAMPLES)
def test_shape_rule_matches_and_everything_is_written(each: Op, sample: Sample) -> None:
    inputs = cast_inputs(sample, np.float32)
    if any(isinstance(v, np.dtype) for v in sample.attrs.values()):
        inputs = cast_inputs(sample, np.float64)
    outputs = evaluate(each, inputs, sample.attrs).outputs
    tensors = [None if x is None else Tensor(x) for x in inputs]
    abstract = apply(each.name, *(None if t is None else Tensor._abstract(t.spec) for t in tensors), **sample.attrs)
    for y, spec in zip(outputs, abstract if isinstance(abstract, tuple) else (abstract,), strict=True):
        assert Spec(y.shape, y.dtype) == spec.spec
        assert y.dtype.kind != "f" or not np.isnan(y).any()


@pytest.mark.parametrize(("each", "sample"), SAMPLES)
def test_strides_do_not_matter(each: Op, sample: Sample) -> None:
    inputs = cast_inputs(sample, np.float64)
    spread = [None if x is None else _strided(x) for x in inputs]
    plain = evaluate(each, inputs, sample.attrs)
    cotangents = [np.ones(y.shape) for y in plain.outputs]
    if each.reference.backward is None:
        cotangents = None  # type: ignore[assignment]
    a = evaluate(each, inputs, sample.attrs, cotangents=cotangents)
    b = evaluate(each, spread, sample.attrs, cotangents=cotangents and [_strided(c) for c in cotangents])
    for x, y in zip(a.outputs + a.gradients, b.outputs + b.gradients, strict=True):
        if x is not None:
            np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)


def _strided(x: np.ndarray) -> np.ndarray:
    """The same values with gaps between the elements."""
    wide = np.zeros(tuple(2 * n for n in x.shape), x.dtype)
    view = wide[(..., *(slice(None, None, 2) for _ in x.shape))]
    view[...] = x
    view.flags.writeable = False
    return view


def test_an_unwritten_element_is_noticed() -> None:
    @op
    class forgets_one:
        """Copies all but the last element."""

        elementwise = True

        def forward(xp, x, y):
            y[:-1] = x[:-1]

        def backward(xp, gy, gx):
            gx[:-1] = gy[:-1]

        def samples(draw):
            yield draw.sample(draw.normal(4))

    try:
        assert any(not c.ok for c in check_op(ops["forgets_one"]))
    finally:
        del ops["forgets_one"]


def test_writing_an_input_is_an_error() -> None:
    @op
    class greedy:
        """Changes its input."""

        elementwise = True

        def forward(xp, x, y):
            x += 1
            y[...] = x

        def samples(draw):
            yield draw.sample(draw.normal(4))

    try:
        with pytest.raises(ValueError, match="read-only"):
            check_op(ops["greedy"])
    finally:
        del ops["greedy"]


@pytest.mark.parametrize("each", [o for o in ops.values() if o.elementwise and o.samples], ids=lambda o: o.name)
def test_elementwise_ops_take_no_elements_one_and_none_at_all(each: Op) -> None:
    _, sample = next(iter(samples(each)))
    values = [x.ravel()[0] for x in sample.inputs if x is not None]
    for shape in ((0, 4), (1,), ()):
        inputs = [np.full(shape, v) for v in values]
        found = evaluate(each, inputs, sample.attrs, cotangents=[np.ones(shape)])
        assert found.outputs[0].shape == shape
        assert all(g is None or g.shape == shape for g in found.gradients)
