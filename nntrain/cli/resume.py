"""`nntrain resume`: go on with a run that was stopped."""

from __future__ import annotations

from typing import Annotated, Optional

import typer


def resume(
    run: Annotated[str, typer.Argument(help="A run folder, such as runs/digits_cnn/latest.", metavar="RUN")],
    set_: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--set", metavar="NAME=VALUE", help="Go on longer: --set train.epochs=150."),
    ] = None,
) -> None:
    """Go on with RUN from its last checkpoint, to the weights and figures of a run that was never stopped.

    A run that is finished prints its result again; with --set train.epochs it goes on. The schedule is then that of the
    longer training.
    """
    from nntrain.cli.running import train
    from nntrain.train.runs import take_up

    experiment, folder, progress = take_up(run, set_ or [])
    train(experiment, folder, progress)
