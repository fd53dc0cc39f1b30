"""Fully connected layers."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.spec import Spec
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.initializers import FanInUniform, Init
from nntrain.nn.layer import Layer, Params, ParamSpec


class LinearSpec(Layer):
    """y = x w + b on the last axis: (..., in_features) -> (..., out_features).

    Weight (in_features, out_features), bias (out_features); both start uniform within 1/sqrt(in_features), as PyTorch's.
    """

    type: Literal["linear"] = "linear"
    out_features: Annotated[int, Field(gt=0)] | Literal["auto"] = Field(
        description="size of the last axis of the output; auto: the number of classes or targets"
    )
    bias: bool = Field(True, description="add a learned constant")
    init: Init = Field(FanInUniform(), description="initial weights")

    auto: ClassVar[str | None] = "out_features"

    @staticmethod
    def given(in_features: int) -> Spec:
        return Spec((1, in_features))

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        if not inputs[0].shape[1:]:
            raise ValueError("linear needs at least one axis of features")
        n_in = inputs[0].shape[-1]
        assert isinstance(self.out_features, int), "auto is resolved when the network is built"
        weight = ParamSpec((n_in, self.out_features), self.init, n_in, self.out_features)
        bias = ParamSpec((self.out_features,), FanInUniform(), n_in, self.out_features)
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        out: Tensor = apply("linear", xs[0], p["weight"], p.get("bias"))
        return out
