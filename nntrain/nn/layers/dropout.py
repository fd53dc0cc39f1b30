"""Random silence while training."""

from typing import Literal

from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer, Params


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
        out: Tensor = apply("dropout", xs[0], counter, p=self.p, key=key)
        return out
