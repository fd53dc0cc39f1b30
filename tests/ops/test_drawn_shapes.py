"""Shapes that nobody thought of: drawn at random, results against NumPy and gradients against differences."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import nntrain
from nntrain.engine.gradcheck import gradcheck

quick = settings(max_examples=40, deadline=None, derandomize=True)
SMALL = {"max_dims": 3, "max_side": 4, "min_side": 0}


def leaf(shape: tuple[int, ...], seed: int) -> nntrain.Tensor:
    return nntrain.tensor(np.random.default_rng(seed).uniform(0.5, 2, shape), requires_grad=True)


@quick
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, **SMALL))
def test_elementwise_operations_broadcast_as_numpy(shapes: hnp.BroadcastableShapes) -> None:
    a, b = (leaf(s, i) for i, s in enumerate(shapes.input_shapes))
    x, y = np.asarray(a), np.asarray(b)
    np.testing.assert_allclose(np.asarray(a * b + a / b), x * y + x / y)
    assert all(c.ok for c in gradcheck(lambda: (a * b + a / b).sum(), {"a": a, "b": b}))


@quick
@given(hnp.array_shapes(min_dims=0, **{k: v for k, v in SMALL.items() if k != "min_side"}), st.data())
def test_reductions_over_any_axes(shape: tuple[int, ...], data: st.DataObject) -> None:
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True)) if shape else []
    axis = tuple(axes) if axes else None
    keepdims = data.draw(st.booleans())
    x = leaf(shape, 0)
    for name in ("sum", "mean", "max", "min", "prod"):
        found = getattr(x, name)(axis, keepdims)
        np.testing.assert_allclose(np.asarray(found), getattr(np, name)(np.asarray(x), axis=axis, keepdims=keepdims))
    assert all(c.ok for c in gradcheck(lambda: (x.mean(axis, keepdims) * 2).sum(), {"x": x}))


@quick
@given(hnp.mutually_broadcastable_shapes(signature="(n,k),(k,m)->(n,m)", max_dims=2, max_side=3, min_side=0))
def test_matmul_of_any_ranks(shapes: hnp.BroadcastableShapes) -> None:
    a, b = (leaf(s, i) for i, s in enumerate(shapes.input_shapes))
    np.testing.assert_allclose(np.asarray(a @ b), np.asarray(a) @ np.asarray(b))
    assert all(c.ok for c in gradcheck(lambda: ((a @ b) * 0.5).sum(), {"a": a, "b": b}))


@quick
@given(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), st.data())
def test_basic_indexing_as_numpy(shape: tuple[int, ...], data: st.DataObject) -> None:
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    x = leaf(shape, 0)
    np.testing.assert_array_equal(np.asarray(x[index]), np.asarray(x)[index])
    assert all(c.ok for c in gradcheck(lambda: (x[index] * 3).sum(), {"x": x}))


@quick
@given(hnp.array_shapes(min_dims=1, max_dims=2, max_side=4), st.data())
def test_index_arrays_as_numpy(shape: tuple[int, ...], data: st.DataObject) -> None:
    index = data.draw(hnp.integer_array_indices(shape))
    x = leaf(shape, 0)
    np.testing.assert_array_equal(np.asarray(x[index]), np.asarray(x)[index])
    assert all(c.ok for c in gradcheck(lambda: (x[index] * 3).sum(), {"x": x}))
