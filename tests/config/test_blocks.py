"""Blocks: what they become, where their mistakes are shown, and that they cannot explode."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from nntrain.build import build
from nntrain.config import ConfigProblems, Loaded, load, load_dict

ROOT = Path(__file__).resolve().parents[2]

HEAD = f"""\
data:
  source: {{type: csv, path: {ROOT / "datasets/penguins.csv"}}}
  target: species
loss: cross_entropy
optimizer: {{type: adam, lr: 0.01}}
train: {{epochs: 1, batch_size: 32}}
"""
RESIDUAL = (
    HEAD
    + """\
blocks:
  residual:
    params: {width: required, p: 0.1}
    layers:
      - {type: linear, out_features: $params.width}
      - relu
      - {type: dropout, p: $params.p}
      - {type: add, inputs: [dropout_1, input]}
layers:
  - {type: linear, out_features: 8}
  - {type: residual, width: 8, repeat: 2, name: stage}
  - {type: residual, width: 8, p: 0.5}
  - {type: add, inputs: [stage, residual_2]}
  - {type: linear, out_features: auto}
"""
)


def read(folder: Path, text: str) -> Loaded:
    file = folder / "config.yaml"
    file.write_text(text)
    return load(file)


def test_a_block_becomes_layers(tmp_path: Path) -> None:
    loaded = read(tmp_path, RESIDUAL)
    nodes = build(loaded).network.nodes
    assert [(n.name, n.inputs) for n in nodes] == [
        ("linear_1", ("x",)),
        ("stage.1.linear_1", ("linear_1",)),
        ("stage.1.relu_1", ("stage.1.linear_1",)),
        ("stage.1.dropout_1", ("stage.1.relu_1",)),
        ("stage.1.add_1", ("stage.1.dropout_1", "linear_1")),
        ("stage.2.linear_1", ("stage.1.add_1",)),
        ("stage.2.relu_1", ("stage.2.linear_1",)),
        ("stage.2.dropout_1", ("stage.2.relu_1",)),
        ("stage.2.add_1", ("stage.2.dropout_1", "stage.1.add_1")),
        ("residual_2.linear_1", ("stage.2.add_1",)),
        ("residual_2.relu_1", ("residual_2.linear_1",)),
        ("residual_2.dropout_1", ("residual_2.relu_1",)),
        ("residual_2.add_1", ("residual_2.dropout_1", "stage.2.add_1")),
        ("add_1", ("stage.2.add_1", "residual_2.add_1")),
        ("linear_2", ("add_1",)),
    ]
    rates = [
        item.layer.model_dump()["p"] for item in loaded.config.layers if item.layer.model_dump()["type"] == "dropout"
    ]
    assert rates == [0.1, 0.1, 0.5]


def test_a_resolved_config_with_blocks_is_the_same_network(tmp_path: Path) -> None:
    loaded = read(tmp_path, RESIDUAL)
    again = load_dict(loaded.resolved(), tmp_path)
    assert again.config == loaded.config
    assert "blocks" not in loaded.resolved()


def test_a_list_is_a_block_without_parameters_and_blocks_nest(tmp_path: Path) -> None:
    text = HEAD + "blocks: {a: [relu, tanh], b: [a, {type: a, repeat: 2}]}\n"
    loaded = read(
        tmp_path, text + "layers: [flatten, {type: b, inputs: flatten_1}, {type: linear, out_features: auto}]\n"
    )
    assert [item.place.name for item in loaded.config.layers] == [
        None,
        *(f"b_1.{a}.{layer}_1" for a in ("a_1", "a_2.1", "a_2.2") for layer in ("relu", "tanh")),
        None,
    ]
    assert loaded.config.layers[1].place.inputs == ("flatten_1",)


# (what replaces what in RESIDUAL, line, column, words)
MISTAKES = [
    (
        "width: 8, rep",
        "wdth: 8, rep",
        17,
        22,
        ["unknown key 'wdth'", "residual has no such parameter", "did you mean width"],
    ),
    ("width: 8, repeat", "repeat", 17, 5, ["'width' is missing", "a parameter of residual"]),
    (
        "type: linear, out_features: $",
        "type: linaer, out_features: $",
        11,
        16,
        ["layers[1] stage.1, linaer_1", "linear"],
    ),
    ("$params.width", "$params.widht", 11, 38, ["$params.widht is not defined", "$params.width"]),
    ("width: 8, repeat", "width: x, repeat", 11, 38, ["a whole number", "$params.width is 'x'", ":17:29"]),
    ("repeat: 2", "repeat: 0", 17, 40, ["from 1 to 5000"]),
    ("repeat: 2", "repeat: many", 17, 40, ["from 1 to 5000"]),
    ("type: residual, width: 8, p", "type: residul, width: 8, p", 18, 12, ["'residul' is not a layer", "residual"]),
    ("- relu", "- {type: residual, width: 2}", 12, 9, ["contains itself"]),
    ("  residual:", "  relu:", 8, 3, ["that is the name of a layer"]),
    ("  residual:", "  my block:", 8, 3, ["a name of letters"]),
    ("params: {width: required, p: 0.1}", "params: [width, p]", 9, 13, ["a map of names to defaults"]),
    ("params: {width: required", "params: {repeat: 1, width: required", 9, 14, ["cannot have a parameter 'repeat'"]),
    (
        "    layers:\n      - {type: linear",
        "    layer:\n      - {type: linear",
        10,
        5,
        ["unknown key 'layer'", "layers"],
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "column", "words"), MISTAKES, ids=[m[1][:30] for m in MISTAKES])
def test_mistake(tmp_path: Path, old: str, new: str, line: int, column: int, words: list[str]) -> None:
    assert old in RESIDUAL
    with pytest.raises(ConfigProblems) as caught:
        read(tmp_path, RESIDUAL.replace(old, new, 1))
    problem = caught.value.problems[0]
    assert problem.mark is not None
    assert (problem.mark.line, problem.mark.column) == (line, column), str(caught.value)
    for word in words:
        assert word in str(problem)


def test_a_mistake_in_a_block_that_is_used_three_times_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblems) as caught:
        read(tmp_path, RESIDUAL.replace("- relu", "- reul"))
    assert len(caught.value.problems) == 1


def test_a_shape_that_does_not_fit_points_into_the_block(tmp_path: Path) -> None:
    loaded = read(tmp_path, RESIDUAL.replace("width: 8, repeat: 2", "width: 9, repeat: 2"))
    with pytest.raises(ConfigProblems, match=r"config.yaml:14:9: layers\[1\] stage.1, add_1"):
        build(loaded)


def test_blocks_cannot_explode(tmp_path: Path) -> None:
    blocks = ", ".join(f"b{i}: [{{type: b{i + 1}, repeat: 100}}]" for i in range(20))
    started = time.perf_counter()
    with pytest.raises(ConfigProblems, match="more than 5000 layers"):
        read(tmp_path, f"{HEAD}blocks: {{{blocks}, b20: [relu]}}\nlayers: [{{type: b0, repeat: 100}}]\n")
    assert time.perf_counter() - started < 2
