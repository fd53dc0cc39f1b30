"""Random silence while training."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer, Params
from nntrain.ops import functions
from nntrain.ops.activation import SELU_ALPHA, SELU_SCALE


class DropoutSpec(Layer):
    """While training, each element is 0 with probability p and otherwise scaled by 1 / (1 - p); else the identity.

    Srivastava et al. 2014, JMLR 15. Masks are functions of seed, layer, step and row alone.
    """

    type: Literal["dropout"] = "dropout"
    p: float = Field(0.5, ge=0, le=1, description="probability of an element to be 0")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        if not ctx.training or self.p == 0:
            return xs[0]
        counter, key = ctx.stream(xs[0])
        return apply("dropout", xs[0], counter, p=self.p, key=key)


def kept(x: Tensor, shape: tuple[int, ...], p: float, ctx: Context) -> Tensor:
    """Ones and zeros of a shape that broadcasts against x: 0 with probability p, by the counter of each row."""
    counter, key = ctx.stream(x)
    ones = functions.ones(shape, dtype=x.dtype, device=x.device)
    return apply("dropout", ones, counter, p=p, key=key) * (1 - p)


class Dropout2dSpec(Layer):
    """While training, each channel of each row is 0 with probability p, otherwise scaled by 1 / (1 - p); else the identity.

    (n, ..., channels) -> the same. Tompson et al. 2015, arXiv:1411.4280.
    """

    type: Literal["dropout2d"] = "dropout2d"

    examples: ClassVar[Any] = (({}, ((2, 3, 2, 5),)),)
    p: float = Field(0.5, ge=0, lt=1, description="probability of a channel to be 0")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        x = xs[0]
        if not ctx.training or self.p == 0:
            return x
        shape = (x.shape[0], *[1] * (x.ndim - 2), x.shape[-1])
        return x * (kept(x, shape, self.p, ctx) * (1 / (1 - self.p)))


class AlphaDropoutSpec(Layer):
    """Dropout that keeps mean 0 and variance 1 of SELU's outputs (Klambauer et al. 2017, arXiv:1706.02515)."""

    type: Literal["alpha_dropout"] = "alpha_dropout"
    p: float = Field(0.5, ge=0, lt=1, description="probability of an element to be dropped")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        x = xs[0]
        if not ctx.training or self.p == 0:
            return x
        low = -SELU_ALPHA * SELU_SCALE
        a = ((1 - self.p) * (1 + self.p * low * low)) ** -0.5
        b = -a * low * self.p
        keep = kept(x, x.shape, self.p, ctx)
        return (x * keep + (1 - keep) * low) * a + b


class DropPathSpec(Layer):
    """While training, whole rows are 0 with probability p, otherwise scaled by 1 / (1 - p); else the identity.

    For the branch of a residual connection: stochastic depth (Huang et al. 2016, arXiv:1603.09382).
    """

    type: Literal["drop_path"] = "drop_path"
    p: float = Field(0.1, ge=0, lt=1, description="probability of a row to be 0")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        x = xs[0]
        if not ctx.training or self.p == 0:
            return x
        return x * (kept(x, (x.shape[0], *[1] * (x.ndim - 1)), self.p, ctx) * (1 / (1 - self.p)))
