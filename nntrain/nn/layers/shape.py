"""Layers that only rearrange."""

from typing import Literal

from pydantic import Field

from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer, Params


class FlattenSpec(Layer):
    """All axes from `start_dim` on become one: (n, height, width, channels) -> (n, features)."""

    type: Literal["flatten"] = "flatten"
    start_dim: int = Field(1, ge=0, description="the first axis to join")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].flatten(self.start_dim)
