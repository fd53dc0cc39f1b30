"""Layers that rearrange, and layers that join several inputs."""

import math
from typing import Any, ClassVar, Literal

from pydantic import Field

from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer, Params
from nntrain.nn.layers.conv import Positive
from nntrain.ops import functions


class FlattenSpec(Layer):
    """All axes from `start_dim` on become one: (n, height, width, channels) -> (n, features)."""

    type: Literal["flatten"] = "flatten"
    start_dim: int = Field(1, ge=0, description="the first axis to join")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].flatten(self.start_dim)


class ReshapeSpec(Layer):
    """The elements of a row in another shape: (n, ...) -> (n, *shape); one size may be -1."""

    type: Literal["reshape"] = "reshape"

    examples: ClassVar[Any] = (({"shape": (2, -1)}, ((3, 4),)),)
    shape: tuple[int, ...] = Field(description="sizes without the rows")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        rest = xs[0].size // max(xs[0].shape[0], 1)
        known = math.prod(n for n in self.shape if n != -1)
        if self.shape.count(-1) > 1 or known == 0 or rest % known or (-1 not in self.shape and known != rest):
            raise ValueError(f"reshape: {rest} elements a row do not fill {self.shape}")
        return xs[0].reshape(xs[0].shape[0], *(rest // known if n == -1 else n for n in self.shape))


class PermuteSpec(Layer):
    """Axes in another order; the rows, axis 0, stay first."""

    type: Literal["permute"] = "permute"

    examples: ClassVar[Any] = (({"dims": (0, 2, 1)}, ((2, 3, 4),)),)
    dims: tuple[int, ...] = Field(description="all axes in their new order, such as [0, 2, 1]")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        if sorted(self.dims) != list(range(xs[0].ndim)) or self.dims[0] != 0:
            raise ValueError(f"permute: {list(self.dims)} is not an order of {xs[0].ndim} axes that begins with 0")
        return xs[0].transpose(*self.dims)


class IdentitySpec(Layer):
    """Its input: a name for a place in the network."""

    type: Literal["identity"] = "identity"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0]


class AddSpec(Layer):
    """The sum of its inputs, which broadcast: a residual connection."""

    type: Literal["add"] = "add"

    examples: ClassVar[Any] = (({}, ((3, 4), (3, 4))),)

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        out = xs[0]
        for x in xs[1:]:
            out = out + x
        return out


class MultiplySpec(Layer):
    """The product of its inputs, which broadcast: a gate."""

    type: Literal["multiply"] = "multiply"

    examples: ClassVar[Any] = (({}, ((3, 4), (3, 1))),)

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        out = xs[0]
        for x in xs[1:]:
            out = out * x
        return out


class ConcatSpec(Layer):
    """Its inputs joined along one axis, the channels where not given."""

    type: Literal["concat"] = "concat"

    examples: ClassVar[Any] = (({}, ((3, 4), (3, 2))),)
    dim: int = Field(-1, description="the axis they may differ in; channels are the last")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return functions.concat(xs, self.dim)


class PixelShuffleSpec(Layer):
    """Channels become pixels: (n, h, w, c r r) -> (n, h r, w r, c) (Shi et al. 2016, arXiv:1609.05158)."""

    type: Literal["pixel_shuffle"] = "pixel_shuffle"

    examples: ClassVar[Any] = (({"upscale_factor": 2}, ((2, 3, 2, 8),)),)
    upscale_factor: Positive = Field(description="r")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        n, h, w, c = xs[0].shape
        r = self.upscale_factor
        if c % (r * r):
            raise ValueError(f"pixel_shuffle: {c} channels are no multiple of {r * r}")
        parts = xs[0].reshape(n, h, w, c // (r * r), r, r).transpose(0, 1, 4, 2, 5, 3)
        return parts.reshape(n, h * r, w * r, c // (r * r))


class PadSpec(Layer):
    """A border around images or sequences; a negative width takes elements away.

    (n, h, w, c) with widths [left, right, top, bottom], (n, t, c) with [left, right].
    """

    type: Literal["pad"] = "pad"

    examples: ClassVar[Any] = (({"padding": (1, 2, 0, 1)}, ((2, 3, 4, 2),)),)
    padding: tuple[int, ...] = Field(description="[left, right, top, bottom], or [left, right] for sequences")
    mode: Literal["constant", "reflect", "replicate", "circular"] = Field(
        "constant", description="what the border holds"
    )
    value: float = Field(0.0, description="the constant")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        axes = xs[0].ndim - 2
        if len(self.padding) != 2 * axes:
            raise ValueError(f"pad: {2 * axes} widths are needed for {xs[0].ndim} axes, not {len(self.padding)}")
        pairs = [(self.padding[2 * i], self.padding[2 * i + 1]) for i in reversed(range(axes))]
        return functions.pad(xs[0], [(0, 0), *pairs, (0, 0)], self.mode, self.value)
