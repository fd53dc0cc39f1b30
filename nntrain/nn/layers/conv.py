"""Convolutions, channels-last."""

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.spec import Spec
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.initializers import FanInUniform, Init
from nntrain.nn.layer import Layer, Params, ParamSpec, pair
from nntrain.ops import functions

Positive = Annotated[int, Field(gt=0)]
NonNegative = Annotated[int, Field(ge=0)]
Border = tuple[int, int]
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


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

    examples: ClassVar[Any] = (
        ({"out_channels": 4, "kernel_size": 3, "padding": "same"}, ((2, 5, 6, 3),)),
        (
            {"out_channels": 4, "kernel_size": (2, 3), "stride": 2, "padding": 1, "padding_mode": "reflect"},
            ((2, 5, 6, 3),),
        ),
    )
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
    padding_mode: PaddingMode = Field("zeros", description="what the border holds")
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
        x, border = xs[0], borders(self.padding, pair(self.kernel_size), dilation)
        if self.padding_mode != "zeros":
            x = functions.pad(x, ((0, 0), *border, (0, 0)), self.padding_mode)
            border = ((0, 0), (0, 0))
        return apply(
            "conv2d",
            x,
            p["weight"],
            p.get("bias"),
            stride=stride,
            padding=border,
            dilation=dilation,
            groups=self.groups,
        )


class Conv1dSpec(Layer):
    """Convolution of sequences: (n, time, in_channels) -> (n, time', out_channels).

    Weight (kernel, in_channels / groups, out_channels), bias (out_channels), both uniform within 1/sqrt(fan_in) at first.
    """

    type: Literal["conv1d"] = "conv1d"

    examples: ClassVar[Any] = (({"out_channels": 4, "kernel_size": 3, "padding": 1}, ((2, 6, 3),)),)
    out_channels: Positive = Field(description="channels of the output")
    kernel_size: Positive = Field(description="size of the window")
    stride: Positive = Field(1, description="step of the window")
    padding: NonNegative | Literal["same", "valid"] = Field(
        0, description="zeros at both ends: a number, same or valid"
    )
    dilation: Positive = Field(1, description="distance between the window's elements")
    groups: Positive = Field(1, description="channels are split into this many groups that do not mix")
    bias: bool = Field(True, description="add a learned constant to each channel")
    padding_mode: PaddingMode = Field("zeros", description="what the border holds")
    init: Init = Field(FanInUniform(), description="initial weights")

    @staticmethod
    def given(in_channels: int) -> Spec:
        return Spec((1, 1, in_channels))

    def _flat(self) -> Conv2dSpec:
        return Conv2dSpec(
            out_channels=self.out_channels,
            kernel_size=(1, self.kernel_size),
            stride=(1, self.stride),
            padding=self.padding if isinstance(self.padding, str) else (0, self.padding),
            dilation=(1, self.dilation),
            groups=self.groups,
            bias=self.bias,
            padding_mode=self.padding_mode,
            init=self.init,
        )

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        if inputs[0].ndim != 3:
            raise ValueError(f"conv1d needs sequences (n, time, channels), not shape {inputs[0].shape}")
        n, t, c = inputs[0].shape
        found = self._flat().params(inputs[0].of(n, 1, t, c))
        found["weight"] = replace(found["weight"], shape=found["weight"].shape[1:])
        return found

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        weights = {name: t.unsqueeze(0) if name == "weight" else t for name, t in p.items()}
        return self._flat().forward(Params(weights), xs[0].unsqueeze(1), ctx=ctx).squeeze(1)


class ConvTranspose2dSpec(Layer):
    """The gradient of a convolution as a layer: (n, height, width, in_channels) -> (n, height', width', out_channels).

    height' = (height - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1. Weight (kernel height, kernel
    width, in_channels, out_channels / groups), bias (out_channels), uniform within 1/sqrt(fan) with PyTorch's fan.
    """

    type: Literal["conv_transpose2d"] = "conv_transpose2d"

    examples: ClassVar[Any] = (
        ({"out_channels": 2, "kernel_size": 3, "stride": 2, "output_padding": 1}, ((2, 3, 4, 3),)),
    )
    out_channels: Positive = Field(description="channels of the output")
    kernel_size: Positive | tuple[Positive, Positive] = Field(description="size of the window, or [height, width]")
    stride: Positive | tuple[Positive, Positive] = Field(1, description="how many times larger, or [height, width]")
    padding: NonNegative | tuple[NonNegative, NonNegative] = Field(0, description="taken away at each side")
    output_padding: NonNegative | tuple[NonNegative, NonNegative] = Field(0, description="added at the end")
    groups: Positive = Field(1, description="channels are split into this many groups that do not mix")
    bias: bool = Field(True, description="add a learned constant to each channel")
    dilation: Positive | tuple[Positive, Positive] = Field(1, description="distance between the window's elements")
    init: Init = Field(FanInUniform(), description="initial weights")

    @staticmethod
    def given(in_channels: int) -> Spec:
        return Spec((1, 1, 1, in_channels))

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        if inputs[0].ndim != 4:
            raise ValueError(f"conv_transpose2d needs images (n, height, width, channels), not shape {inputs[0].shape}")
        channels = inputs[0].shape[3]
        if channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"conv_transpose2d: {channels} input and {self.out_channels} output channels do not divide into"
                f" {self.groups} groups"
            )
        kh, kw = pair(self.kernel_size)
        fan = kh * kw * self.out_channels // self.groups  # PyTorch counts the other way round than for a convolution
        shape = (kh, kw, channels, self.out_channels // self.groups)
        found = {"weight": ParamSpec(shape, self.init, fan, kh * kw * channels // self.groups)}
        if self.bias:
            found["bias"] = ParamSpec((self.out_channels,), FanInUniform(), fan, fan)
        return found

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        height, width = pair(self.padding)
        return apply(
            "conv_transpose2d",
            xs[0],
            p["weight"],
            p.get("bias"),
            stride=pair(self.stride),
            padding=((height, height), (width, width)),
            extra=pair(self.output_padding),
            dilation=pair(self.dilation),
            groups=self.groups,
        )


class ConvTranspose1dSpec(Layer):
    """The gradient of a convolution as a layer: (n, time, in_channels) -> (n, time', out_channels).

    Weight (kernel, in_channels, out_channels / groups), bias (out_channels).
    """

    type: Literal["conv_transpose1d"] = "conv_transpose1d"

    examples: ClassVar[Any] = (({"out_channels": 2, "kernel_size": 3, "stride": 2}, ((2, 4, 3),)),)
    out_channels: Positive = Field(description="channels of the output")
    kernel_size: Positive = Field(description="size of the window")
    stride: Positive = Field(1, description="how many times longer")
    padding: NonNegative = Field(0, description="taken away at each end")
    output_padding: NonNegative = Field(0, description="added at the end")
    groups: Positive = Field(1, description="channels are split into this many groups that do not mix")
    bias: bool = Field(True, description="add a learned constant to each channel")
    dilation: Positive = Field(1, description="distance between the window's elements")
    init: Init = Field(FanInUniform(), description="initial weights")

    @staticmethod
    def given(in_channels: int) -> Spec:
        return Spec((1, 1, in_channels))

    def _flat(self) -> ConvTranspose2dSpec:
        return ConvTranspose2dSpec(
            out_channels=self.out_channels,
            kernel_size=(1, self.kernel_size),
            stride=(1, self.stride),
            padding=(0, self.padding),
            output_padding=(0, self.output_padding),
            groups=self.groups,
            bias=self.bias,
            dilation=(1, self.dilation),
            init=self.init,
        )

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        if inputs[0].ndim != 3:
            raise ValueError(f"conv_transpose1d needs sequences (n, time, channels), not shape {inputs[0].shape}")
        n, t, c = inputs[0].shape
        found = self._flat().params(inputs[0].of(n, 1, t, c))
        found["weight"] = replace(found["weight"], shape=found["weight"].shape[1:])
        return found

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        weights = {name: t.unsqueeze(0) if name == "weight" else t for name, t in p.items()}
        return self._flat().forward(Params(weights), xs[0].unsqueeze(1), ctx=ctx).squeeze(1)
