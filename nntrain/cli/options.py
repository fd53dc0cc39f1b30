"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

Config = Annotated[str, typer.Argument(help="The config file; - for standard input.", metavar="CONFIG")]
Sets = Annotated[
    Optional[list[str]],  # noqa: UP045  (typer reads it)
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Override a value: --set optimizer.lr=0.01, --set layers[2].p=0.1."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
