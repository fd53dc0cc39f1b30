"""Losses of logits and class numbers."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.tensor import Tensor
from nntrain.nn.losses.base import Loss, constant, same_shape
from nntrain.ops import functions


class CrossEntropySpec(Loss):
    """Cross-entropy of class numbers (...) under logits (..., classes); `nntrain.ops.loss.cross_entropy` has the formula.

    The mean divides by the sum of the targets' class weights, so by the number of rows where there are none.
    """

    type: Literal["cross_entropy"] = "cross_entropy"
    weight: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(None, description="a weight for each class")
    ignore_index: int = Field(-100, description="targets of this number do not count")
    label_smoothing: float = Field(0.0, ge=0, le=1, description="share of the target that all classes divide evenly")

    targets: ClassVar[tuple[str, ...]] = ("classes", "tokens")
    examples: ClassVar[Any] = (
        ({}, (5, 4), ("int", 4, 5)),
        ({"label_smoothing": 0.1, "weight": (0.5, 1.0, 2.0)}, (2, 5, 3), ("int", 3, 2, 5)),
    )
    module: ClassVar[str | None] = "CrossEntropyLoss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        w = constant(self.weight, output)
        if target.dtype.kind == "f":
            return self._soft(output, target, w), None
        y, weight = apply(
            "cross_entropy", output, target, w, ignore_index=self.ignore_index, label_smoothing=self.label_smoothing
        )
        return y, weight

    def _soft(self, output: Tensor, target: Tensor, w: Tensor | None) -> Tensor:
        """Targets that are probabilities: - sum_k w[k] t[k] log p[k] for each row, whose weight is 1."""
        same_shape("cross_entropy", output, target)
        share = self.label_smoothing
        mixed = target * (1 - share) + share / output.shape[-1] if share else target
        if w is not None:
            mixed = mixed * w
        return -(mixed * output.log_softmax(-1)).sum(axis=-1)


class NLLSpec(Loss):
    """Minus the log-probability of the target's class: cross_entropy of an output that log_softmax made.

    Log-probabilities (..., classes), class numbers (...). The mean divides by the sum of the targets' class weights.
    """

    type: Literal["nll"] = "nll"
    weight: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(None, description="a weight for each class")
    ignore_index: int = Field(-100, description="targets of this number do not count")

    targets: ClassVar[tuple[str, ...]] = ("classes", "tokens")
    examples: ClassVar[Any] = (({}, (5, 4), ("int", 4, 5)), ({"weight": (1.0, 2.0, 3.0)}, (5, 3), ("int", 3, 5)))
    module: ClassVar[str | None] = "NLLLoss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        if target.shape != output.shape[:-1]:
            raise ValueError(f"nll: log-probabilities {output.shape} need targets of shape {output.shape[:-1]}")
        counts = target != self.ignore_index
        safe = functions.where(counts, target, 0)
        picked = output.gather(-1, safe.unsqueeze(-1)).squeeze(-1)
        weight = counts.astype(output.dtype)
        if self.weight is not None:
            w = constant(self.weight, output)
            assert w is not None
            weight = weight * w[safe]
        return -picked * weight, weight


class FocalSpec(Loss):
    """Cross-entropy that counts hard rows more: (1 - p[t]) ** gamma times it (Lin et al. 2017, arXiv:1708.02002)."""

    type: Literal["focal"] = "focal"
    gamma: float = Field(2.0, ge=0, description="0: cross-entropy")

    targets: ClassVar[tuple[str, ...]] = ("classes",)
    examples: ClassVar[Any] = (({}, (5, 4), ("int", 4, 5)),)

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        log_p = output.log_softmax(-1).gather(-1, target.unsqueeze(-1)).squeeze(-1)
        return -((1 - log_p.exp()) ** self.gamma) * log_p, None


class MultiMarginSpec(Loss):
    """The mean over classes k != t of max(0, margin - x[t] + x[k]) ** p: a hinge for many classes."""

    type: Literal["multi_margin"] = "multi_margin"
    p: Literal[1, 2] = Field(1, description="the power")
    margin: float = Field(1.0, description="by how much the right class should lead")

    targets: ClassVar[tuple[str, ...]] = ("classes",)
    examples: ClassVar[Any] = (({}, (5, 4), ("int", 4, 5)), ({"p": 2}, (5, 4), ("int", 4, 5)))

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        classes = output.shape[-1]
        own = output.gather(-1, target.unsqueeze(-1))
        hinge = (self.margin - own + output).relu() ** float(self.p)
        wrong = functions.arange(classes, device=output.device) != target.unsqueeze(-1)
        return functions.where(wrong, hinge, 0.0).sum(axis=-1) / float(classes), None
