"""`nntrain doctor`: what this machine has, and whether it works."""

from __future__ import annotations

import typer

from nntrain.cli.options import Json


def doctor(json: Json = False) -> None:
    """Show versions, threads, BLAS, compiler and GPU, say what is missing with the command that brings it, and test a network.

    Exits with 6 where the self-test fails.
    """
    import json as json_module

    from nntrain.doctor import examine
    from nntrain.errors import CheckFailedError

    found = examine()
    if json:
        typer.echo(json_module.dumps(found))
    else:
        width = max(len(name) for name in found["facts"])
        for name, value in found["facts"].items():
            typer.echo(f"{name:<{width}}  {value}")
        for line in found["advice"]:
            typer.echo(f"advice: {line}")
    if not found["ok"]:
        raise CheckFailedError(f"the self-test failed: {found['facts']['self-test']}")
