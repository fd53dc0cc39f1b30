"""Runs a trainer and hands its events to the report; shared by the commands that train."""

from __future__ import annotations

import signal

import typer

from nntrain.build import Experiment
from nntrain.cli.exits import Exit
from nntrain.report import make_report
from nntrain.store import RunFolder
from nntrain.train.loop import Trainer
from nntrain.train.runs import describe, write_configs
from nntrain.train.state import Progress


def train(experiment: Experiment, folder: RunFolder, progress: Progress | None = None) -> None:
    """Train to the end. Exits with the documented code after a signal."""
    report = make_report(experiment.loaded.config.log.interval)
    trainer = Trainer(experiment, folder, progress)
    piped_away = False
    try:
        if progress is None:
            write_configs(experiment, folder)
        describe(experiment, folder, "running")
        with trainer.stop.listening() as stop:
            for event in trainer.run():
                try:
                    if not piped_away:
                        report.show(event)
                except BrokenPipeError:
                    piped_away = True  # nobody reads any more: the training goes on
        p = trainer.progress
        describe(experiment, folder, trainer.status, best=p.best, best_epoch=p.best_epoch, epoch=p.epoch, step=p.step)
    except BaseException:
        if trainer.status == "running":
            trainer.status = "failed"
        describe(experiment, folder, trainer.status)
        raise
    finally:
        report.close()
        folder.close()
    if piped_away:
        raise BrokenPipeError
    if stop.wanted:
        raise typer.Exit(Exit.INTERRUPTED if stop.wanted == signal.SIGINT else Exit.TERMINATED)
