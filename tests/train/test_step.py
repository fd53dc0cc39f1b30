"""One update: windows equal large batches, bad numbers never reach the weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nntrain.build import Experiment, build
from nntrain.config import load
from nntrain.data import batches
from nntrain.errors import DivergedError
from nntrain.train.evaluate import evaluate
from nntrain.train.step import Step


def experiment(project: Path, *sets: str) -> Experiment:
    return build(load(project / "config.yaml", ["precision=float64", *sets]))


def weights(e: Experiment) -> np.ndarray:
    return np.array(e.flat.values)


def test_four_batches_of_16_are_one_of_64(project: Path) -> None:
    """Dropout and a ragged last piece included."""
    parts, whole = experiment(project), experiment(project)
    rows = next(iter(batches(whole.dataset.splits["train"], 60)))
    pieces = [b for b in batches(whole.dataset.splits["train"], 16)][:4]
    pieces[3] = type(rows)({n: a[48:60] for n, a in rows.inputs.items()}, rows.target[48:60], rows.rows[48:60], 48)
    a = Step(parts)(0, pieces)
    b = Step(whole)(0, [rows])
    np.testing.assert_allclose(a, b, rtol=1e-12)
    np.testing.assert_allclose(weights(parts), weights(whole), atol=1e-12)


def test_clipping_sees_the_window(project: Path) -> None:
    e = experiment(project, "train.clip_norm=0.001", "optimizer={type: sgd, lr: 1.0}")
    before = weights(e)
    Step(e)(0, list(batches(e.dataset.splits["train"], 16))[:2])
    assert np.linalg.norm(weights(e) - before) == pytest.approx(0.001, rel=1e-2)


def test_a_bad_number_does_not_reach_the_weights(project: Path) -> None:
    e = experiment(project)
    batch = next(iter(batches(e.dataset.splits["train"], 16)))
    batch.inputs["x"][3, 2] = np.nan
    before = weights(e)
    with pytest.raises(DivergedError, match="step 1"):
        Step(e)(0, [batch])
    np.testing.assert_array_equal(weights(e), before)


@pytest.mark.parametrize("size", [1, 7, 52])
def test_figures_do_not_depend_on_the_batch_size(project: Path, size: int) -> None:
    e = experiment(project, f"train.eval_batch_size={size}")
    f = experiment(project)
    a, b = (evaluate(x, x.dataset.splits["val"]) for x in (e, f))
    assert a == pytest.approx(b, rel=1e-12)


def test_divergence_warns_of_nothing_but_itself(project: Path) -> None:
    e = experiment(project, "optimizer={type: sgd, lr: 1.0e+200}")
    step = Step(e)
    with pytest.raises(DivergedError, match="of step"):
        for i, batch in enumerate(batches(e.dataset.splits["train"], 16)):
            step(i, [batch])
