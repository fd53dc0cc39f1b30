"""`nntrain schema`: the JSON Schema of configs."""

from __future__ import annotations

import typer


def schema() -> None:
    """Print the JSON Schema of configs, for editors.

    A config whose first line is `# yaml-language-server: $schema=FILE` is completed and checked by editors that know it.
    """
    import json

    import nntrain.metrics
    import nntrain.nn
    import nntrain.optim  # noqa: F401  (imported to fill the registry)
    from nntrain.config.schema import config_schema

    typer.echo(json.dumps(config_schema(), indent=2))
