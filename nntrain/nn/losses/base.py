"""Losses give losses per element and their weights; a mean divides the sum of the one by the sum of the other.

Keeping the pair makes accumulation, masks, `ignore_index`, class weights and ragged batches exact: sums of windows add up,
means do not.
"""

from typing import Any, ClassVar

import numpy as np

from nntrain.component import Component
from nntrain.engine.tensor import Tensor, as_tensor
from nntrain.nn.module import Module


class Loss(Component, kind="loss"):
    """Base of all losses."""

    #: kinds of target (`TargetInfo.kind`) the loss is for
    targets: ClassVar[tuple[str, ...]] = ()
    #: (fields, output shape, target, ...) from which the loss is checked. A shape stands for numbers of both signs,
    #: ("int", high, *shape) for whole numbers, ("share", *shape) for ones between 0 and 1, ("sign", *shape) for 1 and -1,
    #: ("all", n, *shape) for n everywhere
    examples: ClassVar[tuple[tuple[Any, ...], ...]] = (({}, (3, 4), (3, 4)),)
    module: ClassVar[str | None] = None

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        """Losses per element, and the weight of each (None: 1) by whose sum a mean divides.

        `others` is the target, or what else the loss compares. ValueError where shapes do not fit.
        """
        raise NotImplementedError

    def pair(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
        """The sum of the losses and of their weights, both scalars."""
        losses, weights = self.losses(output, *others)
        total = losses.sum()
        if weights is None:
            return total, Tensor._wrap(
                output._backend.xp.asarray(losses.size, dtype=losses.dtype), output._backend, False
            )
        return total, weights.sum()


def constant(value: float | tuple[float, ...] | None, like: Tensor) -> Tensor | None:
    return None if value is None else as_tensor(np.asarray(value, like.dtype), like)


def same_shape(name: str, output: Tensor, target: Tensor) -> None:
    """ValueError unless both have one shape: broadcasting a target by accident is a classic mistake."""
    if output.shape != target.shape:
        raise ValueError(f"{name}: output {output.shape} and target {target.shape} differ in shape")


class LossModule(Module):
    """The Python module of a loss: `loss(output, target)`, or what else its `losses` takes.

    `reduction`: "mean" (default), "sum", or "none" for losses per element.
    """

    def __init__(self, spec: Loss, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction {reduction!r}: expected mean, sum or none")
        self.spec = spec
        self.reduction = reduction

    def forward(self, output: Tensor, *others: Any) -> Tensor:
        compared = [as_tensor(x, output) for x in others]
        if self.reduction == "none":
            return self.spec.losses(output, *compared)[0]
        total, weight = self.spec.pair(output, *compared)
        return total if self.reduction == "sum" else total / weight


def loss_class(spec_class: type[Loss]) -> type[LossModule]:
    """The Python module of a loss spec: `nn.CrossEntropyLoss(label_smoothing=0.1)` from `CrossEntropySpec`."""

    def __init__(self: LossModule, *, reduction: str = "mean", **kwargs: Any) -> None:
        LossModule.__init__(self, spec_class(**kwargs), reduction)

    name = spec_class.module or spec_class.__name__.removesuffix("Spec") + "Loss"
    made = type(name, (LossModule,), {"__init__": __init__, "__doc__": spec_class.__doc__})
    made.__module__ = "nntrain.nn"
    return made
