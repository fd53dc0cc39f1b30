"""IDX files of images and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nntrain.data import Dataset, DataSpec, prepare
from nntrain.errors import DataError


def write(folder: Path, count: int = 20, stem: str = "train", labels: int | None = None) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 4, 3), dtype=np.uint8)
    numbers = (np.arange(labels if labels is not None else count) % 2).astype(np.uint8)
    head = b"\x00\x00\x08\x03" + count.to_bytes(4, "big") + (4).to_bytes(4, "big") + (3).to_bytes(4, "big")
    (folder / f"{stem}-images-idx3-ubyte").write_bytes(head + images.tobytes())
    (folder / f"{stem}-labels-idx1-ubyte").write_bytes(
        b"\x00\x00\x08\x01" + len(numbers).to_bytes(4, "big") + numbers.tobytes()
    )


def load(folder: Path, **source: object) -> Dataset:
    spec = DataSpec.model_validate({"source": {"type": "idx", "path": ".", **source}})
    return prepare(spec, seed=0, base=folder)


def test_images_are_scaled_by_training_rows_and_test_files_are_the_test_split(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, 6, "t10k")
    dataset = load(tmp_path, classes=("no", "yes"))
    assert {n: s.rows for n, s in dataset.splits.items()} == {"train": 17, "val": 3, "test": 6}
    x = dataset.splits["train"].inputs["x"]
    assert x.shape == (17, 4, 3, 1)
    assert x.dtype == np.float32
    np.testing.assert_allclose([x.mean(), x.std()], [0, 1], atol=1e-5)
    assert dataset.target.classes == ("no", "yes")


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file train-images"):
        load(tmp_path)
    write(tmp_path, labels=19)
    with pytest.raises(DataError, match="19 labels for 20 images"):
        load(tmp_path)
    write(tmp_path)
    with pytest.raises(DataError, match="only 1 classes are named"):
        load(tmp_path, classes=("no",))
    images = tmp_path / "train-images-idx3-ubyte"
    content = images.read_bytes()
    images.write_bytes(content[:-1])
    with pytest.raises(DataError, match="the header says 240 bytes of data, the file has 239"):
        load(tmp_path)
    images.write_bytes(b"hello" + content)
    with pytest.raises(DataError, match="not an IDX file"):
        load(tmp_path)
    images.write_bytes(content[:8] + b"\xff\xff\xff\xff\xff\xff\xff\xff")
    with pytest.raises(DataError, match="the header says"):
        load(tmp_path)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        load(tmp_path, path="nowhere")
