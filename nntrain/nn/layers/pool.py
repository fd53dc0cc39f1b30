"""Pooling, channels-last."""

from typing import Literal

from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer, Params, pair
from nntrain.nn.layers.conv import NonNegative, Positive, borders


class MaxPool2dSpec(Layer):
    """The largest element of each window: (n, height, width, c) -> (n, height', width', c)."""

    type: Literal["max_pool2d"] = "max_pool2d"
    kernel_size: Positive | tuple[Positive, Positive] = Field(description="size of the window, or [height, width]")
    stride: Positive | tuple[Positive, Positive] | None = Field(
        None, description="step of the window; the size of the window where it is not given"
    )
    padding: NonNegative | tuple[NonNegative, NonNegative] = Field(0, description="border that never wins")
    dilation: Positive | tuple[Positive, Positive] = Field(1, description="distance between the window's elements")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        kernel, dilation = pair(self.kernel_size), pair(self.dilation)
        out: Tensor = apply(
            "max_pool2d",
            xs[0],
            kernel=kernel,
            stride=kernel if self.stride is None else pair(self.stride),
            padding=borders(self.padding, kernel, dilation),
            dilation=dilation,
        )
        return out
