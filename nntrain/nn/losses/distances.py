"""Losses that compare embeddings."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from nntrain.engine.tensor import Tensor
from nntrain.nn.losses.base import Loss
from nntrain.ops import functions


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
