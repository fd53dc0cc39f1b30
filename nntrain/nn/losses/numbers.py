"""Losses of numbers."""

import math
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.tensor import Tensor, as_tensor
from nntrain.nn.losses.base import Loss, same_shape
from nntrain.ops import functions


class MSESpec(Loss):
    """Mean squared error: (output - target) ** 2, of equal shapes."""

    type: Literal["mse"] = "mse"

    targets: ClassVar[tuple[str, ...]] = ("number", "numbers")
    module: ClassVar[str | None] = "MSELoss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        same_shape("mse", output, target)
        return apply("squared_error", output, target), None


class L1Spec(Loss):
    """Mean absolute error: |output - target|, of equal shapes."""

    type: Literal["l1"] = "l1"

    targets: ClassVar[tuple[str, ...]] = ("number", "numbers")
    module: ClassVar[str | None] = "L1Loss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        same_shape("l1", output, target)
        return (output - target).abs(), None


class SmoothL1Spec(Loss):
    """Half the squared error over `beta` where the error is below it, otherwise the error - beta / 2."""

    type: Literal["smooth_l1"] = "smooth_l1"
    beta: float = Field(1.0, gt=0, description="the error from which the loss is linear")

    targets: ClassVar[tuple[str, ...]] = ("number", "numbers")
    module: ClassVar[str | None] = "SmoothL1Loss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        same_shape("smooth_l1", output, target)
        error = (output - target).abs()
        return functions.where(error < self.beta, error * error * (0.5 / self.beta), error - 0.5 * self.beta), None


class HuberSpec(Loss):
    """Half the squared error where it is below `delta`, otherwise delta (error - delta / 2) (Huber 1964)."""

    type: Literal["huber"] = "huber"
    delta: float = Field(1.0, gt=0, description="the error from which the loss is linear")

    targets: ClassVar[tuple[str, ...]] = ("number", "numbers")

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        same_shape("huber", output, target)
        error = (output - target).abs()
        return functions.where(error < self.delta, error * error * 0.5, (error - 0.5 * self.delta) * self.delta), None


class PoissonNLLSpec(Loss):
    """Minus the Poisson log-likelihood of counts: exp(x) - t x for log-rates x, or x - t log(x + eps) for rates.

    full: add Stirling's formula for log t! where t > 1.
    """

    type: Literal["poisson_nll"] = "poisson_nll"
    log_input: bool = Field(True, description="the output is the logarithm of the rate")
    full: bool = Field(False, description="add Stirling's formula")
    eps: float = Field(1e-8, gt=0, description="added to the rate before its logarithm")

    targets: ClassVar[tuple[str, ...]] = ("number", "numbers")
    module: ClassVar[str | None] = "PoissonNLLLoss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        same_shape("poisson_nll", output, target)
        loss = output.exp() - target * output if self.log_input else output - target * (output + self.eps).log()
        if self.full:
            t = functions.where(target > 1, target, 2.0)
            stirling = t * t.log() - t + (t * (2 * math.pi)).log() * 0.5
            loss = loss + functions.where(target > 1, stirling, 0.0)
        return loss, None


class GaussianNLLSpec(Loss):
    """Minus the normal log-likelihood: (log v + (x - t)**2 / v) / 2 for a mean x and a variance v, at least eps.

    Called with output, target and variance. The limit has no gradient.
    """

    type: Literal["gaussian_nll"] = "gaussian_nll"
    full: bool = Field(False, description="add log(2 pi) / 2")
    eps: float = Field(1e-6, gt=0, description="least variance")

    examples: ClassVar[Any] = (({"full": True}, (3, 4), (3, 4), ("share", 3, 4)),)
    module: ClassVar[str | None] = "GaussianNLLLoss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        target, variance = others
        same_shape("gaussian_nll", output, target)
        floor = as_tensor(np.maximum(np.asarray(variance.detach()), self.eps), output)
        v = variance + (floor - variance.detach())  # clamped in value alone
        loss = (v.log() + (output - target) ** 2 / v) * 0.5
        return (loss + 0.5 * math.log(2 * math.pi) if self.full else loss), None
