"""Activations: any shape in, the same shape out, unless said otherwise."""

from typing import Literal

from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.spec import Spec
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.initializers import Constant
from nntrain.nn.layer import Layer, Params, ParamSpec
from nntrain.ops.activation import SELU_ALPHA, SELU_SCALE


class ReLUSpec(Layer):
    """max(x, 0)."""

    type: Literal["relu"] = "relu"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].relu()


class ReLU6Spec(Layer):
    """min(max(x, 0), 6)."""

    type: Literal["relu6"] = "relu6"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].clamp(0.0, 6.0)


class TanhSpec(Layer):
    """The hyperbolic tangent."""

    type: Literal["tanh"] = "tanh"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].tanh()


class SigmoidSpec(Layer):
    """1 / (1 + exp(-x))."""

    type: Literal["sigmoid"] = "sigmoid"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].sigmoid()


class LeakyReLUSpec(Layer):
    """x where x > 0, otherwise negative_slope x (Maas et al. 2013)."""

    type: Literal["leaky_relu"] = "leaky_relu"
    negative_slope: float = Field(0.01, description="slope below 0")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("leaky_relu", xs[0], slope=self.negative_slope)


class ELUSpec(Layer):
    """x where x > 0, otherwise alpha (exp(x) - 1) (Clevert et al. 2016, arXiv:1511.07289)."""

    type: Literal["elu"] = "elu"
    alpha: float = Field(1.0, description="minus the limit far below 0")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("elu", xs[0], alpha=self.alpha)


class CELUSpec(Layer):
    """max(x, 0) + min(0, alpha (exp(x / alpha) - 1)) (Barron 2017, arXiv:1704.07483)."""

    type: Literal["celu"] = "celu"
    alpha: float = Field(1.0, gt=0, description="minus the limit far below 0")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("elu", xs[0], alpha=self.alpha, continuous=True)


class SELUSpec(Layer):
    """The self-normalising ELU (Klambauer et al. 2017, arXiv:1706.02515)."""

    type: Literal["selu"] = "selu"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("elu", xs[0], alpha=SELU_ALPHA, scale=SELU_SCALE)


class GELUSpec(Layer):
    """x times the normal distribution function of x (Hendrycks & Gimpel 2016, arXiv:1606.08415)."""

    type: Literal["gelu"] = "gelu"
    approximate: Literal["none", "tanh"] = Field("none", description="tanh: a faster formula, within 5e-4")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].gelu(self.approximate)


class SiLUSpec(Layer):
    """x sigmoid(x), also called swish (Elfwing et al. 2017, arXiv:1702.03118)."""

    type: Literal["silu"] = "silu"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].silu()


class MishSpec(Layer):
    """x tanh(softplus(x)) (Misra 2019, arXiv:1908.08681)."""

    type: Literal["mish"] = "mish"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("mish", xs[0])


class SoftplusSpec(Layer):
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above threshold."""

    type: Literal["softplus"] = "softplus"
    beta: float = Field(1.0, gt=0, description="sharpness")
    threshold: float = Field(20.0, description="above it the identity")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("softplus", xs[0], beta=self.beta, threshold=self.threshold)


class LogSigmoidSpec(Layer):
    """log(sigmoid(x)), without overflow."""

    type: Literal["log_sigmoid"] = "log_sigmoid"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("logsigmoid", xs[0])


class SoftsignSpec(Layer):
    """x / (1 + |x|)."""

    type: Literal["softsign"] = "softsign"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("softsign", xs[0])


class HardtanhSpec(Layer):
    """x between min_val and max_val."""

    type: Literal["hardtanh"] = "hardtanh"
    min_val: float = Field(-1.0, description="lower limit")
    max_val: float = Field(1.0, description="upper limit")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].clamp(self.min_val, self.max_val)


class HardswishSpec(Layer):
    """x hardsigmoid(x) (Howard et al. 2019, arXiv:1905.02244)."""

    type: Literal["hardswish"] = "hardswish"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("hardswish", xs[0])


class HardsigmoidSpec(Layer):
    """0 below -3, 1 above 3, x / 6 + 1/2 between (Howard et al. 2019, arXiv:1905.02244)."""

    type: Literal["hardsigmoid"] = "hardsigmoid"

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("hardsigmoid", xs[0])


class PReLUSpec(Layer):
    """x where x > 0, otherwise a learned slope times x (He et al. 2015, arXiv:1502.01852).

    One slope for all, or one for each channel (the last axis). Weight (num_parameters).
    """

    type: Literal["prelu"] = "prelu"
    num_parameters: int | Literal["channels"] = Field(1, description="1, or channels: a slope for each")
    init: float = Field(0.25, description="slope at the start")

    @staticmethod
    def given(num_parameters: int = 1) -> Spec:
        return Spec((1, num_parameters))

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        n = inputs[0].shape[-1] if self.num_parameters == "channels" else self.num_parameters
        if n not in (1, inputs[0].shape[-1]):
            raise ValueError(f"prelu: {n} slopes for {inputs[0].shape[-1]} channels")
        return {"weight": ParamSpec((n,), Constant(value=self.init))}

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return apply("prelu", xs[0], p["weight"])


class SoftmaxSpec(Layer):
    """exp(x) over its sum along one axis. cross_entropy takes the logits before it, not its output."""

    type: Literal["softmax"] = "softmax"
    dim: int = Field(-1, description="the axis; channels are the last")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].softmax(self.dim)


class LogSoftmaxSpec(Layer):
    """x - logsumexp(x) along one axis."""

    type: Literal["log_softmax"] = "log_softmax"
    dim: int = Field(-1, description="the axis; channels are the last")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        return xs[0].log_softmax(self.dim)


class GLUSpec(Layer):
    """a sigmoid(b) for the halves a and b of an axis, which becomes half as large (Dauphin et al. 2017, arXiv:1612.08083)."""

    type: Literal["glu"] = "glu"
    dim: int = Field(-1, description="the axis; channels are the last")

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        n = xs[0].shape[self.dim]
        if n % 2:
            raise ValueError(f"glu: axis {self.dim} has {n} elements, which have no halves")
        a, b = xs[0].split(n // 2, self.dim)
        return a * b.sigmoid()
