"""Fully connected layers."""

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.spec import Spec
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.initializers import FanInUniform, Init
from nntrain.nn.layer import Layer, Params, ParamSpec
from nntrain.ops import functions


class LinearSpec(Layer):
    """y = x w + b on the last axis: (..., in_features) -> (..., out_features).

    Weight (in_features, out_features), bias (out_features); both start uniform within 1/sqrt(in_features), as PyTorch's.
    """

    type: Literal["linear"] = "linear"

    examples: ClassVar[Any] = (({"out_features": 3}, ((5, 4),)), ({"out_features": 2, "bias": False}, ((2, 3, 4),)))
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
        if not inputs[0].shape:
            raise ValueError("linear needs an axis of features")
        n_in = inputs[0].shape[-1]
        assert isinstance(self.out_features, int), "auto is resolved when the network is built"
        weight = ParamSpec((n_in, self.out_features), self.init, n_in, self.out_features)
        bias = ParamSpec((self.out_features,), FanInUniform(), n_in, self.out_features)
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        out: Tensor = apply("linear", xs[0], p["weight"], p.get("bias"))
        return out


class BilinearSpec(Layer):
    """y_k = a W_k b + c_k for two inputs: (..., n), (..., m) -> (..., out_features).

    Weight (out_features, n, m), bias (out_features), both uniform within 1/sqrt(n) at the start.
    """

    type: Literal["bilinear"] = "bilinear"

    examples: ClassVar[Any] = (({"out_features": 2}, ((5, 3), (5, 4))),)
    out_features: Annotated[int, Field(gt=0)] = Field(description="size of the last axis of the output")
    bias: bool = Field(True, description="add a learned constant")
    init: Init = Field(FanInUniform(), description="initial weights")

    @staticmethod
    def given(in1_features: int, in2_features: int) -> tuple[Spec, Spec]:
        return Spec((1, in1_features)), Spec((1, in2_features))

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        if len(inputs) != 2:
            raise ValueError(f"bilinear needs two inputs, not {len(inputs)}")
        n, m = inputs[0].shape[-1], inputs[1].shape[-1]
        weight = ParamSpec((self.out_features, n, m), self.init, n, self.out_features)
        bias = ParamSpec((self.out_features,), FanInUniform(), n, self.out_features)
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        a, b = xs
        lead = a.shape[:-1]
        rows = math.prod(lead)
        flat_a, flat_b = a.reshape(rows, a.shape[-1]), b.reshape(rows, b.shape[-1])
        y = functions.einsum("ri,kij,rj->rk", flat_a, p["weight"], flat_b).reshape(*lead, self.out_features)
        return y + p["bias"] if self.bias else y
