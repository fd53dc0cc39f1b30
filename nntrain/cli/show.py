"""`nntrain show`: a config with every default written out."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from nntrain.cli.options import Config, Json, Sets


def show(
    config: Config,
    set_: Sets = None,
    origin: Annotated[bool, typer.Option("--origin", help="Say beside each value where it comes from.")] = False,
    diff: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--diff", metavar="OTHER", help="Show only what differs from another config."),
    ] = None,
    json: Json = False,
) -> None:
    """Print CONFIG with every default: what will be trained. The output is a config of its own."""
    import json as json_module

    from nntrain.config import load
    from nntrain.config.view import as_yaml, differences

    loaded = load(config, set_ or [])
    if diff is not None:
        rows = differences(loaded, load(diff))
        if json:
            typer.echo(json_module.dumps([{"path": p, "here": a, "there": b} for p, a, b in rows]))
            return
        for path, here, there in rows:
            typer.echo(f"{path}: {here} -> {there}")
        if not rows:
            typer.echo("no difference")
        return
    if json:
        typer.echo(json_module.dumps(loaded.resolved()))
        return
    typer.echo(as_yaml(loaded, origin), nl=False)
