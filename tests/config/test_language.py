"""What the language means: scalars, composition, options, round trips."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

import pytest
import yaml

from nntrain.config import load, load_dict
from nntrain.config.nodes import parse, scalar
from nntrain.config.problems import Problem, Source
from nntrain.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1.", 1.0),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("1:30", "1:30"),
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("+3", 3),
        ("1_000", "1_000"),
        ("2024-01-02", "2024-01-02"),
        (".inf", float("inf")),
        ("1e400", float("inf")),
        ("-", "-"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_quotes_make_text() -> None:
    problems: list[Problem] = []
    tree = parse(Source("t", "a: '3'\nb: \"true\"\nc: 3\nd: !!str 3\n"), problems)
    assert tree is not None
    assert not problems
    assert tree.plain() == {"a": "3", "b": "true", "c": 3, "d": "3"}


def test_aliases_are_values_and_cannot_explode() -> None:
    problems: list[Problem] = []
    tree = parse(Source("t", "a: &x [1, 2]\nb: *x\n"), problems)
    assert tree is not None
    assert tree.plain() == {"a": (1, 2), "b": (1, 2)}
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
    )
    started = time.perf_counter()
    assert parse(Source("t", bomb), problems) is None
    assert "aliases" in problems[0].message
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "a:\n" + "".join(" " * i + "b:\n" for i in range(1, 500))])
def test_depth_is_bounded(text: str) -> None:
    problems: list[Problem] = []
    parse(Source("t", text), problems)
    assert problems


def test_a_list_that_holds_itself() -> None:
    problems: list[Problem] = []
    assert parse(Source("t", "a: &x [1, *x]\n"), problems) is None
    assert problems


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_a_resolved_config_is_the_same_config(path: Path) -> None:
    loaded = load(path)
    again = load_dict(yaml.safe_load(yaml.safe_dump(loaded.resolved())), loaded.base)
    assert again.config == loaded.config


def test_options_override_with_yaml_types(tmp_path: Path) -> None:
    path = ROOT / "configs" / "digits_mlp.yaml"
    loaded = load(path, ["optimizer.lr=1e-2", "layers[3].p=0.5", "train.epochs=2", "layers[2].name=act", "device=cpu"])
    assert loaded.config.optimizer.lr == 0.01
    assert loaded.config.layers[3].layer.model_dump()["p"] == 0.5
    assert loaded.config.train.epochs == 2
    assert loaded.config.layers[2].place.name == "act"
    assert loaded.origin(("optimizer", "lr")) == "--set optimizer.lr=1e-2"
    assert loaded.origin(("train", "batch_size")).endswith(":15:33")
    assert loaded.origin(("seed",)) == "default"


def test_another_type_takes_other_arguments() -> None:
    path = ROOT / "configs" / "digits_mlp.yaml"
    loaded = load(path, ["schedule.type=constant", "optimizer={type: sgd, lr: 0.1}"])
    assert loaded.config.schedule.model_dump()["type"] == "constant"


def test_extends_merges_maps_and_replaces_lists(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text((ROOT / "configs" / "penguins.yaml").read_text())
    child = tmp_path / "child.yaml"
    child.write_text(
        "extends: base.yaml\nlayers: [{type: linear, out_features: auto}]\n"
        "optimizer: {lr: 0.5}\nschedule: cosine\ntrain: {epochs: 2}\n"
    )
    config = load(child).config
    assert len(config.layers) == 1
    assert config.optimizer.lr == 0.5
    assert config.optimizer.weight_decay == 0.01
    assert config.train.batch_size == 32
    child.write_text("extends: base.yaml\noptimizer: {type: sgd, lr: 0.5}\n")
    assert load(child).config.optimizer.weight_decay == 0.0


def test_variables_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.yaml"
    text = (ROOT / "configs" / "penguins.yaml").read_text()
    file.write_text(
        "vars: {width: 7}\n" + text.replace("out_features: 64", "out_features: $vars.width").replace("60", "$env.EP")
    )
    monkeypatch.setenv("EP", "5")
    config = load(file).config
    assert config.layers[0].layer.model_dump()["out_features"] == 7
    assert config.train.epochs == 5
    assert load(file, ["vars.width=9"]).config.layers[0].layer.model_dump()["out_features"] == 9


def test_a_plugin_adds_a_layer(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from typing import Literal\n"
        "from nntrain.nn import Layer\n"
        "class SquareSpec(Layer):\n"
        "    '''x * x.'''\n"
        "    type: Literal['square_of_test'] = 'square_of_test'\n"
        "    def forward(self, p, *xs, ctx):\n"
        "        return xs[0] * xs[0]\n"
    )
    file = tmp_path / "config.yaml"
    text = (ROOT / "configs" / "penguins.yaml").read_text().replace("- relu", "- square_of_test")
    file.write_text("plugins: [mine.py]\n" + text)
    assert type(load(file).config.layers[1].layer).__name__ == "SquareSpec"
    (tmp_path / "broken.py").write_text("import os\n\nraise RuntimeError('boom')\n")
    file.write_text("plugins: [broken.py]\n" + text)
    with pytest.raises(ConfigError, match=r"broken.py:3: RuntimeError: boom"):
        load(file)


def test_a_byte_order_mark_and_crlf_are_read(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    text = (ROOT / "configs" / "penguins.yaml").read_text()
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load(file).config.train.epochs == 60


@pytest.mark.parametrize("content", [b"\xff\xfe\x00a", b"loss: \xff\n", b"a: \x00\n"])
def test_what_is_not_text(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError):
        load(file)


def test_flipped_bytes_end_in_a_message_or_a_config(tmp_path: Path) -> None:
    rng = random.Random(1)
    file = tmp_path / "config.yaml"
    for i in range(300):
        data = bytearray(CONFIGS[i % len(CONFIGS)].read_bytes())
        for _ in range(rng.choice((1, 1, 3))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        file.write_bytes(bytes(data))
        started = time.perf_counter()
        with contextlib.suppress(ConfigError):
            load(file)
        assert time.perf_counter() - started < 1
