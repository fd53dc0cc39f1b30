"""Where PyTorch's habits differ, the error says what to write instead."""

from __future__ import annotations

import pytest

import nntrain
from nntrain import nn


@pytest.mark.parametrize(
    "call", [lambda x: x.sum(dim=1), lambda x: x.softmax(dim=-1), lambda x: x.max(dim=0, keepdim=True)]
)
def test_dim_is_axis_here(call) -> None:
    with pytest.raises(TypeError, match="axis= instead of dim="):
        call(nntrain.ones(2, 3))


def test_an_image_with_channels_first() -> None:
    with pytest.raises(
        ValueError, match=r"channels on the last axis are expected, not shape .2, 3, 8, 9. .axes in the order"
    ):
        nn.Conv2d(3, 4, 3)(nntrain.ones(2, 3, 8, 9))


def test_transpose_takes_all_axes() -> None:
    with pytest.raises(ValueError, match="swapaxes"):
        nntrain.ones(2, 3, 4).transpose(1, 2)


def test_linear_says_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="not the 3 inputs"):
        nn.Linear(3, 4)(nntrain.ones(2, 5))


def test_losses_do_not_broadcast() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        nn.MSELoss()(nntrain.ones(4, 1), nntrain.ones(4))
