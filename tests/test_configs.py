"""Every shipped config: validates, trains a few steps, is short, and says nothing that follows from the data."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import yaml

from nntrain.build import build
from nntrain.config import load
from nntrain.data import batches
from nntrain.train.step import Step

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
TABLES = ("penguins", "auto_mpg")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_trains_a_few_steps(path: Path) -> None:
    e = build(load(path))
    step = Step(e)
    losses = []
    for i, batch in enumerate(
        islice(batches(e.dataset.splits["train"], e.loaded.config.train.batch_size, shuffle=True), 6)
    ):
        total, weight = step(i, [batch])
        losses.append(total / weight)
    assert losses[-1] < losses[0] * 1.5


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_no_size_is_written_that_the_data_decides(path: Path) -> None:
    data = yaml.safe_load(path.read_text())
    assert data["layers"][-1]["out_features"] == "auto"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_takes_at_most_15_lines(name: str) -> None:
    assert len((ROOT / "configs" / f"{name}.yaml").read_text().splitlines()) <= 15
