"""Losses. Each gives losses per element and their weights; a mean divides the sum of the one by the sum of the other.

Keeping the pair makes accumulation, masks, `ignore_index`, class weights and ragged batches exact: sums of windows add up,
means do not.
"""

import math
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from nntrain.component import Component
from nntrain.engine.graph import apply
from nntrain.engine.tensor import Tensor, as_tensor
from nntrain.nn.module import Module
from nntrain.ops import functions


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
        w = _constant(self.weight, output)
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
            w = _constant(self.weight, output)
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
        weight = _constant(self.pos_weight, output)
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


class HingeEmbeddingSpec(Loss):
    """x where the target is 1, max(0, margin - x) where it is -1: for distances x."""

    type: Literal["hinge_embedding"] = "hinge_embedding"
    margin: float = Field(1.0, description="distance at which a pair is far enough")

    examples: ClassVar[Any] = (({}, (3, 4), ("sign", 3, 4)),)

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        (target,) = others
        near = functions.where(target != -1, output, 0.0)
        return near + functions.where(target != 1, (self.margin - output).relu(), 0.0), None


class MarginRankingSpec(Loss):
    """max(0, -t (a - b) + margin) for t of 1 (a should be larger) or -1. Called with a, b, t."""

    type: Literal["margin_ranking"] = "margin_ranking"
    margin: float = Field(0.0, description="by how much one should be larger")

    examples: ClassVar[Any] = (({"margin": 0.3}, (3, 4), ("share", 3, 4), ("sign", 3, 4)),)

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        other, target = others
        return (self.margin - target * (output - other)).relu(), None


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


class MultiLabelSoftMarginSpec(Loss):
    """bce_with_logits averaged over the labels of each row."""

    type: Literal["multilabel_soft_margin"] = "multilabel_soft_margin"

    targets: ClassVar[tuple[str, ...]] = ("labels",)
    module: ClassVar[str | None] = "MultiLabelSoftMarginLoss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        each, _ = BCEWithLogitsSpec().losses(output, *others)
        return each.mean(axis=-1), None


class TripletMarginSpec(Loss):
    """max(0, |a - p| - |a - n| + margin) for anchors, positives and negatives (rows, features); called with a, p, n.

    Schroff et al. 2015, arXiv:1503.03832.
    """

    type: Literal["triplet_margin"] = "triplet_margin"
    margin: float = Field(1.0, description="by how much the negative should be farther")
    p: float = Field(2.0, gt=0, description="the norm")
    eps: float = Field(1e-6, ge=0, description="added to each difference")

    examples: ClassVar[Any] = (({}, (3, 4), ("share", 3, 4), (3, 4)), ({"p": 3.0}, (3, 4), ("share", 3, 4), (3, 4)))

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        positive, negative = (self._distance(output, x) for x in others)
        return (positive - negative + self.margin).relu(), None

    def _distance(self, a: Tensor, b: Tensor) -> Tensor:
        gap = a - b + self.eps
        return gap.norm(axis=-1) if self.p == 2 else (gap.abs() ** self.p).sum(axis=-1) ** (1 / self.p)


class CosineEmbeddingSpec(Loss):
    """1 - cos(a, b) where the target is 1, max(0, cos(a, b) - margin) where it is -1; called with a, b, target."""

    type: Literal["cosine_embedding"] = "cosine_embedding"
    margin: float = Field(0.0, ge=-1, le=1, description="cosine at which a pair is far enough")

    examples: ClassVar[Any] = (({"margin": -0.5}, (3, 4), ("share", 3, 4), ("sign", 3)),)

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        other, target = others
        tiny = 1e-12  # PyTorch's, added to the squared lengths
        a, b = ((x * x).sum(axis=-1) + tiny for x in (output, other))
        cosine = (output * other).sum(axis=-1) / (a * b).sqrt()
        return functions.where(target == 1, 1 - cosine, (cosine - self.margin).relu()), None


class CTCSpec(Loss):
    """Connectionist temporal classification (Graves et al. 2006): minus the log of the sum over all alignments.

    Called with log-probabilities (rows, time, classes), targets (rows, length) of class numbers, input lengths (rows) and
    target lengths (rows). As PyTorch's, a row's loss is divided by its target's length in the mean.
    """

    type: Literal["ctc"] = "ctc"
    blank: int = Field(0, ge=0, description="number of the blank class")

    examples: ClassVar[Any] = (({"blank": 3}, (2, 5, 4), ("int", 3, 2, 2), ("all", 5, 2), ("all", 2, 2)),)
    module: ClassVar[str | None] = "CTCLoss"

    def losses(self, output: Tensor, *others: Tensor) -> tuple[Tensor, Tensor | None]:
        target, input_lengths, target_lengths = (np.asarray(x) for x in others)
        rows, time, _ = output.shape
        length = target.shape[1]
        extended = np.full((rows, 2 * length + 1), self.blank)
        extended[:, 1::2] = target
        # a step may skip the blank between two labels that differ
        skip = np.zeros(extended.shape, bool)
        skip[:, 2:] = (extended[:, 2:] != self.blank) & (extended[:, 2:] != extended[:, :-2])
        index = np.broadcast_to(extended[:, None, :], (rows, time, extended.shape[1])).copy()
        emitted = output.gather(2, as_tensor(index, output))
        never = -1e30  # instead of -inf, whose differences are NaN
        start = functions.where(as_tensor(np.arange(extended.shape[1]) < 2), emitted[:, 0], never)
        alpha = start
        for t in range(1, time):
            one = functions.pad(alpha, [(0, 0), (1, -1)], value=never)
            two = functions.where(as_tensor(skip), functions.pad(alpha, [(0, 0), (2, -2)], value=never), never)
            moved = functions.stack([alpha, one, two], axis=0).logsumexp(axis=0) + emitted[:, t]
            alpha = functions.where(as_tensor(t < input_lengths)[:, None], moved, alpha)
        ends = as_tensor(np.stack([2 * target_lengths, np.maximum(2 * target_lengths - 1, 0)], axis=1), output)
        loss = -alpha.gather(1, ends).logsumexp(axis=1)
        return loss / as_tensor(np.maximum(target_lengths, 1).astype(output.dtype), output), None


def _constant(value: float | tuple[float, ...] | None, like: Tensor) -> Tensor | None:
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
