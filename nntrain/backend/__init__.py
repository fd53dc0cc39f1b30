"""Devices, and the table of faster kernels. The only room that imports CuPy.

`get("cpu")`, `get("cuda:1")` return the one backend of that name; `of(array)` the one an array lives on. `kernel`
registers a faster implementation of an op for one kind of device; deleting `backend/kernels/` leaves a correct, slower tool.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from nntrain.backend.base import Array, Backend
from nntrain.backend.cpu import CPU
from nntrain.errors import ConfigError

__all__ = ["CPU", "Array", "Backend", "get", "kernel", "of", "overrides"]

cpu = CPU()
_backends: dict[str, Backend] = {"cpu": cpu}

# (op name, device kind) -> classes in the shape of an op declaration, the most specialised first
_overrides: defaultdict[tuple[str, str], list[type]] = defaultdict(list)
_loaded: set[str] = set()


def get(name: str) -> Backend:
    """The backend named "cpu", "cuda" or "cuda:N". Raises ConfigError for another name, MachineError without the device."""
    if name == "cuda":
        name = "cuda:0"
    if name not in _backends:
        match = re.fullmatch(r"cuda:(\d+)", name)
        if match is None:
            raise ConfigError(f"device {name!r}: expected cpu, cuda or cuda:N")
        from nntrain.backend.cuda import CUDA

        _backends[name] = CUDA(int(match.group(1)))
    return _backends[name]


def of(array: Array) -> Backend:
    """The backend an array lives on."""
    if isinstance(array, np.ndarray | np.generic):
        return cpu
    return get(f"cuda:{array.device.id}")


def kernel(op: str, device: str) -> Callable[[type], type]:
    """Register a class as a faster implementation of `op` on one kind of device ("cpu", "cuda").

    The class has the form of an op declaration without `shape` and `samples`: `forward`, `backward`, and optionally
    `residuals`, `scratch`, and two conditions on specs and attributes: `when`, whether it can compute a call, and `worth`,
    whether it pays for one of that size. The last one registered for which both hold is used.
    """

    def register(implementation: type) -> type:
        _overrides[op, device].insert(0, implementation)
        return implementation

    return register


def overrides(op: str, device: str) -> list[type]:
    """The faster implementations of `op` for one kind of device; loads `backend/kernels/<device>` on first use."""
    if device not in _loaded:
        _loaded.add(device)
        package = f"nntrain.backend.kernels.{device}"
        if importlib.util.find_spec("nntrain.backend.kernels") and importlib.util.find_spec(package):
            importlib.import_module(package)
    return _overrides[op, device]


def special(xp: Any) -> Any:
    """The module of special functions (erf, ...) that belongs to an array module."""
    return importlib.import_module("scipy.special" if xp is np else "cupyx.scipy.special")
