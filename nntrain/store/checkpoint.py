"""Checkpoints: one self-contained safetensors file (https://github.com/huggingface/safetensors), with checksums of its own.

The format has none, and its readers accept duplicate keys, so a flipped bit would load silently. Here every tensor and the
metadata have a SHA-256 in the metadata, and the file has to match them to the byte. Written to a temporary file in the same
folder, synced, renamed, and the folder synced: a reader sees the old file or the new one.

Written and read here, not by the safetensors package: that orders the metadata by a random hash (equal content, different
bytes each time) and writes wrong bytes for arrays that are not C-contiguous. Its files and these are the same format.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nntrain.errors import CheckpointError, MachineError
from nntrain.store.failpoints import failpoint

SCHEMA = 1
ALIGNMENT = 64
MAX_HEADER = 100_000_000  # the limit of the safetensors format

Array = np.ndarray[Any, Any]

_CODES: dict[str, str] = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
}
_DTYPES = {code: np.dtype(name) for name, code in _CODES.items()}


@dataclass(frozen=True)
class Checkpoint:
    """What a file held: tensors by name, and the metadata that was saved with them."""

    tensors: dict[str, Array]
    meta: dict[str, Any]


def encode(tensors: Mapping[str, Any], meta: Mapping[str, Any]) -> bytes:
    """The bytes of a checkpoint: a function of its content alone."""
    arrays = {name: np.ascontiguousarray(tensors[name]).reshape(np.shape(tensors[name])) for name in sorted(tensors)}
    chunks, entries, sums, at = [], {}, {}, 0
    for name, array in arrays.items():
        if array.dtype.name not in _CODES:
            raise CheckpointError(f"the tensor {name!r} of dtype {array.dtype} cannot be saved")
        data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        entries[name] = {
            "dtype": _CODES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [at, at + len(data)],
        }
        sums[name] = _tensor_sum(name, entries[name], data)
        chunks.append(data)
        at += len(data)
    text = json.dumps(
        {"schema": SCHEMA, "meta": meta, "sha256": sums}, sort_keys=True, allow_nan=True, ensure_ascii=True
    )
    metadata = {"nntrain": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    header = json.dumps({"__metadata__": metadata, **entries}, sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-(8 + len(header)) % ALIGNMENT)
    return b"".join([struct.pack("<Q", len(header)), header, *chunks])


def _tensor_sum(name: str, entry: Mapping[str, Any], data: bytes | memoryview) -> str:
    digest = hashlib.sha256(f"{name}\n{entry['dtype']}\n{entry['shape']}\n".encode())
    digest.update(data)
    return digest.hexdigest()


def save_checkpoint(path: str | os.PathLike[str], tensors: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
    """Write a checkpoint; afterwards it is on disk under `path`, or the file that was there is untouched.

    `meta` is JSON data. Raises MachineError where the disk is full, read-only or gone; no partial file stays.
    """
    write_file(Path(path), encode(tensors, meta))


def write_file(path: Path, data: bytes) -> None:
    """Replace a file by new content in one step that survives a crash. Raises MachineError."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise MachineError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
            failpoint("after_write")
            f.flush()
            os.fsync(f.fileno())
        os.chmod(name, 0o644)
        failpoint("before_rename")
        os.replace(name, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise MachineError(f"{path}: cannot be written: {error.strerror}; what was there before is untouched") from None
    failpoint("after_rename")
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable, where the system can."""
    failpoint("before_dirsync")
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint and verify every byte of it. Raises CheckpointError saying what is wrong with the file."""
    file = Path(path)
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{file}: no such checkpoint") from None
    except IsADirectoryError:
        raise CheckpointError(f"{file}: a checkpoint file is expected, this is a folder") from None
    except OSError as error:
        raise MachineError(f"{file}: {error.strerror}") from None
    try:
        return decode(data)
    except CheckpointError as error:
        raise CheckpointError(f"{file}: {error}") from None


def decode(data: bytes) -> Checkpoint:
    """The checkpoint in these bytes. Raises CheckpointError."""
    if len(data) < 8:
        raise CheckpointError("not a checkpoint: too short")
    (length,) = struct.unpack("<Q", data[:8])
    if length > MAX_HEADER or data[8:9] != b"{":
        raise CheckpointError("not a checkpoint")
    if 8 + length > len(data):
        raise CheckpointError("cut off: the file ends inside its header")
    try:
        header = json.loads(data[8 : 8 + length].decode(), object_pairs_hook=_unique)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, ValueError) as error:
        raise CheckpointError(f"damaged: its header cannot be read ({error})") from None
    metadata = header.pop("__metadata__", None) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or set(metadata) != {"nntrain", "sha256"}:
        raise CheckpointError("a safetensors file, but not a checkpoint of nntrain")
    text = metadata["nntrain"]
    if not isinstance(text, str) or hashlib.sha256(text.encode(errors="replace")).hexdigest() != metadata["sha256"]:
        raise CheckpointError("damaged: the metadata does not match its checksum")
    content = json.loads(text)
    if content["schema"] > SCHEMA:
        raise CheckpointError(f"written by a newer nntrain (schema {content['schema']}, this one reads {SCHEMA})")
    sums = content["sha256"]
    if set(sums) != set(header):
        raise CheckpointError("damaged: the tensors are not those that were saved")
    body = memoryview(data)[8 + length :]
    tensors, at = {}, 0
    for name in sorted(header):
        entry = header[name]
        try:
            dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
            start, stop = entry["data_offsets"]
        except (KeyError, TypeError, ValueError):
            raise CheckpointError(f"damaged: the tensor {name!r} is not described") from None
        if any(not isinstance(n, int) or n < 0 for n in (*shape, start, stop)) or start != at or stop > len(body):
            raise CheckpointError(f"damaged or cut off: the tensor {name!r} is not where it should be")
        size = dtype.itemsize
        for n in shape:
            size *= n
        if stop - start != size or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise CheckpointError(f"damaged: the tensor {name!r} has another size than its shape says")
        if _tensor_sum(name, entry, body[start:stop]) != sums[name]:
            raise CheckpointError(f"damaged: the tensor {name!r} does not match its checksum")
        tensors[name] = np.frombuffer(body[start:stop], dtype.newbyteorder("<")).astype(dtype).reshape(shape)
        at = stop
    if at != len(body) or len(header) != len(sums):
        raise CheckpointError("damaged: bytes that belong to no tensor")
    return Checkpoint(tensors, content["meta"])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
