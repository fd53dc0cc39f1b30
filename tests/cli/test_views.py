"""Commands that look at a config: validate, show, summary, schema, doctor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from nntrain.config import load, load_dict

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def test_validate_lists_problems_for_scripts(nntrain, project: Path) -> None:
    file = project / "config.yaml"
    assert json.loads(nntrain("validate", file, "--json").stdout) == {"ok": True, "problems": []}
    file.write_text(file.read_text().replace("- relu", "- reul"))
    done = nntrain("validate", file, "--json")
    assert done.returncode == 2
    (problem,) = json.loads(done.stdout)["problems"]
    assert (problem["line"], problem["column"], problem["path"]) == (7, 5, "layers[1]")


def test_validate_reads_no_data_unless_asked(nntrain, project: Path) -> None:
    (project / "penguins.csv").unlink()
    assert nntrain("validate", project / "config.yaml").returncode == 0
    assert nntrain("validate", project / "config.yaml", "--data").returncode == 3


def test_show_prints_a_config_that_is_the_same(nntrain, project: Path) -> None:
    done = nntrain("show", project / "config.yaml")
    again = load_dict(yaml.safe_load(done.stdout), project)
    assert again.config == load(project / "config.yaml").config


def test_show_says_where_values_come_from(nntrain, project: Path) -> None:
    done = nntrain("show", project / "config.yaml", "--origin", "--set", "seed=3")
    lines = done.stdout.splitlines()
    assert "seed: 3  # --set seed=3" in lines
    assert any(line.endswith("config.yaml:6:34") and "out_features: 8" in line for line in lines)
    assert any("delimiter" in line and line.endswith("# default") for line in lines)
    assert yaml.safe_load(done.stdout)["seed"] == 3


def test_show_compares_two_configs(nntrain, project: Path) -> None:
    other = project / "other.yaml"
    other.write_text((project / "config.yaml").read_text().replace("lr: 0.01", "lr: 0.02"))
    done = nntrain("show", project / "config.yaml", "--diff", other, "--json")
    rows = {row["path"]: (row["here"], row["there"]) for row in json.loads(done.stdout)}
    assert rows == {"optimizer.lr": (0.01, 0.02), "name": ("config", "other")}


def test_summary_counts(nntrain, project: Path) -> None:
    found = json.loads(nntrain("summary", project / "config.yaml", "--json").stdout)
    (features,) = found["inputs"]["x"]
    assert found["parameters"] == (features + 1) * 8 + 9 * 3
    assert found["multiplications"] == features * 8 + 8 * 3
    assert [row["output"] for row in found["layers"]] == [[8], [8], [8], [3]]
    assert "linear_2" in nntrain("summary", project / "config.yaml").stdout


def test_doctor_tests_itself(nntrain) -> None:
    done = nntrain("doctor", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"]


@pytest.fixture(scope="module")
def checker():
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed: pip install 'nntrain[test]'")
    import nntrain.metrics
    import nntrain.nn
    import nntrain.optim  # noqa: F401
    from nntrain.config.schema import config_schema

    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_the_schema_accepts_what_is_shipped(checker, path: Path) -> None:
    assert not list(checker.iter_errors(yaml.safe_load(path.read_text())))
    assert not list(checker.iter_errors(load(path).resolved()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("loss:", "los:"),
        ("- relu", "- reul"),
        ("lr: 0.003", "lr: abc"),
        ("epochs: 60", "epochs: 0"),
        ("type: csv", "type: cvs"),
    ],
)
def test_the_schema_refuses_mistakes(checker, old: str, new: str) -> None:
    text = (ROOT / "configs/penguins.yaml").read_text()
    assert list(checker.iter_errors(yaml.safe_load(text.replace(old, new, 1))))
