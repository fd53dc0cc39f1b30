"""Mistakes in configs: each is found before any data is read, at its line and column, with words that help."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.config import ConfigProblems, load

GOOD = """\
data:
  source: {type: csv, path: penguins.csv}
  target: species
layers:
  - {type: linear, out_features: 16}
  - relu
  - {type: linear, out_features: auto}
loss: cross_entropy
optimizer: {type: adam, lr: 0.01}
train: {epochs: 3, batch_size: 32}
"""

# (what replaces what in GOOD, line, column, words of the message)
MISTAKES = [
    ("loss: cross_entropy", "los: cross_entropy", 8, 1, ["unknown key 'los'", "loss"]),
    ("loss: cross_entropy\n", "", 1, 1, ["'loss' is missing"]),
    ("optimizer: {type: adam, lr: 0.01}\n", "", 1, 1, ["'optimizer' is missing"]),
    ("train: {epochs: 3, batch_size: 32}\n", "", 1, 1, ["'train' is missing"]),
    ("lr: 0.01", "learning_rate: 0.01", 9, 25, ["unknown key 'learning_rate'", "lr"]),
    ("lr: 0.01", "lr: abc", 9, 29, ["a number is expected, not 'abc'"]),
    ("lr: 0.01", "lr: '0.01'", 9, 29, ["a number is expected, not '0.01'"]),
    ("lr: 0.01", "lr: -1", 9, 29, ["at least 0", "-1"]),
    ("lr: 0.01", "lr: true", 9, 29, ["a number", "true"]),
    ("lr: 0.01", "betas: [0.9]", 9, 32, ["a list of 2 items is expected, not a list of 1"]),
    ("lr: 0.01", "betas: [0.9, 1.5]", 9, 38, ["less than 1", "1.5"]),
    ("lr: 0.01", "weight_decay: -0.1", 9, 39, ["at least 0"]),
    ("lr: 0.01", "l2: 0.1", 9, 25, ["unknown key 'l2'", "weight_decay"]),
    ("type: adam,", "type: adma,", 9, 19, ["'adma' is not an optimizer", "adam"]),
    ("type: adam,", "type: AdamW_torch,", 9, 19, ["is not an optimizer", "adamw"]),
    ("{type: adam, lr: 0.01}", "{lr: 0.01}", 9, 12, ["'type' is missing", "adam"]),
    ("{type: adam, lr: 0.01}", "[adam]", 9, 12, ["a map with 'type'"]),
    ("{type: adam, lr: 0.01}", "7", 9, 12, ["a map with 'type'"]),
    ("{type: adam, lr: 0.01}", "{type: sgd, lr: 0.1, nesterov: true}", 9, 12, ["nesterov needs a momentum"]),
    ("{type: adam, lr: 0.01}", "{type: sgd}", 9, 12, ["'lr' is missing"]),
    ("- relu", "- reul", 6, 5, ["'reul' is not a layer", "relu"]),
    ("- relu", "- ReLU6x", 6, 5, ["is not a layer"]),
    ("- relu", "- {type: Dense, units: 3}", 6, 12, ["'Dense' is not a layer", "linear"]),
    ("- relu", "- nn.Conv2D", 6, 5, ["is not a layer", "conv2d"]),
    ("- relu", "- {typ: relu}", 6, 6, ["'type' is missing", "did you mean type"]),
    ("- relu", "- {type: relu, alpha: 1}", 6, 18, ["unknown key 'alpha'"]),
    ("- relu", "- 3", 6, 5, ["a map with 'type'"]),
    ("- relu", "- null", 6, 5, ["a map with 'type'"]),
    ("- relu", "- {type: dropout, p: 1.5}", 6, 24, ["at most 1", "1.5"]),
    ("- relu", "- {type: dropout, rate: 0.5}", 6, 21, ["unknown key 'rate'", "p"]),
    ("- relu", "- {type: conv2d, filters: 8, kernel_size: 3}", 6, 20, ["unknown key 'filters'", "out_channels"]),
    ("- relu", "- {type: conv2d, out_channels: 8}", 6, 5, ["'kernel_size' is missing"]),
    ("- relu", "- {type: conv2d, out_channels: 8, kernel_size: 0}", 6, 50, ["more than 0"]),
    (
        "- relu",
        "- {type: conv2d, out_channels: 8, kernel_size: [3, x]}",
        6,
        54,
        ["a whole number is expected, not 'x'"],
    ),
    ("- relu", "- {type: conv2d, out_channels: 8, kernel_size: 3, padding: sam}", 6, 62, ["'same'", "'sam'"]),
    ("- relu", "- {type: relu, name: 3}", 6, 24, ["a text is expected, not 3"]),
    ("- relu", "- {type: relu, name: a b}", 6, 24, ["name"]),
    ("out_features: 16", "units: 16", 5, 20, ["unknown key 'units'", "out_features"]),
    ("out_features: 16", "out_features: 16.5", 5, 34, ["a whole number", "16.5"]),
    ("out_features: 16", "out_features: -2", 5, 34, ["more than 0"]),
    ("out_features: 16", "out_features: Auto", 5, 34, ["'auto'", "did you mean auto"]),
    ("out_features: 16", "out_features: [16]", 5, 34, ["a whole number", "a list"]),
    ("out_features: 16", "out_features: 16, in_features: 4", 5, 38, ["unknown key 'in_features'", "inferred"]),
    ("out_features: 16", "out_features: 16, bias: yes", 5, 44, ["true or false is expected, not 'yes'"]),
    ("out_features: 16", "out_features: 16, activation: relu", 5, 38, ["a layer of its own"]),
    ("out_features: 16", "out_features: 16, init: xavir", 5, 44, ["'xavir' is not an initializer"]),
    ("epochs: 3", "epochs: 0", 10, 17, ["more than 0"]),
    ("epochs: 3", "epochs: 3.5", 10, 17, ["a whole number"]),
    ("epochs: 3", "epochs: three", 10, 17, ["a whole number is expected, not 'three'"]),
    ("epochs: 3", "max_epochs: 3", 10, 9, ["unknown key 'max_epochs'", "epochs"]),
    ("epochs: 3", "epochs: 3, steps: 10", 10, 8, ["one of 'epochs' and 'steps'"]),
    ("epochs: 3, ", "", 10, 8, ["one of 'epochs' and 'steps'"]),
    ("epochs: 3", "epochs: 3, gradient_clip_val: 1", 10, 20, ["clip_norm"]),
    ("epochs: 3", "epochs: 3, learning_rate: 1", 10, 20, ["optimizer.lr"]),
    ("epochs: 3", "epochs: 3, ema: 1", 10, 25, ["less than 1"]),
    ("epochs: 3", "epochs: 3, early_stop: 5", 10, 32, ["a map is expected, not 5"]),
    ("epochs: 3", "epochs: 3, early_stop: {patience: 0}", 10, 43, ["more than 0"]),
    ("epochs: 3", "epochs: 3, early_stop: {metric: val/loss}", 10, 33, ["monitor"]),
    ("batch_size: 32", "batch: 32", 10, 20, ["batch_size"]),
    ("batch_size: 32", "batch_size: '32'", 10, 32, ["a whole number is expected, not '32'"]),
    ("target: species", "label: species", 3, 3, ["unknown key 'label'", "target"]),
    ("target: species", "target: [species]", 3, 11, ["data.target"]),
    ("target: species", "target: {column: species, kind: clases}", 3, 35, ["'classes'", "did you mean classes"]),
    ("target: species", "target: species\n  drop: year", 4, 9, ["a list is expected, not 'year'"]),
    ("target: species", "target: species\n  columns: {year: number}", 4, 19, ["'numeric' or 'categorical'"]),
    ("target: species", "target: species\n  split: {val: 0.6, test: 0.5}", 4, 10, ["leave no rows"]),
    ("target: species", "target: species\n  split: {val: 2}", 4, 16, ["less than 1"]),
    ("target: species", "target: species\n  split: {validation: 0.1}", 4, 11, ["unknown key 'validation'", "val"]),
    ("target: species", "target: species\n  split: {type: kfold}", 4, 17, ["'kfold' is not a split"]),
    ("target: species", "target: species\n  features: {shape: [8, 8]}", 4, 21, ["shape"]),
    ("type: csv", "type: cvs", 2, 18, ["'cvs' is not a source", "csv"]),
    ("path: penguins.csv", "file: penguins.csv", 2, 23, ["unknown key 'file'"]),
    ("source: {type: csv, path: penguins.csv}", "source: penguins.csv", 2, 11, ["'penguins.csv' is not a source"]),
    ("source: {type: csv, path: penguins.csv}", "source: {type: csv}", 2, 11, ["'path' is missing"]),
    ("loss: cross_entropy", "loss: CrossEntropyLoss", 8, 7, ["is not a loss", "cross_entropy"]),
    ("loss: cross_entropy", "loss: {type: cross_entropy, label_smoothing: 2}", 8, 46, ["at most 1"]),
    ("loss: cross_entropy", "loss: {type: cross_entropy, weight: [1, -1]}", 8, 41, ["at least 0"]),
    ("loss: cross_entropy", "loss: mse\nmetrics: accuracy", 9, 10, ["a list is expected"]),
    ("loss: cross_entropy", "loss: mse\nmetrics: [acc]", 9, 11, ["'acc' is not a metric", "accuracy"]),
    ("loss: cross_entropy", "loss: mse\nschedule: cosin", 9, 11, ["'cosin' is not a schedule", "cosine"]),
    (
        "loss: cross_entropy",
        "loss: mse\nschedule: {type: cosine, warmup: 5 percent}",
        9,
        34,
        ["5%, 500 steps or 2 epochs"],
    ),
    ("loss: cross_entropy", "loss: mse\nschedule: {type: cosine, warmup: 120%}", 9, 34, ["at most 100%"]),
    ("loss: cross_entropy", "loss: mse\nschedule: {type: cosine, warmup_steps: 5}", 9, 26, ["warmup"]),
    ("loss: cross_entropy", "loss: mse\ndevice: gpu", 9, 9, ["device"]),
    ("loss: cross_entropy", "loss: mse\nprecision: float23", 9, 12, ["did you mean float"]),
    ("loss: cross_entropy", "loss: mse\nseed: -1", 9, 7, ["at least 0"]),
    ("loss: cross_entropy", "loss: mse\nname: ../evil", 9, 7, ["name"]),
    ("loss: cross_entropy", "loss: mse\nversion: 2", 9, 10, ["1 is expected, not 2"]),
    ("loss: cross_entropy", "loss: mse\nmodel: {}", 9, 1, ["unknown key 'model'", "layers"]),
    ("loss: cross_entropy", "loss: mse\ncheckpoint: {save_best: val/loss}", 9, 14, ["best"]),
    ("loss: cross_entropy", "loss: mse\nlog: {interval: 0}", 9, 17, ["more than 0"]),
    ("loss: cross_entropy", "loss: mse\nloss: mse", 9, 1, ["given twice", "line 8"]),
    ("loss: cross_entropy", "loss: $vars.los", 8, 7, ["$vars.los is not defined"]),
    ("loss: cross_entropy", "loss: $env.NNTRAIN_NOT_SET", 8, 7, ["NNTRAIN_NOT_SET is not set"]),
    ("loss: cross_entropy", "loss: *ce", 8, 7, ["&ce"]),
    ("loss: cross_entropy", "loss: !!python/name:os.system", 8, 7, ["plain data"]),
    ("loss: cross_entropy", "loss: mse\n<<: {seed: 1}", 9, 1, ["merge keys"]),
    ("loss: cross_entropy", "loss: mse\n---\nseed: 1", 9, 1, ["a second document"]),
    ("loss: cross_entropy", "loss: mse\n\tseed: 1", 9, 1, ["YAML"]),
    ("loss: cross_entropy", "loss: [mse", 8, 7, ["YAML", "not closed"]),
    ("loss: cross_entropy", "loss: a: b", 8, 8, ["YAML"]),
    ("loss: cross_entropy", "loss: mse\nextends: nowhere.yaml", 9, 10, ["no such file"]),
    ("loss: cross_entropy", "loss: mse\nextends: config.yaml", 9, 10, ["circle"]),
    ("loss: cross_entropy", "loss: mse\nplugins: [missing.py]", 9, 11, ["no such plugin"]),
]


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "words"), MISTAKES, ids=[f"{i}-{m[1][:30]!r}" for i, m in enumerate(MISTAKES)]
)
def test_mistake(tmp_path: Path, old: str, new: str, line: int, column: int, words: list[str]) -> None:
    assert old in GOOD
    file = tmp_path / "config.yaml"
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigProblems) as caught:
        load(file)
    problem = caught.value.problems[0]
    assert problem.mark is not None
    assert (problem.mark.line, problem.mark.column) == (line, column), str(caught.value)
    for word in words:
        assert word in str(problem)
    assert len(caught.value.problems) == 1, str(caught.value)


def test_all_problems_come_at_once_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(GOOD.replace("- relu", "- rleu").replace("lr:", "rate:").replace("epochs: 3", "epochs: x"))
    with pytest.raises(ConfigProblems) as caught:
        load(file)
    assert [p.mark.line for p in caught.value.problems if p.mark] == [6, 9, 10]
    assert str(caught.value).startswith("3 problems")


def test_the_line_is_shown_with_a_caret(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(GOOD.replace("- relu", "- rleu"))
    with pytest.raises(ConfigProblems) as caught:
        load(file)
    assert "    6 |   - rleu\n      |     ^" in str(caught.value)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("optimizer.lrr=1", ["--set optimizer.lrr=1", "unknown key 'lrr'"]),
        ("layers[9].p=1", ["there is no item 9 of 3"]),
        ("layers[0].out_features=x", ["--set layers[0].out_features=x", "a whole number"]),
        ("optimizer.lr", ["NAME=VALUE"]),
        ("=3", ["NAME=VALUE"]),
        ("a..b=3", ["NAME=VALUE"]),
        ("seed.x=3", ["seed is not a map", "seed"]),
        ("train.epochs=[", ["not YAML"]),
    ],
)
def test_mistakes_in_options(tmp_path: Path, option: str, words: list[str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(GOOD + "seed: 1\n")
    with pytest.raises(ConfigProblems) as caught:
        load(file, [option])
    for word in words:
        assert word in str(caught.value)


def test_a_mistake_in_a_base_file_points_into_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(GOOD.replace("- relu", "- rleu"))
    file = tmp_path / "config.yaml"
    file.write_text("extends: base.yaml\nseed: x\n")
    with pytest.raises(ConfigProblems) as caught:
        load(file)
    marks = [p.mark for p in caught.value.problems]
    assert [(Path(m.source.name).name, m.line) for m in marks if m] == [("base.yaml", 6), ("config.yaml", 2)]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "null\n"])
def test_an_empty_config(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(ConfigProblems, match="empty"):
        load(file)


@pytest.mark.parametrize("text", ["- a\n- b\n", "hello\n", "3\n"])
def test_a_config_that_is_no_map(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(ConfigProblems, match="map of sections"):
        load(file)
