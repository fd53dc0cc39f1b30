"""The loop: a generator of events. What is recorded, shown or drawn is up to whoever consumes them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

from nntrain import events
from nntrain.build import Experiment
from nntrain.data import Batch, batches
from nntrain.errors import DivergedError
from nntrain.store import RunFolder, load_checkpoint
from nntrain.train.evaluate import evaluate
from nntrain.train.signals import Stop
from nntrain.train.state import Progress, capture, improved, metrics_row, restore_weights
from nntrain.train.step import Step

REPORT_SECONDS = 0.1


class Trainer:
    """Trains an experiment into a run folder. `run()` yields events and may be left at any of them."""

    def __init__(self, experiment: Experiment, folder: RunFolder, progress: Progress | None = None) -> None:
        self.experiment = experiment
        self.folder = folder
        self.log = folder.log
        self.progress = progress or Progress()
        self.resumed_at = self.progress.step
        self.stop = Stop()
        self.status = "running"
        self._started = time.perf_counter()
        self._reported = 0.0

    def run(self) -> Iterator[events.Event]:
        """Train to the end of the plan, early stop, or a signal; then evaluate the best checkpoint."""
        e, p = self.experiment, self.progress
        yield self._opening()
        for note in e.notes:
            yield events.Notice(note, "info")
        try:
            while not p.finished and not self.stop.wanted:
                yield from self._epoch()
        except DivergedError as error:
            self.status = "diverged"
            last = f"; the last checkpoint is {self.folder.last}" if self.folder.last.exists() else ""
            raise DivergedError(
                f"{error}: the weights were not changed by it{last}. Try a smaller rate, or clip_norm"
            ) from None
        if self.stop.wanted:
            self.status = "interrupted"
            yield self._save(self.folder.last, "signal")
            yield events.RunEnded("interrupted", p.epoch, p.step, p.best_epoch, self._best_path(), {}, self._elapsed())
            return
        self.status = "finished" if p.step >= e.plan.steps else "early_stopped"
        yield from self._closing()

    def _opening(self) -> events.RunStarted:
        e = self.experiment
        train = e.loaded.config.train
        return events.RunStarted(
            name=e.loaded.config.name,
            run_dir=str(self.folder.path),
            device=e.backend.name,
            threads=thread_count(),
            parameters=e.parameters,
            rows={name: split.rows for name, split in e.dataset.splits.items()},
            batch_size=train.batch_size,
            epochs=train.epochs or 0,
            steps=e.plan.steps,
            steps_per_epoch=e.plan.steps_per_epoch,
            monitor=e.monitor,
            seed=e.loaded.config.seed,
            resumed_at=self.resumed_at,
        )

    def _epoch(self) -> Iterator[events.Event]:
        """The rest of the current epoch, its evaluation, its line in the log, its checkpoints."""
        e, p = self.experiment, self.progress
        config = e.loaded.config
        step, started, rows_done = Step(e), time.perf_counter(), 0
        for window in self._windows():
            total, weight = step(p.step, window)
            p.loss_sum += total
            p.loss_weight += weight
            p.step += 1
            p.position += 1
            rows_done += sum(len(b.rows) for b in window)
            if p.step == 1:
                yield self._save(self.folder.last, "first")
            if self.stop.checkpoint:
                self.stop.checkpoint = False
                yield self._save(self.folder.last, "signal")
            if time.perf_counter() - self._reported >= REPORT_SECONDS:
                yield self._progress(rows_done, time.perf_counter() - started)
            if self.stop.wanted:
                return
            if p.step >= e.plan.steps:
                break

        metrics = {"train/loss": p.loss_sum / p.loss_weight if p.loss_weight else float("nan")}
        if "val" in e.dataset.splits:
            metrics |= {f"val/{n}": v for n, v in evaluate(e, e.dataset.splits["val"]).items()}
        p.epoch, p.position, p.loss_sum, p.loss_weight = p.epoch + 1, 0, 0.0, 0.0
        if config.schedule.learns:
            e.scheduler.observe(metrics[getattr(config.schedule, "monitor", None) or e.monitor])
            p.schedule = e.scheduler.state_dict()["state"]
        stop = config.train.early_stop
        best = improved(metrics[e.monitor], p.best, e.larger_is_better, stop.min_delta if stop else 0.0)
        if best:
            p.best, p.best_epoch, p.waited = metrics[e.monitor], p.epoch, 0
        else:
            p.waited += 1
        p.finished = p.step >= e.plan.steps or (stop is not None and p.waited >= stop.patience)
        p.metrics = metrics
        self.log.append(metrics_row(p, metrics, e.optimizer.lr))
        p.log_size = self.log.size
        seconds = time.perf_counter() - started
        yield events.EpochDone(p.epoch, p.step, metrics, e.optimizer.lr, best, seconds, rows_done / max(seconds, 1e-9))
        if best:
            yield self._save(self.folder.best, "best")
        if p.epoch % config.checkpoint.every == 0 or p.finished:
            yield self._save(self.folder.last, "last")

    def _windows(self) -> Iterator[list[Batch]]:
        """The batches of the rest of this epoch, as many together as make one update."""
        e, p = self.experiment, self.progress
        config = e.loaded.config
        size = config.train.accumulate
        source = batches(
            e.dataset.splits["train"],
            config.train.batch_size,
            seed=config.seed,
            epoch=p.epoch,
            shuffle=config.train.shuffle,
            start=p.position * size,
        )
        while window := list(islice(source, size)):
            yield window

    def _progress(self, rows_done: int, seconds: float) -> events.Progress:
        e, p = self.experiment, self.progress
        self._reported = time.perf_counter()
        done = p.step - self.resumed_at
        left = self._elapsed() / done * (e.plan.steps - p.step) if done else float("nan")
        return events.Progress(
            p.step,
            p.epoch + 1,
            p.position,
            p.loss_sum / p.loss_weight if p.loss_weight else float("nan"),
            e.optimizer.lr,
            rows_done / max(seconds, 1e-9),
            self._elapsed(),
            left,
        )

    def _save(self, path: object, why: str) -> events.CheckpointSaved:
        started = time.perf_counter()
        tensors, meta = capture(self.experiment, self.progress)
        self.folder.save(path, tensors, meta)  # type: ignore[arg-type]
        return events.CheckpointSaved(str(path), self.progress.step, why, time.perf_counter() - started)

    def _best_path(self) -> str | None:
        return str(self.folder.best) if self.folder.best.exists() else None

    def _closing(self) -> Iterator[events.Event]:
        """Figures of the best checkpoint, on validation and test rows."""
        e, p = self.experiment, self.progress
        metrics: dict[str, float] = {}
        if self.folder.best.exists():
            restore_weights(e, load_checkpoint(self.folder.best))
        for name in ("val", "test"):
            if name in e.dataset.splits:
                metrics |= {f"{name}/{n}": v for n, v in evaluate(e, e.dataset.splits[name]).items()}
        yield events.RunEnded(self.status, p.epoch, p.step, p.best_epoch, self._best_path(), metrics, self._elapsed())

    def _elapsed(self) -> float:
        return time.perf_counter() - self._started


def thread_count() -> int:
    """Threads this process may use: cores of its affinity."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
