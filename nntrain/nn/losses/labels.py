"""Losses of several labels that hold or do not, and of divergence between distributions."""

import math
from typing import Any, ClassVar, Literal

from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.tensor import Tensor
from nntrain.nn.losses.base import Loss, constant, same_shape
from nntrain.ops import functions


class BCEWithLogitsSpec(Loss):
    """Binary cross-entropy of logits and targets between 0 and 1, of equal shapes, without overflow.

    pos_weight multiplies the loss of ones: one number, or one for each column.
    """

    type: Literal["bce_with_logits"] = "bce_with_logits"
    pos_weight: float | tuple[float, ...] | None = Field(None, description="weight of ones against zeros")

    targets: ClassVar[tuple[str, ...]] = ("labels",)
    examples: ClassVar[Any] = (({}, (3, 4), (3, 4)), ({"pos_weight": 3.0}, (3, 4), (3, 4)))
    module: ClassVar[str | None] = "BCEWithLogitsLoss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        same_shape("bce_with_logits", output, target)
        rest: Tensor = apply("softplus", -output, threshold=math.inf)  # -log sigmoid(x)
        weight = constant(self.pos_weight, output)
        if weight is not None:
            rest = rest * (1 + (weight - 1) * target)
        return (1 - target) * output + rest, None


class BCESpec(Loss):
    """Binary cross-entropy of probabilities and targets between 0 and 1, of equal shapes; logarithms stop at -100."""

    type: Literal["bce"] = "bce"

    targets: ClassVar[tuple[str, ...]] = ("labels",)
    examples: ClassVar[Any] = (({}, ("share", 3, 4), ("share", 3, 4)),)
    module: ClassVar[str | None] = "BCELoss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        same_shape("bce", output, target)
        return apply("bce", output, target), None


class MultiLabelSoftMarginSpec(Loss):
    """bce_with_logits averaged over the labels of each row."""

    type: Literal["multilabel_soft_margin"] = "multilabel_soft_margin"

    targets: ClassVar[tuple[str, ...]] = ("labels",)
    module: ClassVar[str | None] = "MultiLabelSoftMarginLoss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        each, _ = BCEWithLogitsSpec().losses(output, *others)
        return each.mean(axis=-1), None


class MultiLabelMarginSpec(Loss):
    """The mean over labels y that hold and labels k that do not of max(0, 1 - x[y] + x[k]); targets are 0 and 1."""

    type: Literal["multilabel_margin"] = "multilabel_margin"

    targets: ClassVar[tuple[str, ...]] = ("labels",)
    examples: ClassVar[Any] = (({}, (5, 4), ("int", 2, 5, 4)),)
    module: ClassVar[str | None] = "MultiLabelMarginLoss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        same_shape("multilabel_margin", output, target)
        holds = target > 0
        gap = (1 - output.unsqueeze(2) + output.unsqueeze(1)).relu()
        counted = functions.where(holds.unsqueeze(2), 1.0, 0.0) * functions.where(holds.unsqueeze(1), 0.0, 1.0)
        return (gap * counted.astype(output.dtype)).sum(axis=(1, 2)) / float(output.shape[1]), None


class SoftMarginSpec(Loss):
    """log(1 + exp(-t x)) for targets t of 1 or -1."""

    type: Literal["soft_margin"] = "soft_margin"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        same_shape("soft_margin", output, target)
        return apply("softplus", -target * output, threshold=math.inf), None


class KLDivSpec(Loss):
    """Kullback-Leibler divergence t (log t - x) of log-probabilities x and probabilities t, summed over each row.

    The mean is over rows: PyTorch's reduction "batchmean", the one that is the divergence. log_target: t is given as log t.
    """

    type: Literal["kl_div"] = "kl_div"
    log_target: bool = Field(False, description="targets are log-probabilities, too")

    examples: ClassVar[Any] = (({"log_target": True}, (3, 4), (3, 4)),)
    module: ClassVar[str | None] = "KLDivLoss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        same_shape("kl_div", output, target)
        if self.log_target:
            each = target.exp() * (target - output)
        else:
            each = target * (functions.where(target > 0, target, 1.0).log() - output)
        return each.flatten(1).sum(axis=1), None
