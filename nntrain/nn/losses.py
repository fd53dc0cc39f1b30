"""Losses. Each gives losses per element and their weights; a mean divides the sum of the one by the sum of the other.

Keeping the pair makes accumulation, masks, `ignore_index`, class weights and ragged batches exact: sums of windows add up,
means do not.
"""

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from nntrain.component import Component
from nntrain.engine.graph import apply
from nntrain.engine.tensor import Tensor, as_tensor
from nntrain.nn.module import Module


class Loss(Component, kind="loss"):
    """Base of all losses."""

    #: kinds of target (`TargetInfo.kind`) the loss is for
    targets: ClassVar[tuple[str, ...]] = ()
    #: (fields, output shape, target) from which the loss is checked; a target is a shape, or ("int", high, *shape)
    examples: ClassVar[tuple[tuple[dict[str, Any], tuple[int, ...], tuple[Any, ...]], ...]] = (({}, (3, 4), (3, 4)),)
    module: ClassVar[str | None] = None

    def losses(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Losses per element, and the weight of each (None: 1) by whose sum a mean divides."""
        raise NotImplementedError

    def pair(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The sum of the losses and of their weights, both scalars."""
        losses, weights = self.losses(output, target)
        total = losses.sum()
        if weights is None:
            return total, Tensor._wrap(
                output._backend.xp.asarray(losses.size, dtype=losses.dtype), output._backend, False
            )
        return total, weights.sum()


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

    def losses(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        w = None if self.weight is None else as_tensor(np.asarray(self.weight, output.dtype), output)
        y, weight = apply(
            "cross_entropy", output, target, w, ignore_index=self.ignore_index, label_smoothing=self.label_smoothing
        )
        return y, weight


class MSESpec(Loss):
    """Mean squared error: (output - target) ** 2, of equal shapes."""

    type: Literal["mse"] = "mse"

    targets: ClassVar[tuple[str, ...]] = ("number", "numbers")
    module: ClassVar[str | None] = "MSELoss"

    def losses(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        same_shape("mse", output, target)
        return apply("squared_error", output, target), None


def same_shape(name: str, output: Tensor, target: Tensor) -> None:
    """ValueError unless both have one shape: broadcasting a target by accident is a classic mistake."""
    if output.shape != target.shape:
        raise ValueError(f"{name}: output {output.shape} and target {target.shape} differ in shape")


class LossModule(Module):
    """The Python module of a loss: `loss(output, target)` with `reduction` "mean" (default), "sum" or "none"."""

    def __init__(self, spec: Loss, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction {reduction!r}: expected mean, sum or none")
        self.spec = spec
        self.reduction = reduction

    def forward(self, output: Tensor, target: Any) -> Tensor:
        target = as_tensor(target, output)
        if self.reduction == "none":
            return self.spec.losses(output, target)[0]
        total, weight = self.spec.pair(output, target)
        return total if self.reduction == "sum" else total / weight


def loss_class(spec_class: type[Loss]) -> type[LossModule]:
    """The Python module of a loss spec: `nn.CrossEntropyLoss(label_smoothing=0.1)` from `CrossEntropySpec`."""

    def __init__(self: LossModule, *, reduction: str = "mean", **kwargs: Any) -> None:
        LossModule.__init__(self, spec_class(**kwargs), reduction)

    name = spec_class.module or spec_class.__name__.removesuffix("Spec") + "Loss"
    made = type(name, (LossModule,), {"__init__": __init__, "__doc__": spec_class.__doc__})
    made.__module__ = "nntrain.nn"
    return made
