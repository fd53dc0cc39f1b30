"""What happened in a run, as frozen dataclasses: `train` yields them, `report` and `store` consume them.

Imports nothing of ours. Every figure a report shows is in an event; a report computes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True)
class RunStarted(Event):
    """The experiment is built and training is about to begin."""

    name: str
    run_dir: str | None
    device: str
    threads: int
    parameters: int
    rows: Mapping[str, int]  # split name -> rows
    batch_size: int
    epochs: int  # planned; 0 where the run is limited by steps alone
    steps: int  # planned optimizer steps
    steps_per_epoch: int
    monitor: str  # metric that chooses the best checkpoint, e.g. "val/accuracy"
    seed: int
    resumed_at: int = 0  # step


@dataclass(frozen=True)
class Progress(Event):
    """Optimizer steps were done since the last one; sent at intervals of time, never into the metrics log."""

    step: int
    epoch: int  # 1-based
    step_in_epoch: int
    loss: float  # mean training loss so far in this epoch
    lr: float
    samples_per_second: float
    seconds: float  # since training started
    eta: float  # seconds to the planned end; NaN when unknown


@dataclass(frozen=True)
class EpochDone(Event):
    """An epoch and its evaluation are finished. `metrics` is what metrics.jsonl holds."""

    epoch: int
    step: int
    metrics: Mapping[str, float]  # "train/loss", "val/loss", "val/accuracy", ...
    lr: float
    best: bool  # the monitored metric is the best so far
    seconds: float  # of this epoch, evaluation included
    samples_per_second: float


@dataclass(frozen=True)
class CheckpointSaved(Event):
    """A checkpoint file is safely on disk."""

    path: str
    step: int
    why: str  # "best", "last", "step", "first", "signal"
    seconds: float


@dataclass(frozen=True)
class Notice(Event):
    """Something the user should know once; `level` is "info" or "warning"."""

    message: str
    level: str = "warning"


@dataclass(frozen=True)
class RunEnded(Event):
    """The run is over. `metrics` are those of the best checkpoint, on validation and test rows."""

    status: str  # "finished", "early_stopped", "interrupted", "diverged"
    epoch: int
    step: int
    best_epoch: int
    best_path: str | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
