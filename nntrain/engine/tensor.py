"""`Tensor`: an array that remembers how it was computed."""

from __future__ import annotations

import builtins
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from nntrain import backend as devices
from nntrain.backend import Array, Backend
from nntrain.engine import graph
from nntrain.engine.graph import Node, apply
from nntrain.engine.methods import Methods, broadcast_to
from nntrain.engine.settings import default_dtype
from nntrain.engine.spec import DType, Spec, bool_, float32, float64, int64, is_float, promote

Scalar = bool | int | float
ArrayLike = Any


class Tensor(Methods):
    """A multi-dimensional array on one device, with an optional gradient.

    Made by `nntrain.tensor`, `nntrain.zeros`, `nntrain.randn`, ... and by operations on tensors. Where `requires_grad`
    is set, every operation is remembered, and `backward()` on a scalar result adds to the `.grad` of each tensor that
    was made with `requires_grad=True`. `.grad` is None until something is written to it, and accumulates.
    """

    __slots__ = (
        "__weakref__",
        "_abstract_spec",
        "_array",
        "_backend",
        "_grad",
        "_grad_buffer",
        "_index",
        "_node",
        "_version",
        "requires_grad",
    )
    __array_priority__ = 1000  # numpy hands `array * tensor` to Tensor.__rmul__

    _array: Array
    _backend: Backend
    _node: Node | None
    _index: int
    _grad: Tensor | None
    _grad_buffer: Array | None  # where the gradient lives once something is written: a segment of a flat array
    _version: list[int]  # counts changes in place; shared by all views of one array
    _abstract_spec: Spec | None
    requires_grad: bool

    def __init__(self, data: ArrayLike, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False):
        array, backend = _as_array(data, dtype, device)
        if requires_grad and not is_float(array.dtype):
            raise TypeError(f"only floats can have gradients, not {array.dtype}: give dtype=nntrain.float32")
        self._array, self._backend = array, backend
        self._node, self._index = None, 0
        self._grad, self._grad_buffer = None, None
        self._version = [0]
        self._abstract_spec = None
        self.requires_grad = requires_grad

    @classmethod
    def _wrap(cls, array: Array, backend: Backend, requires_grad: bool) -> Tensor:
        self = object.__new__(Tensor)
        self._array, self._backend = array, backend
        self._node, self._index = None, 0
        self._grad, self._grad_buffer = None, None
        self._version = [0]
        self._abstract_spec = None
        self.requires_grad = requires_grad
        return self

    @classmethod
    def _abstract(cls, spec: Spec) -> Tensor:
        """A tensor that is only a spec: what the shape pass computes with."""
        self = cls._wrap(None, devices.cpu, False)
        self._abstract_spec = spec
        return self

    # what it is

    @property
    def spec(self) -> Spec:
        """Shape and dtype."""
        a = self._array
        return Spec(a.shape, a.dtype) if a is not None else self._abstract_spec  # type: ignore[return-value]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.spec.shape

    @property
    def dtype(self) -> DType:
        return self.spec.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.spec.size

    @property
    def device(self) -> str:
        """ "cpu" or "cuda:N"."""
        return self._backend.name

    @property
    def grad(self) -> Tensor | None:
        """The gradient accumulated so far; None until `backward` writes to it."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and value.shape != self.shape:
            raise ValueError(f"a gradient of shape {value.shape} for a tensor of shape {self.shape}")
        self._grad = value

    @property
    def is_leaf(self) -> bool:
        """True where no operation made this tensor: gradients of such tensors are kept."""
        return self._node is None

    @property
    def data(self) -> Tensor:
        """The same values, outside the graph; as `detach()`."""
        return self.detach()

    @property
    def T(self) -> Tensor:
        """All axes reversed."""
        return self.transpose()

    # gradients

    def backward(
        self, gradient: ArrayLike | None = None, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Add the derivative of this tensor to the `.grad` of every leaf it was computed from.

        `gradient` (same shape) weighs the elements; it may be left out for a scalar. The graph is freed unless
        `retain_graph`. Raises RuntimeError where nothing requires a gradient, where a non-scalar has no `gradient`, and
        for a graph that was used before; ValueError for a gradient of another shape.
        """
        if create_graph:
            raise NotImplementedError(
                "create_graph=True: gradients of gradients are not built: backward works on plain arrays, by design"
            )
        if not self.requires_grad:
            raise RuntimeError("backward(): nothing this tensor was computed from has requires_grad=True")
        if gradient is None:
            if self.size != 1:
                raise RuntimeError(
                    f"backward() on a tensor of shape {self.shape}: reduce it to one number first (.sum(), .mean()), "
                    "or give the gradient to weigh its elements with"
                )
            g = self._backend.xp.ones(self.shape, self.dtype)
        else:
            g = as_tensor(gradient, self)._array
            if g.shape != self.shape:
                raise ValueError(f"backward(): a gradient of shape {g.shape} for a tensor of shape {self.shape}")
            g = g.astype(self.dtype)
        graph.backward(self, g, retain_graph)

    def detach(self) -> Tensor:
        """The same array, outside the graph. Changes in place are seen by both."""
        out = Tensor._wrap(self._array, self._backend, False)
        out._version = self._version
        out._abstract_spec = self._abstract_spec
        return out

    def retain_grad(self) -> None:
        """Keep the gradient of this intermediate result, too, when `backward` passes."""
        if self._node is not None:
            retained = self._node.retained = self._node.retained or {}
            retained[self._index] = weakref.ref(self)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` on a tensor that no operation made."""
        if self._node is not None:
            raise RuntimeError("requires_grad can be set only on a leaf: use detach() first")
        if requires_grad and not is_float(self.dtype):
            raise TypeError(f"only floats can have gradients, not {self.dtype}")
        self.requires_grad = requires_grad
        return self

    # out of the engine, and between devices and dtypes

    def numpy(self) -> np.ndarray[Any, Any]:
        """The values as a NumPy array; on the CPU it shares memory. RuntimeError inside a graph: `detach()` first."""
        if self.requires_grad:
            raise RuntimeError("numpy() of a tensor that requires a gradient: use .detach().numpy()")
        return self._backend.to_host(self._array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        host = self._backend.to_host(self._array)
        if dtype is not None and host.dtype != dtype:
            return host.astype(dtype)
        return host.copy() if copy else host

    def item(self) -> Any:
        """The one element as a Python number."""
        if self.size != 1:
            raise ValueError(f"item(): a tensor with one element is needed, this one has shape {self.shape}")
        return self._backend.to_host(self._array).item()

    def tolist(self) -> Any:
        """Nested Python lists of numbers."""
        return self._backend.to_host(self._array).tolist()

    def to(self, target: Any) -> Tensor:
        """On another device ("cpu", "cuda", "cuda:1"), or in another dtype; itself where nothing changes.

        A move between devices starts a new leaf.
        """
        if isinstance(target, str) and (target == "cpu" or target.startswith("cuda")):
            backend = devices.get(target)
            if backend is self._backend:
                return self
            return Tensor._wrap(backend.from_host(self._backend.to_host(self._array)), backend, self.requires_grad)
        return self.astype(target)

    def astype(self, dtype: Any) -> Tensor:
        """In another dtype; itself where that is its dtype."""
        wanted = np.dtype(dtype)
        return self if wanted == self.dtype else apply("cast", self, dtype=wanted)

    def float(self) -> Tensor:
        return self.astype(float32)

    def double(self) -> Tensor:
        return self.astype(float64)

    def long(self) -> Tensor:
        return self.astype(int64)

    def bool(self) -> Tensor:
        return self.astype(bool_)

    def clone(self) -> Tensor:
        """A copy that gradients flow through."""
        return apply("copy", self)

    def contiguous(self) -> Tensor:
        """The same values in C order; itself where they are."""
        return self if self._array is None or self._array.flags.c_contiguous else self.clone()

    def cpu(self) -> Tensor:
        return self.to("cpu")

    def __bool__(self) -> builtins.bool:
        return builtins.bool(self.item())

    def __float__(self) -> builtins.float:
        return builtins.float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"only an integer tensor can be an index, not {self.dtype}")
        return int(self.item())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        if self._array is None:
            return f"Tensor(abstract, shape={self.shape}, dtype={self.dtype})"
        body = np.array2string(self._backend.to_host(self._array), separator=", ", prefix="tensor(", precision=4)
        notes = [body]
        if self.dtype not in (default_dtype(), int64, bool_):
            notes.append(f"dtype={self.dtype}")
        if self.device != "cpu":
            notes.append(f"device='{self.device}'")
        if self._node is not None:
            notes.append(f"from={self._node.plan.op.name}")
        elif self.requires_grad:
            notes.append("requires_grad=True")
        return f"tensor({', '.join(notes)})"

    __hash__ = object.__hash__

    # arithmetic

    def __add__(self, other: ArrayLike) -> Tensor:
        return binary("add", self, other)

    def __radd__(self, other: ArrayLike) -> Tensor:
        return binary("add", other, self)

    def __sub__(self, other: ArrayLike) -> Tensor:
        return binary("sub", self, other)

    def __rsub__(self, other: ArrayLike) -> Tensor:
        return binary("sub", other, self)

    def __mul__(self, other: ArrayLike) -> Tensor:
        return binary("mul", self, other)

    def __rmul__(self, other: ArrayLike) -> Tensor:
        return binary("mul", other, self)

    def __truediv__(self, other: ArrayLike) -> Tensor:
        return binary("div", self, other, floats=True)

    def __rtruediv__(self, other: ArrayLike) -> Tensor:
        return binary("div", other, self, floats=True)

    def __pow__(self, other: ArrayLike) -> Tensor:
        return binary("pow", self, other)

    def __rpow__(self, other: ArrayLike) -> Tensor:
        return binary("pow", other, self)

    def __matmul__(self, other: ArrayLike) -> Tensor:
        return matmul(self, other)

    def __rmatmul__(self, other: ArrayLike) -> Tensor:
        return matmul(other, self)

    def __neg__(self) -> Tensor:
        return apply("neg", self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return apply("abs", self)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return binary("equal", self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return binary("not_equal", self, other)

    def __lt__(self, other: ArrayLike) -> Tensor:
        return binary("less", self, other)

    def __le__(self, other: ArrayLike) -> Tensor:
        return binary("less_equal", self, other)

    def __gt__(self, other: ArrayLike) -> Tensor:
        return binary("greater", self, other)

    def __ge__(self, other: ArrayLike) -> Tensor:
        return binary("greater_equal", self, other)

    # change in place

    def _change(self, value: Tensor) -> Tensor:
        """Overwrite the values: only outside a recorded computation."""
        if graph.is_grad_enabled() and (self.requires_grad or value.requires_grad):
            raise RuntimeError(
                "change in place of a tensor that gradients flow through: write x = x + 1 instead of x += 1, "
                "or do it inside `with nntrain.no_grad():`"
            )
        if value.shape != self.shape:
            raise ValueError(f"a result of shape {value.shape} does not fit in place into shape {self.shape}")
        self._array[...] = value._array
        self._version[0] += 1
        return self

    def __iadd__(self, other: ArrayLike) -> Tensor:
        return self._change(self + other)

    def __isub__(self, other: ArrayLike) -> Tensor:
        return self._change(self - other)

    def __imul__(self, other: ArrayLike) -> Tensor:
        return self._change(self * other)

    def __itruediv__(self, other: ArrayLike) -> Tensor:
        return self._change(self / other)

    def copy_(self, source: ArrayLike) -> Tensor:
        """Overwrite the values with those of `source`, which broadcasts."""
        return self._change(broadcast_to(as_tensor(source, self).astype(self.dtype), self.shape))

    def fill_(self, value: Scalar) -> Tensor:
        """Overwrite every element with one number."""
        return self.copy_(value)

    def zero_(self) -> Tensor:
        return self.copy_(0)

    def __setitem__(self, index: Any, value: ArrayLike) -> None:
        source = as_tensor(value, self)
        if graph.is_grad_enabled() and (self.requires_grad or source.requires_grad):
            raise RuntimeError(
                "assignment into a tensor that gradients flow through: use nntrain.where or scatter, "
                "or do it inside `with nntrain.no_grad():`"
            )
        self._array[_plain_index(index)] = source._array
        self._version[0] += 1

    def __getitem__(self, index: Any) -> Tensor:
        from nntrain.engine.indexing import getitem

        return getitem(self, index)


def _plain_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_plain_index(i) for i in index)
    return index._array if isinstance(index, Tensor) else index


def _as_array(data: ArrayLike, dtype: Any, device: str | None) -> tuple[Array, Backend]:
    if isinstance(data, Tensor):
        source, array = data._backend, data._array
    elif hasattr(data, "__cuda_array_interface__"):
        source, array = devices.of(data), data
    else:
        source = devices.cpu
        if isinstance(data, list | tuple) and any(isinstance(x, Tensor) for x in data):
            data = [x.tolist() if isinstance(x, Tensor) else x for x in data]
        array = np.asarray(data)
        if dtype is None and array.dtype == np.float64 and not hasattr(data, "dtype"):
            array = array.astype(default_dtype())
        if array.dtype.kind not in "fiub":
            raise TypeError(f"a tensor cannot hold {array.dtype} values (from {type(data).__name__})")
    if dtype is not None and array.dtype != np.dtype(dtype):
        array = array.astype(np.dtype(dtype))
    backend = devices.get(device) if device is not None else source
    if backend is not source:
        array = backend.from_host(source.to_host(array))
    return array, backend


def tensor(data: ArrayLike, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A new tensor from numbers, nested lists, a NumPy array or a tensor; the values are copied.

    Python floats become float32 (`setdefault_dtype()`); arrays keep their dtype.
    """
    made = Tensor(data, dtype=dtype, device=device, requires_grad=requires_grad)
    if made._array is data or isinstance(data, Tensor) or np.shares_memory(made._array, data):
        made._array = made._array.copy()
    return made


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares the memory of a NumPy array."""
    return Tensor(array)


def as_tensor(value: ArrayLike, like: Tensor | None = None) -> Tensor:
    """`value` as a tensor on the device of `like`; Python numbers take its dtype where their kind allows."""
    if isinstance(value, Tensor):
        return value
    if like is None:
        return Tensor(value)
    if isinstance(value, bool | int | float):
        dtype = like.dtype
        if isinstance(value, float) and not is_float(dtype):
            dtype = default_dtype()
        elif isinstance(value, int) and not isinstance(value, bool) and dtype == bool_:
            dtype = int64
        array = like._backend.xp.asarray(value, dtype=dtype)
        return Tensor._wrap(array, like._backend, False)
    return Tensor(value, device=like.device)


def binary(name: str, a: ArrayLike, b: ArrayLike, floats: bool = False) -> Tensor:
    """Apply an op to two operands, of which one is a tensor, in the dtype that both are promoted to."""
    if not isinstance(a, Tensor):
        b = as_tensor(b)
        a = as_tensor(a, b)
    else:
        b = as_tensor(b, a)
    dtype = promote(a.spec, b.spec)
    if floats and not is_float(dtype):
        dtype = default_dtype()
    result: Tensor = apply(name, a.astype(dtype), b.astype(dtype))
    return result


def matmul(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The matrix product of any ranks, as NumPy's: leading axes broadcast, a 1-d operand is a row or a column.

    Raises ValueError where the inner sizes differ.
    """
    a = as_tensor(a, b if isinstance(b, Tensor) else None)
    b = as_tensor(b, a)
    if not a.ndim or not b.ndim:
        raise ValueError("matmul needs at least one axis on both sides: use * for a scalar")
    dtype = promote(a.spec, b.spec)
    x, y = a.astype(dtype), b.astype(dtype)
    if x.ndim == 1:
        x = x.unsqueeze(0)
    if y.ndim == 1:
        y = y.unsqueeze(1)
    if x.shape[-1] != y.shape[-2]:
        raise ValueError(
            f"matmul of shapes {a.shape} and {b.shape}: {x.shape[-1]} columns do not meet {y.shape[-2]} rows"
        )
    if y.ndim > 2 or x.ndim > 2:
        if y.ndim == 2:  # (..., n, k) @ (k, m) is one product of all rows
            rows = int(np.prod(x.shape[:-1], dtype=np.int64))
            product = apply("matmul", x.reshape(rows, x.shape[-1]), y).reshape(*x.shape[:-1], y.shape[-1])
        else:
            lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
            product = apply("matmul", broadcast_to(x, lead + x.shape[-2:]), broadcast_to(y, lead + y.shape[-2:]))
    else:
        product = apply("matmul", x, y)
    if a.ndim == 1:
        product = product.squeeze(-2)
    result: Tensor = product.squeeze(-1) if b.ndim == 1 else product
    return result
