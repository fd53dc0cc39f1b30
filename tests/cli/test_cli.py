"""The command line as a user meets it: help, exit codes, bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def test_help_imports_no_array_library(root: Path) -> None:
    code = (
        "import sys; sys.argv = ['nntrain', '--help']\n"
        "from nntrain.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('numpy', 'numba', 'scipy', 'pydantic', 'yaml', 'cupy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "fit" in done.stdout


def test_version(nntrain) -> None:
    assert nntrain("--version").stdout.startswith("nntrain 0.")


BAD = [
    ("unknown key", ("loss:", "los:"), 2, "unknown key 'los'"),
    ("misspelt type", ("- relu", "- reul"), 2, "did you mean relu"),
    ("wrong value", ("epochs: 3", "epochs: many"), 2, "a whole number"),
    ("missing file", ("path: penguins.csv", "path: penguin.csv"), 3, "did you mean"),
    ("missing column", ("target: species", "target: specie"), 3, "did you mean species"),
    ("dropped column that is not there", ("drop: [year]", "drop: [yaer]"), 3, "did you mean year"),
    ("loss for numbers", ("loss: cross_entropy", "loss: mse"), 2, "is classes"),
    ("wrong width", ("out_features: auto", "out_features: 5"), 2, "3 classes"),
    ("wrong shape", ("- relu", "- {type: conv2d, out_channels: 3, kernel_size: 3}"), 2, "conv2d needs images"),
    ("unknown monitor", ("epochs: 3", "epochs: 3, early_stop: {monitor: val/acc}"), 2, "val/accuracy"),
    ("batch larger than data", ("batch_size: 32", "batch_size: 1000"), 2, "240 to train on"),
    ("no gpu", ("loss:", "device: cuda\nloss:"), 7, "cuda"),
    ("unknown input", ("- relu", "- {type: relu, inputs: linear_9}"), 2, "nothing above is named"),
    ("name taken", ("- relu", "- {type: relu, name: linear_1}"), 2, "is taken"),
]


@pytest.mark.parametrize(("change", "code", "words"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_config(nntrain, project: Path, change: tuple[str, str], code: int, words: str) -> None:
    file = project / "config.yaml"
    file.write_text(file.read_text().replace(*change, 1))
    done = nntrain("fit", file)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(p.name for p in project.parent.iterdir()) == ["project"], "nothing was written"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "empty"),
        ("species,x,year\nA,1,1\nA,2,1\n", "one value only"),
        ("species,x,year\nA,1,1\nB,2\n", ":3: 2 fields"),
        (
            "species,x,year\n" + "".join(f"{'AB'[i % 2]},{i},1\n" for i in range(30)) + "A,oops,1\n",
            ":32: column 'x': 'oops'",
        ),
    ],
)
def test_bad_data(nntrain, project: Path, table: str, words: str) -> None:
    (project / "penguins.csv").write_text(table)
    done = nntrain("fit", project / "config.yaml")
    assert done.returncode == 3
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x00" * 100])
def test_eval_of_what_is_no_checkpoint(nntrain, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "c.safetensors"
    file.write_bytes(content)
    done = nntrain("eval", file)
    assert done.returncode == 3
    assert "not a checkpoint" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["fit"], 2),
        (["fit", "nowhere.yaml"], 2),
        (["fit", "."], 2),
        (["eval", "nowhere.safetensors"], 3),
        (["resume", "."], 3),
        (["gradcheck", "--op", "conv3d"], 2),
        (["unknown"], 2),
        (["fit", "x", "--nope"], 2),
    ],
)
def test_bad_arguments(nntrain, arguments: list[str], code: int) -> None:
    done = nntrain(*arguments)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_a_run_folder_that_is_not_empty_is_left_alone(nntrain, project: Path) -> None:
    done = nntrain("fit", project / "config.yaml", "--run-dir", project)
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert not (project / "checkpoints").exists()


def test_config_from_standard_input(nntrain, project: Path) -> None:
    done = nntrain("fit", "-", cwd=project, stdin=(project / "config.yaml").read_text())
    assert done.returncode == 0, done.stderr
    assert (project / "runs/stdin/latest/checkpoints/best.safetensors").exists()


def test_runs_are_numbered_and_latest_points_at_the_newest(nntrain, project: Path) -> None:
    for _ in range(2):
        assert nntrain("fit", "config.yaml", "--set", "train.epochs=1", cwd=project).returncode == 0
    runs = sorted(p.name for p in (project / "runs/config").iterdir())
    assert [r[:4] for r in runs] == ["0001", "0002", "late"]
    assert (project / "runs/config/latest").resolve().name == runs[1]
    note = json.loads((project / "runs/config/latest/run.json").read_text())
    assert note["status"] == "finished"


def test_a_closed_pipe_ends_quietly_and_the_run_is_finished(project: Path, root: Path) -> None:
    import os

    command = f"{sys.executable} -m nntrain fit config.yaml --run-dir run | head -1"
    env = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(["bash", "-c", command], cwd=project, capture_output=True, text=True, env=env)
    assert done.stderr == ""
    assert json.loads((project / "run/run.json").read_text())["status"] == "finished"


def test_gradcheck_of_a_network(nntrain, project: Path) -> None:
    done = nntrain("gradcheck", project / "config.yaml", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["checks"]
    assert {r["dtype"] for r in rows} == {"float64", "float32"}
    assert {r["subject"] for r in rows} == {"layers[0] linear_1", "layers[3] linear_2"}


def test_gradcheck_names_an_op_that_is_wrong(nntrain, tmp_path: Path, root: Path) -> None:
    plugin = tmp_path / "sitecustomize.py"
    plugin.write_text(
        "import nntrain.ops.elementwise as e\n"
        "def backward(xp, y, gy, gx):\n"
        "    xp.multiply(gy, 1 + y * y, out=gx)\n"
        "e.tanh.reference.backward = backward\n"
    )
    done = nntrain("gradcheck", PYTHONPATH=f"{tmp_path}:{root}")
    assert done.returncode == 6, done.stdout
    assert "tanh" in done.stderr
    assert "wrong" in done.stdout


def test_exit_codes_are_documented(root: Path) -> None:
    from nntrain.cli.exits import Exit

    text = (root / "README.md").read_text()
    for member in Exit:
        assert f"| {int(member)} | {member.meaning} |" in text


def test_a_checkpoint_runs_no_code_unless_allowed(nntrain, project: Path) -> None:
    mark = project / "was_run"
    (project / "mine.py").write_text(
        "from pathlib import Path\n"
        "from typing import Literal\n"
        "from nntrain.nn import Layer\n"
        f"Path({str(mark)!r}).touch()\n"
        "class TwiceSpec(Layer):\n"
        "    '''2 x.'''\n"
        "    type: Literal['twice'] = 'twice'\n"
        "    def forward(self, p, *xs, ctx):\n"
        "        return xs[0] * 2\n"
    )
    file = project / "config.yaml"
    file.write_text("plugins: [mine.py]\n" + file.read_text().replace("- relu", "- twice"))
    assert nntrain("fit", file, "--run-dir", project / "run").returncode == 0
    mark.unlink()
    best = project / "run/checkpoints/best.safetensors"
    refused = nntrain("eval", best)
    assert refused.returncode == 2
    assert "mine.py" in refused.stderr
    assert not mark.exists()
    assert nntrain("eval", best, "--allow-plugins").returncode == 0
    checked = nntrain("gradcheck", file, "--json")
    assert json.loads(checked.stdout)["ok"]
