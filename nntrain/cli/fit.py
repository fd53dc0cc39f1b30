"""`nntrain fit`: train the network a config describes."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from nntrain.cli.options import Config


def fit(
    config: Config,
    set_: Annotated[
        Optional[list[str]],  # noqa: UP045  (typer reads it)
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Override a value: --set optimizer.lr=0.01, --set layers[2].p=0.1."
        ),
    ] = None,
    run_dir: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--run-dir", metavar="DIR", help="Folder of the run itself; runs/<name>/<number> where not given."
        ),
    ] = None,
) -> None:
    """Train the network that CONFIG describes.

    Writes a run folder with metrics, the config and checkpoints, and ends with the figures of the best checkpoint on the
    validation and test rows.
    """
    from nntrain.build import build
    from nntrain.cli.running import train
    from nntrain.config import load
    from nntrain.store import RunFolder

    loaded = load(config, set_ or [])
    experiment = build(loaded)
    folder = RunFolder.create(loaded.config.name, run_dir=run_dir)
    train(experiment, folder)
