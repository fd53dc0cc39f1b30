"""Figures of a network over a whole split."""

from __future__ import annotations

import numpy as np

from nntrain.build import Experiment
from nntrain.data import Split, batches
from nntrain.engine.graph import no_grad
from nntrain.nn.context import Context
from nntrain.train.step import to_device, to_tensor


@np.errstate(all="ignore")  # a network may have diverged: its figures say so
def evaluate(experiment: Experiment, split: Split) -> dict[str, float]:
    """The loss and every metric over all rows of a split, in evaluation mode. Numbers are in the units of the data."""
    e = experiment
    target_info = e.dataset.target
    accumulators = {str(getattr(m, "type", "")): m.accumulator() for m in e.metrics}
    total, weight = 0.0, 0.0
    with no_grad(), e.evaluated_weights():
        for batch in batches(split, e.loaded.config.train.eval_batch_size):
            output = e.network.forward(to_device(e, batch.inputs), Context(training=False))
            loss, count = e.loss.pair(output, to_tensor(e, batch.target))
            total += float(loss.item())
            weight += float(count.item())
            prediction = target_info.to_units(e.backend.to_host(output._array))
            target = target_info.to_units(batch.target) if batch.target.dtype.kind == "f" else batch.target
            for accumulator in accumulators.values():
                accumulator.update(prediction, np.asarray(target))
    return {"loss": total / weight if weight else float("nan"), **{n: a.result() for n, a in accumulators.items()}}
