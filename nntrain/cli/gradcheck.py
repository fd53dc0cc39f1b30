"""`nntrain gradcheck`: gradients against numbers."""

from __future__ import annotations

from typing import Annotated, Optional

import typer


def gradcheck(
    config: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(
            help="Check the network of this config; every op, layer and loss where not given.", metavar="[CONFIG]"
        ),
    ] = None,
    op: Annotated[Optional[str], typer.Option(metavar="NAME", help="Check one op.")] = None,  # noqa: UP045
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check gradients against central differences, and faster kernels against the reference.

    Without CONFIG: every op, layer and loss from its samples. With one: every parameter of the network it describes, on a
    batch of its data, in float64, and then the float32 gradients against those. Exits with 6 where one is wrong.
    """
    import json as json_module

    from nntrain.checks import check_config, check_ops
    from nntrain.errors import CheckFailedError

    checks = check_config(config) if config is not None else check_ops(op)
    wrong = [c for c in checks if not c.ok]
    if json:
        rows = [
            {
                "subject": c.subject,
                "what": c.what,
                "implementation": c.implementation,
                "dtype": c.dtype,
                "error": c.error,
                "tolerance": c.tolerance,
                "worst": list(c.worst),
                "kinks": c.kinks,
                "ok": c.ok,
            }
            for c in checks
        ]
        typer.echo(json_module.dumps({"ok": not wrong, "checks": rows}))
    else:
        from nntrain.report.tables import show_checks

        show_checks(checks, everything=config is not None or op is not None)
    if wrong:
        subjects = ", ".join(dict.fromkeys(c.subject for c in wrong))
        raise CheckFailedError(f"{len(wrong)} of {len(checks)} checks failed: {subjects}")
