"""What an array is, without the array."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

DType = np.dtype[Any]

float32: DType = np.dtype(np.float32)
float64: DType = np.dtype(np.float64)
float16: DType = np.dtype(np.float16)
int32: DType = np.dtype(np.int32)
int64: DType = np.dtype(np.int64)
uint8: DType = np.dtype(np.uint8)
uint32: DType = np.dtype(np.uint32)
bool_: DType = np.dtype(np.bool_)

RANK = {"b": 0, "u": 1, "i": 1, "f": 2}


class Spec(NamedTuple):
    """Shape and dtype of an array."""

    shape: tuple[int, ...]
    dtype: DType = float32

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for n in self.shape:
            size *= n
        return size

    def of(self, *shape: int) -> Spec:
        """Another shape, the same dtype."""
        return Spec(shape, self.dtype)

    def cast(self, dtype: DType) -> Spec:
        """The same shape, another dtype."""
        return Spec(self.shape, dtype)


def is_float(dtype: DType) -> bool:
    """True for the dtypes that can carry a gradient."""
    return dtype.kind == "f"


def promote(*specs: Spec, default: DType = float32) -> DType:
    """The dtype of an operation on these operands, as PyTorch has it.

    A float wins over an integer wins over a bool whatever the width; among operands of that highest category, those
    with axes decide before 0-d ones (so a float64 scalar does not widen a float32 array).
    """
    top = max(RANK[s.dtype.kind] for s in specs)
    same = [s for s in specs if RANK[s.dtype.kind] == top]
    deciding = [s for s in same if s.shape] or same
    if not any(s.shape for s in same) and top < 2 and any(s.shape for s in specs):
        deciding = same
    return np.result_type(*(s.dtype for s in deciding))


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that these broadcast to; ValueError when they do not."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(f"shapes {' and '.join(map(str, shapes))} do not broadcast") from None


def normalize_axes(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """Axes as sorted non-negative numbers; None means all. ValueError for one out of range or given twice."""
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -max(ndim, 1) <= a < max(ndim, 1):
            raise ValueError(f"axis {a} does not exist in an array with {ndim} axes")
    found = tuple(sorted(a % max(ndim, 1) for a in axes))
    if len(set(found)) != len(found):
        raise ValueError(f"axis given twice: {axis}")
    return found if ndim else ()
