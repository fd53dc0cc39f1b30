"""The update rules: settings, and which op applies them."""

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from nntrain.engine.graph import apply
from nntrain.engine.tensor import Tensor
from nntrain.optim.optimizer import OptimizerSpec


class SGDSpec(OptimizerSpec):
    """Stochastic gradient descent, with momentum and Nesterov's form of it (Sutskever et al. 2013), as PyTorch's SGD."""

    type: Literal["sgd"] = "sgd"
    momentum: float = Field(0.0, ge=0, description="share of the last step that is kept")
    dampening: float = Field(0.0, ge=0, description="share of the gradient that momentum leaves out")
    nesterov: bool = Field(False, description="look ahead along the momentum")

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> "SGDSpec":
        if self.nesterov and (self.momentum <= 0 or self.dampening != 0):
            raise ValueError("nesterov needs a momentum above 0 and no dampening")
        return self

    def slots(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum else ()

    def host(self, step: int, lr: float) -> tuple[float, ...]:
        return (lr, self.momentum, self.dampening, float(step == 1))

    def update(self, p: Tensor, g: Tensor, slots: Mapping[str, Tensor], h: Tensor) -> None:
        apply("sgd_update", p, g, slots.get("momentum"), h, weight_decay=self.weight_decay, nesterov=self.nesterov)


class AdamSpec(OptimizerSpec):
    """Adam (Kingma & Ba 2015, arXiv:1412.6980). `weight_decay` is added to the gradient; `adamw` decays apart from it."""

    type: Literal["adam"] = "adam"
    lr: float = Field(1e-3, ge=0, description="learning rate")
    betas: tuple[float, float] = Field((0.9, 0.999), description="decay of the running mean and of the running square")
    eps: float = Field(1e-8, ge=0, description="added to the root of the running square")

    decoupled: ClassVar[bool] = False

    @model_validator(mode="after")
    def _betas_below_one(self) -> "AdamSpec":
        if not all(0 <= b < 1 for b in self.betas):
            raise ValueError("betas must be at least 0 and below 1")
        return self

    def slots(self) -> tuple[str, ...]:
        return ("mean", "square")

    def host(self, step: int, lr: float) -> tuple[float, ...]:
        b1, b2 = self.betas
        return (lr, 1 - b1**step, math.sqrt(1 - b2**step))

    def update(self, p: Tensor, g: Tensor, slots: Mapping[str, Tensor], h: Tensor) -> None:
        apply(
            "adam_update",
            p,
            g,
            slots["mean"],
            slots["square"],
            h,
            beta1=self.betas[0],
            beta2=self.betas[1],
            eps=self.eps,
            weight_decay=self.weight_decay,
            decoupled=self.decoupled,
        )


class AdamWSpec(AdamSpec):
    """Adam with decay apart from the gradient: p -= lr * weight_decay * p (Loshchilov & Hutter 2019, arXiv:1711.05101)."""

    type: Literal["adamw"] = "adamw"  # type: ignore[assignment]
    weight_decay: float = Field(0.01, ge=0, description="decay of the weights, times the rate")

    decoupled: ClassVar[bool] = True


class RMSpropSpec(OptimizerSpec):
    """RMSprop (Hinton, Coursera lecture 6e), as PyTorch's: `centered` and `momentum` are optional."""

    type: Literal["rmsprop"] = "rmsprop"
    lr: float = Field(1e-2, ge=0, description="learning rate")
    alpha: float = Field(0.99, ge=0, lt=1, description="decay of the running square")
    eps: float = Field(1e-8, ge=0, description="added to the root of the running square")
    momentum: float = Field(0.0, ge=0, description="share of the last step that is kept")
    centered: bool = Field(False, description="subtract the running mean's square")

    def slots(self) -> tuple[str, ...]:
        return ("square", *(["mean"] if self.centered else []), *(["momentum"] if self.momentum else []))

    def update(self, p: Tensor, g: Tensor, slots: Mapping[str, Tensor], h: Tensor) -> None:
        apply(
            "rmsprop_update",
            p,
            g,
            slots["square"],
            slots.get("mean"),
            slots.get("momentum"),
            h,
            alpha=self.alpha,
            eps=self.eps,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )
