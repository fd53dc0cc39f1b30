"""Without the folder of kernels everything still runs, and computes the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_kernels_folder_can_be_removed(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "nntrain", tmp_path / "nntrain", ignore=shutil.ignore_patterns("kernels", "__pycache__"))

    def fit(place: Path, out: str) -> dict[str, float]:
        options = ["--set", "train.epochs=1", "--set", "data.split.val=0.3", "--run-dir", out]
        command = [sys.executable, "-m", "nntrain", "fit", str(ROOT / "configs/digits_cnn.yaml"), *options]
        done = subprocess.run(
            command, cwd=tmp_path, env={"PYTHONPATH": str(place), "PATH": ""}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        row: dict[str, float] = json.loads((tmp_path / out / "metrics.jsonl").read_text())
        return row

    without, with_kernels = fit(tmp_path, "a"), fit(ROOT, "b")
    assert without.keys() == with_kernels.keys()
    assert abs(without["train/loss"] - with_kernels["train/loss"]) < 1e-3
