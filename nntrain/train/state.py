"""Where a run stands: what a checkpoint holds besides tensors, and how both are put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from nntrain import __version__
from nntrain.build import Experiment
from nntrain.errors import CheckpointError
from nntrain.store import Checkpoint

MODEL, AVERAGE, OPTIMIZER = "model.", "average.", "optimizer."


@dataclass
class Progress:
    """Counters of a run. `position` is the number of steps done in the current epoch."""

    epoch: int = 0  # finished epochs
    position: int = 0
    step: int = 0
    loss_sum: float = 0.0  # of the current epoch
    loss_weight: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    waited: int = 0  # epochs without improvement
    log_size: int = 0  # bytes of metrics.jsonl
    finished: bool = False
    metrics: dict[str, float] = field(default_factory=dict)  # of the last finished epoch
    schedule: dict[str, Any] = field(default_factory=dict)  # what a schedule that watches a metric has learned


def capture(experiment: Experiment, progress: Progress) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors and metadata of a checkpoint. The tensors are copies: training may go on while they are written."""
    e = experiment
    tensors: dict[str, Any] = {MODEL + n: a for n, a in e.network.state_dict().items()}
    if e.average is not None:
        views = zip(e.flat.names, e.flat.views(e.average), strict=True)
        tensors |= {AVERAGE + n: np.array(e.backend.to_host(a)) for n, a in views}
    steps: dict[str, int] = {}
    for name, value in e.optimizer.state_dict().items():
        if isinstance(value, int):
            steps[name] = value
        else:
            tensors[OPTIMIZER + name] = value
    meta = {
        "nntrain": __version__,
        "config": e.loaded.written(),
        "fitted": e.dataset.fitted.to_json(),
        "data_hash": e.dataset.content_hash,
        "progress": asdict(progress),
        "optimizer_steps": steps,
    }
    return tensors, meta


def restore(experiment: Experiment, checkpoint: Checkpoint) -> Progress:
    """Put a checkpoint's weights, optimizer and counters into an experiment. CheckpointError where they do not fit."""
    _load_weights(experiment, _with_prefix(checkpoint, MODEL))
    if experiment.average is not None:
        averages = _with_prefix(checkpoint, AVERAGE)
        for name, view in zip(experiment.flat.names, experiment.flat.views(experiment.average), strict=True):
            view[...] = experiment.backend.from_host(averages[name])
    state: dict[str, Any] = dict(checkpoint.meta["optimizer_steps"])
    state.update(_with_prefix(checkpoint, OPTIMIZER))
    try:
        experiment.optimizer.load_state_dict(state)
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"the checkpoint's optimizer state does not fit the config: {error}") from None
    progress = Progress(**checkpoint.meta["progress"])
    if progress.schedule:
        experiment.scheduler.load_state_dict({"step": progress.step, "state": progress.schedule})
    return progress


def restore_weights(experiment: Experiment, checkpoint: Checkpoint) -> None:
    """Put the weights that a checkpoint was evaluated with into the network: their average where it holds one.

    CheckpointError where they do not fit.
    """
    _load_weights(experiment, _with_prefix(checkpoint, MODEL) | _with_prefix(checkpoint, AVERAGE))
    experiment.average = None


def _with_prefix(checkpoint: Checkpoint, prefix: str) -> dict[str, Any]:
    return {n.removeprefix(prefix): a for n, a in checkpoint.tensors.items() if n.startswith(prefix)}


def _load_weights(experiment: Experiment, weights: Mapping[str, Any]) -> None:
    try:
        experiment.network.load_state_dict(weights)
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"the checkpoint's weights do not fit the network: {error.args[0]}") from None


def improved(value: float, best: float | None, larger: bool, min_delta: float = 0.0) -> bool:
    """Whether a monitored value beats the best so far by more than `min_delta`; NaN never does."""
    if np.isnan(value):
        return False
    if best is None:
        return True
    return value > best + min_delta if larger else value < best - min_delta


def metrics_row(progress: Progress, metrics: Mapping[str, float], lr: float) -> dict[str, Any]:
    """A line of the metrics log: a function of config, data and seed alone."""
    return {"epoch": progress.epoch, "step": progress.step, "lr": lr, **metrics}
