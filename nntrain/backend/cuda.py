"""An NVIDIA GPU: CuPy. Imported only when a CUDA device is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from nntrain.backend.base import Array
from nntrain.errors import MachineError

INSTALL = "pip install 'nntrain[cuda12]' (or cuda13; see the driver's CUDA version in nvidia-smi)"


class CUDA:
    """CuPy arrays on one GPU. Raises MachineError where CuPy, a driver or the device is missing."""

    kind = "cuda"

    def __init__(self, index: int = 0) -> None:
        try:
            import cupy
        except ImportError:
            raise MachineError(f"device cuda:{index}: the package cupy is not installed: {INSTALL}") from None
        try:
            count = cupy.cuda.runtime.getDeviceCount() if cupy.cuda.is_available() else 0
        except cupy.cuda.runtime.CUDARuntimeError:
            count = 0
        if count == 0:
            raise MachineError(f"device cuda:{index}: no usable GPU: the NVIDIA driver reports none")
        if index >= count:
            raise MachineError(f"device cuda:{index}: this machine has {count} GPU(s): cuda:0 to cuda:{count - 1}")
        self.name = f"cuda:{index}"
        self.xp = cupy
        self._device = cupy.cuda.Device(index)
        self._device.use()

    def from_host(self, array: np.ndarray[Any, Any]) -> Array:
        with self._device:
            return self.xp.asarray(array)

    def to_host(self, array: Array) -> np.ndarray[Any, Any]:
        host: np.ndarray[Any, Any] = self.xp.asnumpy(array)
        return host

    def synchronize(self) -> None:
        self._device.synchronize()
