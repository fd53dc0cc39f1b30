"""Settings of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from nntrain.engine.spec import DType, float32, is_float

_default_dtype: DType = float32


def set_default_dtype(dtype: Any) -> None:
    """The dtype that Python floats and parameters get: float32 (default) or float64."""
    global _default_dtype
    chosen = np.dtype(dtype)
    if not is_float(chosen):
        raise TypeError(f"the default dtype must be a float, not {chosen}")
    _default_dtype = chosen


def default_dtype() -> DType:
    """The dtype that Python floats and parameters get."""
    return _default_dtype
