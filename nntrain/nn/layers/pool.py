"""Pooling, channels-last: images (n, height, width, channels) and sequences (n, time, channels)."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer, Params, pair
from nntrain.nn.layers.conv import Border, NonNegative, Positive
from nntrain.nn.layers.upsample import average, resize


def as_image(name: str, x: Tensor) -> Tensor:
    """A sequence (n, time, c) as an image of height 1."""
    if x.ndim != 3:
        raise ValueError(f"{name} needs sequences (n, time, channels), not shape {x.shape}")
    return x.unsqueeze(1)


def extended(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> Border:
    """The border of one axis; with `ceil_mode` larger at the end, so that a last window that starts inside fits."""
    span = dilation * (kernel - 1) + 1
    if padding * 2 > kernel:
        raise ValueError(f"a padding of {padding} is more than half of the window of {kernel}")
    left_over = (size + 2 * padding - span) % stride
    if not ceil_mode or left_over == 0 or size + 2 * padding < span:
        return padding, padding
    last = (size + 2 * padding - span) // stride * stride + stride  # where the extra window would start
    if last >= size + padding:
        return padding, padding
    return padding, padding + stride - left_over


class MaxPool2dSpec(Layer):
    """The largest element of each window: (n, height, width, c) -> (n, height', width', c)."""

    type: Literal["max_pool2d"] = "max_pool2d"

    examples: ClassVar[Any] = (
        ({"kernel_size": 2}, ((2, 5, 6, 3),)),
        ({"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, ((2, 5, 6, 3),)),
    )
    kernel_size: Positive | tuple[Positive, Positive] = Field(description="size of the window, or [height, width]")
    stride: Positive | tuple[Positive, Positive] | None = Field(
        None, description="step of the window; the size of the window where it is not given"
    )
    padding: NonNegative | tuple[NonNegative, NonNegative] = Field(0, description="border that never wins")
    dilation: Positive | tuple[Positive, Positive] = Field(1, description="distance between the window's elements")
    ceil_mode: bool = Field(False, description="keep a last window that is only partly inside")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        if xs[0].ndim != 4:
            raise ValueError(f"max_pool2d needs images (n, height, width, channels), not shape {xs[0].shape}")
        kernel, dilation = pair(self.kernel_size), pair(self.dilation)
        stride = kernel if self.stride is None else pair(self.stride)
        border = tuple(
            extended(*axis, self.ceil_mode)
            for axis in zip(xs[0].shape[1:3], kernel, stride, pair(self.padding), dilation, strict=True)
        )
        return apply("max_pool2d", xs[0], kernel=kernel, stride=stride, padding=border, dilation=dilation)


class MaxPool1dSpec(Layer):
    """The largest element of each window: (n, time, c) -> (n, time', c)."""

    type: Literal["max_pool1d"] = "max_pool1d"

    examples: ClassVar[Any] = (({"kernel_size": 2}, ((2, 6, 3),)),)
    kernel_size: Positive = Field(description="size of the window")
    stride: Positive | None = Field(
        None, description="step of the window; the size of the window where it is not given"
    )
    padding: NonNegative = Field(0, description="border that never wins")
    dilation: Positive = Field(1, description="distance between the window's elements")
    ceil_mode: bool = Field(False, description="keep a last window that is only partly inside")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        flat = MaxPool2dSpec(
            kernel_size=(1, self.kernel_size),
            stride=(1, self.stride or self.kernel_size),
            padding=(0, self.padding),
            dilation=(1, self.dilation),
            ceil_mode=self.ceil_mode,
        )
        return flat.forward(p, as_image("max_pool1d", xs[0]), ctx=ctx).squeeze(1)


class AvgPool2dSpec(Layer):
    """The mean of each window: (n, height, width, c) -> (n, height', width', c)."""

    type: Literal["avg_pool2d"] = "avg_pool2d"

    examples: ClassVar[Any] = (
        ({"kernel_size": 2}, ((2, 5, 6, 3),)),
        ({"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}, ((2, 5, 6, 3),)),
    )
    kernel_size: Positive | tuple[Positive, Positive] = Field(description="size of the window, or [height, width]")
    stride: Positive | tuple[Positive, Positive] | None = Field(
        None, description="step of the window; the size of the window where it is not given"
    )
    padding: NonNegative | tuple[NonNegative, NonNegative] = Field(0, description="zeros around the image")
    ceil_mode: bool = Field(False, description="keep a last window that is only partly inside")
    count_include_pad: bool = Field(True, description="the zeros count in the mean")
    divisor_override: Positive | None = Field(None, description="divide by this instead of the number of elements")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        if xs[0].ndim != 4:
            raise ValueError(f"avg_pool2d needs images (n, height, width, channels), not shape {xs[0].shape}")
        kernel = pair(self.kernel_size)
        stride = kernel if self.stride is None else pair(self.stride)
        axes = list(zip(xs[0].shape[1:3], kernel, stride, pair(self.padding), strict=True))
        border = tuple(extended(n, k, s, q, 1, self.ceil_mode) for n, k, s, q in axes)
        counts = [self._counts(*axis, after) for axis, (_, after) in zip(axes, border, strict=True)]
        if self.divisor_override is not None:
            counts = [(self.divisor_override,) * len(counts[0]), (1,) * len(counts[1])]
        return apply("avg_pool2d", xs[0], kernel=kernel, stride=stride, padding=border, counts=tuple(counts))

    def _counts(self, size: int, kernel: int, stride: int, padding: int, after: int) -> tuple[int, ...]:
        """How many elements of each window count: those inside, or those inside the padded image."""
        starts = range(-padding, size + after - kernel + 1, stride)
        low, high = (-padding, size + padding) if self.count_include_pad else (0, size)
        return tuple(min(s + kernel, high) - max(s, low) for s in starts)


class AvgPool1dSpec(Layer):
    """The mean of each window: (n, time, c) -> (n, time', c)."""

    type: Literal["avg_pool1d"] = "avg_pool1d"

    examples: ClassVar[Any] = (({"kernel_size": 2}, ((2, 6, 3),)),)
    kernel_size: Positive = Field(description="size of the window")
    stride: Positive | None = Field(
        None, description="step of the window; the size of the window where it is not given"
    )
    padding: NonNegative = Field(0, description="zeros around the sequence")
    ceil_mode: bool = Field(False, description="keep a last window that is only partly inside")
    count_include_pad: bool = Field(True, description="the zeros count in the mean")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        flat = AvgPool2dSpec(
            kernel_size=(1, self.kernel_size),
            stride=(1, self.stride or self.kernel_size),
            padding=(0, self.padding),
            ceil_mode=self.ceil_mode,
            count_include_pad=self.count_include_pad,
        )
        return flat.forward(p, as_image("avg_pool1d", xs[0]), ctx=ctx).squeeze(1)


class AdaptiveAvgPool2dSpec(Layer):
    """The mean of windows that share the image evenly: (n, height, width, c) -> (n, *output_size, c)."""

    type: Literal["adaptive_avg_pool2d"] = "adaptive_avg_pool2d"

    examples: ClassVar[Any] = (({"output_size": (2, 3)}, ((2, 5, 6, 3),)), ({}, ((2, 5, 6, 3),)))
    output_size: Positive | tuple[Positive, Positive] = Field(1, description="size of the output, or [height, width]")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        if xs[0].ndim != 4:
            raise ValueError(f"adaptive_avg_pool2d needs images (n, height, width, channels), not shape {xs[0].shape}")
        out = pair(self.output_size)
        if out == (1, 1):
            return xs[0].mean(axis=(1, 2), keepdims=True)
        return resize(xs[0], average(xs[0].shape[1], out[0]), average(xs[0].shape[2], out[1]))


class AdaptiveMaxPool2dSpec(Layer):
    """The largest element of windows that share the image evenly: (n, height, width, c) -> (n, *output_size, c)."""

    type: Literal["adaptive_max_pool2d"] = "adaptive_max_pool2d"

    examples: ClassVar[Any] = (({"output_size": (2, 3)}, ((2, 5, 6, 3),)),)
    output_size: Positive | tuple[Positive, Positive] = Field(1, description="size of the output, or [height, width]")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("adaptive_max_pool2d", xs[0], out=pair(self.output_size))


class AdaptiveAvgPool1dSpec(Layer):
    """The mean of windows that share the sequence evenly: (n, time, c) -> (n, output_size, c)."""

    type: Literal["adaptive_avg_pool1d"] = "adaptive_avg_pool1d"

    examples: ClassVar[Any] = (({"output_size": 2}, ((2, 6, 3),)),)
    output_size: Positive = Field(1, description="length of the output")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        x = as_image("adaptive_avg_pool1d", xs[0])
        return AdaptiveAvgPool2dSpec(output_size=(1, self.output_size)).forward(p, x, ctx=ctx).squeeze(1)


class AdaptiveMaxPool1dSpec(Layer):
    """The largest element of windows that share the sequence evenly: (n, time, c) -> (n, output_size, c)."""

    type: Literal["adaptive_max_pool1d"] = "adaptive_max_pool1d"

    examples: ClassVar[Any] = (({"output_size": 2}, ((2, 6, 3),)),)
    output_size: Positive = Field(1, description="length of the output")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        x = as_image("adaptive_max_pool1d", xs[0])
        return AdaptiveMaxPool2dSpec(output_size=(1, self.output_size)).forward(p, x, ctx=ctx).squeeze(1)
