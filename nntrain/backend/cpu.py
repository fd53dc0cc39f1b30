"""The CPU: NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from nntrain.backend.base import Array


class CPU:
    """NumPy arrays in host memory."""

    name = "cpu"
    kind = "cpu"
    xp = np

    def from_host(self, array: np.ndarray[Any, Any]) -> Array:
        return array

    def to_host(self, array: Array) -> np.ndarray[Any, Any]:
        return np.asarray(array)

    def synchronize(self) -> None:
        return None
