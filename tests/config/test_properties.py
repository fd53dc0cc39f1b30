"""Properties that hold for every config: drawn from the schema, with one key dropped, renamed or retyped, or damaged."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schema_strategies import values

import nntrain.metrics
import nntrain.nn
import nntrain.optim  # noqa: F401
from nntrain.config import ConfigProblems, Loaded, load, load_dict
from nntrain.config.schema import config_schema
from nntrain.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
SCHEMA = config_schema()

Path_ = tuple[str | int, ...]


def keys(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Paths of all keys of maps."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        if isinstance(key, str):
            yield (*path, key)
        yield from keys(inner, (*path, key))


def changed(data: Any, path: Path_, change: str) -> dict[str, Any]:
    """A copy in which one key is dropped or renamed, or has a value of another type."""
    copy = yaml.safe_load(yaml.safe_dump(data))
    at = copy
    for part in path[:-1]:
        at = at[part]
    items = list(at.items())
    at.clear()
    for key, value in items:
        if key != path[-1]:
            at[key] = value
        elif change == "rename":
            at[f"zqx_{key}"] = value
        elif change == "retype":
            at[key] = [[0.5, "zqx"]] if not isinstance(value, list) else {"zqx": 1}
    return copy  # type: ignore[no-any-return]


def all_keys() -> list[tuple[str, Path_]]:
    found = []
    for file in CONFIGS:
        for path in keys(load(file).written()):
            found.append((file.stem, path))
    return found


KEYS = all_keys()
FREE = {("data", "columns"), ("vars",)}  # maps whose keys are the user's


@pytest.mark.parametrize(("name", "path"), KEYS, ids=[f"{n}-{p}" for n, p in KEYS])
def test_one_key_that_is_wrong_is_an_error_at_that_key(tmp_path: Path, name: str, path: Path_) -> None:
    data = load(ROOT / "configs" / f"{name}.yaml").written()
    file = tmp_path / "config.yaml"
    for change in ("rename", "drop", "retype"):
        if (path[:-1] in FREE and change != "retype") or path == ("name",):
            continue
        file.write_text(yaml.safe_dump(changed(data, path, change), sort_keys=False))
        where = path if change == "retype" else path[:-1]
        try:
            load(file)
        except ConfigProblems as error:
            assert any(p.path[: len(where)] == where for p in error.problems), f"{change}: {error}"
            if change == "rename" and path[-1] != "type":
                (unknown,) = (p for p in error.problems if f"zqx_{path[-1]}" in p.message)
                assert unknown.mark is not None
                assert unknown.mark.source.lines[unknown.mark.line - 1][unknown.mark.column - 1 :].startswith("zqx_")
        else:
            assert change == "drop", f"{change} of {path} went unnoticed"


@st.composite
def drawn(draw: st.DrawFn) -> dict[str, Any]:
    """A config by the schema, on made data, with a network that has a chance to fit it."""
    sections = SCHEMA["else"]["properties"]
    optional = ("seed", "metrics", "schedule", "checkpoint", "log")
    config = {
        "data": {"source": {"type": "csv", "path": "made.csv"}, "target": "y"},
        "loss": draw(values(sections["loss"], SCHEMA)),
        "optimizer": draw(values(sections["optimizer"], SCHEMA)),
        "train": {**draw(values(sections["train"], SCHEMA)), "batch_size": 8},
        **{n: draw(values(sections[n], SCHEMA)) for n in optional if draw(st.booleans())},
    }
    config["train"].pop("epochs", None)
    config["train"]["steps"] = 2
    item = {"$ref": "#/$defs/layer_item"}
    config["layers"] = [*draw(st.lists(values(item, SCHEMA), max_size=3)), {"type": "linear", "out_features": "auto"}]
    return config


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'uvw'[i % 3]}" for i, (a, b) in enumerate(rng.normal(size=(60, 2)))]
    (folder / "made.csv").write_text("a,b,y\n" + "\n".join(rows) + "\n")
    return folder


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(config=drawn())
def test_what_the_schema_allows_trains_or_says_why_not(made: Path, config: dict[str, Any]) -> None:
    from itertools import islice

    from nntrain.build import build
    from nntrain.data import batches
    from nntrain.errors import DivergedError, NNTrainError
    from nntrain.train.step import Step

    try:
        loaded = load_dict(config, made)
    except ConfigProblems as error:
        simple = [p for p in error.problems if "unknown key" in p.message or "is not a" in p.message]
        assert not simple, f"the schema allows what the config refuses: {error}"
        return
    again = load_dict(yaml.safe_load(yaml.safe_dump(loaded.resolved())), made)
    assert again.config == loaded.config
    try:
        e = build(loaded)
        step = Step(e)
        for i, batch in enumerate(islice(batches(e.dataset.splits["train"], 8, shuffle=True), 1)):
            step(i, [batch])
    except (ConfigError, DivergedError):
        return
    except NNTrainError as error:
        raise AssertionError(f"not a problem of the config: {error!r}") from error


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Some bytes flipped, dropped, repeated, or replaced by what means something in YAML."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        at, kind = rng.randrange(len(out)), rng.random()
        if kind < 0.4:
            out[at] = rng.randrange(256)
        elif kind < 0.6:
            out[at] = rng.randrange(32, 127)
        elif kind < 0.7:
            del out[at]
        elif kind < 0.9:
            out[at:at] = rng.choice(
                (
                    b"*a",
                    b"&a ",
                    b"!!int ",
                    b"{",
                    b"[",
                    b'"',
                    b"'",
                    b"$vars.x",
                    b"\t",
                    b"? ",
                    b"| ",
                    b"- ",
                    b"\r",
                    b"<<: ",
                    b": ",
                )
            )
        else:
            start = rng.randrange(len(out))
            out[at:at] = out[start : start + rng.randrange(40)]
    return bytes(out)


def test_damage_ends_in_a_message_or_a_config(tmp_path: Path) -> None:
    rng = random.Random(1)
    file = tmp_path / "config.yaml"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for i in range(2_000):
        file.write_bytes(damaged(rng, CONFIGS[i % len(CONFIGS)].read_bytes()))
        started = time.perf_counter()
        try:
            load(file)
        except ConfigError as error:
            str(error).encode()  # can be printed
        assert time.perf_counter() - started < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{i}: 1\n" for i in range(24_000)),
        "layers:\n" + "- reul\n" * 40_000,
        "layers: [" + "{type: linear, units: 3}, " * 12_000 + "]\n",
        "a: " + "x" * 900_000 + "\n",
        "a: " + "9" * 900_000 + "\n",
        "a: &a {" + "b: *a, " * 1000 + "}\n",
        "vars:\n"
        + "".join(f"  v{i}: [{', '.join([f'$vars.v{i + 1}'] * 9)}]\n" for i in range(40))
        + "name: $vars.v0\n",
        "vars:\n" + "".join(f"  v{i}: {{a: {{b: $vars.v{i + 1}}}}}\n" for i in range(200)) + "name: $vars.v0\n",
        "#" * 999_000 + "\n",
        "- " * 400_000,
    ],
    ids=["keys", "types", "fields", "text", "digits", "alias", "vars", "deep vars", "comment", "dashes"],
)
def test_large_and_knotted_configs_are_refused_quickly(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    started = time.perf_counter()
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert len(str(caught.value)) < 100_000
    assert time.perf_counter() - started < 3


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="is refused"):
        load("/dev/zero")


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "base/data").mkdir(parents=True)
    (tmp_path / "runs").mkdir()
    base = tmp_path / "base/base.yaml"
    base.write_text((ROOT / "configs/penguins.yaml").read_text().replace("../datasets/penguins.csv", "data/p.csv"))
    child = tmp_path / "runs/child.yaml"
    child.write_text("extends: ../base/base.yaml\n")

    def file_of(loaded: Loaded) -> Path:
        (path,) = loaded.config.data.source.files(loaded.base)
        return path.resolve()

    assert file_of(load(child)) == tmp_path / "base/data/p.csv"
    monkeypatch.chdir(tmp_path)
    assert file_of(load("runs/child.yaml")) == tmp_path / "base/data/p.csv"
    assert file_of(load("runs/child.yaml", ["data.source.path=here.csv"])) == tmp_path / "here.csv"
    child.write_text("extends: ../base/base.yaml\nvars: {d: /far}\ndata: {source: {path: $vars.d/q.csv}}\n")
    assert file_of(load(child)) == Path("/far/q.csv")
    child.write_text("extends: ../base/base.yaml\ndata: {source: {path: q.csv}}\n")
    assert file_of(load(child)) == tmp_path / "runs/q.csv"
