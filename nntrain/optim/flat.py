"""Parameters in one array, their gradients in a twin, so that an update, a clip or a save is one operation.

Each parameter keeps a segment, padded to 64 bytes; its tensor becomes a view of it. A segment that no gradient reached is
left alone, moments included: Adam without a gradient is not Adam with a zero one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from nntrain.backend import Array
from nntrain.engine.tensor import Tensor

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


@dataclass(frozen=True)
class Segment:
    """Where one parameter lives: elements `start` to `stop`; the next one starts at `end`."""

    tensor: Tensor
    start: int
    stop: int
    end: int


class FlatParameters:
    """The flat arrays `values` and `gradients` of parameters of one device and dtype. Moves the parameters into them.

    `names` are those of a mapping in the order of the segments, or numbers. ValueError for a parameter that is given
    twice, and for several devices or dtypes.
    """

    def __init__(self, parameters: Iterable[Tensor] | Mapping[str, Tensor]) -> None:
        named = isinstance(parameters, Mapping)
        tensors = list(parameters.values() if isinstance(parameters, Mapping) else parameters)
        self.names: list[str] = list(parameters) if named else [str(i) for i in range(len(tensors))]  # type: ignore[arg-type]
        if len({id(t) for t in tensors}) != len(tensors):
            raise ValueError("a parameter is given twice")
        if len({(t.device, t.dtype) for t in tensors}) > 1:
            raise ValueError("flat parameters must be of one device and dtype")
        self.segments: list[Segment] = []
        at = 0
        for t in tensors:
            step = max(1, ALIGNMENT // t.dtype.itemsize)
            end = at + -(-t.size // step) * step
            self.segments.append(Segment(t, at, at + t.size, end))
            at = end
        self.values: Array = None
        self.gradients: Array = None
        if tensors:
            xp = tensors[0]._backend.xp
            self.values = xp.zeros(at, tensors[0].dtype)
            self.gradients = xp.zeros(at, tensors[0].dtype)
            for s in self.segments:
                self.adopt(s)

    def adopt(self, segment: Segment) -> None:
        """Copy a parameter's values into its segment and make the tensor a view of it."""
        t = segment.tensor
        home = self.values[segment.start : segment.stop].reshape(t.shape)
        home[...] = t._array
        t._array = home
        t._grad = None
        t._grad_buffer = self.gradients[segment.start : segment.stop].reshape(t.shape)

    def views(self, array: Array) -> list[Array]:
        """The segments of an array that is laid out like `values`, in the shapes of the parameters."""
        return [array[s.start : s.stop].reshape(s.tensor.shape) for s in self.segments]

    @contextmanager
    def pointing_at(self, array: Array) -> Iterator[None]:
        """Inside, the parameters are views of another array of the same layout: an average is evaluated, nothing moves."""
        before = [s.tensor._array for s in self.segments]
        for s, view in zip(self.segments, self.views(array), strict=True):
            s.tensor._array = view
        try:
            yield
        finally:
            for s, view in zip(self.segments, before, strict=True):
                s.tensor._array = view

    def present(self) -> list[Tensor]:
        """Stretches of `gradients` that were written to since `zero_grad`: neighbours go together."""
        self.settle()
        spans: list[list[int]] = []
        for i, s in enumerate(self.segments):
            if s.tensor._grad is None:
                continue
            if spans and spans[-1][1] == i:
                spans[-1][1] = i + 1
            else:
                spans.append([i, i + 1])
        backend = self.segments[0].tensor._backend if self.segments else None
        assert backend is not None or not spans
        return [
            Tensor._wrap(self.gradients[self.segments[a].start : self.segments[b - 1].end], backend, False)  # type: ignore[arg-type]
            for a, b in spans
        ]

    def zero_grad(self) -> None:
        """Every gradient becomes None; the memory stays."""
        for s in self.segments:
            s.tensor._grad = None

    def settle(self) -> None:
        """Copy gradients that a user set by hand into the flat array, so that it holds all of them."""
        for s in self.segments:
            grad = s.tensor._grad
            if grad is not None and grad._array is not s.tensor._grad_buffer:
                assert s.tensor._grad_buffer is not None
                s.tensor._grad_buffer[...] = grad._array
                s.tensor.grad = Tensor._wrap(s.tensor._grad_buffer, s.tensor._backend, False)
