"""`nntrain validate`: everything that can be said of a config without training."""

from __future__ import annotations

from typing import Annotated

import typer

from nntrain.cli.options import Config, Json, Sets


def validate(
    config: Config,
    set_: Sets = None,
    data: Annotated[
        bool, typer.Option("--data", help="Read the data, too, and check shapes and targets against it.")
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Rewrite the file where it is certain what is meant; comments stay.")
    ] = False,
    json: Json = False,
) -> None:
    """Check CONFIG and show every mistake at its file, line and column. Exits with 2 where there is one.

    Reads no data unless asked to, so it is quick enough for every save in an editor.
    """
    import json as json_module
    from typing import Any

    from nntrain.config import ConfigProblems, load

    changed: list[dict[str, Any]] = []
    if fix:
        from nntrain.config.fix import fix_file

        for made in fix_file(config)[0]:
            changed.append({"file": config, "line": made.mark.line, "old": made.old, "new": made.new})
            if not json:
                typer.echo(f"{config}:{made.mark.line}: {made.old} -> {made.new}")
    more = {"fixed": changed} if fix else {}
    try:
        loaded = load(config, set_ or [])
        if data:
            from nntrain.build import build

            build(loaded)
    except ConfigProblems as error:
        if not json:
            raise
        rows = [
            {
                "file": p.mark.source.name if p.mark else None,
                "line": p.mark.line if p.mark else None,
                "column": p.mark.column if p.mark else None,
                "path": p.where,
                "message": p.message,
                "hints": list(p.hints),
            }
            for p in error.problems
        ]
        typer.echo(json_module.dumps({"ok": False, "problems": rows, **more}))
        raise typer.Exit(2) from None
    typer.echo(json_module.dumps({"ok": True, "problems": [], **more}) if json else f"{config}: ok")
