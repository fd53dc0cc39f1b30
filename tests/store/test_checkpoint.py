"""Checkpoints: every byte is accounted for, and a failed write leaves what was there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from nntrain.errors import CheckpointError, MachineError
from nntrain.store import load_checkpoint, save_checkpoint
from nntrain.store.checkpoint import decode, encode

TENSORS = {
    "w": np.arange(6.0).reshape(2, 3).T,  # not C-contiguous
    "step": np.int64(3),
    "empty": np.zeros((0, 3), np.float32),
    "mask": np.array([True, False]),
    "big": np.arange(3, dtype=">f4"),
}
META = {"epoch": 3, "loss": 0.1, "names": ["a", "\xe4"], "nothing": None}


def same(found: dict[str, np.ndarray]) -> bool:
    return found.keys() == TENSORS.keys() and all(
        np.array_equal(found[n], t) and found[n].shape == np.shape(t) for n, t in TENSORS.items()
    )


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, TENSORS, META)
    read = load_checkpoint(path)
    assert same(read.tensors)
    assert read.meta == META
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]


def test_equal_content_has_equal_bytes() -> None:
    assert encode(TENSORS, META) == encode(dict(reversed(TENSORS.items())), dict(reversed(META.items())))


def test_other_programs_can_read_it() -> None:
    assert same(safetensors.numpy.load(encode(TENSORS, META)))


def test_every_flipped_byte_and_every_truncation_is_refused() -> None:
    data = encode(TENSORS, META)
    for i in range(len(data)):
        for mask in (0x01, 0x20, 0xFF):
            broken = bytearray(data)
            broken[i] ^= mask
            try:
                read = decode(bytes(broken))
            except CheckpointError:
                continue
            assert same(read.tensors), f"byte {i}"
            assert read.meta == META
    for i in range(len(data)):
        with pytest.raises(CheckpointError):
            decode(data[:i])
    with pytest.raises(CheckpointError):
        decode(data + b"\x00")


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"PK\x03\x04" * 50, b"\xff" * 200, b"\x10" + b"\x00" * 7 + b"{" * 16]
)
def test_what_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"c\.safetensors"):
        load_checkpoint(path)


def test_a_safetensors_file_of_others(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    safetensors.numpy.save_file({"w": np.ones(3)}, path)
    with pytest.raises(CheckpointError, match="not a checkpoint of nntrain"):
        load_checkpoint(path)


def test_missing_and_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "none")
    with pytest.raises(CheckpointError, match="folder"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, TENSORS, META)
    before = path.read_bytes()

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(MachineError, match="No space left"):
        save_checkpoint(path, {"w": np.ones(3)}, {})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]


def test_file_is_synced_before_and_folder_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(handle: int) -> None:
        calls.append("fsync folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "fsync file")
        fsync(handle)

    def note_replace(a: object, b: object) -> None:
        calls.append("rename")
        replace(a, b)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    save_checkpoint(tmp_path / "c.safetensors", TENSORS, META)
    assert calls == ["fsync file", "rename", "fsync folder"]
