"""The update rules that keep a running mean of gradients scaled by one of their squares, and plain descent.

`Optimizer` says how a rule is used; the ops in `nntrain.ops.update` hold the formulas. Every rule follows PyTorch's
numbers, defaults included, so that a rate found there means the same here.
"""

import math
from collections.abc import Mapping
from functools import cache
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from nntrain.engine.graph import apply
from nntrain.engine.tensor import Tensor
from nntrain.optim.optimizer import OptimizerSpec

Decay = Annotated[float, Field(ge=0, lt=1)]
Betas = tuple[Decay, Decay]


class SGDSpec(OptimizerSpec):
    """Stochastic gradient descent, with momentum and Nesterov's form of it (Sutskever et al. 2013), as PyTorch's SGD.

    v = momentum v + (1 - dampening) g, at first v = g; p -= lr v, with `nesterov` p -= lr (g + momentum v).
    """

    type: Literal["sgd"] = "sgd"
    momentum: float = Field(0.0, ge=0, description="share of the last step that is kept")
    dampening: float = Field(0.0, ge=0, description="share of the gradient that momentum leaves out")
    nesterov: bool = Field(False, description="look ahead along the momentum")

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> "SGDSpec":
        if self.nesterov and (self.momentum <= 0 or self.dampening != 0):
            raise ValueError("nesterov needs a momentum above 0 and no dampening")
        return self

    def slots(self) -> dict[str, float]:
        return {"momentum": 0.0} if self.momentum else {}

    def cycled(self) -> float | None:
        return self.momentum or None

    def host(self, step: int, lr: float, momentum: float) -> tuple[float, ...]:
        return (lr, momentum, self.dampening, float(step == 1))

    def update(self, p: Tensor, g: Tensor, slots: Mapping[str, Tensor], h: Tensor) -> None:
        apply("sgd_update", p, g, slots.get("momentum"), h, weight_decay=self.weight_decay, nesterov=self.nesterov)


class Moments(OptimizerSpec):
    """Base of the rules with two running moments; `betas[0]` is the momentum that one_cycle may move."""

    betas: Betas = Field((0.9, 0.999), description="decay of the running mean and of the running square")
    eps: float = Field(1e-8, ge=0, description="added to the root of the running square")

    def slots(self) -> dict[str, float]:
        return {"mean": 0.0, "square": 0.0}

    def cycled(self) -> float | None:
        return self.betas[0]


class AdamSpec(Moments):
    """Adam (Kingma & Ba 2015, arXiv:1412.6980). `weight_decay` is added to the gradient; `adamw` decays apart from it.

    p -= lr m_hat / (sqrt(v_hat) + eps), where m_hat and v_hat are the running mean and square, corrected for their start.
    """

    type: Literal["adam"] = "adam"
    lr: float = Field(1e-3, ge=0, description="learning rate")
    amsgrad: bool = Field(False, description="divide by the largest running square so far (Reddi et al. 2018)")

    decoupled: ClassVar[bool] = False

    def slots(self) -> dict[str, float]:
        return super().slots() | ({"largest": 0.0} if self.amsgrad else {})

    def host(self, step: int, lr: float, momentum: float) -> tuple[float, ...]:
        return (
            lr / (1 - momentum**step),
            math.sqrt(1 - self.betas[1] ** step),
            1 - momentum,
            1 - lr * self.weight_decay,
        )

    def update(self, p: Tensor, g: Tensor, slots: Mapping[str, Tensor], h: Tensor) -> None:
        apply(
            "adam_update",
            p,
            g,
            slots["mean"],
            slots["square"],
            slots.get("largest"),
            h,
            beta2=self.betas[1],
            eps=self.eps,
            weight_decay=0.0 if self.decoupled else self.weight_decay,
            decoupled=self.decoupled and self.weight_decay > 0,
        )


class AdamWSpec(AdamSpec):
    """Adam with decay apart from the gradient: p -= lr * weight_decay * p (Loshchilov & Hutter 2019, arXiv:1711.05101)."""

    type: Literal["adamw"] = "adamw"  # type: ignore[assignment]
    weight_decay: float = Field(0.01, ge=0, description="decay of the weights, times the rate")

    decoupled: ClassVar[bool] = True


class AdamaxSpec(Moments):
    """Adamax: Adam with the largest decayed gradient in the place of the root (Kingma & Ba 2015, section 7.1)."""

    type: Literal["adamax"] = "adamax"
    lr: float = Field(2e-3, ge=0, description="learning rate")

    def host(self, step: int, lr: float, momentum: float) -> tuple[float, ...]:
        return (lr / (1 - momentum**step), 1 - momentum)

    def update(self, p: Tensor, g: Tensor, slots: Mapping[str, Tensor], h: Tensor) -> None:
        apply(
            "adamax_update",
            p,
            g,
            slots["mean"],
            slots["square"],
            h,
            beta2=self.betas[1],
            eps=self.eps,
            weight_decay=self.weight_decay,
        )


class _Decoupling(Moments):
    """Base of the rules that can decay either way."""

    decoupled_weight_decay: bool = Field(False, description="decay apart from the gradient, as adamw does")

    op: ClassVar[str] = ""

    def update(self, p: Tensor, g: Tensor, slots: Mapping[str, Tensor], h: Tensor) -> None:
        apply(
            self.op,
            p,
            g,
            slots["mean"],
            slots["square"],
            h,
            beta2=self.betas[1],
            eps=self.eps,
            weight_decay=0.0 if self.decoupled_weight_decay else self.weight_decay,
            decoupled=self.decoupled_weight_decay and self.weight_decay > 0,
        )


@cache
def _products(beta: float, momentum_decay: float) -> list[float]:
    """Products of NAdam's momenta so far; `_product` makes it longer."""
    return [1.0]


def _momentum(beta: float, momentum_decay: float, step: int) -> float:
    return beta * (1 - 0.5 * 0.96 ** (step * momentum_decay))


def _product(beta: float, momentum_decay: float, step: int) -> float:
    """The product of the momenta of steps 1 to `step`; it reaches 0 after some thousand steps and stays."""
    known = _products(beta, momentum_decay)
    while len(known) <= step and known[-1] > 1e-300:  # below, a product rounds to itself and never gets to 0
        known.append(known[-1] * _momentum(beta, momentum_decay, len(known)))
    return known[min(step, len(known) - 1)]


class NAdamSpec(_Decoupling):
    """NAdam: Adam with Nesterov's momentum, which grows by a schedule of its own (Dozat 2016), in PyTorch's form.

    Step t has the momentum beta1 (1 - 0.96 ** (t momentum_decay) / 2).
    """

    type: Literal["nadam"] = "nadam"
    lr: float = Field(2e-3, ge=0, description="learning rate")
    momentum_decay: float = Field(4e-3, ge=0, description="how fast the momentum grows to its full value")

    op: ClassVar[str] = "nadam_update"

    def cycled(self) -> float | None:
        return None  # its momentum has a schedule already

    def host(self, step: int, lr: float, momentum: float) -> tuple[float, ...]:
        b1, b2 = self.betas
        now, then = (_momentum(b1, self.momentum_decay, t) for t in (step, step + 1))
        product = _product(b1, self.momentum_decay, step)
        return (
            lr * (1 - now) / (1 - product),
            lr * then / (1 - product * then),
            1 - b2**step,
            1 - b1,
            1 - lr * self.weight_decay,
        )


class RAdamSpec(_Decoupling):
    """RAdam: momentum alone until the variance of Adam's denominator is known (Liu et al. 2020, arXiv:1908.03265)."""

    type: Literal["radam"] = "radam"
    lr: float = Field(1e-3, ge=0, description="learning rate")

    op: ClassVar[str] = "radam_update"

    def host(self, step: int, lr: float, momentum: float) -> tuple[float, ...]:
        b2 = self.betas[1]
        correction = 1 - b2**step
        longest = 2 / (1 - b2) - 1
        length = longest - 2 * step * b2**step / correction
        rectify = 0.0
        if length > 5:
            part = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            rectify = math.sqrt(part) * math.sqrt(correction)
        return (lr / (1 - momentum**step), rectify, 1 - momentum, 1 - lr * self.weight_decay)


class LionSpec(OptimizerSpec):
    """Lion: steps of one size, by the sign of gradient and momentum (Chen et al. 2023, arXiv:2302.06675).

    p -= lr (sign(beta1 m + (1 - beta1) g) + weight_decay p); m = beta2 m + (1 - beta2) g. Wants a rate some 3 to 10 times
    smaller than Adam's, and a decay as much larger.
    """

    type: Literal["lion"] = "lion"
    lr: float = Field(1e-4, ge=0, description="learning rate")
    betas: Betas = Field((0.9, 0.99), description="weight of the momentum in a step, and its decay")

    def slots(self) -> dict[str, float]:
        return {"mean": 0.0}

    def cycled(self) -> float | None:
        return self.betas[0]

    def host(self, step: int, lr: float, momentum: float) -> tuple[float, ...]:
        return (lr, momentum, 1 - lr * self.weight_decay)

    def update(self, p: Tensor, g: Tensor, slots: Mapping[str, Tensor], h: Tensor) -> None:
        apply("lion_update", p, g, slots["mean"], h, beta2=self.betas[1], decoupled=self.weight_decay > 0)
