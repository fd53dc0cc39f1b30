"""Normalisation, channels-last."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.spec import Spec, int64
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.initializers import Ones, Zeros
from nntrain.nn.layer import Layer, Params, ParamSpec
from nntrain.nn.layers.conv import Positive


def _affine(shape: tuple[int, ...], scale: bool = True, bias: bool = True) -> dict[str, ParamSpec]:
    found = {"weight": ParamSpec(shape, Ones())} if scale else {}
    return found | ({"bias": ParamSpec(shape, Zeros())} if bias and scale else {})


def _last_axes(name: str, wanted: int | tuple[int, ...] | None, x: Spec) -> tuple[int, ...]:
    """The sizes of the axes a norm spans. ValueError where the input does not end with them."""
    if wanted is None:
        return x.shape[-1:]
    shape = (wanted,) if isinstance(wanted, int) else wanted
    if x.shape[-len(shape) :] != shape:
        raise ValueError(f"{name} over {shape}: the last axes of the input are {x.shape[-len(shape) :]}")
    return shape


def _rows_of(shape: int | tuple[int, ...]) -> Spec:
    return Spec((1, shape) if isinstance(shape, int) else (1, *shape))


class BatchNormSpec(Layer):
    """Each channel to mean 0 and variance 1 over all other axes (Ioffe & Szegedy 2015, arXiv:1502.03167).

    (..., channels) -> the same. In training by the batch's mean and biased variance, and the running ones move towards its
    mean and unbiased variance; in evaluation by the running ones. Weight and bias (channels) start at 1 and 0.
    """

    type: Literal["batch_norm"] = "batch_norm"

    examples: ClassVar[Any] = (({}, ((4, 3),)), ({"momentum": None}, ((2, 3, 2, 3),)))
    eps: float = Field(1e-5, gt=0, description="added to the variance")
    momentum: float | None = Field(
        0.1, ge=0, le=1, description="share of the new batch in the running figures; null: their mean"
    )
    affine: bool = Field(True, description="learn a scale and a shift for each channel")
    track_running_stats: bool = Field(True, description="keep running figures; else evaluation uses the batch's own")

    @staticmethod
    def given(num_features: int) -> Spec:
        return Spec((1, num_features))

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        shape = inputs[0].shape[-1:]
        found = _affine(shape, self.affine)
        if self.track_running_stats:
            found["running_mean"] = ParamSpec(shape, Zeros(), trainable=False)
            found["running_var"] = ParamSpec(shape, Ones(), trainable=False)
            found["num_batches_tracked"] = ParamSpec((1,), Zeros(), trainable=False, dtype=int64)
        return found

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply(
            "batch_norm",
            xs[0],
            p.get("weight"),
            p.get("bias"),
            p.get("running_mean"),
            p.get("running_var"),
            p.get("num_batches_tracked"),
            training=ctx.training or not self.track_running_stats,
            momentum=self.momentum,
            eps=self.eps,
        )


class LayerNormSpec(Layer):
    """Each row to mean 0 and variance 1 over its last axes (Ba et al. 2016, arXiv:1607.06450).

    (..., *normalized_shape) -> the same; only the channels where no shape is given. Weight and bias of that shape.
    """

    type: Literal["layer_norm"] = "layer_norm"
    normalized_shape: Positive | tuple[Positive, ...] | None = Field(
        None, description="sizes of the last axes it spans"
    )
    eps: float = Field(1e-5, gt=0, description="added to the variance")
    elementwise_affine: bool = Field(True, description="learn a scale and a shift for each element")
    bias: bool = Field(True, description="learn the shift")

    @staticmethod
    def given(normalized_shape: int | tuple[int, ...]) -> Spec:
        return _rows_of(normalized_shape)

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        return _affine(_last_axes("layer_norm", self.normalized_shape, inputs[0]), self.elementwise_affine, self.bias)

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        axes = len(_last_axes("layer_norm", self.normalized_shape, xs[0].spec))
        return apply("layer_norm", xs[0], p.get("weight"), p.get("bias"), axes=axes, eps=self.eps)


class GroupNormSpec(Layer):
    """Channels in groups, each group of each row to mean 0 and variance 1 (Wu & He 2018, arXiv:1803.08494).

    (rows, ..., channels) -> the same. Weight and bias (channels).
    """

    type: Literal["group_norm"] = "group_norm"

    examples: ClassVar[Any] = (({"num_groups": 2}, ((2, 3, 2, 4),)),)
    num_groups: Positive = Field(description="number of groups, which divides the channels")
    eps: float = Field(1e-5, gt=0, description="added to the variance")
    affine: bool = Field(True, description="learn a scale and a shift for each channel")

    @staticmethod
    def given(num_groups: int, num_channels: int) -> Spec:
        return Spec((1, 1, num_channels))

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        return _affine(inputs[0].shape[-1:], self.affine)

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("group_norm", xs[0], p.get("weight"), p.get("bias"), groups=self.num_groups, eps=self.eps)


class InstanceNormSpec(Layer):
    """Each channel of each row to mean 0 and variance 1 (Ulyanov et al. 2016, arXiv:1607.08022)."""

    type: Literal["instance_norm"] = "instance_norm"

    examples: ClassVar[Any] = (({}, ((2, 3, 2, 4),)),)
    eps: float = Field(1e-5, gt=0, description="added to the variance")
    affine: bool = Field(False, description="learn a scale and a shift for each channel")

    @staticmethod
    def given(num_features: int) -> Spec:
        return Spec((1, 1, num_features))

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        return _affine(inputs[0].shape[-1:], self.affine)

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("group_norm", xs[0], p.get("weight"), p.get("bias"), groups=xs[0].shape[-1], eps=self.eps)


class RMSNormSpec(Layer):
    """x / sqrt(mean(x**2) + eps) over the last axes, times a weight (Zhang & Sennrich 2019, arXiv:1910.07467).

    (..., *normalized_shape) -> the same; only the channels where no shape is given. Weight of that shape.
    """

    type: Literal["rms_norm"] = "rms_norm"
    normalized_shape: Positive | tuple[Positive, ...] | None = Field(
        None, description="sizes of the last axes it spans"
    )
    eps: float = Field(1e-6, gt=0, description="added to the mean square")
    elementwise_affine: bool = Field(True, description="learn a scale for each element")

    @staticmethod
    def given(normalized_shape: int | tuple[int, ...]) -> Spec:
        return _rows_of(normalized_shape)

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        return _affine(_last_axes("rms_norm", self.normalized_shape, inputs[0]), self.elementwise_affine, bias=False)

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        axes = len(_last_axes("rms_norm", self.normalized_shape, xs[0].spec))
        return apply("rms_norm", xs[0], p.get("weight"), axes=axes, eps=self.eps)


class LocalResponseNormSpec(Layer):
    """x over (k + alpha / size times the squares of `size` neighbouring channels) ** beta (Krizhevsky et al. 2012)."""

    type: Literal["local_response_norm"] = "local_response_norm"

    examples: ClassVar[Any] = (({"size": 3}, ((2, 3, 2, 5),)),)
    size: Positive = Field(description="number of neighbouring channels")
    alpha: float = Field(1e-4, description="weight of the squares")
    beta: float = Field(0.75, description="the power")
    k: float = Field(1.0, description="the constant")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        x = xs[0]
        widths = ((0, 0),) * (x.ndim - 1) + ((self.size // 2, (self.size - 1) // 2),)
        squares: Tensor = apply("pad", x * x, widths=widths)
        mean = squares.unfold(-1, self.size, 1).mean(axis=-1)
        return x / (mean * self.alpha + self.k) ** self.beta
