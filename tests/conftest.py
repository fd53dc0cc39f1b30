"""Shared by all tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def root() -> Path:
    """The folder with configs/ and datasets/."""
    return ROOT


@pytest.fixture
def nntrain(tmp_path: Path) -> Run:
    """Runs the command line in a process of its own, in an empty folder."""

    def run(
        *arguments: object, cwd: Path | None = None, stdin: str = "", **env: str
    ) -> subprocess.CompletedProcess[str]:
        import os

        return subprocess.run(
            [sys.executable, "-m", "nntrain", *map(str, arguments)],
            cwd=cwd or tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **env},
        )

    return run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a small config and its data, to change at will."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(ROOT / "datasets" / "penguins.csv", folder / "penguins.csv")
    (folder / "config.yaml").write_text(
        """\
data:
  source: {type: csv, path: penguins.csv}
  target: species
  drop: [year]
layers:
  - {type: linear, out_features: 8}
  - relu
  - {type: dropout, p: 0.1}
  - {type: linear, out_features: auto}
loss: cross_entropy
optimizer: {type: adam, lr: 0.01}
train: {epochs: 3, batch_size: 32}
"""
    )
    return folder
