"""Tables that commands print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from nntrain.engine.gradcheck import Check


def show_checks(checks: Sequence[Check], everything: bool = False) -> None:
    """Checks of gradients: one line each, or one for each subject's worst where there are many; the wrong ones always."""
    console = _console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("checked", "what", "implementation", "dtype"):
        table.add_column(name, no_wrap=True)
    table.add_column("error", justify="right")
    table.add_column("at most", justify="right")
    table.add_column("")
    shown = list(checks) if everything else _worst(checks)
    for c in shown:
        where = f" at {list(c.worst)}" if not c.ok and c.worst else ""
        kinks = f" ({c.kinks} kinks left out)" if c.kinks else ""
        verdict = "ok" if c.ok else "[bold red]wrong[/]"
        table.add_row(
            c.subject,
            c.what,
            _short(c.implementation),
            c.dtype,
            f"{c.error:.1e}",
            f"{c.tolerance:.0e}",
            verdict + where + kinks,
        )
    console.print(table)
    wrong = sum(not c.ok for c in checks)
    subjects = len({c.subject for c in checks})
    console.print(f"{len(checks)} checks of {subjects} subjects, {wrong} wrong")


def _short(implementation: str) -> str:
    return implementation.removeprefix("nntrain.")


def _worst(checks: Sequence[Check]) -> list[Check]:
    """For each subject and implementation the check nearest to its tolerance, and every wrong one."""
    found: dict[tuple[str, str], Check] = {}
    for c in checks:
        key = (c.subject, c.implementation)
        if key not in found or not c.error / c.tolerance <= found[key].error / found[key].tolerance:
            found[key] = c
    return [c for c in checks if not c.ok or found[c.subject, c.implementation] is c]


def show_summary(found: Mapping[str, Any]) -> None:
    """The layers of a network, and what it costs in all."""
    console = _console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("layer", "type", "reads", "output"):
        table.add_column(name, no_wrap=True)
    for name in ("parameters", "multiplications"):
        table.add_column(name, justify="right")
    for name, shape in found["inputs"].items():
        table.add_row(name, "input", "", _shape(shape), "", "")
    for row in found["layers"]:
        reads = ", ".join(row["inputs"])
        figures = [f"{row[n]:,}" if row[n] else "" for n in ("parameters", "multiplications")]
        table.add_row(row["name"], row["type"], reads, _shape(row["output"]), *figures)
    console.print(table)
    console.print(
        f"{found['parameters']:,} parameters, {found['multiplications']:,} multiplications a row, about"
        f" {found['memory'] / 2**20:,.1f} MiB for a step of {found['batch_size']} rows"
    )


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "1"


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)
