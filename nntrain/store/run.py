"""The folder of a run: `runs/<name>/<NNNN-time>/`, never overwritten, locked while it is written."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nntrain.errors import CheckpointError, ConfigError, MachineError
from nntrain.store.checkpoint import save_checkpoint, write_file

BEST, LAST = "best.safetensors", "last.safetensors"


class RunFolder:
    """One run on disk. `create` makes a new one, `open` takes up an old one; both hold its lock until `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = MetricsLog(path)
        self._lock = self._acquire()

    @classmethod
    def create(cls, name: str, *, run_dir: str | None = None, root: Path = Path("runs")) -> RunFolder:
        """A new folder: `run_dir` itself, which must not hold anything, or the next number under `root/name`.

        Raises ConfigError for a `run_dir` that is not empty, MachineError where no folder can be made.
        """
        try:
            if run_dir is not None:
                path = Path(run_dir)
                if path.is_dir() and any(path.iterdir()):
                    raise ConfigError(f"{path}: the run folder is not empty: name another one, or resume that run")
                path.mkdir(parents=True, exist_ok=True)
            else:
                path = _next_folder(root / name)
            (path / "checkpoints").mkdir()
        except OSError as error:
            raise MachineError(f"{error.filename}: the run folder cannot be made: {error.strerror}") from None
        folder = cls(path)
        if run_dir is None:
            _point_latest(path)
        return folder

    def _acquire(self) -> int:
        try:
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise MachineError(f"{self.path}: the run folder cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise MachineError(f"{self.path}: another process is writing this run") from None
        return handle

    def close(self) -> None:
        """Give the lock back."""
        if self._lock >= 0:
            with contextlib.suppress(OSError):
                os.unlink(self.path / ".lock")
            os.close(self._lock)
            self._lock = -1

    @property
    def best(self) -> Path:
        return self.path / "checkpoints" / BEST

    @property
    def last(self) -> Path:
        return self.path / "checkpoints" / LAST

    def write_text(self, name: str, text: str) -> None:
        """Write a file of the folder in one step."""
        write_file(self.path / name, text.encode())

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Write a JSON file of the folder in one step."""
        self.write_text(name, json.dumps(data, indent=2, sort_keys=True) + "\n")

    def save(self, path: Path, tensors: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        """Write a checkpoint of this run."""
        save_checkpoint(path, tensors, meta)


class MetricsLog:
    """`metrics.jsonl` and `metrics.csv`: functions of config, data and seed alone, so that they compare byte for byte.

    A line is an epoch. `size` is what a checkpoint keeps; `truncate` takes the log back to it when a run is resumed.
    """

    def __init__(self, folder: Path) -> None:
        self.jsonl, self.csv = folder / "metrics.jsonl", folder / "metrics.csv"

    @property
    def size(self) -> int:
        """Bytes of metrics.jsonl."""
        return self.jsonl.stat().st_size if self.jsonl.exists() else 0

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a line to both files. Raises MachineError."""
        try:
            with open(self.jsonl, "a", encoding="utf-8") as f:
                f.write(json.dumps(row) + "\n")
                f.flush()
                os.fsync(f.fileno())
            with open(self.csv, "a", encoding="utf-8", newline="") as f:
                f.write(_csv_rows(row, header=f.tell() == 0))
        except OSError as error:
            raise MachineError(f"{self.jsonl}: cannot be written: {error.strerror}") from None

    def truncate(self, size: int) -> None:
        """Forget the lines after the first `size` bytes. CheckpointError where the log is shorter."""
        data = self.jsonl.read_bytes() if self.jsonl.exists() else b""
        if len(data) < size:
            raise CheckpointError(f"{self.jsonl}: {len(data)} bytes, the checkpoint was written after {size}")
        rows = [json.loads(line) for line in data[:size].decode().splitlines()]
        write_file(self.jsonl, data[:size])
        write_file(self.csv, "".join(_csv_rows(row, header=i == 0) for i, row in enumerate(rows)).encode())


def _csv_rows(row: Mapping[str, Any], header: bool) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(row)
    writer.writerow(row.values())
    return out.getvalue()


def _next_folder(parent: Path) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    while True:
        numbers = [int(m[1]) for p in parent.iterdir() if (m := re.match(r"(\d{4,})-", p.name))]
        path = parent / f"{max(numbers, default=0) + 1:04d}-{stamp}"
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path


def _point_latest(path: Path) -> None:
    """`latest` beside the run points at it: a link, or a file with its name where links cannot be made."""
    link = path.parent / "latest"
    temporary = path.parent / f".latest-{os.getpid()}"
    try:
        os.symlink(path.name, temporary)
    except OSError:
        temporary.write_text(path.name + "\n")
    os.replace(temporary, link)
