"""Activations: elementwise, any shape, the same shape out."""

from typing import Literal

from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer, Params


class ReLUSpec(Layer):
    """max(x, 0)."""

    type: Literal["relu"] = "relu"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].relu()


class TanhSpec(Layer):
    """The hyperbolic tangent."""

    type: Literal["tanh"] = "tanh"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].tanh()


class SigmoidSpec(Layer):
    """1 / (1 + exp(-x))."""

    type: Literal["sigmoid"] = "sigmoid"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].sigmoid()
