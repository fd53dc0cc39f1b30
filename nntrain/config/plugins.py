"""Plugin files: ordinary Python modules whose component classes register themselves when they are defined."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path

from nntrain.errors import ConfigError

_imported: set[Path] = set()


def import_plugin(path: Path) -> None:
    """Run a plugin file once in this process. ConfigError with file and line where it fails."""
    file = path.resolve()
    if file in _imported:
        return
    if not file.is_file():
        raise ConfigError(f"{path}: no such plugin file")
    spec = importlib.util.spec_from_file_location(f"nntrain_plugin_{file.stem}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a user's file may raise
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
        line = frames[-1].lineno if frames else getattr(error, "lineno", 1)
        raise ConfigError(f"{path}:{line}: {type(error).__name__}: {error}") from None
    _imported.add(file)
