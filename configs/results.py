"""Figures of the shipped configs over seeds: `python configs/results.py penguins auto_mpg` (all of them by default).

Prints, for seeds 0 to 4 (of the split, the initial values and the order of rows), the test figures of the checkpoint that
the validation rows chose, and their mean.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from nntrain import events
from nntrain.build import build
from nntrain.config import load
from nntrain.store import RunFolder
from nntrain.train.loop import Trainer

HERE = Path(__file__).resolve().parent
SEEDS = range(5)


def run(name: str, seed: int) -> dict[str, float]:
    """The figures of one run."""
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder.create(name, run_dir=place + "/run")
        trainer = Trainer(build(load(HERE / f"{name}.yaml", [f"seed={seed}"])), folder)
        ended = [event for event in trainer.run() if isinstance(event, events.RunEnded)][-1]
        folder.close()
    return dict(ended.metrics)


def main() -> None:
    for name in sys.argv[1:] or sorted(p.stem for p in HERE.glob("*.yaml")):
        rows = []
        for seed in SEEDS:
            rows.append(run(name, seed))
            shown = "  ".join(f"{n} {v:.4f}" for n, v in rows[-1].items())
            print(f"{name:<12} seed {seed}  {shown}", flush=True)
        means = "  ".join(f"{n} {statistics.mean(r[n] for r in rows):.4f}" for n in rows[0])
        print(f"{name:<12} mean    {means}", flush=True)


main()
