"""What a run writes besides checkpoints, and how a checkpoint becomes an experiment again."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from nntrain import __version__
from nntrain.build import Experiment, build
from nntrain.config import Loaded, load_dict
from nntrain.data import Dataset, Fitted, prepare
from nntrain.errors import CheckpointError, DataError
from nntrain.store import Checkpoint, RunFolder, load_checkpoint
from nntrain.train.loop import thread_count
from nntrain.train.state import restore_weights


def describe(experiment: Experiment, folder: RunFolder, status: str, **more: Any) -> None:
    """Write run.json: what ran where, and how it ended."""
    e = experiment
    folder.write_json(
        "run.json",
        {
            "status": status,
            "name": e.loaded.config.name,
            "base": os.path.abspath(e.loaded.base),
            "seed": e.loaded.config.seed,
            "device": e.backend.name,
            "threads": thread_count(),
            "parameters": e.parameters,
            "data_sha256": e.dataset.content_hash,
            "monitor": e.monitor,
            "versions": {"nntrain": __version__, "python": platform.python_version(), "numpy": np.__version__},
            "host": {"name": platform.node(), "system": platform.platform()},
            "command": sys.argv,
            **more,
        },
    )


def write_configs(experiment: Experiment, folder: RunFolder) -> None:
    """Keep the config as it was written, and with every default and absolute paths."""
    loaded = experiment.loaded
    folder.write_text("config.yaml", loaded.text)
    resolved = yaml.safe_dump(loaded.resolved(), sort_keys=False, allow_unicode=True, width=120)
    folder.write_text("config.resolved.yaml", resolved)


def reopen(path: str, data: str | None = None) -> tuple[Experiment, Checkpoint]:
    """The experiment of a checkpoint with its weights, on the data its config names. Nothing is fitted again.

    Relative data paths start at `data` (a folder), at the run's own base (run.json beside it), or at the current folder:
    the first where the files are. Raises CheckpointError for the file, DataError where the data is missing or has changed
    (with `data` given, other data is taken).
    """
    checkpoint = load_checkpoint(path)
    meta = checkpoint.meta
    try:
        config, fitted, digest = meta["config"], Fitted.from_json(meta["fitted"]), meta["data_hash"]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not the checkpoint of a run ({error!r})") from None
    tried: list[str] = []
    for base in _bases(Path(path), data):
        loaded = load_dict(config, base)
        dataset = _data(loaded, fitted, tried)
        if dataset is None:
            continue
        if dataset.content_hash != digest and data is None:
            raise DataError(
                f"{path}: the data at {base} is not what the network was trained on (its SHA-256 differs):"
                " give --data to use it all the same"
            )
        experiment = build(loaded, fitted=fitted, data=dataset)
        restore_weights(experiment, checkpoint)
        return experiment, checkpoint
    raise DataError(
        "the data of the checkpoint was not found:\n  " + "\n  ".join(tried) + "\ngive its folder with --data"
    )


def _bases(path: Path, data: str | None) -> list[Path]:
    if data is not None:
        return [Path(data)]
    found = []
    for folder in (path.parent, path.parent.parent):
        note = folder / "run.json"
        if note.is_file():
            import json

            try:
                found.append(Path(json.loads(note.read_text())["base"]))
            except (ValueError, KeyError):
                continue
    return [*found, Path()]


def _data(loaded: Loaded, fitted: Fitted, tried: list[str]) -> Dataset | None:
    try:
        for file in loaded.config.data.source.files(loaded.base):
            if not file.exists():
                raise DataError(f"{file}: no such file")
    except DataError as error:
        tried.append(str(error))
        return None
    return prepare(loaded.config.data, seed=loaded.config.seed, base=loaded.base, fitted=fitted)
