"""Whole runs: the same bytes twice, the same after a kill, the same figures from eval."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FILES = ("checkpoints/best.safetensors", "checkpoints/last.safetensors", "metrics.jsonl", "metrics.csv")


def same_run(a: Path, b: Path) -> None:
    for name in FILES:
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the project of `make_project`."""
    folder = tmp_path_factory.mktemp("whole")
    project = make_project(folder)
    done = call("fit", project / "config.yaml", "--run-dir", folder / "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


def make_project(folder: Path) -> Path:
    root = Path(__file__).resolve().parents[2]
    project = folder / "project"
    project.mkdir()
    shutil.copy(root / "datasets" / "penguins.csv", project / "penguins.csv")
    text = (root / "configs" / "penguins.yaml").read_text().replace("../datasets/", "")
    text = text.replace("  - relu\n", "  - relu\n  - {type: dropout, p: 0.2}\n", 1).replace(
        "epochs: 60", "epochs: 6, accumulate: 2"
    )
    (project / "config.yaml").write_text(text.replace("train: {", "train: {ema: 0.9, clip_norm: 1, "))
    return project


def call(*arguments: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    import os

    command = [sys.executable, "-m", "nntrain", *map(str, arguments)]
    root = str(Path(__file__).resolve().parents[2])
    full = {**os.environ, "PYTHONPATH": root, **env}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, env=full)


def test_the_same_config_and_seed_give_the_same_bytes_from_another_folder(whole: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path)
    done = call("fit", "config.yaml", "--run-dir", "../out", cwd=project, PYTHONHASHSEED="5")
    assert done.returncode == 0, done.stderr
    same_run(whole, tmp_path / "out")


def test_another_seed_gives_another_run(whole: Path, tmp_path: Path) -> None:
    call("fit", make_project(tmp_path) / "config.yaml", "--run-dir", "out", "--set", "seed=1", cwd=tmp_path)
    assert (tmp_path / "out/metrics.jsonl").read_bytes() != (whole / "metrics.jsonl").read_bytes()


def test_eval_gives_the_figures_that_fit_reported(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    done = call("fit", project / "config.yaml", "--run-dir", "run", cwd=tmp_path)
    reported = next(line for line in done.stdout.splitlines() if line.startswith("test"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    told = call("eval", tmp_path / "run/checkpoints/best.safetensors", "--json", cwd=elsewhere)
    figures = json.loads(told.stdout)["metrics"]
    assert f"loss {figures['test/loss']:.4f}  accuracy {figures['test/accuracy']:.4f}" in reported


@pytest.mark.parametrize("place", ["after_write", "before_rename", "after_rename", "before_dirsync"])
@pytest.mark.parametrize("count", [1, 4])
def test_killed_while_saving_and_resumed(whole: Path, tmp_path: Path, place: str, count: int) -> None:
    project = make_project(tmp_path)
    killed = call(
        "fit", project / "config.yaml", "--run-dir", "run", cwd=tmp_path, NNTRAIN_FAILPOINT=f"{place}:{count + 4}"
    )
    assert killed.returncode == -signal.SIGKILL
    done = call("resume", tmp_path / "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    same_run(whole, tmp_path / "run")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_resume_gives_the_same_run(tmp_path: Path, number: signal.Signals) -> None:
    import os

    project = make_project(tmp_path)
    longer = ["--set", "train.epochs=200"]
    command = [sys.executable, "-m", "nntrain", "fit", str(project / "config.yaml"), "--run-dir", "run", *longer]
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}
    )
    while not (tmp_path / "run/checkpoints/last.safetensors").exists():
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else 143)
    assert "interrupted, saved" in out
    assert call("resume", tmp_path / "run", cwd=tmp_path).returncode == 0
    assert call("fit", project / "config.yaml", "--run-dir", "other", *longer, cwd=tmp_path).returncode == 0
    same_run(tmp_path / "run", tmp_path / "other")


def test_a_finished_run_prints_its_result_and_can_go_on(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    shutil.copytree(whole.parent / "project", tmp_path / "project")
    before = (run / "metrics.jsonl").read_bytes()
    again = call("resume", run, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "test" in again.stdout
    assert (run / "metrics.jsonl").read_bytes() == before
    assert call("resume", run, "--set", "train.epochs=8", cwd=tmp_path).returncode == 0
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [r["epoch"] for r in rows] == list(range(1, 9))


def test_a_resume_that_would_change_the_run_is_refused(whole: Path, tmp_path: Path) -> None:
    refused = call("resume", whole, "--set", "optimizer.lr=1", cwd=tmp_path)
    assert refused.returncode == 2
    assert "start a new run" in refused.stderr


def test_changed_data_is_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    call("fit", project / "config.yaml", "--run-dir", "run", cwd=tmp_path)
    table = project / "penguins.csv"
    table.write_text(table.read_text().replace("39.1", "39.2", 1))
    assert call("resume", "run", cwd=tmp_path).returncode == 2
    told = call("eval", "run/checkpoints/best.safetensors", cwd=tmp_path)
    assert told.returncode == 3
    assert "SHA-256" in told.stderr
    assert call("eval", "run/checkpoints/best.safetensors", "--data", project, cwd=tmp_path).returncode == 0


def test_two_processes_cannot_write_one_run(whole: Path) -> None:
    from nntrain.errors import MachineError
    from nntrain.store import RunFolder

    first = RunFolder(whole)
    with pytest.raises(MachineError, match="another process"):
        RunFolder(whole)
    first.close()
    RunFolder(whole).close()
