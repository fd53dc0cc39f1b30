"""One optimizer update: forward and backward over the batches of its window, scaled by the window's weight, clipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nntrain.backend import Array
from nntrain.backend.random import counter
from nntrain.build import Experiment
from nntrain.data import Batch
from nntrain.engine.graph import apply, no_grad
from nntrain.engine.tensor import Tensor
from nntrain.errors import DivergedError
from nntrain.nn.context import Context
from nntrain.optim.clip import clip_grad_norm_, clip_grad_value_


class Step:
    """Runs the updates of an experiment. The loss is a sum and a weight, so a window of batches equals one large batch."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.words = Tensor(counter(0), device=experiment.backend.name)

    @np.errstate(all="ignore")  # what is not finite is found below, by value
    def __call__(self, step: int, window: Sequence[Batch]) -> tuple[float, float]:
        """Do update number `step` (from 0) with these batches; the sum of the losses and their weight.

        Raises DivergedError before anything is changed where a loss or a gradient is not finite.
        """
        e = self.experiment
        train = e.loaded.config.train
        e.flat.zero_grad()
        total, weight, first = 0.0, 0.0, 0
        for batch in window:
            self._write_counter(step, first)
            ctx = Context(training=True, seed=e.loaded.config.seed, counter=self.words)
            output = e.network.forward(to_device(e, batch.inputs), ctx)
            loss, count = e.loss.pair(output, to_tensor(e, batch.target))
            loss.backward()
            total += float(loss.item())
            weight += float(count.item())
            first += len(batch.rows)
        if not np.isfinite(total):
            raise DivergedError(f"the loss of step {step + 1} is {total}")
        with no_grad():
            if weight:
                e.flat.gradients *= e.dtype.type(1 / weight)
            if not bool(e.backend.xp.isfinite(e.flat.gradients).all()):
                raise DivergedError(f"a gradient of step {step + 1} is not finite, with a loss of {total / weight:g}")
            if train.clip_value is not None:
                clip_grad_value_(e.flat, train.clip_value)
            if train.clip_norm is not None:
                clip_grad_norm_(e.flat, train.clip_norm)
            e.scheduler.apply(step)
            e.optimizer.step()
            if e.average is not None:
                backend = e.backend
                average, values = (Tensor._wrap(a, backend, False) for a in (e.average, e.flat.values))
                apply("average_update", average, values, decay=train.ema)
        return total, weight

    def _write_counter(self, step: int, row: int) -> None:
        self.words._array[...] = self.words._backend.from_host(counter(step, row))


def to_device(e: Experiment, inputs: Mapping[str, Array]) -> dict[str, Tensor]:
    """A batch's inputs as tensors; floats in the network's dtype."""
    return {name: to_tensor(e, a) for name, a in inputs.items()}


def to_tensor(e: Experiment, array: Array) -> Tensor:
    """An array of a batch on the device; floats in the network's dtype."""
    return Tensor(array.astype(e.dtype, copy=False) if array.dtype.kind == "f" else array, device=e.backend.name)
