"""`nntrain summary`: the network of a config, layer by layer."""

from __future__ import annotations

from nntrain.cli.options import Config, Json, Sets


def summary(config: Config, set_: Sets = None, json: Json = False) -> None:
    """Show the network of CONFIG for the shapes of its data: outputs, parameters, multiplications, memory.

    Multiplications are those of one row's forward pass; memory is what a training step of one batch holds at most,
    estimated from outputs, parameters, gradients and the optimizer's arrays.
    """
    import json as json_module

    import typer

    from nntrain.build import build
    from nntrain.config import load
    from nntrain.summary import summarize

    found = summarize(build(load(config, set_ or [])))
    if json:
        typer.echo(json_module.dumps(found))
        return
    from nntrain.report.tables import show_summary

    show_summary(found)
