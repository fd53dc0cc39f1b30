"""What the README says is what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nntrain.config import ConfigProblems, load

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", TEXT, re.DOTALL)


def blocks(language: str) -> list[str]:
    return [body for name, body in BLOCKS if name == language]


def test_the_config_is_the_shipped_one() -> None:
    (config,) = blocks("yaml")
    assert config == (ROOT / "configs/penguins.yaml").read_text()


def test_the_output_is_what_fit_prints(nntrain) -> None:
    done = nntrain("fit", ROOT / "configs/penguins.yaml", "--set", "device=cpu")
    assert done.returncode == 0
    shown = next(b for b in blocks("") if b.startswith("penguins:"))
    told = re.sub(r"\(\d+ threads?\)", "(2 threads)", done.stdout)
    assert told.startswith(shown)


def test_the_mistake_is_shown_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    text = (ROOT / "configs/penguins.yaml").read_text().replace("out_features: 64", "units: 64", 1)
    (tmp_path / "configs/penguins.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigProblems) as caught:
        load("configs/penguins.yaml")
    shown = next(b for b in blocks("") if "units" in b)
    assert shown.strip() == str(caught.value.problems[0])


def test_the_python_loop_learns(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    assert float(capsys.readouterr().out) < 1e-2


def test_every_command_is_listed() -> None:
    from nntrain.cli import COMMANDS

    for name in COMMANDS:
        assert f"`nntrain {name}" in TEXT


def test_there_are_two_commands_for_a_fresh_machine() -> None:
    assert len(blocks("sh")) == 2
