"""`validate --fix`: what is certain is rewritten, everything else stays as it was, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.config import load
from nntrain.config.fix import fix_file, fixed

KERAS = """\
# what somebody who knows other tools would write
data:
  source: {type: csv, file: penguins.csv}   # the table
  label: species
layers:
  - {type: Dense, units: 16}  # wide enough
  - nn.ReLU
  - {type: "Dropout", rate: '0.1'}
  - {type: Dense, units: Auto, use_bias: yes}
loss: CrossEntropyLoss
optimizer: {type: AdamW_torch, learning_rate: 0.01, l2: 0.1}
lr_scheduler: {type: CosineAnnealingLR}
train: {max_epochs: 3, batch: 32, gradient_clip_val: 1.0}
device: gpu
"""
OURS = """\
# what somebody who knows other tools would write
data:
  source: {type: csv, path: penguins.csv}   # the table
  target: species
layers:
  - {type: linear, out_features: 16}  # wide enough
  - relu
  - {type: dropout, p: 0.1}
  - {type: linear, out_features: auto, bias: true}
loss: cross_entropy
optimizer: {type: adamw, lr: 0.01, weight_decay: 0.1}
schedule: {type: cosine}
train: {epochs: 3, batch_size: 32, clip_norm: 1.0}
device: cuda
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
def test_other_tools_names_are_translated_and_comments_stay(tmp_path: Path, newline: str, bom: bytes) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(bom + KERAS.replace("\n", newline).encode())
    fixes, problems = fix_file(str(file))
    assert not problems
    assert file.read_bytes() == bom + OURS.replace("\n", newline).encode()
    assert ("units", "out_features") in [(f.old, f.new) for f in fixes]
    assert load(file).config.train.clip_norm == 1.0
    assert fix_file(str(file)) == ([], [])


@pytest.mark.parametrize(
    "line",
    [
        "loss: los",
        "loss: cross_entropy\nsed: 1\nseed: 2",
        "optimizer: {type: adam, momentm: 1}",
        "train: {epochs: many}",
    ],
)
def test_what_is_not_certain_is_left_alone(tmp_path: Path, line: str) -> None:
    name = line.partition(":")[0]
    text = "\n".join(line if have.startswith(f"{name}:") else have for have in OURS.splitlines()) + "\n"
    after, fixes, problems = fixed(str(tmp_path / "config.yaml"), text)
    assert problems
    assert (after, fixes) == (text, [])


def test_a_base_file_is_left_alone(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(KERAS)
    file = tmp_path / "config.yaml"
    file.write_text("extends: base.yaml\nsede: 3\n")
    fixes, problems = fix_file(str(file))
    assert [(f.old, f.new) for f in fixes] == [("sede", "seed")]
    assert problems
    assert base.read_text() == KERAS


def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text(KERAS)
    real.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(real)
    fix_file(str(link))
    assert link.is_symlink()
    assert real.read_text() == OURS
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.yaml", "real.yaml"]


def test_the_command(nntrain, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(KERAS)
    done = nntrain("validate", "config.yaml", "--fix", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "config.yaml:6: units -> out_features" in done.stdout
    assert done.stdout.endswith("config.yaml: ok\n")
    assert nntrain("validate", "-", "--fix", stdin=KERAS).returncode == 2
