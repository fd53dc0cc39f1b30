"""Sequence layers: masks, projections, places, decoders."""

from __future__ import annotations

import numpy as np
import pytest

import nntrain
from nntrain import nn
from nntrain.nn.context import Context
from nntrain.nn.layer import Params
from nntrain.nn.layers.attention import MultiheadAttentionSpec, rotated


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_what_is_masked_changes_nothing(name: str) -> None:
    nntrain.manual_seed(0)
    layer = getattr(nn, name)(2, 3, bidirectional=True, returns="last")
    x = np.random.default_rng(0).standard_normal((2, 5, 2)).astype(np.float32)
    mask = nntrain.tensor(np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool))
    changed = x.copy()
    changed[0, 3:] = 100
    a, b = (layer(nntrain.tensor(v), mask) for v in (x, changed))
    np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    short = layer(nntrain.tensor(x[:1, :3]))
    np.testing.assert_allclose(np.asarray(a)[0], np.asarray(short)[0], rtol=1e-6)


def test_a_fully_masked_row_gives_the_constant_and_finite_gradients() -> None:
    spec = MultiheadAttentionSpec(num_heads=2)
    layer = nn.MultiheadAttention(4, 2, dtype="float64")
    x = nntrain.randn(2, 3, 4, dtype="float64", requires_grad=True)
    allowed = np.ones((2, 1, 3, 3), bool)
    allowed[0, 0, 1] = False
    out, weights = spec.attend(Params(layer.params), x, x, x, ctx=Context(), mask=nntrain.tensor(allowed))
    np.testing.assert_array_equal(np.asarray(weights)[0, :, 1], 0)
    np.testing.assert_allclose(np.asarray(out)[0, 1], np.asarray(layer.params["out_proj.bias"]))
    out.sum().backward()
    assert np.isfinite(np.asarray(x.grad)).all()


def test_a_causal_block_does_not_look_ahead() -> None:
    block = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, causal=True)
    x = np.random.default_rng(0).standard_normal((1, 5, 4)).astype(np.float32)
    later = x.copy()
    later[0, 3:] += 1
    a, b = (np.asarray(block(nntrain.tensor(v)).detach()) for v in (x, later))
    np.testing.assert_array_equal(a[:, :3], b[:, :3])
    assert not np.allclose(a[:, 3:], b[:, 3:])


def test_rotation_depends_on_distance_alone() -> None:
    rng = np.random.default_rng(0)
    q, k = (np.broadcast_to(rng.standard_normal(6), (1, 1, 8, 6)) for _ in range(2))
    scores = np.asarray(rotated(nntrain.tensor(q)) @ rotated(nntrain.tensor(k)).swapaxes(-1, -2))[0, 0]
    for shift in range(-3, 4):
        diagonal = np.diagonal(scores, shift)
        np.testing.assert_allclose(diagonal, diagonal[0])


def test_projected_outputs_have_their_size() -> None:
    layer = nn.LSTM(3, 5, num_layers=2, bidirectional=True, proj_size=2)
    assert layer(nntrain.randn(4, 6, 3)).shape == (4, 6, 4)


def test_a_decoder_block_looks_at_its_second_input() -> None:
    block = nn.TransformerDecoderLayer(4, 2, 8, dropout=0.0)
    x, memory = nntrain.randn(2, 3, 4), nntrain.randn(2, 5, 4)
    assert not np.allclose(np.asarray(block(x, memory).detach()), np.asarray(block(x, memory * 2).detach()))


def test_the_padding_row_of_an_embedding_stays_zero() -> None:
    layer = nn.Embedding(5, 3, padding_idx=-1)
    y = layer(nntrain.tensor([[0, 4], [4, 4]]))
    np.testing.assert_array_equal(np.asarray(y.detach())[1], 0)
    y.sum().backward()
    assert layer.weight.grad is not None
    np.testing.assert_array_equal(np.asarray(layer.weight.grad)[4], 0)
