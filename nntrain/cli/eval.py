"""`nntrain eval`: figures of a checkpoint."""

from __future__ import annotations

from typing import Annotated, Optional

import typer


def eval(  # the command's name
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint file.", metavar="CHECKPOINT")],
    split: Annotated[str, typer.Option(help="Rows to evaluate: test, val or train.")] = "test",
    data: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="DIR", help="Folder that the config's data paths start in; data with another hash is taken."
        ),
    ] = None,
    allow_plugins: Annotated[
        bool, typer.Option("--allow-plugins", help="Run the plugin files that the checkpoint names.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Evaluate CHECKPOINT on the test rows of the data it was trained with.

    The rows are split as they were for training, and preprocessing is the one in the checkpoint.
    """
    import json as json_module

    from nntrain.errors import ConfigError, DataError
    from nntrain.report.console import figure
    from nntrain.train.evaluate import evaluate
    from nntrain.train.runs import reopen

    if split not in ("test", "val", "train"):
        raise ConfigError(f"--split {split}: expected test, val or train")
    experiment, read = reopen(checkpoint, data, allow_plugins)
    if split not in experiment.dataset.splits:
        raise DataError(f"the data has no {split} rows: there are {', '.join(experiment.dataset.splits)}")
    rows = experiment.dataset.splits[split]
    figures = {f"{split}/{name}": value for name, value in evaluate(experiment, rows).items()}
    progress = read.meta["progress"]
    if json:
        summary = {"checkpoint": checkpoint, "split": split, "rows": rows.rows, "epoch": progress["epoch"]}
        typer.echo(json_module.dumps({**summary, "metrics": figures}))
        return
    name = experiment.loaded.config.name
    typer.echo(f"{name}, epoch {progress['epoch']}: {rows.rows} {split} rows")
    for key, value in figures.items():
        typer.echo(f"  {key:<16} {figure(value)}")
