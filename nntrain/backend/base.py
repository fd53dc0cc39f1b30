"""What the engine needs of a device: an array module, and memory."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Protocol, TypeAlias

import numpy as np

Array: TypeAlias = Any  # numpy.ndarray or cupy.ndarray: neither can be told from the other by the type checker


class Backend(Protocol):
    """One device. `name` is what a config and `Tensor.device` say: "cpu", "cuda:0"."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str:
        """ "cpu" or "cuda": the key of the kernel override table."""
        ...

    @property
    def xp(self) -> ModuleType:
        """NumPy or CuPy."""
        ...

    def from_host(self, array: np.ndarray[Any, Any]) -> Array:
        """Bring a NumPy array to this device; on the CPU the array itself."""
        ...

    def to_host(self, array: Array) -> np.ndarray[Any, Any]:
        """Bring an array of this device to the host; on the CPU the array itself."""
        ...

    def synchronize(self) -> None:
        """Wait until everything that was launched is done."""
        ...
