"""`tensor[index]`: views for slices, a gather for integer and boolean arrays, NumPy's rules."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import numpy as np

from nntrain.engine.graph import apply
from nntrain.engine.tensor import Tensor, as_tensor


def getitem(x: Tensor, index: Any) -> Tensor:
    """Basic indexing gives a view. Arrays of integers or booleans gather; a repeated index adds up in the gradient."""
    items = list(index) if isinstance(index, tuple) else [index]
    if all(i is None or isinstance(i, int | np.integer | slice | EllipsisType) for i in items):
        return _basic(x, items)
    return _advanced(x, items)


def _expand_ellipsis(x: Tensor, items: list[Any]) -> list[Any]:
    used = sum(_axes_used(i) for i in items)
    if used > x.ndim:
        raise IndexError(f"{used} indices for a tensor with {x.ndim} axes")
    at = [k for k, i in enumerate(items) if isinstance(i, EllipsisType)]
    if len(at) > 1:
        raise IndexError("an index can have only one ellipsis")
    fill = [slice(None)] * (x.ndim - used)
    return items[: at[0]] + fill + items[at[0] + 1 :] if at else items + fill


def _axes_used(item: Any) -> int:
    if item is None or isinstance(item, EllipsisType):
        return 0
    if isinstance(item, Tensor) and item.dtype.kind == "b":
        return item.ndim
    if isinstance(item, np.ndarray | list) and np.asarray(item).dtype.kind == "b":
        return np.ndim(item)
    return 1


def _basic(x: Tensor, items: list[Any]) -> Tensor:
    key: list[Any] = []
    axis = 0
    for item in _expand_ellipsis(x, items):
        if item is None:
            key.append(None)
            continue
        n = x.shape[axis]
        if isinstance(item, slice):
            key.append(("slice", *item.indices(n)))
        else:
            i = int(item)
            if not -n <= i < n:
                raise IndexError(f"index {i} is out of range for axis {axis} of size {n}")
            key.append(i % n)
        axis += 1
    result: Tensor = apply("slice", x, key=tuple(key))
    return result


def _advanced(x: Tensor, items: list[Any]) -> Tensor:
    arrays: list[Tensor] = []
    layout: list[Any] = []  # for each index of the result: None (new axis), a slice, or the number of an index array
    for item in _expand_ellipsis(x, items):
        if item is None or isinstance(item, slice):
            layout.append(item if item is None else ("slice", item.start, item.stop, item.step))
            continue
        index = as_tensor(np.asarray(item) if isinstance(item, list) else item, x)
        if index.dtype.kind == "b":
            for part in index._backend.xp.nonzero(index._array):
                layout.append(len(arrays))
                arrays.append(as_tensor(part, x))
        elif index.dtype.kind in "iu":
            layout.append(len(arrays))
            arrays.append(index)
        else:
            raise IndexError(f"an index must be integers or booleans, not {index.dtype}")
    result: Tensor = apply("gather_index", x, *arrays, layout=tuple(layout))
    return result
