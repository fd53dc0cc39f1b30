"""Losses of sequences whose alignment is not known."""

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from nntrain.engine.tensor import Tensor, as_tensor
from nntrain.nn.losses.base import Loss
from nntrain.ops import functions


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
