"""What a run writes besides checkpoints, and how a checkpoint becomes an experiment again."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from nntrain import __version__
from nntrain.build import Experiment, build
from nntrain.config import Loaded, load_dict
from nntrain.data import Dataset, Fitted, prepare
from nntrain.errors import CheckpointError, ConfigError, DataError
from nntrain.store import Checkpoint, RunFolder, load_checkpoint
from nntrain.train.loop import thread_count
from nntrain.train.state import Progress, restore, restore_weights


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
    """Keep the config: the file itself, what was composed of it and its options, and that with every default."""
    loaded = experiment.loaded
    folder.write_text("config.yaml", loaded.text)
    written = yaml.safe_dump(loaded.written(), sort_keys=False, allow_unicode=True, width=120)
    folder.write_text("config.written.yaml", written)
    resolved = yaml.safe_dump(loaded.resolved(), sort_keys=False, allow_unicode=True, width=120)
    folder.write_text("config.resolved.yaml", resolved)


def reopen(path: str, data: str | None = None, allow_plugins: bool = False) -> tuple[Experiment, Checkpoint]:
    """The experiment of a checkpoint with its weights, on the data its config names. Nothing is fitted again.

    Relative data paths start at `data` (a folder), at the run's own base (run.json beside it), or at the current folder:
    the first where the files are. Raises CheckpointError for the file, DataError where the data is missing or has changed
    (with `data` given, other data is taken), ConfigError where the checkpoint names plugins, which are code, and they are
    not allowed.
    """
    checkpoint = load_checkpoint(path)
    meta = checkpoint.meta
    try:
        config, fitted, digest = meta["config"], Fitted.from_json(meta["fitted"]), meta["data_hash"]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not the checkpoint of a run ({error!r})") from None
    if config.get("plugins") and not allow_plugins:
        named = ", ".join(map(str, config["plugins"]))
        raise ConfigError(f"{path} names plugins, which are programs: {named}: look at them, then give --allow-plugins")
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


#: what a resumed run may change: how long it goes on, and what it says
CHANGEABLE = ("train.epochs", "train.steps", "train.early_stop", "checkpoint.every", "log")


def take_up(path: str, sets: Sequence[str] = ()) -> tuple[Experiment, RunFolder, Progress]:
    """The experiment of a run folder as it stood at its last checkpoint (at the start where there is none), ready to go on.

    The metrics log goes back to that checkpoint. Raises CheckpointError where PATH is no run, ConfigError where `sets` or
    the data would change what was trained.
    """
    folder_path = Path(path)
    if folder_path.is_file() and folder_path.name == "latest":
        folder_path = folder_path.parent / folder_path.read_text().strip()
    if not (folder_path / "run.json").is_file():
        raise CheckpointError(f"{path}: not a run folder: there is no run.json in it")
    for option in sets:
        if not option.partition("=")[0].strip().startswith(CHANGEABLE):
            raise ConfigError(
                f"--set {option}: a resumed run can change {', '.join(CHANGEABLE)} alone: start a new run"
            )
    folder = RunFolder(folder_path)
    try:
        note = json.loads((folder_path / "run.json").read_text())
        base = Path(note["base"])
        if not folder.last.exists():
            written = yaml.safe_load((folder_path / "config.written.yaml").read_text())
            folder.log.truncate(0)
            return build(load_dict(written, base, sets)), folder, Progress()
        checkpoint = load_checkpoint(folder.last)
        loaded = load_dict(checkpoint.meta["config"], base, sets)
        fitted = Fitted.from_json(checkpoint.meta["fitted"])
        dataset = prepare(loaded.config.data, seed=loaded.config.seed, base=base, fitted=fitted)
        if dataset.content_hash != checkpoint.meta["data_hash"]:
            raise ConfigError(
                f"{path}: the data has changed since the run started (its SHA-256 differs): start a new run"
            )
        experiment = build(loaded, fitted=fitted, data=dataset)
        progress = restore(experiment, checkpoint)
        stop = loaded.config.train.early_stop
        progress.finished = progress.step >= experiment.plan.steps or (
            stop is not None and progress.waited >= stop.patience
        )
        folder.log.truncate(progress.log_size)
        if note.get("threads") != thread_count():
            told = f"started with {note.get('threads')} threads, resumed with {thread_count()}: the bits will differ"
            experiment.notes = (*experiment.notes, told)
        return experiment, folder, progress
    except BaseException:
        folder.close()
        raise


def _bases(path: Path, data: str | None) -> list[Path]:
    if data is not None:
        return [Path(data)]
    found = []
    for folder in (path.parent, path.parent.parent):
        note = folder / "run.json"
        if note.is_file():
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
