"""Limits on gradients, over tensors and over flat arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nntrain
from nntrain.optim import FlatParameters, clip_grad_norm_, clip_grad_value_


def made(flat: bool) -> tuple[list[nntrain.Tensor], object]:
    params = [nntrain.tensor(np.zeros(n), dtype=np.float32, requires_grad=True) for n in (3, 5, 2)]
    group = FlatParameters(params) if flat else params
    for i, p in enumerate(params):
        if i != 1:
            (p * nntrain.tensor(np.arange(p.size, dtype=np.float32) + i)).sum().backward()
    return params, group


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, math.inf])
def test_flat_and_separate_gradients_are_clipped_alike(norm_type: float) -> None:
    (a, apart), (b, together) = made(False), made(True)
    norms = [clip_grad_norm_(x, 0.5, norm_type) for x in (apart, together)]  # type: ignore[arg-type]
    assert norms[0] == pytest.approx(norms[1], rel=1e-6)
    every = np.concatenate([p.grad.numpy() for p in a if p.grad is not None])
    assert np.linalg.norm(every, norm_type) == pytest.approx(0.5, rel=1e-5)
    for p, q in zip(a, b, strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None and q.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-6)


def test_what_an_earlier_step_left_in_the_flat_array_does_not_count() -> None:
    params, flat = made(True)
    assert isinstance(flat, FlatParameters)
    params[1]._grad_buffer[...] = 1e6  # type: ignore[index]
    assert clip_grad_norm_(flat, 1e9) < 10
    clip_grad_value_(flat, 1.0)
    assert params[1]._grad_buffer[0] == 1e6  # type: ignore[index]
    assert params[2].grad is not None and params[2].grad.numpy().max() == 1


def test_large_gradients_do_not_overflow() -> None:
    p = nntrain.tensor(np.zeros(2), dtype=np.float32, requires_grad=True)
    p.grad = nntrain.tensor(np.array([3e30, 4e30], np.float32))
    assert clip_grad_norm_(p, 1.0) == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(p.grad.numpy(), [0.6, 0.8], rtol=1e-6)


def test_nothing_to_clip() -> None:
    assert clip_grad_norm_([nntrain.tensor([1.0], requires_grad=True)], 1.0) == 0
    with pytest.raises(ValueError, match="must be positive"):
        clip_grad_norm_([], -1.0)
    with pytest.raises(ValueError, match="must be positive"):
        clip_grad_value_([], -1.0)
