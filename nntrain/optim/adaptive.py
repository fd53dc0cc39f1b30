"""The update rules that give every element a rate of its own without Adam's pair of moments."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from nntrain.engine.graph import apply
from nntrain.engine.tensor import Tensor
from nntrain.optim.optimizer import OptimizerSpec

Positive = Annotated[float, Field(gt=0)]


class RMSpropSpec(OptimizerSpec):
    """RMSprop (Hinton, Coursera lecture 6e), as PyTorch's: `centered` and `momentum` are optional.

    p -= lr g / (sqrt(v) + eps) with v the running mean of g * g, from which `centered` takes the square of the mean.
    """

    type: Literal["rmsprop"] = "rmsprop"
    lr: float = Field(1e-2, ge=0, description="learning rate")
    alpha: float = Field(0.99, ge=0, lt=1, description="decay of the running square")
    eps: float = Field(1e-8, ge=0, description="added to the root of the running square")
    momentum: float = Field(0.0, ge=0, description="share of the last step that is kept")
    centered: bool = Field(False, description="subtract the running mean's square")

    def slots(self) -> dict[str, float]:
        wanted = {"square": True, "mean": self.centered, "momentum": self.momentum > 0}
        return {name: 0.0 for name, needed in wanted.items() if needed}

    def cycled(self) -> float | None:
        return self.momentum or None

    def host(self, step: int, lr: float, momentum: float) -> tuple[float, ...]:
        return (lr, momentum)

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
            weight_decay=self.weight_decay,
        )


class AdagradSpec(OptimizerSpec):
    """Adagrad: the rate of an element falls with the sum of its squared gradients (Duchi, Hazan & Singer 2011, JMLR 12).

    p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(v) + eps).
    """

    type: Literal["adagrad"] = "adagrad"
    lr: float = Field(1e-2, ge=0, description="learning rate")
    lr_decay: float = Field(0.0, ge=0, description="lowers the rate with the number of updates")
    initial_accumulator_value: float = Field(0.0, ge=0, description="where the sum of squares starts")
    eps: float = Field(1e-10, ge=0, description="added to the root of the sum")

    def slots(self) -> dict[str, float]:
        return {"sum": self.initial_accumulator_value}

    def host(self, step: int, lr: float, momentum: float) -> tuple[float, ...]:
        return (lr / (1 + (step - 1) * self.lr_decay),)

    def update(self, p: Tensor, g: Tensor, slots: Mapping[str, Tensor], h: Tensor) -> None:
        apply("adagrad_update", p, g, slots["sum"], h, eps=self.eps, weight_decay=self.weight_decay)


class AdadeltaSpec(OptimizerSpec):
    """Adadelta: a step is as large as the running size of steps before it (Zeiler 2012, arXiv:1212.5701).

    p -= lr g sqrt(u + eps) / sqrt(v + eps), where u and v are the running squares of steps and gradients.
    """

    type: Literal["adadelta"] = "adadelta"
    lr: float = Field(1.0, ge=0, description="multiplies the steps, which have a size of their own")
    rho: float = Field(0.9, ge=0, lt=1, description="decay of both running squares")
    eps: float = Field(1e-6, ge=0, description="added to both running squares")

    def slots(self) -> dict[str, float]:
        return {"square": 0.0, "steps": 0.0}

    def update(self, p: Tensor, g: Tensor, slots: Mapping[str, Tensor], h: Tensor) -> None:
        apply(
            "adadelta_update",
            p,
            g,
            slots["square"],
            slots["steps"],
            h,
            rho=self.rho,
            eps=self.eps,
            weight_decay=self.weight_decay,
        )


class RpropSpec(OptimizerSpec):
    """Rprop: only the sign of a gradient counts (Riedmiller & Braun 1993). For gradients of the whole data, not of batches.

    Each element has a step, `lr` at first, which grows while the sign stays and shrinks when it turns; a schedule has no
    effect.
    """

    type: Literal["rprop"] = "rprop"
    lr: float = Field(1e-2, ge=0, description="the first step of every element")
    etas: tuple[Positive, Positive] = Field((0.5, 1.2), description="factors by which a step shrinks and grows")
    step_sizes: tuple[Positive, Positive] = Field((1e-6, 50.0), description="the smallest and the largest step")

    @model_validator(mode="after")
    def _shrinks_and_grows(self) -> "RpropSpec":
        if not self.etas[0] < 1 < self.etas[1]:
            raise ValueError("etas: the first must be below 1 and the second above")
        return self

    def slots(self) -> dict[str, float]:
        return {"before": 0.0, "size": self.lr}

    def update(self, p: Tensor, g: Tensor, slots: Mapping[str, Tensor], h: Tensor) -> None:
        apply(
            "rprop_update",
            p,
            g,
            slots["before"],
            slots["size"],
            h,
            shrink=self.etas[0],
            grow=self.etas[1],
            smallest=self.step_sizes[0],
            largest=self.step_sizes[1],
            weight_decay=self.weight_decay,
        )
