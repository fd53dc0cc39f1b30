"""What this package computes, against what PyTorch computed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import adapter
import loader
import runner

#: cases that are not offered, and why
UNSUPPORTED = {
    "modules/conv3d_s2": "volumes: no layer for them",
    "modules/embeddingbag_mean": "an embedding and a mean say the same",
    "modules/lstm_cell": "one step of a recurrence: lstm runs whole sequences",
    "modules/cosine_similarity": "a function, not a layer",
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("category", runner.CATEGORIES)
def test_no_case_fails(category: str, dtype: str) -> None:
    results = runner.run(adapter, dtype, (category,))
    print(runner.table(results))
    assert results
    assert not [r for r in results if r.kind == "fail"], runner.table(results)


def test_what_is_unsupported_is_listed_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    results = runner.run(adapter, "float64")
    found = {f"{r.category}/{r.case}" for r in results if r.kind == "unsupported"}
    with capsys.disabled():
        print(f"\nconformance: {len(results) - len(found)} of {len(results)} cases offered")
    assert found == set(UNSUPPORTED)


def test_the_stored_figures_are_complete() -> None:
    manifest, bad = loader.check_manifest("data")
    assert not bad
    assert sum(manifest["counts"].values()) == 280


def test_a_wrong_gradient_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from nntrain.engine.op import forget_plans, ops

    def backward(xp, y, gy, gx):
        xp.multiply(gy, y, out=gx)

    forget_plans()
    monkeypatch.setattr(ops["tanh"].reference, "backward", backward)
    results = runner.run(adapter, "float64", ("modules",))
    forget_plans()
    assert "tanh" in [r.case for r in results if r.kind == "fail"]
