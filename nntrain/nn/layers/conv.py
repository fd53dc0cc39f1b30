"""Convolutions, channels-last."""

from typing import Annotated, Literal

from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.spec import Spec
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.initializers import FanInUniform, Init
from nntrain.nn.layer import Layer, Params, ParamSpec, pair

Positive = Annotated[int, Field(gt=0)]
NonNegative = Annotated[int, Field(ge=0)]
Border = tuple[int, int]


def borders(
    padding: int | tuple[int, int] | str, kernel: tuple[int, int], dilation: tuple[int, int]
) -> tuple[Border, Border]:
    """What `padding` adds before and after height and width. "same" puts an odd element after, as PyTorch does."""
    if padding == "same":
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return (total[0] // 2, total[0] - total[0] // 2), (total[1] // 2, total[1] - total[1] // 2)
    if padding == "valid":
        return (0, 0), (0, 0)
    assert not isinstance(padding, str)
    height, width = pair(padding)
    return (height, height), (width, width)


class Conv2dSpec(Layer):
    """Convolution of images: (n, height, width, in_channels) -> (n, height', width', out_channels).

    Weight (kernel height, kernel width, in_channels / groups, out_channels), bias (out_channels), both uniform within
    1/sqrt(fan_in) at the start. height' = (height + padding - dilation (kernel - 1) - 1) // stride + 1.
    """

    type: Literal["conv2d"] = "conv2d"
    out_channels: Positive = Field(description="channels of the output")
    kernel_size: Positive | tuple[Positive, Positive] = Field(description="size of the window, or [height, width]")
    stride: Positive | tuple[Positive, Positive] = Field(1, description="step of the window, or [height, width]")
    padding: NonNegative | tuple[NonNegative, NonNegative] | Literal["same", "valid"] = Field(
        0,
        description="zeros around the image: a number, [height, width], same (output as large as input) or valid (none)",
    )
    dilation: Positive | tuple[Positive, Positive] = Field(1, description="distance between the window's elements")
    groups: Positive = Field(1, description="channels are split into this many groups that do not mix")
    bias: bool = Field(True, description="add a learned constant to each channel")
    init: Init = Field(FanInUniform(), description="initial weights")

    @staticmethod
    def given(in_channels: int) -> Spec:
        return Spec((1, 1, 1, in_channels))

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        if inputs[0].ndim != 4:
            raise ValueError(f"conv2d needs images (n, height, width, channels), not shape {inputs[0].shape}")
        channels = inputs[0].shape[3]
        if channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"conv2d: {channels} input and {self.out_channels} output channels do not divide into {self.groups} groups"
            )
        kh, kw = pair(self.kernel_size)
        fan_in = kh * kw * channels // self.groups
        fan_out = kh * kw * self.out_channels // self.groups
        shape = (kh, kw, channels // self.groups, self.out_channels)
        found = {"weight": ParamSpec(shape, self.init, fan_in, fan_out)}
        if self.bias:
            found["bias"] = ParamSpec((self.out_channels,), FanInUniform(), fan_in, fan_out)
        return found

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        stride, dilation = pair(self.stride), pair(self.dilation)
        if self.padding == "same" and stride != (1, 1):
            raise ValueError("conv2d: padding 'same' needs stride 1: give the padding as a number")
        out: Tensor = apply(
            "conv2d",
            xs[0],
            p["weight"],
            p.get("bias"),
            stride=stride,
            padding=borders(self.padding, pair(self.kernel_size), dilation),
            dilation=dilation,
            groups=self.groups,
        )
        return out
